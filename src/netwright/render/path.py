"""One port's part of a plan, hop by hop as its packets meet it: real names, and what must be there."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final, assert_never

from netwright.model.host import (
    AddressKey,
    BridgeLink,
    DhcpFileKey,
    FileKind,
    NftKey,
    RouteKey,
    Stage,
    Traits,
)
from netwright.model.ids import PortId, dhcp_link_name, port_link_name
from netwright.model.intent import Direction, GatewayPlace, HostTap, InNamespace, Unplugged, VmmTap
from netwright.model.plan import (
    FloatingIpItem,
    HostItem,
    HostPlan,
    Item,
    ItemKey,
    NetworkItem,
    Noun,
    PortItem,
    PortQosItem,
    group_of,
)
from netwright.model.plan_parts import Gateway
from netwright.render.firewall_base import METADATA_PORT
from netwright.render.firewall_groups import group_chain, ports_chain
from netwright.render.firewall_logs import accepted_chain, dropped_chain, port_logs_chain
from netwright.render.firewall_uplinks import FORCING, apart_chains, forced_chain
from netwright.render.firewalls import ENGINES
from netwright.render.nft import BRIDGE, INET
from netwright.render.path_iptables import in_iptables
from netwright.render.path_nwfilter import in_nwfilter
from netwright.render.path_outside import address_group_hops, forward_hops
from netwright.render.path_qos import floating_limit_hop, limit_hop
from netwright.render.path_view import Hop, Part, View, merged, with_
from netwright.render.path_vpns import vpn_hops

ROUTER_METADATA_PORT: Final = 80
_BINDINGS: Final = frozenset(
    {"secured", "bind_mac", "bind_ip4", "bind_ip6", "bind_net4", "bind_net6", "nd_target"}
)
_SPOOF: Final = (
    "antispoof",
    "own_ip4",
    "spoof",
    "spoof_arp",
    "spoof_ip4",
    "spoof_ip6",
    "spoof_nd",
    "first_fragment",
)
_BASE: Final = {Direction.EGRESS: "from_ports", Direction.INGRESS: "to_ports"}
_ALWAYS: Final = {Direction.EGRESS: "always_out", Direction.INGRESS: "always_in"}
_VERDICTS: Final = {Direction.EGRESS: "ports_out", Direction.INGRESS: "ports_in"}
_TRACKING: Final = frozenset(
    {
        "asked",
        "bridges",
        "from_bridges",
        "hosted_bridge",
        "known",
        "mark_in",
        "mark_out",
        "marks",
        "routed",
        "routed_bridge",
        "zone",
        "zones",
    }
)
_GUARDS: Final = frozenset({"input", "to_host", "guarded"})
_TRANSLATION: Final = frozenset(
    {
        "nat_in",
        "nat_out",
        "forward_in",
        "hosted",
        "inside",
        "inside4",
        "inside6",
        "nat4",
        "nat6",
        "near4",
        "near6",
        "elsewhere",
    }
)


_WORDS: Final[Mapping[str, Callable[[View, Hop], Hop]]] = {"iptables": in_iptables, "nwfilter": in_nwfilter}
"""How engines other than nftables say a hop."""


@dataclass(frozen=True, slots=True)
class Path:
    """A port, its network, the floating IPs that stand for it, and the hops."""

    port: PortItem
    network: NetworkItem
    floating: tuple[FloatingIpItem, ...]
    hops: tuple[Hop, ...]


def port_path(plan: HostPlan, port_id: PortId, traits: Traits) -> Path | None:
    """None where the plan has no such port, or not its network."""
    port = plan.items.get(ItemKey(Noun.PORT, port_id))
    if not isinstance(port, PortItem):
        return None
    network = plan.items.get(ItemKey(Noun.NETWORK, port.network_id))
    if not isinstance(network, NetworkItem):
        return None
    floating = tuple(
        item for item in plan.items.values() if isinstance(item, FloatingIpItem) and item.port_id == port_id
    )
    view = View(
        port, network, floating, merged(_concerning(plan, port, floating), traits), traits, _qos(plan, port)
    )
    shared = sum(
        1 for item in plan.items.values() if isinstance(item, PortItem) and item.groups == port.groups
    )
    words = _WORDS.get(traits.firewall)
    outside = (*forward_hops(plan, port, traits), *vpn_hops(plan, port, traits))
    named = tuple(address_group_hops(plan, port, traits))
    hops = (words(view, hop) if words else hop for hop in _hops(view, shared, named, outside))
    return Path(port, network, floating, tuple(hops))


def _hops(view: View, shared: int, named: Iterable[Hop], outside: Iterable[Hop]) -> Iterator[Hop]:
    yield _guest(view.port)
    yield _link(view)
    yield from limit_hop(view, Direction.EGRESS)
    open_because = _open_because(view)
    if open_because:
        yield Hop(Part.EGRESS, "none", open_because, ("nft", "list", "ruleset"))
    else:
        yield _spoof(view)
        yield _groups(view, Direction.EGRESS, shared)
        yield from named
    yield _bridge(view)
    yield from _dhcp(view)
    yield from _metadata(view)
    yield from _gateway(view)
    for floating in view.floating:
        yield _floating(view, floating)
        yield from floating_limit_hop(view, floating)
    yield from outside
    if not open_because:
        yield _groups(view, Direction.INGRESS, shared)
    yield from limit_hop(view, Direction.INGRESS)
    yield _connections(view)


def _open_because(view: View) -> str:
    """Why no filter of ours is on the path; empty where one is."""
    if not view.port.secured:
        return "port security is off: nothing is filtered"
    if view.traits.firewall == "none":
        return "the firewall is none: nothing is filtered"
    if view.traits.firewall not in ENGINES:
        return f"filtered by the firewall {view.traits.firewall}, whose rules are its own to show"
    return ""


def _guest(port: PortItem) -> Hop:
    match port.attachment:
        case InNamespace(namespace, link):
            show = ("ip", "-n", namespace, "address", "show", "dev", link)
            return Hop(Part.GUEST, f"{namespace}/{link}", f"{port.mac}, MTU {port.mtu}, up", show)
        case HostTap() | VmmTap():
            tap = port_link_name(port.id)
            command = ("sh", "-c", f"grep -sl iff:.{tap} /proc/[0-9]*/fdinfo/*")
            return Hop(Part.GUEST, f"VMM on {tap}", f"its network card is {port.mac}", command)
        case Unplugged():
            return Hop(Part.GUEST, "none", "not plugged", ("netwright", "port", "show", port.id))
        case _:
            assert_never(port.attachment)


def _link(view: View) -> Hop:
    port, name = view.port, port_link_name(view.port.id)
    kind = "veth" if isinstance(port.attachment, InNamespace) else "tap"
    note = f"{kind} on {port.bridge}, MTU {port.mtu}, {_up(port.admin_up)}"
    wanted = view.part(Stage.PORTS, lambda key: isinstance(key, tuple) and key[1] == name)
    return Hop(Part.LINK, name, note, ("ip", "-d", "link", "show", name), wanted)


def _spoof(view: View) -> Hop:
    link = port_link_name(view.port.id)
    wanted = view.firewall({*_BINDINGS, "nd_prefix", *_SPOOF}, BRIDGE, link)
    keys = [key for key in wanted.get(Stage.FIREWALL, {}) if isinstance(key, NftKey)]
    addresses = [
        key.element.split(" . ")[2]
        for key in keys
        if key.element and key.name.startswith(("bind_i", "bind_n"))
    ]
    note = f"{view.port.mac} with {', '.join(sorted(addresses))} and nothing else"
    command = ("nft", "list", "set", BRIDGE, "netwright", "bind_ip4")
    return Hop(Part.SPOOF, "bridge netwright spoof", note, command, wanted, view.chains(_SPOOF))


def _groups(view: View, direction: Direction, shared: int) -> Hop:
    port, link = view.port, port_link_name(view.port.id)
    own = ports_chain(direction, port.groups, port.logs)
    chains = [own, *(group_chain(direction, group) for group in port.groups)]
    logs = [
        *(chain(direction, group) for chain in (accepted_chain, dropped_chain) for group in port.groups),
        port_logs_chain(direction, port.logs),
        *view.limits,
    ]
    members = [f"{kind}-{group}" for kind in ("m4", "m6") for group in port.groups]
    names = {_BASE[direction], _VERDICTS[direction], _ALWAYS[direction], *chains, *logs, *members}
    of = ", ".join(port.security_group_names)
    called = f"security group {of}" if of else "no security group: nothing is let through"
    others = f"; shared by {shared} ports" if shared > 1 else ""
    command = ("nft", "list", "chain", BRIDGE, "netwright", own)
    part = Part.EGRESS if direction is Direction.EGRESS else Part.INGRESS
    wanted = view.firewall(names, BRIDGE, link)
    wanted = with_(
        wanted, view.part(Stage.FIREWALL, lambda key: isinstance(key, NftKey) and key.name in members)
    )
    return Hop(
        part,
        f"bridge netwright {own}",
        f"{called}{others}; each connection counts once",
        command,
        wanted,
        view.chains(chains),
    )


def _bridge(view: View) -> Hop:
    name = view.network.bridge
    link = next(
        (value for value in view.rendered[Stage.BRIDGES].values() if isinstance(value, BridgeLink)), None
    )
    note = f"{link.mac}, MTU {link.mtu}, {_up(link.up)}" if link else ""
    wire = view.part(Stage.FIREWALL, partial(_is_of_wire, view))
    stages = (Stage.BRIDGES, Stage.VLANS, Stage.UPLINKS, Stage.SYSCTLS)
    wanted = with_(*map(view.part, stages), wire)
    return Hop(Part.BRIDGE, name, note, ("ip", "-d", "link", "show", name), wanted)


def _is_of_wire(view: View, key: Hashable) -> bool:
    chains = (forced_chain(view.network.id), *apart_chains(view.network.id))
    return isinstance(key, NftKey) and key.name in chains


def _dhcp(view: View) -> Iterator[Hop]:
    daemon = view.part(Stage.DNSMASQ)
    if daemon:
        files = view.part(Stage.DHCP_FILES)
        text = "".join(
            str(value) for key, value in files.get(Stage.DHCP_FILES, {}).items() if _is_reservation(key)
        )
        note = f"reserved: {'; '.join(text.split())}" if text else "no reservation for this port"
        command = ("cat", f"{view.directory}/dnsmasq.conf")
        pair = view.part(
            Stage.PORTS, lambda key: isinstance(key, tuple) and key[1] == dhcp_link_name(view.network.id)
        )
        wanted = with_(view.part(Stage.NAMESPACES), pair, daemon, files)
        yield Hop(Part.DHCP, view.directory, note, command, wanted)
    elif view.network.gateway is Gateway.ELSEWHERE:
        note = "the host that holds the gateway answers, and gives metadata and the way out"
        shown = ("netwright", "network", "show", view.network.id)
        wanted = with_(view.part(Stage.DHCP_FILES), view.firewall(_GUARDS | _TRANSLATION, INET))
        yield Hop(Part.DHCP, "another host", note, shown, wanted)


def _metadata(view: View) -> Iterator[Hop]:
    for key in view.rendered.get(Stage.METADATA, {}):
        where = key[1] if isinstance(key, tuple) else ""
        inside = ("nsenter", f"--net=/run/netns/{view.namespace}") if view.namespace else ()
        door = ROUTER_METADATA_PORT if view.namespace else METADATA_PORT
        note = "http://169.254.169.254 and http://[fe80::a9fe:a9fe]"
        yield Hop(
            Part.METADATA,
            f"listeners on {where}",
            note,
            (*inside, "ss", "-ltn", f"sport = :{door}"),
            view.part(Stage.METADATA),
        )


def _gateway(view: View) -> Iterator[Hop]:
    """What netwright itself holds on the network; beyond it NAT, on a host network."""
    keys = [key for key in view.rendered.get(Stage.ADDRESSES, {}) if isinstance(key, AddressKey)]
    ours = [key for key in keys if key.link not in view.uplinks]
    if not ours:
        return
    link, on_host = ours[0].link, view.network.place is GatewayPlace.HOST
    names = ", ".join(str(key.interface) for key in ours)
    note = "the host answers DHCP, DNS, metadata and ICMP only" if view.guarded else f"on {link}"
    wanted = with_(view.part(Stage.ADDRESSES, lambda key: key in ours), view.firewall(_GUARDS, INET))
    command = (*view.place, "address", "show", "dev", link)
    chains = view.chains(["to_host"], INET) if on_host and view.guarded else ()
    yield Hop(Part.GATEWAY, names, note, command, wanted, chains)
    routes = [
        str(key.destination) for key in view.rendered.get(Stage.ROUTES, {}) if isinstance(key, RouteKey)
    ]
    route = view.part(Stage.ROUTES)
    yield Hop(
        Part.ROUTE,
        ", ".join(routes),
        f"dev {link}, protocol 201",
        (*view.place, "route", "show", "dev", link),
        route,
    )
    if on_host:
        yield _nat(view)


def _nat(view: View) -> Hop:
    wanted = view.firewall(_TRANSLATION, INET)
    prefixes = [
        key.element
        for key in wanted.get(Stage.FIREWALL, {})
        if isinstance(key, NftKey) and key.name in {"nat4", "nat6"} and key.element
    ]
    note = (
        f"{', '.join(prefixes)} leave as the uplink's address" if prefixes else "addresses leave as they are"
    )
    return Hop(
        Part.NAT,
        "inet netwright nat_out",
        note,
        ("nft", "list", "chain", INET, "netwright", "nat_out"),
        wanted,
    )


def _floating(view: View, floating: FloatingIpItem) -> Hop:
    own = {str(floating.address), str(floating.fixed_address)}
    maps = view.part(
        Stage.FIREWALL,
        lambda key: (
            isinstance(key, NftKey) and key.name in {"fip_dnat", "fip_snat"} and key.element in {*own, ""}
        ),
    )
    forced = view.firewall(FORCING, BRIDGE, port_link_name(view.port.id))
    held = view.part(
        Stage.ADDRESSES, lambda key: isinstance(key, AddressKey) and key.interface.ip == floating.address
    )
    where = f"held on {floating.uplink}" if floating.uplink else "routed to this host"
    name = f"{floating.address} ↔ {floating.fixed_address}"
    return Hop(
        Part.FLOATING_IP,
        name,
        where,
        ("nft", "list", "map", INET, "netwright", "fip_dnat"),
        with_(maps, forced, held),
    )


def _connections(view: View) -> Hop:
    how = "by the bridge itself" if view.traits.bridge_conntrack else "by br_netfilter and a mark bit"
    wanted = with_(view.firewall(_TRACKING, BRIDGE), view.firewall(_TRACKING, INET))
    addresses = [str(fixed.address) for fixed in view.port.addresses]
    command = ("conntrack", "-L", *(["--orig-src", addresses[0]] if addresses else []))
    return Hop(
        Part.CONNECTIONS,
        ", ".join(addresses) or "none",
        f"known connections pass, told {how}",
        command,
        wanted,
    )


def _concerning(plan: HostPlan, port: PortItem, floating: Iterable[FloatingIpItem]) -> Iterator[Item]:
    yield from (item for item in plan.items.values() if isinstance(item, HostItem))
    yield plan.items[ItemKey(Noun.NETWORK, port.network_id)]
    yield port
    if limits := _qos(plan, port):
        yield limits
    yield from floating
    for group in port.groups:
        if item := group_of(plan.items, group):
            yield item


def _qos(plan: HostPlan, port: PortItem) -> PortQosItem | None:
    found = plan.items.get(ItemKey(Noun.PORT_QOS, port.id))
    return found if isinstance(found, PortQosItem) else None


def _is_reservation(key: Hashable) -> bool:
    return isinstance(key, DhcpFileKey) and key.kind is FileKind.DHCP


def _up(up: bool) -> str:  # noqa: FBT001 - a word for a flag
    return "up" if up else "down"
