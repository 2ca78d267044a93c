"""What pf(4) does with a packet, after pf.conf(5) and if_bridge(4): rules in order, `quick`, states, and the path.

Of the packet filter only what netwright's rules use. It is a model, not FreeBSD.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final

from pf_rules import FilterRule, Ruleset, parse

from netwright.model.pf import PfAnchor, PfKey, PfTable, PfValue
from netwright.render.pf import INTERFACE_GROUP

_NAMES: Final = {"tcp": 6, "udp": 17, "sctp": 132, "icmp": 1, "icmp6": 58}
_ROOMS: Final = ("netwright/ports/", "netwright/networks/", "netwright/host")


@dataclass(frozen=True, slots=True)
class Packet:
    source: IPv4Address | IPv6Address
    target: IPv4Address | IPv6Address
    protocol: int
    source_port: int = 0
    target_port: int = 0
    icmp: tuple[int, int] = (0, 0)
    opens: bool = True
    """Of TCP: a SYN without ACK."""

    def answer(self) -> Packet:
        return replace(
            self,
            source=self.target,
            target=self.source,
            source_port=self.target_port,
            target_port=self.source_port,
            opens=False,
        )


@dataclass(frozen=True, slots=True)
class State:
    """`way`: in which the first packet went through the interface."""

    interface: str
    way: str
    packet: tuple[object, ...]


def _key(packet: Packet) -> tuple[object, ...]:
    ports = (packet.source_port, packet.target_port)
    return (packet.source, packet.target, packet.protocol, *ports)


@dataclass
class PfModel:
    """`parts`: anchors and tables as rendered. Interfaces called tap… are in netwright's group."""

    parts: Mapping[PfKey, PfValue]
    states: set[State] = field(default_factory=set)

    def __post_init__(self) -> None:
        names = sorted(key.name for key in self.parts if isinstance(self.parts[key], PfAnchor))
        self._sets = {
            key.name: parse(value.text) for key, value in self.parts.items() if isinstance(value, PfAnchor)
        }
        self._order = [name for room in _ROOMS for name in names if name.startswith(room)]
        self._tables = {
            key.name: value.addresses for key, value in self.parts.items() if isinstance(value, PfTable)
        }

    def bridged(self, packet: Packet, sender: str, bridge: str, receiver: str) -> bool:
        """From guest to guest of one bridge: in on the sender's, in and out on the bridge, out on the other's."""
        places = ((sender, "in"), (bridge, "in"), (bridge, "out"), (receiver, "out"))
        return all(self.passes(packet, interface, way) for interface, way in places)

    def sent(self, packet: Packet, sender: str, bridge: str) -> bool:
        """From a guest to the host, or where the host routes it (net.link.bridge.pfil_local_phys=1)."""
        return self.passes(packet, sender, "in") and self.passes(packet, bridge, "in")

    def routed(self, packet: Packet, bridge: str) -> bool:
        """From the host, or from where it came to the host, to a guest: no guest's interface is asked."""
        return self.passes(packet, bridge, "out")

    def passes(self, packet: Packet, interface: str, way: str) -> bool:
        """At one interface."""
        back = "in" if way == "out" else "out"
        known = {State(interface, way, _key(packet)), State(interface, back, _key(packet.answer()))}
        if known & self.states:
            return True
        rule = self._last(packet, interface, way)
        if rule is None:
            return True
        if rule.action == "pass" and " keep state" in rule.options:
            assert "if-bound" in rule.options
            self.states.add(State(interface, way, _key(packet)))
        return rule.action == "pass"

    def _last(self, packet: Packet, interface: str, way: str) -> FilterRule | None:
        found = None
        for ruleset, rule in self._rules():
            if self._matches(ruleset, rule, packet, interface, way):
                found = rule
                if rule.quick:
                    break
        return found

    def _rules(self) -> Iterator[tuple[Ruleset, FilterRule]]:
        for name in self._order:
            for rule in self._sets[name].rules:
                yield self._sets[name], rule

    def _matches(self, ruleset: Ruleset, rule: FilterRule, packet: Packet, interface: str, way: str) -> bool:
        group = rule.interface == INTERFACE_GROUP and interface.startswith("tap")
        return (
            (group or rule.interface in {"", interface})
            and rule.way in {"", way}
            and rule.family in {"", "inet" if packet.source.version == 4 else "inet6"}
            and (not rule.protocol or _protocol(rule.protocol) == packet.protocol)
            and _port(rule.source_port, packet.source_port)
            and _port(rule.target_port, packet.target_port)
            and self._is_host(ruleset, rule.source, packet.source)
            and self._is_host(ruleset, rule.target, packet.target)
            and _icmp(rule.options, packet.icmp)
            and _flags(rule, packet)
        )

    def _is_host(self, ruleset: Ruleset, end: str, address: IPv4Address | IPv6Address) -> bool:
        words = end.strip("{} ").replace(",", "").split()
        known = {**self._tables, **ruleset.tables}
        every = [one for word in words for one in (known.get(word[1:-1], ()) if word[0] == "<" else (word,))]
        return any(one == "any" or address in ip_network(one) for one in every)


def _protocol(text: str) -> int:
    return _NAMES[text] if text in _NAMES else int(text)


def _port(text: str, port: int) -> bool:
    first, _, last = text.partition(":")
    return not text or int(first) <= port <= int(last or first)


def _icmp(options: str, icmp: tuple[int, int]) -> bool:
    words = options.replace("{", "").replace("}", "").replace(",", "").split()
    at = next((place for place, word in enumerate(words) if word in {"icmp-type", "icmp6-type"}), None)
    if at is None:
        return True
    numbers = []
    for word in words[at + 1 :]:
        if not (word.isdigit() or word == "code"):
            break
        numbers.append(word)
    if "code" in numbers:
        return icmp == (int(numbers[0]), int(numbers[2]))
    return icmp[0] in map(int, numbers)


def _flags(rule: FilterRule, packet: Packet) -> bool:
    """`flags S/SA` is what a rule that keeps state says of TCP unless told otherwise."""
    asked = rule.action == "pass" and " no state" not in rule.options and " flags any" not in rule.options
    return not (asked and packet.protocol == 6) or packet.opens


def address(text: str) -> IPv4Address | IPv6Address:
    return ip_address(text)
