"""What the server must know of this host: its own routes, its uplink's MTU, its links."""

from __future__ import annotations

from netwright.kernel import rtnetlink
from netwright.kernel.links import OURS
from netwright.kernel.netlink import Netlink
from netwright.kernel.shapers import MARK as SHAPERS_MARK
from netwright.kernel.wireguard import MARK
from netwright.model.ids import LinkName
from netwright.model.report import HostFacts

_DEFAULT_MTU = 1500


def read_facts(reader: Netlink, firewall: str) -> HostFacts:
    """Default routes, our own routes and loopback's are left out of `routes`."""
    links = {state.index: state for state in rtnetlink.links(reader)}
    listed = rtnetlink.routes(reader)
    own = {
        route.destination
        for route in listed
        if route.protocol != rtnetlink.PROTOCOL and route.destination.prefixlen and not _local(route)
    }
    ways_out = [
        links[route.index].mtu for route in listed if not route.destination.prefixlen and route.index in links
    ]
    return HostFacts(
        routes=tuple(sorted(own, key=lambda prefix: (prefix.version, prefix))),
        uplink_mtu=min(ways_out, default=_DEFAULT_MTU),
        links=tuple(
            LinkName(state.name)
            for state in links.values()
            if state.name != "lo" and not state.alias.startswith((*OURS, MARK, SHAPERS_MARK))
        ),
        firewall=firewall,
    )


def _local(route: rtnetlink.RouteState) -> bool:
    return route.destination.is_link_local or route.destination.is_multicast or route.destination.is_loopback
