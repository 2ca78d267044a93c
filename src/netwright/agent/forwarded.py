"""Which connections a change of port forwardings leaves behind: those that went, or would go, elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from netwright.kernel.conntrack import Flow
from netwright.model.intent import FORWARDED, Address, Ports
from netwright.model.plan import ForwardsItem, Item


class Forwarded(NamedTuple):
    """Connections to ports of an address that the host answers itself, or another address in its place."""

    protocol: int
    address: Address
    ports: Ports
    answered_by: Address

    def has(self, flow: Flow) -> bool:
        """Whether the connection is one of them."""
        return (
            flow.protocol == self.protocol
            and flow.original.target == self.address
            and flow.reply.source == self.answered_by
            and self.ports.first <= flow.original.target_port <= self.ports.last
        )


def left_behind(old: Item | None, new: Item | None) -> Iterator[Forwarded]:
    """What was forwarded and is so no longer; and what came to the host itself and is forwarded now."""
    if isinstance(old, ForwardsItem):
        kept = new.forwards if isinstance(new, ForwardsItem) else ()
        for one in set(old.forwards).difference(kept):
            yield Forwarded(FORWARDED[one.protocol], old.address, one.external, one.address)
    if isinstance(new, ForwardsItem):
        known = old.forwards if isinstance(old, ForwardsItem) else ()
        for one in set(new.forwards).difference(known):
            yield Forwarded(FORWARDED[one.protocol], new.address, one.external, new.address)
