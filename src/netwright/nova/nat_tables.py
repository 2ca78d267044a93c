"""The tables that linux_net's translation goes into, by an address's family, and what is in them already."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_network
from typing import Final

from netwright.model.errors import InvalidError
from netwright.nova.given import address_of, zoneless
from netwright.nova.iptables import IptablesTable
from netwright.nova.linux_host import LinuxHost

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network
_PORTS: Final = range(1, 65536)


def table_of(host: LinuxHost, name: str, version: int, where: str) -> IptablesTable:
    """Raises InvalidError for IPv6 on a host that is told not to use it: nobody would write those rules."""
    manager = host.iptables_manager
    if version == 4:
        return manager.ipv4[name]
    if not manager.options.use_ipv6:
        raise InvalidError("an IPv6 address, and use_ipv6 is off", where)
    return manager.ipv6[name]


def network_of(text: object, where: str) -> Network:
    """Bits behind the prefix are dropped, as iptables does. Raises InvalidError."""
    try:
        return ip_network(zoneless(str(text)), strict=False)
    except ValueError as error:
        raise InvalidError(str(error), where) from error


def same_family(one: tuple[str, str], other: tuple[str, str]) -> tuple[Address, Address]:
    """Two addresses, each with the name of its argument. Raises InvalidError."""
    first, second = address_of(*one), address_of(*other)
    if first.version != second.version:
        raise InvalidError(f"{first} and {second} are not of one family", other[1])
    return first, second


def port_of(number: int | str, where: str) -> int:
    """Raises InvalidError."""
    text = str(number)
    if not text.isascii() or not text.isdigit() or int(text) not in _PORTS:
        raise InvalidError(f"{number!r} is not a port", where)
    return int(text)


def at_port(address: Address, port: int) -> str:
    """As iptables and ip6tables take a target."""
    return f"{address}:{port}" if address.version == 4 else f"[{address}]:{port}"


def exactly(text: str) -> str:
    """A pattern of a rule's word."""
    return re.escape(text)


def other_than(text: str) -> str:
    """A pattern of any other word; an address is the same with its prefix."""
    return rf"(?!{re.escape(text)}(?:/|\s|$))\S+?"
