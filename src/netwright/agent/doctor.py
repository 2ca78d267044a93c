"""The host as its kernel has it to a diagnosis: no plan, no server and no agent is needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface, ip_address, ip_interface
from typing import Final

from netwright.kernel import foreign, rtnetlink
from netwright.kernel.foreign import Printed
from netwright.kernel.links import OURS
from netwright.kernel.rtnetlink import AddressState, LinkState
from netwright.model.foreign import Backend, BridgeScene, FloatingScene, HostScene
from netwright.model.ids import LinkName
from netwright.render.foreign import Listings, Row, diagnose, is_iptables, tables_of
from netwright.render.foreign_iptables import translations
from netwright.render.foreign_nft import elements, nft_tables

_NETWORK, _PORT = OURS
_SWITCHES: Final = (
    "net/ipv4/ip_forward",
    "net/ipv4/conf/all/rp_filter",
    "net/ipv6/conf/all/forwarding",
    "net/netfilter/nf_conntrack_count",
    "net/netfilter/nf_conntrack_max",
)
_PER_LINK: Final = (
    "net/ipv4/conf/{}/forwarding",
    "net/ipv4/conf/{}/rp_filter",
    "net/ipv6/conf/{}/accept_ra",
)
_BRIDGE_CALLS: Final = {
    4: "net/bridge/bridge-nf-call-iptables",
    6: "net/bridge/bridge-nf-call-ip6tables",
}


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """`unread`: what could not be looked at, in words."""

    rows: tuple[Row, ...]
    unread: tuple[str, ...]


def examine() -> Diagnosis:
    """Of the calling thread's namespace, the host's. Writes nothing. Raises KernelRefusedError."""
    listings, unread = _listings()
    return Diagnosis(diagnose(_scene(listings), tables_of(listings)), tuple(unread))


def _listings() -> tuple[Listings, list[str]]:
    native, text = foreign.nft_json(), foreign.nft_text()
    families = {table.family for table in nft_tables(native.text) if is_iptables(table.family, table.name)}
    saved = [(Backend.IPTABLES_NFT, *one) for one in foreign.iptables_nft(families)]
    saved += [(Backend.IPTABLES_LEGACY, *one) for one in foreign.iptables_legacy()]
    ebtables = foreign.ebtables_legacy()
    read: list[Printed] = [native, text, ebtables, *(printed for _, _, printed in saved)]
    listings = Listings(
        native.text,
        text.text,
        tuple((backend, family, printed.text) for backend, family, printed in saved),
        ebtables.text,
    )
    return listings, list(dict.fromkeys(one.missing for one in read if one.missing))


def _scene(listings: Listings) -> HostScene:
    reader = rtnetlink.open_reader()
    try:
        links = {state.index: state for state in rtnetlink.links(reader)}
        held = rtnetlink.addresses(reader)
        routes = rtnetlink.routes(reader)
    finally:
        reader.close()
    ways: dict[int, tuple[LinkName, ...]] = {}
    for route in routes:
        if not route.destination.prefixlen and route.index in links:
            version = route.destination.version
            ways[version] = tuple(dict.fromkeys((*ways.get(version, ()), links[route.index].name)))
    named = [(links[one.index].name, one) for one in held if one.index in links]
    on_links = {str(one.address): name for name, one in named}
    floating = tuple(_floating(listings, on_links))
    bridges = [
        state for state in links.values() if state.kind == "bridge" and state.alias.startswith(_NETWORK)
    ]
    of = {
        bridge.index: tuple(
            ip_interface((one.address, one.length))
            for one in held
            if one.index == bridge.index and one.ours and _is_subnets(one)
        )
        for bridge in bridges
    }
    watched = {
        *(name for names in ways.values() for name in names),
        *(one.link for one in floating if one.link),
    }
    paths = [*_SWITCHES, *_BRIDGE_CALLS.values()]
    paths += [path.format(name) for path in _PER_LINK for name in (*watched, *(one.name for one in bridges))]
    known = foreign.sysctls(paths)
    return HostScene(
        bridges=tuple(_bridge(state, of[state.index], links, known) for state in bridges),
        floating=floating,
        uplinks=ways,
        learnt=frozenset(LinkName(name) for name in foreign.learnt_routes()),
        sysctls=known,
    )


def _bridge(
    state: LinkState,
    interfaces: tuple[IPv4Interface | IPv6Interface, ...],
    links: Mapping[int, LinkState],
    known: Mapping[str, str],
) -> BridgeScene:
    asked = state.netfilter_calls
    ports = tuple(
        one.name for one in links.values() if one.master == state.index and one.alias.startswith(_PORT)
    )
    calls = {version: asked or known.get(path) == "1" for version, path in _BRIDGE_CALLS.items()}
    return BridgeScene(state.name, interfaces, ports, calls[4], calls[6], asked)


def _is_subnets(held: AddressState) -> bool:
    """Not a floating IP, and not the metadata address, which every bridge has."""
    return held.length < held.address.max_prefixlen and not held.address.is_link_local


def _floating(listings: Listings, on_links: dict[str, LinkName]) -> Iterator[FloatingScene]:
    mapped = dict(elements(listings.nft_json, "inet", "netwright", "fip_dnat"))
    for _, _, text in listings.saved:
        mapped |= dict(translations(text))
    for address, fixed in mapped.items():
        try:
            ends = ip_address(address), ip_address(fixed)
        except ValueError:
            continue
        if isinstance(ends[0], IPv4Address) and isinstance(ends[1], IPv4Address):
            yield FloatingScene(ends[0], ends[1], on_links.get(address, LinkName("")))
