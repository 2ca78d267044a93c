"""What a port's groups say of one connection: the rules' meaning, beside their text.

Used to end connections that a changed rule no longer allows; the kernel's own verdict on new ones comes
from the rendered chains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import assert_never

from netwright.model.ids import AddressGroupId, GroupId
from netwright.model.intent import (
    ICMP,
    Address,
    AnyProtocol,
    Anywhere,
    Direction,
    EtherType,
    Icmp,
    IpProtocol,
    Match,
    PortRange,
    Remote,
    RemoteAddressGroup,
    RemoteGroup,
    RemotePrefix,
    ethertype_of,
)
from netwright.model.plan import RulePlan

IsMember = Callable[[GroupId | AddressGroupId, Address], bool]
"""Whether a port of the group has the address, or a prefix of the address group holds it."""


@dataclass(frozen=True, slots=True)
class Opening:
    """The first packet of a connection, as one end's rules see it."""

    direction: Direction
    remote: Address
    protocol: int
    port: int = 0
    """Destination port, where the protocol has ports."""
    icmp: tuple[int, int] = (0, 0)
    """Type and code, where the protocol is ICMP or ICMPv6."""


def allows(rules: Iterable[RulePlan], opening: Opening, is_member: IsMember) -> bool:
    """Whether any of the rules lets the connection begin."""
    ethertype = ethertype_of(opening.remote)
    return any(
        rule.direction is opening.direction
        and rule.ethertype is ethertype
        and _matches(rule.match, ethertype, opening)
        and _is_remote(rule.remote, opening.remote, is_member)
        for rule in rules
    )


def _matches(match: Match, ethertype: EtherType, opening: Opening) -> bool:
    match match:
        case AnyProtocol():
            return True
        case IpProtocol(number):
            return opening.protocol == number
        case PortRange(number, first, last):
            return opening.protocol == number and first <= opening.port <= last
        case Icmp(kind, code):
            right = opening.protocol == ICMP[ethertype]
            return right and kind in {None, opening.icmp[0]} and code in {None, opening.icmp[1]}
        case _:
            assert_never(match)


def _is_remote(remote: Remote, address: Address, is_member: IsMember) -> bool:
    match remote:
        case Anywhere():
            return True
        case RemotePrefix(prefix):
            return address.version == prefix.version and address in prefix
        case RemoteGroup(group):
            return is_member(group, address)
        case RemoteAddressGroup(address_group):
            return is_member(address_group, address)
        case _:
            assert_never(remote)
