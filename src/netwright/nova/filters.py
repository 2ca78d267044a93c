"""What a classic firewall driver asks of the filters of a host's instances, whatever the platform."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final, Protocol

from netwright.model.ids import HostName
from netwright.model.plan import Item, ItemKey, Items

HOST: Final = HostName("nova")
Decide = Callable[[Items], Items]


class Filters(Protocol):
    """A plan that outlives its process, and the rules that it becomes; `deferred` puts the rules off."""

    deferred: bool

    def items(self) -> Items:
        """What there is to be, as any process left it."""

    def change(self, decide: Decide, heal: Collection[ItemKey] = ()) -> None:
        """Makes the plan what is decided, and the rules likewise; looks at `heal` in any case."""

    def settle(self) -> None:
        """Does what was put off."""

    def has(self, items: Collection[Item]) -> bool:
        """Whether all that these items become is in force now."""

    def close(self) -> None:
        """Frees what it holds; the rules stay."""
