"""Links, addresses and routes as rtnetlink has them, and the one place where writing sockets are opened."""

from __future__ import annotations

import errno
import ipaddress
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from netwright.kernel import netns
from netwright.kernel.netlink import ROUTE, Netlink, attribute, attributes, nested, string, text_attribute
from netwright.model.errors import KernelRefusedError
from netwright.model.ids import HOST_NAMESPACE, LinkName, Mac, NamespaceName
from netwright.model.intent import Address

PROTOCOL: Final = 201
"""Our number in the protocol field of routes and addresses (rtnetlink(7), IFA_PROTO since Linux 5.18)."""

_GET_LINK: Final = 18
_GET_ADDRESS: Final = 22
_GET_ROUTE: Final = 26
IFINFO: Final = struct.Struct("=BxHiII")
"""struct ifinfomsg (linux/rtnetlink.h): family, type, index, flags, which of them change."""
_IFADDR: Final = struct.Struct("=BBBBI")
_RTMSG: Final = struct.Struct("=BBBBBBBBI")
_UP: Final = 1
_MAIN_TABLE: Final = 254
_UNICAST: Final = 1
_FAMILIES: Final = (2, 10)
# Attribute numbers of linux/if_link.h, if_addr.h and rtnetlink.h.
_IFLA_ADDRESS, _IFLA_IFNAME, _IFLA_MTU, _IFLA_LINK, _IFLA_MASTER, _IFLA_LINKINFO = 1, 3, 4, 5, 10, 18
_IFLA_IFALIAS, _IFLA_EXT_MASK = 20, 29
_IFLA_LINK, _VLAN_ID = 5, 1
_INFO_KIND, _INFO_DATA = 1, 2
_TUN_OWNER, _TUN_GROUP = 1, 2
_BR_STP, _BR_FORWARD_DELAY, _BR_SNOOPING, _BR_CALL4, _BR_CALL6 = 5, 1, 23, 36, 37
_IFA_ADDRESS, _IFA_LOCAL, _IFA_PROTO = 1, 2, 11
_RTA_DST, _RTA_OIF, _RTA_GATEWAY, _RTA_PREFSRC = 1, 4, 5, 7
_SKIP_STATS: Final = 1 << 3


@dataclass(frozen=True, slots=True)
class LinkState:
    """What the kernel says of one link."""

    index: int
    name: LinkName
    up: bool
    mtu: int
    mac: Mac
    master: int
    alias: str
    kind: str
    data: bytes
    parent: int = 0
    """The link below, of a VLAN device for one."""

    @property
    def vlan(self) -> int:
        """A VLAN device's own number."""
        return int.from_bytes(attributes(self.data).get(_VLAN_ID, b""), "little")

    @property
    def tap_users(self) -> tuple[int | None, int | None]:
        """A tap's owner and group, where it has any."""
        options = attributes(self.data)
        owner, group = (
            int.from_bytes(options[kind], "little") if kind in options else None
            for kind in (_TUN_OWNER, _TUN_GROUP)
        )
        return owner, group

    @property
    def plain_bridge(self) -> bool:
        """STP off, no forward delay, no multicast snooping; netfilter calls for both IP versions or none."""
        options = attributes(self.data)
        zero = (_BR_STP, _BR_FORWARD_DELAY, _BR_SNOOPING)
        halves = options.get(_BR_CALL4), options.get(_BR_CALL6)
        return halves[0] == halves[1] and not any(
            int.from_bytes(options.get(kind, b""), "little") for kind in zero
        )

    @property
    def netfilter_calls(self) -> bool:
        return attributes(self.data).get(_BR_CALL4) == b"\1"


@dataclass(frozen=True, slots=True)
class AddressState:
    index: int
    address: Address
    length: int
    ours: bool


@dataclass(frozen=True, slots=True)
class RouteState:
    """A unicast route of the main table. `destination` is None for a default route."""

    destination: ipaddress.IPv4Network | ipaddress.IPv6Network
    index: int
    via: Address | None
    source: Address | None
    protocol: int


@contextmanager
def writer(namespace: NamespaceName = HOST_NAMESPACE) -> Iterator[IPRoute]:
    """A pyroute2 socket in the namespace; its refusals come out as KernelRefusedError."""
    with netns.inside(namespace):
        route = IPRoute()
    try:
        with refusals("rtnetlink"):
            yield route
    finally:
        route.close()


@contextmanager
def refusals(driver: str) -> Iterator[None]:
    """Turns pyroute2's errors, and the system's, into ours."""
    try:
        yield
    except NetlinkError as error:
        raise KernelRefusedError(driver, str(error)) from error
    except OSError as error:
        raise KernelRefusedError(driver, error.strerror or str(error)) from error


