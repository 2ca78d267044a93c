"""`netwright network`: networks, made with their subnets in one command."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Final

import click

from netwright.cli import fields, parse
from netwright.cli.command import Call, command, name_argument
from netwright.cli.errors import RefusedError
from netwright.cli.fields import Field
from netwright.cli.nouns import NETWORK, QOS_POLICY, SUBNET, Item
from netwright.cli.output import print_document, print_item, print_lines
from netwright.cli.subnets import IPV6_MODES
from netwright.cli.verbs import Verbs, group
from netwright.model.errors import InvalidError, NetwrightError
from netwright.model.intent import GatewayHosts

_HELP: Final = """Create a network; with --cidr, one that guests can use at once.

With --cidr alone it is a host network: the gateway (the first address) is on this host, guests get
their addresses by DHCP or router advertisements and reach out through NAT. Only admins make host
networks; others add --router. If a subnet is refused, the network is removed again. With --format
json or yaml and --cidr: {"network": {…}, "subnets": [{…}]}.

\b
Examples:
  netwright network create blue --cidr 10.20.0.0/24
  netwright network create lan --router --cidr 10.22.0.0/24
  netwright network create both --cidr 10.21.0.0/24 --cidr fd00:21::/64
  netwright network create wan --external --uplink eth1 --cidr 192.0.2.0/24 --pool 192.0.2.50-192.0.2.99
"""


def _plug_in(call: Call) -> Item:
    link = call.text("uplink")
    vlan = call.given.get("vlan")
    if not link:
        if vlan is not None:
            raise InvalidError("--vlan is a VLAN of a link: give --uplink, too", "vlan")
        return {}
    joined: Item = {"provider:network_type": "flat", "provider:physical_network": link}
    segment: Item = {"provider:network_type": "vlan", "provider:segmentation_id": vlan}
    return joined if vlan is None else {**joined, **segment}


def _gateway_place(call: Call) -> Item:
    """Only admins may name a place. Those of others, and external ones, whose gateway is somebody else's,
    have the API's default: a router."""
    elsewhere = call.flag("router") or call.flag("external")
    return {} if elsewhere else {"netwright:gateway_place": "host"}


_SHARED: Final[tuple[Field, ...]] = (
    fields.DESCRIPTION,
    fields.reference_or_none("--qos-policy", "qos_policy_id", QOS_POLICY, "QoS policy, by name or id."),
    fields.number("--mtu", "mtu", "Largest packet in bytes; the uplink's by default."),
    fields.text("--dns-domain", "dns_domain", "Domain of the guests' names.", metavar="DOMAIN"),
    fields.switch("--external/--internal", "router:external", "Whether floating IPs come from it."),
    fields.switch("--share/--no-share", "shared", "Whether every project may use it."),
    fields.switch("--enable/--disable", "admin_state_up", "Whether it carries traffic."),
    fields.switch(
        "--enable-port-security/--disable-port-security", "port_security_enabled", "Default of its ports."
    ),
    fields.switch("--nat/--no-nat", "netwright:nat", "Whether guests go out under the host's address."),
    fields.switch(
        "--host-access/--no-host-access", "netwright:host_access", "Whether guests reach the host's services."
    ),
    fields.switch(
        "--shared-gateway/--own-gateway",
        "netwright:shared_gateway",
        "Whether each host on the uplink is gateway and DHCP server of its own guests, at one address.",
    ),
    fields.choice(
        "--gateway-hosts",
        "netwright:gateway_hosts",
        "Who is gateway: every host at one address, each at its own, or one for all.",
        GatewayHosts,
    ),
    fields.nullable(
        "--gateway-host",
        "netwright:gateway_host",
        "Which one; none: the server chooses.",
        metavar="HOST",
    ),
    fields.nullable("--bridge", "netwright:bridge", "What its bridge is called on hosts.", metavar="LINK"),
)
_PLACES: Final = (
    Field(
        (
            click.Option(
                ["--router"], is_flag=True, help="A router network: nothing of it on the host itself."
            ),
        ),
        _gateway_place,
    ),
    Field(
        (
            click.Option(["--uplink"], metavar="LINK", help="Physical link that it is joined to."),
            click.Option(["--vlan"], type=click.IntRange(1, 4094), help="VLAN of that link; else all of it."),
        ),
        _plug_in,
    ),
)
_SUBNET_PARAMS: Final = (
    click.Option(
        ["--cidr"],
        multiple=True,
        metavar="CIDR",
        type=fields.converted(parse.prefix),
        help="Make a subnet; repeatable.",
    ),
    click.Option(
        ["--gateway"],
        multiple=True,
        metavar="ADDRESS|none",
        type=fields.converted(parse.gateway),
        help="Gateway's address; the first by default.",
    ),
    click.Option(
        ["--pool"],
        multiple=True,
        metavar="START-END",
        type=fields.converted(parse.pool),
        help="Give out addresses from here only; repeatable.",
    ),
    click.Option(
        ["--dns"],
        multiple=True,
        metavar="ADDRESS",
        type=fields.converted(parse.address),
        help="DNS server that guests are told of; repeatable.",
    ),
    click.Option(["--dhcp/--no-dhcp"], default=None, help="DHCP; on unless external."),
    click.Option(
        ["--ipv6-mode"],
        type=click.Choice(IPV6_MODES),
        help="How guests get IPv6 addresses; slaac by default.",
    ),
)
_VERBS: Final = Verbs(
    noun=NETWORK,
    create=(*_SHARED, fields.PROJECT, *_PLACES),
    change=(fields.NEW_NAME, *_SHARED),
    choose=(
        fields.OF_NAME,
        fields.switch("--external/--internal", "router:external", "Only those, or only the others."),
        fields.OF_PROJECT,
    ),
)


