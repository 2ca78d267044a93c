"""Addresses that netwright holds: gateways, DHCP ports, floating IPs.

Ours: addresses whose protocol is 201, in the host's namespace and in those called `qdhcp-…`.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Collection, Iterable, Mapping
from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface, ip_interface
from typing import Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from netwright.kernel import netns, rtnetlink
from netwright.kernel.attempts import attempt_all
from netwright.kernel.netlink import Netlink
from netwright.kernel.netns import Namespaces
from netwright.model.errors import KernelRefusedError
from netwright.model.host import AddressKey, AddressUse
from netwright.model.ids import HOST_NAMESPACE, LinkName, NamespaceName

_NODAD: Final = 0x02
_NOPREFIXROUTE: Final = 0x200
_ETH_ARP: Final = 0x0806
_MAC_LENGTH: Final = 6
_ADVERTISEMENT: Final = 136
_OVERRIDE: Final = 0x20000000


class Addresses:
    """Driver of addresses. Connected routes are not the kernel's but the routes driver's."""

    def __init__(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces

    def observe(self, keys: Collection[AddressKey] | None = None) -> Mapping[AddressKey, AddressUse]:
        if keys is None:
            spaces: Iterable[NamespaceName] = [HOST_NAMESPACE, *self._namespaces.observe()]
        else:
            spaces = {key.namespace for key in keys}
        found: dict[AddressKey, AddressUse] = {}
        for space in spaces:
            links = None if keys is None else {key.link for key in keys if key.namespace == space}
            found.update(dict.fromkeys(_held(space, links), AddressUse()))
        if keys is not None:
            found = {key: use for key, use in found.items() if key in keys}
        return found

    def put(self, items: Mapping[AddressKey, AddressUse]) -> None:
        attempt_all("addresses", {key.namespace for key in items}, lambda space: _put(space, items))

    def remove(self, keys: Collection[AddressKey]) -> None:
        attempt_all("addresses", {key.namespace for key in keys}, lambda space: _remove(space, keys))


def _put(namespace: NamespaceName, items: Mapping[AddressKey, AddressUse]) -> None:
    def put_one(key: AddressKey) -> None:
        flags = _NOPREFIXROUTE | (_NODAD if key.interface.version == 6 else 0)
        route.addr(
            "replace",
            index=_index(route.link_lookup(ifname=key.link), key.link),
            address=str(key.interface.ip),
            prefixlen=key.interface.network.prefixlen,
            flags=flags,
            IFA_PROTO=rtnetlink.PROTOCOL,
        )
        if items[key].announce:
            announce(key)

    with rtnetlink.writer(namespace) as route:
        attempt_all("addresses", [key for key in items if key.namespace == namespace], put_one)


def _remove(namespace: NamespaceName, keys: Collection[AddressKey]) -> None:
    def remove_one(key: AddressKey) -> None:
        for index in route.link_lookup(ifname=key.link):
            _forget(route, index, key.interface)

    if namespace != HOST_NAMESPACE and not netns.is_namespace(netns.path_of(namespace)):
        return  # it is gone, and its addresses with it
    with rtnetlink.writer(namespace) as route:
        attempt_all("addresses", [key for key in keys if key.namespace == namespace], remove_one)


def announce(key: AddressKey) -> None:
    """Tells the link's neighbours whose address it is now.

    By gratuitous ARP (RFC 5227, section 3) or an unsolicited advertisement (RFC 4861, section 7.2.6).
    """
    address = key.interface.ip
    with (
        rtnetlink.refusals("addresses"),
        netns.inside(key.namespace),
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW | socket.SOCK_CLOEXEC) as wire,
    ):
        wire.bind((key.link, _ETH_ARP))
        mac = wire.getsockname()[4]
        if len(mac) != _MAC_LENGTH:
            return
        if isinstance(address, IPv4Address):
            for operation in (1, 2):
                wire.send(_gratuitous(mac, address.packed, operation))
        else:
            _advertise(key.link, mac, address)


def announce_hosts_own(netlink: Netlink, link: LinkName, index: int) -> None:
    """A link's addresses that are not ours, in the host's namespace: they have moved, or another MAC."""
    for state in rtnetlink.addresses(netlink, index):
        if state.index == index and not state.ours and not state.address.is_link_local:
            announce(AddressKey(HOST_NAMESPACE, link, ip_interface((state.address, state.length))))


def _advertise(link: LinkName, mac: bytes, address: IPv6Address) -> None:
    """Override set, the target's link-layer address with it; the kernel fills in the checksum."""
    index = socket.if_nametoindex(link)
    advertisement = struct.pack(">BBHI", _ADVERTISEMENT, 0, 0, _OVERRIDE) + address.packed + b"\2\1" + mac
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_ICMPV6) as raw:
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
        raw.bind((str(address), 0, 0, index if address.is_link_local else 0))
        raw.sendto(advertisement, ("ff02::1", 0, 0, index))


def _gratuitous(mac: bytes, address: bytes, operation: int) -> bytes:
    everyone = b"\xff" * 6
    arp = struct.pack(">HHBBH", 1, 0x0800, 6, 4, operation)
    return everyone + mac + struct.pack(">H", _ETH_ARP) + arp + mac + address + everyone + address


def _held(namespace: NamespaceName, links: Collection[LinkName] | None) -> list[AddressKey]:
    try:
        reader = rtnetlink.open_reader(namespace)
    except KernelRefusedError:
        return []  # the namespace is gone, and its addresses with it
    try:
        return [
            AddressKey(namespace, name, _interface(state))
            for name, index in _indexes(reader, links)
            for state in rtnetlink.addresses(reader, index)
            if state.ours and (state.index == index)
        ]
    finally:
        reader.close()


def _indexes(reader: Netlink, links: Collection[LinkName] | None) -> list[tuple[LinkName, int]]:
    if links is None:
        ours = {state.index for state in rtnetlink.addresses(reader) if state.ours}
        states = [rtnetlink.link(reader, index=index) for index in ours]
    else:
        states = [rtnetlink.link(reader, name=name) for name in links]
    return [(state.name, state.index) for state in states if state]


def _interface(state: rtnetlink.AddressState) -> IPv4Interface | IPv6Interface:
    return ip_interface((state.address, state.length))


def _index(found: Collection[int], name: LinkName) -> int:
    for index in found:
        return index
    raise KernelRefusedError("addresses", f"{name}: no such link")


def _forget(route: IPRoute, index: int, interface: IPv4Interface | IPv6Interface) -> None:
    try:
        route.addr("del", index=index, address=str(interface.ip), prefixlen=interface.network.prefixlen)
    except NetlinkError as error:
        if not rtnetlink.is_missing(error):
            raise
