"""A container's end of its port: addresses and routes inside its namespace, for who cannot ask DHCP.

The link itself is the agent's (kernel/links.py); a namespace is its owner's, so only that link is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from pathlib import Path
from typing import Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from netwright.kernel import netns, rtnetlink
from netwright.kernel.addresses import announce
from netwright.model.errors import KernelRefusedError
from netwright.model.host import AddressKey
from netwright.model.ids import LinkName, Mac, NamespaceName
from netwright.model.intent import Address, Prefix

_NODAD: Final = 0x02
_SWITCHES: Final = (("accept_ra", "0"), ("disable_ipv6", "0"))
"""Its addresses are those that it was given, and the runtime may have switched IPv6 off for all links."""
Interface = IPv4Interface | IPv6Interface


@dataclass(frozen=True, slots=True)
class GuestRoute:
    destination: Prefix
    via: Address


@dataclass(frozen=True, slots=True)
class GuestEnd:
    """What the link has: MTU in bytes, addresses with their prefix lengths, routes by way of others."""

    mac: Mac
    mtu: int
    addresses: tuple[Interface, ...]
    routes: tuple[GuestRoute, ...]
    up: bool = True


def configure(namespace: NamespaceName, link: LinkName, end: GuestEnd) -> None:
    """Gives the link its addresses and routes, and tells its neighbours. Raises KernelRefusedError."""
    if any(interface.version == 6 for interface in end.addresses):
        _switch(namespace, link)
    with rtnetlink.writer(namespace) as route:
        index = _index(route, link)
        for interface in end.addresses:
            flags = _NODAD if interface.version == 6 else 0
            length = interface.network.prefixlen
            route.addr("replace", index=index, address=str(interface.ip), prefixlen=length, flags=flags)
        route.link("set", index=index, mtu=end.mtu, state="up")
        for one in end.routes:
            route.route("replace", dst=str(one.destination), gateway=str(one.via), oif=index)
    for interface in end.addresses:
        announce(AddressKey(namespace, link, interface))


def observe(namespace: NamespaceName, link: LinkName) -> GuestEnd | None:
    """The link as it is, less link-local addresses; None where there is none. Raises KernelRefusedError."""
    reader = rtnetlink.open_reader(namespace)
    try:
        state = rtnetlink.link(reader, name=link)
        if state is None:
            return None
        held = [one for one in rtnetlink.addresses(reader, state.index) if one.index == state.index]
        routes = [one for one in rtnetlink.routes(reader) if one.index == state.index]
        return GuestEnd(
            mac=state.mac,
            mtu=state.mtu,
            addresses=tuple(
                ip_interface((one.address, one.length)) for one in held if not one.address.is_link_local
            ),
            routes=tuple(GuestRoute(one.destination, one.via) for one in routes if one.via),
            up=state.up,
        )
    finally:
        reader.close()


def remove(namespace: NamespaceName, link: LinkName, mac: Mac) -> None:
    """Deletes the link if it has that MAC, and with it the host's end. Raises KernelRefusedError."""
    found = observe(namespace, link)
    if found and found.mac == mac:
        with rtnetlink.writer(namespace) as route:
            for index in route.link_lookup(ifname=link):
                rtnetlink.delete_link(route, index)


def _switch(namespace: NamespaceName, link: LinkName) -> None:
    with netns.inside(namespace), rtnetlink.refusals("guest"):
        for name, value in _SWITCHES:
            path = Path(f"/proc/sys/net/ipv6/conf/{link}/{name}")
            if path.exists():
                path.write_text(value)


def _index(route: IPRoute, link: LinkName) -> int:
    try:
        for index in route.link_lookup(ifname=link):
            return int(index)
    except NetlinkError as error:
        raise KernelRefusedError("guest", f"{link}: {error}") from error
    raise KernelRefusedError("guest", f"{link}: no such link")