def _create(call: Call) -> None:
    cidrs = call.texts("cidr")
    asked = [_subnet(call, cidr) for cidr in cidrs]
    _refuse_strays(call, cidrs)
    network = _made(call, _VERBS.asked(call))
    if not asked:
        print_item(network, NETWORK, call.style)
        return
    subnets = _create_subnets(call, network, asked)
    _print(call, call.client.show(NETWORK, str(network["id"])), subnets)


def _made(call: Call, wanted: Item) -> Item:
    """The network. Raises RefusedError, which tells members what they can have instead of a host network."""
    try:
        return call.client.create(NETWORK, wanted)
    except RefusedError as error:
        if error.status == HTTPStatus.FORBIDDEN and "netwright:gateway_place" in str(error):
            why = f"{error}: only admins make host networks; add --router for a network that routers serve"
            raise RefusedError(error.status, error.kind, why) from error
        raise


def _create_subnets(call: Call, network: Item, asked: list[Item]) -> list[Item]:
    """All of them, or none and no network either."""
    made: list[Item] = []
    try:
        for number, one in enumerate(asked, start=1):
            name = call.required("name") if len(asked) == 1 else f"{call.required('name')}-{number}"
            project = {"project_id": network["project_id"]} if call.text("project") else {}
            made.append(
                call.client.create(SUBNET, {"network_id": network["id"], "name": name, **project, **one})
            )
    except BaseException:
        _undo(call, network, made)
        raise
    return made


def _undo(call: Call, network: Item, made: Iterable[Item]) -> None:
    try:
        for subnet in made:
            call.client.delete(SUBNET, str(subnet["id"]))
        call.client.delete(NETWORK, str(network["id"]))
    except NetwrightError as error:
        raise NetwrightError(f"network {network['id']} is left half made: {error}") from error


def _subnet(call: Call, cidr: str) -> Item:
    """The body of the subnet that the options ask for."""
    net = ip_network(cidr, strict=False)
    dhcp = call.flag("dhcp") if call.flag("dhcp") is not None else not call.flag("external")
    mode = call.text("ipv6_mode") or IPV6_MODES[0]
    modes = {"ipv6_ra_mode": mode, "ipv6_address_mode": mode} if net.version == 6 and dhcp else {}
    gateways = [one for one in call.texts("gateway") if one == "none" or _within(one, net)]
    pools = [one for one in call.many("pool") if isinstance(one, dict) and _within(one["start"], net)]
    servers = [one for one in call.texts("dns") if ip_address(one).version == net.version]
    if len(gateways) > 1:
        raise InvalidError(f"{cidr} has one gateway, not {len(gateways)}", "gateway")
    return {
        "cidr": cidr,
        "ip_version": net.version,
        "enable_dhcp": dhcp,
        **modes,
        **({"gateway_ip": None if gateways[0] == "none" else gateways[0]} if gateways else {}),
        **({"allocation_pools": pools} if pools else {}),
        **({"dns_nameservers": servers} if servers else {}),
    }


def _refuse_strays(call: Call, cidrs: Iterable[str]) -> None:
    """Every gateway, pool and DNS server must have found its subnet."""
    nets = [ip_network(cidr, strict=False) for cidr in cidrs]
    starts = [one["start"] for one in call.many("pool") if isinstance(one, dict)]
    gateways = [one for one in call.texts("gateway") if one != "none" or not nets]
    for option, given in (("gateway", gateways), ("pool", starts)):
        for one in given:
            if one == "none" or not any(_within(one, net) for net in nets):
                raise InvalidError(f"--{option} {one} is in no --cidr", option)
    versions = {net.version for net in nets}
    for one in call.texts("dns"):
        if ip_address(one).version not in versions:
            raise InvalidError(f"--dns {one} is for no --cidr: none is of its IP version", "dns")


def _within(address: str, net: IPv4Network | IPv6Network) -> bool:
    return ip_address(address) in net


def _print(call: Call, network: Item, subnets: list[Item]) -> None:
    if call.style.format in {"json", "yaml"} and not (call.style.quiet or call.style.columns):
        print_document({"network": network, "subnets": subnets}, call.style)
        return
    print_item(network, NETWORK, call.style)
    if not (call.style.quiet or call.style.columns or call.style.format == "value"):
        for subnet in subnets:
            print_lines("", f"Subnet {subnet.get('cidr')}")
            print_item(subnet, SUBNET, call.style)


main: Final = group(
    "network",
    "Networks: where guests meet.",
    {
        **_VERBS.commands(),
        "create": command(
            "create", [name_argument(), *_SUBNET_PARAMS, *fields.params(_VERBS.create)], _create, _HELP
        ),
    },
)
