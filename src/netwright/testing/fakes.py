"""A driver over a dict, which refuses what a test tells it to refuse."""

from __future__ import annotations

from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass, field

from netwright.model.errors import KernelRefusedError


@dataclass(slots=True)
class FakeDriver:
    """`deaf` keys are taken and not kept, as by a kernel that someone else writes to at once."""

    there: dict[Hashable, object] = field(default_factory=dict)
    refused: set[Hashable] = field(default_factory=set)
    deaf: set[Hashable] = field(default_factory=set)
    writes: int = 0

    def observe(self, keys: Collection[Hashable] | None = None) -> Mapping[Hashable, object]:
        if keys is None:
            return dict(self.there)
        return {key: self.there[key] for key in keys if key in self.there}

    def put(self, items: Mapping[Hashable, object]) -> None:
        self.writes += 1
        kept = {key: value for key, value in items.items() if key not in self.refused | self.deaf}
        self.there.update(kept)
        self._check(items)

    def remove(self, keys: Collection[Hashable]) -> None:
        self.writes += 1
        for key in set(keys) - self.refused:
            self.there.pop(key, None)
        self._check(keys)

    def _check(self, keys: Collection[Hashable]) -> None:
        if found := self.refused & set(keys):
            raise KernelRefusedError("fake", f"refused {sorted(map(str, found))}")
