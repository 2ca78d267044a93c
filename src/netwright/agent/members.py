"""Which addresses belong to which groups, here and on other hosts, kept item by item."""

from __future__ import annotations

from collections import Counter
from typing import Final

from netwright.model.ids import GroupId
from netwright.model.intent import Address
from netwright.model.plan import Item, MemberItem, PortItem, whole

_KINDS: Final = (PortItem, MemberItem)


class Members:
    """An index of the plan's ports by group and address."""

    def __init__(self) -> None:
        self._count: Counter[tuple[GroupId, object]] = Counter()

    def put(self, item: Item) -> None:
        if isinstance(item, _KINDS):
            self._count.update((group, prefix) for group in item.groups for prefix in item.prefixes)

    def remove(self, item: Item) -> None:
        """The item as it was put."""
        if isinstance(item, _KINDS):
            for group in item.groups:
                for prefix in item.prefixes:
                    self._count[group, prefix] -= 1
                    if self._count[group, prefix] <= 0:
                        del self._count[group, prefix]

    def __call__(self, group: GroupId, address: Address) -> bool:
        """Whether some port of the group has the address as its own or as a pair's."""
        return (group, whole(address)) in self._count
