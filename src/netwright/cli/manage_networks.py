"""`netwright-manage network`: networks by nova-manage's options."""

from __future__ import annotations

from typing import Final

import click

from netwright.cli.manage_command import Asked, command, option, switch
from netwright.cli.nouns import Column, Item, Noun
from netwright.cli.output import print_items, print_lines
from netwright.control import classic_networks
from netwright.control.classic_networks import ClassicRecord
from netwright.model.errors import InvalidError
from netwright.nova import network_calls
from netwright.nova.models import network_model
from netwright.nova.network_request import Kind

NETWORK: Final = Noun(
    "network",
    "network",
    (
        Column("ID", "id"),
        Column("LABEL", "label"),
        Column("IPV4", "cidr"),
        Column("IPV6", "cidr_v6"),
        Column("START ADDRESS", "dhcp_start"),
        Column("DNS1", "dns1"),
        Column("DNS2", "dns2"),
        Column("VLAN", "vlan"),
        Column("PROJECT", "project_id"),
        Column("HOST", "host"),
        Column("UUID", "uuid"),
    ),
    name="label",
)
_SHOWN: Final = (
    "id", "uuid", "label", "cidr", "cidr_v6", "netmask", "broadcast", "gateway", "gateway_v6", "dhcp_server",
    "dhcp_start", "dns1", "dns2", "bridge", "bridge_interface", "vlan", "multi_host", "share_address",
    "enable_dhcp", "injected", "mtu", "vpn_public_address", "vpn_public_port", "vpn_private_address",
    "project_id", "priority", "host",
)  # fmt: skip
_KINDS: Final = {
    # Agents name bridges themselves: only what they cannot know must be said.
    "flat": Kind((), dhcp=False, vlans=False, by_agents=True),
    "flatdhcp": Kind((), dhcp=True, vlans=False, by_agents=True),
    "vlan": Kind(("bridge_interface",), dhcp=True, vlans=True, by_agents=True),
}
_AS_THEY_ARE: Final = (
    "label", "num_networks", "network_size", "vlan", "vlan_start", "gateway", "gateway_v6", "bridge",
    "bridge_interface", "dns1", "dns2", "uuid", "fixed_cidr", "project_id", "priority",
)  # fmt: skip
_RENAMED: Final = {"fixed_range_v4": "cidr", "fixed_range_v6": "cidr_v6", "vpn": "vpn_start"}
_MULTI_HOST: Final = {"T": True, "F": False}


def create(asked: Asked) -> None:
    given: dict[str, object] = {name: asked.text(name) for name in _AS_THEY_ARE}
    given.update({theirs: asked.text(name) for name, theirs in _RENAMED.items()})
    multi_host = asked.text("multi_host")
    if multi_host is not None:
        given["multi_host"] = _MULTI_HOST[multi_host]
    made = network_calls.create(asked.world, asked.options, _KINDS[asked.manager], given)
    print_items(list(map(_item, made)), NETWORK, asked.style)


def show_all(asked: Asked) -> None:
    print_items(list(map(_item, classic_networks.find(asked.world, {}))), NETWORK, asked.style)


def delete(asked: Asked) -> None:
    if not asked.text("uuid") and not asked.text("fixed_range"):
        raise InvalidError("say which network: --fixed_range or --uuid", "uuid")
    reference = asked.text("uuid") or _of_range(asked).id
    classic_networks.delete(asked.world, reference, require_disassociated=True)
    print_lines(f"deleted network {reference}")


def modify(asked: Asked) -> None:
    project, host = asked.text("project"), asked.text("host")
    no_project, no_host = asked.flag("disassociate_project"), asked.flag("disassociate_host")
    if (project or host) and (no_project or no_host):
        raise InvalidError("give either what to associate or what to disassociate", "disassociate")
    if not (project or host or no_project or no_host):
        raise InvalidError("nothing to change: give at least one option")
    network = _of_range(asked).id
    wanted = {"project": project} if project or no_project else {}
    if host or no_host:
        wanted["host"] = host
    classic_networks.associate(asked.world, network, wanted)
    print_items(
        [_item(one) for one in classic_networks.find(asked.world, {"network_id": (network,)})],
        NETWORK,
        asked.style,
    )


def _of_range(asked: Asked) -> ClassicRecord:
    return network_calls.named(asked.world, asked.required("fixed_range"), None)


def _item(record: ClassicRecord) -> Item:
    model = network_model(record)
    return {name: _plain(getattr(model, name)) for name in _SHOWN}


def _plain(value: object) -> object:
    return value if value is None or isinstance(value, bool | int) else str(value)


main: Final = click.Group(
    "network",
    help="Networks of instances.",
    commands={
        "create": command(
            "create",
            [
                option("label", "The network's name; _0, _1, … follow it where there are several."),
                option("fixed_range_v4", "IPv4 prefix, split into the networks.", metavar="CIDR"),
                option("num_networks", "How many networks; by default one.", metavar="NUMBER"),
                option("network_size", "Addresses of each, rounded up to a power of two.", metavar="NUMBER"),
                option("vlan", "The (first) network's VLAN.", metavar="NUMBER"),
                option("vlan_start", "Where VLANs are numbered from.", metavar="NUMBER"),
                option("vpn", "Where the VPNs' public ports are numbered from.", metavar="NUMBER"),
                option("fixed_range_v6", "IPv6 prefix, of which each network gets a /64.", metavar="CIDR"),
                option("gateway", "IPv4 gateway; by default the first address.", metavar="ADDRESS"),
                option("gateway_v6", "IPv6 gateway; by default the first address.", metavar="ADDRESS"),
                option("bridge", "Bridge on every host; by default named by its network.", metavar="NAME"),
                option("bridge_interface", "Link on the bridge, or under the VLAN.", metavar="NAME"),
                click.Option(
                    ["--multi_host", "--multi-host", "multi_host"],
                    type=click.Choice(("T", "F")),
                    help="Whether each host is gateway and DHCP server of its own instances.",
                ),
                option("dns1", "First DNS server.", metavar="ADDRESS"),
                option("dns2", "Second DNS server.", metavar="ADDRESS"),
                option("uuid", "The network's uuid.", metavar="UUID"),
                option("fixed_cidr", "The part of the prefix that is given out.", metavar="CIDR"),
                option("project_id", "Whose the network is."),
                option("priority", "The network's place among an instance's.", metavar="NUMBER"),
            ],
            create,
            """Create networks, and list what was made.

\b
Examples:
  netwright-manage network create --label private --fixed_range_v4 10.0.0.0/8 --num_networks 3 \\
    --network_size 16
  netwright-manage --manager vlan network create --label p1 --fixed_range_v4 10.1.0.0/24 --vlan 101 \\
    --bridge_interface eth1 --project_id 5f0a
""",
        ),
        "list": command("list", [], show_all, "List all networks."),
        "modify": command(
            "modify",
            [
                option("fixed_range", "The network's prefix.", metavar="CIDR"),
                option("project", "Whose it is from now on."),
                option("host", "Who serves it from now on."),
                switch("disassociate_project", "It is nobody's."),
                switch("disassociate_host", "Nobody serves it."),
            ],
            modify,
            "Change whose a network is, and who serves it.",
        ),
        "delete": command(
            "delete",
            [
                option("fixed_range", "The network's prefix.", metavar="CIDR"),
                option("uuid", "Or its uuid.", metavar="UUID"),
            ],
            delete,
            "Delete a network that is no project's, and of which nobody has an address.",
        ),
    },
)
