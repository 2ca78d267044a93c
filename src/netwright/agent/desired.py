"""What the host should have: the union of what the plan's items bring, kept item by item."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterable, Mapping
from dataclasses import dataclass, field

from netwright.model.host import Stage, Traits
from netwright.model.plan import Item, ItemKey
from netwright.render.firewalls import Engine, nftables
from netwright.render.items import render
from netwright.render.stages import ByStage

Touched = dict[Stage, set[Hashable]]


@dataclass(slots=True)
class Desired:
    """A change of one item costs what that item brings, whatever else there is.

    Several items may bring a key; it stays for as long as one of them does.
    """

    traits: Traits
    engine: Engine = nftables
    values: dict[Stage, dict[Hashable, object]] = field(
        default_factory=lambda: {stage: {} for stage in Stage}
    )
    _owners: dict[Stage, dict[Hashable, dict[ItemKey, object]]] = field(
        default_factory=lambda: {stage: {} for stage in Stage}
    )
    _rendered: dict[ItemKey, ByStage] = field(default_factory=dict)

    def replace(self, items: Iterable[Item]) -> Touched:
        """A complete plan: what it does not have goes."""
        listed = {item.key: item for item in items}
        return self.update(listed.values(), self._rendered.keys() - listed.keys())

    def update(self, changed: Iterable[Item], removed: Collection[ItemKey]) -> Touched:
        """Takes the items in or out, and tells which keys may have changed."""
        touched: Touched = {}
        for key in removed:
            self._bring(key, {}, touched)
        for item in changed:
            self._bring(item.key, render(item, self.traits, self.engine), touched)
        return touched

    def part(self, stage: Stage, keys: Collection[Hashable] | None) -> Mapping[Hashable, object]:
        """The stage's values, all or under some keys."""
        values = self.values[stage]
        return values if keys is None else {key: values[key] for key in keys if key in values}

    def _bring(self, item: ItemKey, new: ByStage, touched: Touched) -> None:
        old = self._rendered.pop(item, {})
        if new:
            self._rendered[item] = new
        for stage in old.keys() | new.keys():
            before, after = old.get(stage, {}), new.get(stage, {})
            for key in before.keys() - after.keys():
                self._withdraw(stage, key, item, touched)
            for key, value in after.items():
                if before.get(key) != value or key not in before:
                    self._offer(stage, key, item, value, touched)

    def _offer(self, stage: Stage, key: Hashable, item: ItemKey, value: object, touched: Touched) -> None:
        self._owners[stage].setdefault(key, {})[item] = value
        if key not in self.values[stage] or self.values[stage][key] != value:
            self.values[stage][key] = value
            touched.setdefault(stage, set()).add(key)

    def _withdraw(self, stage: Stage, key: Hashable, item: ItemKey, touched: Touched) -> None:
        owners = self._owners[stage].get(key, {})
        owners.pop(item, None)
        if not owners:
            self._owners[stage].pop(key, None)
            self.values[stage].pop(key, None)
            touched.setdefault(stage, set()).add(key)
        elif self.values[stage][key] not in owners.values():
            self.values[stage][key] = next(iter(owners.values()))
            touched.setdefault(stage, set()).add(key)
