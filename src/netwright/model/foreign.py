"""Other people's packet filters, as far as netwright understands them, and a host that they stand on.

A rule's conditions are asked of a symbolic packet, of which only some is known: the answer is yes, no or
"cannot tell", and whatever is not understood cannot be told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface

from netwright.model.ids import LinkName


class Match(IntEnum):
    """In this order `min` is "and", `max` is "or"."""

    NO = 0
    MAYBE = 1
    YES = 2


class Field(StrEnum):
    """What of a packet a rule may ask for."""

    IIF = "input link"
    OIF = "output link"
    PHYS_IN = "bridge port in"
    PHYS_OUT = "bridge port out"
    BRIDGED = "bridged"
    SOURCE = "source address"
    TARGET = "destination address"
    VERSION = "IP version"
    PROTOCOL = "protocol"
    SOURCE_PORT = "source port"
    TARGET_PORT = "destination port"
    ICMP_TYPE = "ICMP type"
    ICMP6_TYPE = "ICMPv6 type"
    STATE = "connection state"
    STATUS = "connection status"
    MARK = "mark"
    SOURCE_TYPE = "source type"
    TARGET_TYPE = "destination type"
    WAY_BACK = "route back to the source"
    OTHER = "something else"


@dataclass(frozen=True, slots=True)
class Span:
    """Numbers from first to last; those of addresses are told apart by their IP version."""

    first: int
    last: int
    version: int = 0


Value = Span | str
"""What a rule compares with: numbers, or a word in which `*` at the end stands for anything."""
Known = Span | tuple[str, ...] | None
"""What a packet has: any number of a span, any one of some words, or nobody knows."""


@dataclass(frozen=True, slots=True)
class Test:
    """The fields together are one of `among`. `mask` is laid over a single number first."""

    fields: tuple[Field, ...]
    among: tuple[tuple[Value, ...], ...]
    negated: bool = False
    mask: int | None = None


class Does(StrEnum):
    """What becomes of a packet that a rule matches."""

    NEXT = "next"
    ACCEPT = "accept"
    DROP = "drop"
    DIVERT = "divert"
    """Sent to another address: DNAT, REDIRECT, TPROXY."""
    RETURN = "return"
    JUMP = "jump"
    GOTO = "goto"
    UNKNOWN = "unknown"
    """A target that is not understood, or a queue to a program."""


@dataclass(frozen=True, slots=True)
class Action:
    does: Does
    chain: str = ""


@dataclass(frozen=True, slots=True)
class ForeignRule:
    """`marks`: it may change the packet's mark. `understood`: nothing in it was beyond us."""

    text: str
    tests: tuple[Test, ...]
    action: Action
    handle: int = 0
    marks: bool = False
    understood: bool = True


@dataclass(frozen=True, slots=True)
class ForeignChain:
    """`hook` is empty for a chain that others jump to; `devices` are those of the netdev family."""

    name: str
    rules: tuple[ForeignRule, ...]
    hook: str = ""
    kind: str = "filter"
    priority: int = 0
    policy: Does = Does.ACCEPT
    devices: tuple[str, ...] = ()


class Backend(StrEnum):
    """Whose words the rules are in, and so the commands that change them."""

    NFT = "nft"
    IPTABLES_NFT = "iptables-nft"
    IPTABLES_LEGACY = "iptables-legacy"
    EBTABLES_LEGACY = "ebtables-legacy"


@dataclass(frozen=True, slots=True)
class ForeignTable:
    """`family` as nftables calls it; iptables' tables are of `ip` and `ip6`, ebtables' of `bridge`."""

    backend: Backend
    family: str
    name: str
    chains: Mapping[str, ForeignChain]


@dataclass(frozen=True, slots=True)
class BridgeScene:
    """One network's bridge. `interfaces` are what netwright holds on it; none on a router network.

    `calls4`, `calls6`: br_netfilter shows what crosses the bridge to the hooks of that IP version.
    `asked`: because netwright asked for that, not because all bridges do it.
    """

    name: LinkName
    interfaces: tuple[IPv4Interface | IPv6Interface, ...]
    ports: tuple[LinkName, ...]
    calls4: bool = False
    calls6: bool = False
    asked: bool = False


@dataclass(frozen=True, slots=True)
class FloatingScene:
    """`link` holds the address; empty where it is routed to the host."""

    address: IPv4Address
    fixed: IPv4Address
    link: LinkName


@dataclass(frozen=True, slots=True)
class HostScene:
    """What of the host the way of a packet depends on. `uplinks`: IP version to links of default routes.

    `sysctls`: by their paths below /proc/sys; one that the kernel does not have is not in it.
    """

    bridges: tuple[BridgeScene, ...] = ()
    floating: tuple[FloatingScene, ...] = ()
    uplinks: Mapping[int, tuple[LinkName, ...]] = field(default_factory=dict)
    learnt: frozenset[LinkName] = frozenset()
    """Links whose IPv6 default route came by a router advertisement."""
    sysctls: Mapping[str, str] = field(default_factory=dict)
