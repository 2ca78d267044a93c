"""Address groups as items."""

from __future__ import annotations

from netwright.model.intent import AddressGroup
from netwright.model.plan import AddressGroupItem


def item(group: AddressGroup) -> AddressGroupItem:
    """What hosts know of an address group."""
    return AddressGroupItem(group.id, group.prefixes)