def links(netlink: Netlink, kind: str = "") -> list[LinkState]:
    """All links, or those of one kind (the kernel filters)."""
    body = IFINFO.pack(0, 0, 0, 0, 0) + attribute(_IFLA_EXT_MASK, struct.pack("=I", _SKIP_STATS))
    if kind:
        body += nested(_IFLA_LINKINFO, text_attribute(_INFO_KIND, kind))
    return [parse_link(message.body) for message in netlink.dump(_GET_LINK, body)]


def link(netlink: Netlink, name: LinkName | None = None, index: int = 0) -> LinkState | None:
    """One link by its name or its index; None where there is none."""
    body = IFINFO.pack(0, 0, index, 0, 0) + attribute(_IFLA_EXT_MASK, struct.pack("=I", _SKIP_STATS))
    if name:
        body += text_attribute(_IFLA_IFNAME, name)
    answer = netlink.get(_GET_LINK, body)
    return parse_link(answer.body) if answer else None


def addresses(netlink: Netlink, index: int = 0) -> list[AddressState]:
    """All addresses, or those of one link (the kernel filters)."""
    return [
        parse_address(message.body)
        for family in _FAMILIES
        for message in netlink.dump(_GET_ADDRESS, _IFADDR.pack(family, 0, 0, 0, index))
    ]


def routes(netlink: Netlink) -> list[RouteState]:
    """The main table, both families."""
    return [
        parse_route(message.body)
        for family in _FAMILIES
        for message in netlink.dump(_GET_ROUTE, _RTMSG.pack(family, 0, 0, 0, _MAIN_TABLE, 0, 0, 0, 0))
        if is_unicast_main(message.body)
    ]


def open_reader(namespace: NamespaceName = HOST_NAMESPACE) -> Netlink:
    return Netlink(ROUTE, namespace)


def parse_link(body: bytes) -> LinkState:
    """A link message's body: an answer's, a dump's or an event's."""
    _, _, index, flags, _ = IFINFO.unpack_from(body)
    found = attributes(body, IFINFO.size)
    info = attributes(found.get(_IFLA_LINKINFO, b""))
    return LinkState(
        index=index,
        name=LinkName(string(found[_IFLA_IFNAME])),
        up=bool(flags & _UP),
        mtu=_number(found.get(_IFLA_MTU)),
        mac=Mac(found.get(_IFLA_ADDRESS, b"").hex(":")),
        master=_number(found.get(_IFLA_MASTER)),
        alias=string(found.get(_IFLA_IFALIAS, b"")),
        kind=string(info.get(_INFO_KIND, b"")),
        data=info.get(_INFO_DATA, b""),
        parent=_number(found.get(_IFLA_LINK)),
    )


def parse_address(body: bytes) -> AddressState:
    """An address message's body."""
    _, length, _, _, index = _IFADDR.unpack_from(body)
    found = attributes(body, _IFADDR.size)
    # On a point-to-point link IFA_ADDRESS is the peer's; IFA_LOCAL is ours wherever it is given.
    address = ipaddress.ip_address(found.get(_IFA_LOCAL) or found[_IFA_ADDRESS])
    return AddressState(index, address, length, found.get(_IFA_PROTO) == bytes([PROTOCOL]))


def is_unicast_main(body: bytes) -> bool:
    """Whether a route message is about the main table, and not a local or broadcast route."""
    return body[4] == _MAIN_TABLE and body[7] == _UNICAST


def parse_route(body: bytes) -> RouteState:
    """A route message's body."""
    family, length, _, _, _, protocol, _, _, _ = _RTMSG.unpack_from(body)
    found = attributes(body, _RTMSG.size)
    size = 4 if family == _FAMILIES[0] else 16
    destination = ipaddress.ip_network((found.get(_RTA_DST, b"\0" * size), length))
    return RouteState(
        destination,
        _number(found.get(_RTA_OIF)),
        ipaddress.ip_address(found[_RTA_GATEWAY]) if _RTA_GATEWAY in found else None,
        ipaddress.ip_address(found[_RTA_PREFSRC]) if _RTA_PREFSRC in found else None,
        protocol,
    )


def _number(value: bytes | None) -> int:
    return int.from_bytes(value or b"", "little")


def delete_link(route: IPRoute, index: int) -> None:
    """One that is gone already is no error. Raises NetlinkError."""
    try:
        route.link("del", index=index)
    except NetlinkError as error:
        if not is_missing(error):
            raise


def is_missing(error: NetlinkError) -> bool:
    """Whether what was to be removed is gone already."""
    return error.code in {errno.ENODEV, errno.ENOENT, errno.ESRCH, errno.EADDRNOTAVAIL}
