"""Addresses that netwright.nova's callers ask for: a gateway first on its link, floating IPs beside it.

Ours: addresses whose protocol is 202 (gateways) or 203 (floating IPs). Others are moved behind a gateway,
with all that the kernel knows of them, and never removed.
"""

from __future__ import annotations

import errno
from collections.abc import Iterable
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from netwright.kernel import devices, rtnetlink
from netwright.kernel.moves import (
    GATEWAY_PROTOCOL,
    Told,
    addresses_on,
    attributes_of,
    put_address,
    put_route,
    routes_over,
    take_address,
)
from netwright.model.ids import LinkName

FLOATING_PROTOCOL: Final = 203
_NODAD: Final = 0x02
_FOR_EVER: Final = 0xFFFFFFFF
_IPV4: Final = 2
_KERNEL: Final = 2
"""Protocol of routes that the kernel makes by itself (RTPROT_KERNEL)."""
_GLOBAL: Final = 0


def make_first(link: LinkName, gateway: IPv4Interface) -> bool:
    """Has the gateway be the link's first IPv4 address, which is the one that dnsmasq goes by.

    Whether anything was to be done. Of the others each is away for a moment, one after the other; routes
    over the link are there afterwards as before. Raises KernelRefusedError.
    """
    index = devices.require(link).index
    with rtnetlink.writer() as route:
        held = [
            one for one in addresses_on(route, index) if one["family"] == _IPV4 and one["scope"] == _GLOBAL
        ]
        if held and _interface(held[0]) == gateway:
            return False
        routes = routes_over(route, index)
        others = [one for one in held if _interface(one) != gateway]
        own = next((one for one in held if _interface(one) == gateway), None)
        _reorder(route, index, (gateway, own), others)
        _restore(route, index, routes)
    return True


def hold(link: LinkName, interface: IPv4Interface | IPv6Interface, protocol: int) -> bool:
    """Whether it was not there: one that is, is left as it is, whoever's it is. Raises KernelRefusedError."""
    index = devices.require(link).index
    with rtnetlink.writer() as route:
        return _hold(route, index, interface, protocol)


def release(link: LinkName, interface: IPv4Interface | IPv6Interface, protocol: int) -> bool:
    """Whether it is gone: one of another protocol is somebody else's. Raises KernelRefusedError."""
    state = devices.find(link)
    if state is None:
        return True
    with rtnetlink.writer() as route:
        for one in addresses_on(route, state.index):
            if _interface(one) == interface:
                if attributes_of(one).get("IFA_PROTO") != protocol:
                    return False
                take_address(route, one, state.index)
    return True


def holds(link: LinkName, address: str) -> bool:
    """Whether the link has that address, with any prefix."""
    state = devices.find(link)
    if state is None:
        return False
    with rtnetlink.writer() as route:
        return any(str(_interface(one).ip) == address for one in addresses_on(route, state.index))


def held(protocol: int) -> dict[IPv4Interface | IPv6Interface, LinkName]:
    """All addresses of that protocol, and the links that they are on. Raises KernelRefusedError."""
    with rtnetlink.writer() as route:
        names = {
            link["index"]: LinkName(str(attributes_of(link)["IFLA_IFNAME"])) for link in route.get_links()
        }
        mine = (one for one in route.get_addr() if attributes_of(one).get("IFA_PROTO") == protocol)
        return {_interface(one): names[one["index"]] for one in mine if one["index"] in names}


def _reorder(
    route: IPRoute, index: int, gateway: tuple[IPv4Interface, Told | None], others: Iterable[Told]
) -> None:
    """Each of the others is taken away and put back, behind the gateway.

    Those of the gateway's own subnet come first: as long as one of them is before it the gateway is a
    secondary address, which the kernel may take away with its primary.
    """
    first, own = gateway

    def put_gateway() -> None:
        if own is not None:
            put_address(route, own, index)
        else:
            _hold(route, index, first, GATEWAY_PROTOCOL)

    put_gateway()
    for one in sorted(others, key=lambda one: _interface(one).network != first.network):
        take_address(route, one, index)
        put_gateway()
        put_address(route, one, index)


def _hold(route: IPRoute, index: int, interface: IPv4Interface | IPv6Interface, protocol: int) -> bool:
    network = interface.network
    more: dict[str, object] = {}
    if interface.version == 6:
        more["flags"] = _NODAD
        if protocol == FLOATING_PROTOCOL:
            # Deprecated: answered for, and never chosen as the source of what the host itself sends.
            more |= {"preferred_lft": 0, "valid_lft": _FOR_EVER}
    elif network.prefixlen < 31:
        more["broadcast"] = str(network.broadcast_address)
    name = {"address": str(interface.ip), "prefixlen": network.prefixlen}
    try:
        route.addr("add", index=index, **name, IFA_PROTO=protocol, **more)
    except NetlinkError as error:
        if error.code != errno.EEXIST:
            raise
        return False
    return True


def _restore(route: IPRoute, index: int, before: Iterable[Told]) -> None:
    """Routes that name a source address went with that address."""
    there = [_kept(one) for one in routes_over(route, index)]
    gone = [one for one in before if one["proto"] != _KERNEL and _kept(one) not in there]
    for one in sorted(gone, key=lambda one: "RTA_GATEWAY" in attributes_of(one)):
        put_route(route, one, index)


def _kept(one: Told) -> tuple[object, ...]:
    attributes = {key: str(value) for key, value in attributes_of(one).items() if key != "RTA_CACHEINFO"}
    return one["family"], one["dst_len"], one["tos"], one["scope"], one["proto"], attributes


def _interface(one: Told) -> IPv4Interface | IPv6Interface:
    attributes = attributes_of(one)
    address = attributes.get("IFA_LOCAL") or attributes["IFA_ADDRESS"]
    return ip_interface(f"{address}/{one['prefixlen']}")
