"""Which addresses belong to which groups, wherever their ports are, and to address groups, item by item."""

from __future__ import annotations

from collections import Counter
from typing import Final

from netwright.model.ids import AddressGroupId, GroupId
from netwright.model.intent import Address, Prefix
from netwright.model.plan import AddressGroupItem, Item, MemberItem, PortItem, whole

_KINDS: Final = (PortItem, MemberItem)


class Members:
    """An index of the plan's ports by group and address, and of its address groups' prefixes."""

    def __init__(self) -> None:
        self._count: Counter[tuple[GroupId, object]] = Counter()
        self._prefixes: dict[AddressGroupId, Prefixes] = {}

    def put(self, item: Item) -> None:
        if isinstance(item, _KINDS):
            self._count.update((group, prefix) for group in item.groups for prefix in item.prefixes)
        elif isinstance(item, AddressGroupItem):
            self._prefixes[item.id] = Prefixes(item.prefixes)

    def remove(self, item: Item) -> None:
        """The item as it was put."""
        if isinstance(item, _KINDS):
            for group in item.groups:
                for prefix in item.prefixes:
                    self._count[group, prefix] -= 1
                    if self._count[group, prefix] <= 0:
                        del self._count[group, prefix]
        elif isinstance(item, AddressGroupItem):
            self._prefixes.pop(item.id, None)

    def __call__(self, group: GroupId | AddressGroupId, address: Address) -> bool:
        """Whether some port of the group has the address as its own or as a pair's, or a prefix holds it."""
        if prefixes := self._prefixes.get(AddressGroupId(group)):
            return address in prefixes
        return (group, whole(address)) in self._count


class Prefixes:
    """Looks an address up among any number of prefixes: one look for each of their lengths."""

    def __init__(self, prefixes: tuple[Prefix, ...]) -> None:
        self._starts: dict[tuple[int, int], set[int]] = {}
        for prefix in prefixes:
            beyond = prefix.max_prefixlen - prefix.prefixlen
            self._starts.setdefault((prefix.version, beyond), set()).add(int(prefix[0]) >> beyond)

    def __contains__(self, address: Address) -> bool:
        number = int(address)
        return any(
            version == address.version and number >> beyond in starts
            for (version, beyond), starts in self._starts.items()
        )
