"""The hops of a port's path where limits and marks act: queues on links, and tables beside the firewall's."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Final

from netwright.model.host import NftKey, NftKind, Shaper, ShaperKey, Stage
from netwright.model.ids import port_link_name, shaper_link_name
from netwright.model.intent import Direction
from netwright.model.plan import FloatingIpItem, PortQosItem
from netwright.model.qos import Bandwidth, PacketRate
from netwright.render.nft import BRIDGE, INET
from netwright.render.path_view import Hop, Part, View, with_
from netwright.render.qos import QOS_BRIDGE, QOS_INET, packets_chain
from netwright.render.stages import ByStage

_TABLE: Final = "netwright-qos"
_TO_GUEST: Final = frozenset({"to_ports", "rates_in"})
_WHAT: Final = {Direction.INGRESS: "gets", Direction.EGRESS: "sends"}
_OCTETS: Final = 125
"""Octets of a kbit."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Of one direction."""

    octets: Bandwidth | None
    packets: PacketRate | None
    mark: int | None

    @property
    def words(self) -> list[str]:
        return [
            *([bandwidth_text(self.octets)] if self.octets else []),
            *([_packets_text(self.packets)] if self.packets else []),
            *([] if self.mark is None else [f"marked DSCP {self.mark}"]),
        ]


def limit_hop(view: View, direction: Direction) -> Iterator[Hop]:
    """None where nothing of that direction is limited or marked."""
    asked = _asked(view.qos, direction) if view.qos else None
    if asked and asked.words:
        queues = view.part(
            Stage.SHAPERS, lambda key: isinstance(key, ShaperKey) and key.direction is direction
        )
        ruled = asked.packets is not None or asked.mark is not None
        rules = view.part(Stage.QOS, partial(_is_of, view, direction)) if ruled else {}
        name, command = _place(view, direction, queues, rules)
        note = f"what the guest {_WHAT[direction]}: {', '.join(asked.words)}"
        yield Hop(Part.LIMITS, name, note, command, with_(queues, rules), _counting(view, direction))


def floating_limit_hop(view: View, floating: FloatingIpItem) -> Iterator[Hop]:
    """None where the floating IP has no limit."""
    limits = [
        f"{way} {bandwidth_text(limit)}"
        for way, limit in (("in", floating.comes), ("out", floating.goes))
        if limit
    ]
    if limits:
        own = {f"octets-{way}-{floating.id}" for way in ("in", "out")}
        others = {f"octets-{way}-{one.id}" for one in view.floating for way in ("in", "out")} - own
        rules = view.part(
            Stage.QOS,
            lambda key: (
                isinstance(key, NftKey)
                and key.family == QOS_INET
                and key.name not in others
                and key.element in {"", str(floating.address)}
            ),
        )
        chains = tuple(key for key in rules.get(Stage.QOS, {}) if isinstance(key, NftKey) and key.name in own)
        command = ("nft", "list", "table", INET, _TABLE)
        name = f"{INET} {_TABLE}, {floating.address}"
        yield Hop(Part.LIMITS, name, ", ".join(limits), command, rules, chains)


def shaper_text(shaper: Shaper) -> str:
    """A queue in a few words."""
    if not shaper.rate:
        return "half of it"
    return f"{_kbit(shaper.rate)}, burst {shaper.burst} octets, room for {shaper.limit}"


def bandwidth_text(limit: Bandwidth) -> str:
    """A limit in a few words."""
    return f"at most {_kbit(limit.rate)}"


def _asked(item: PortQosItem, direction: Direction) -> _Asked:
    if direction is Direction.INGRESS:
        return _Asked(item.to_guest, item.packets_to_guest, None)
    return _Asked(item.from_guest, item.packets_from_guest, item.dscp)


def _packets_text(limit: PacketRate) -> str:
    return f"at most {limit.rate} packets/s in bursts of {limit.burst}"


def _kbit(rate: int) -> str:
    return f"{rate / _OCTETS:.0f} kbit/s"


def _is_of(view: View, direction: Direction, key: Hashable) -> bool:
    """The table with its maps is there for either way; chains and elements are of one."""
    if not isinstance(key, NftKey) or key.family != QOS_BRIDGE:
        return False
    to_guest = key.name in _TO_GUEST or key.name == packets_chain(Direction.INGRESS, view.port.id)
    return to_guest is (direction is Direction.INGRESS)


def _place(view: View, direction: Direction, queues: ByStage, rules: ByStage) -> tuple[str, tuple[str, ...]]:
    """Where it acts, and what shows it."""
    link, table = port_link_name(view.port.id), f"{BRIDGE} {_TABLE}"
    queue = link if direction is Direction.INGRESS else shaper_link_name(link)
    if not queues:
        return table, ("nft", "list", "table", BRIDGE, _TABLE)
    return f"{queue} and {table}" if rules else queue, ("tc", "-s", "qdisc", "show", "dev", queue)


def _counting(view: View, direction: Direction) -> tuple[NftKey, ...]:
    key = NftKey(NftKind.CHAIN, QOS_BRIDGE, packets_chain(direction, view.port.id))
    return (key,) if key in view.rendered.get(Stage.QOS, {}) else ()
