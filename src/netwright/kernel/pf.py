"""FreeBSD's pf: our anchors and tables, written and read by pfctl(8). Untested on a real FreeBSD so far.

Ours: anchors below `netwright`, and tables of the main ruleset whose names begin with `nw4-` or `nw6-`. What
an anchor says is told by the digest in its last rule's label: pf gives no rule back as it was written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from netwright.kernel.programs import Run
from netwright.model.errors import KernelRefusedError
from netwright.model.pf import (
    LABEL,
    PREFIX,
    TABLES,
    TEXT_LABEL,
    PfAnchor,
    PfKey,
    PfKind,
    PfTable,
    PfValue,
)

_PFCTL: Final = "pfctl"
_ROOMS: Final = tuple(f"{PREFIX}/{room}" for room in ("ports", "networks", "nat", "floating"))
_PARTS: Final = ("rules", "nat", "Tables")


class Pf:
    """A driver; `run` runs pfctl."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def check(self, main: str) -> None:
        """Raises KernelRefusedError unless pf is on and its main ruleset calls our anchors as `main` does."""
        if "Status: Enabled" not in self._pfctl("-s", "info"):
            raise KernelRefusedError(_PFCTL, "pf is off: pf_enable=YES in rc.conf, or pfctl -e")
        there = self._pfctl("-s", "ether") + self._pfctl("-s", "nat") + self._pfctl("-s", "rules")
        # Of Ethernet rules pfctl shows what they say of the third layer, too.
        called = [line.split(" l3")[0].split(" all")[0].rstrip() for line in there.splitlines()]
        wanted = [line for line in main.splitlines() if not line.startswith("set ")]
        missing = [line for line in wanted if line not in called]
        if missing:
            raise KernelRefusedError(_PFCTL, f"/etc/pf.conf lacks {'; '.join(missing)}")
        ours = [line for line in called if line in wanted]
        # pfctl shows each kind of translation apart.
        if ours != sorted(
            ours, key=lambda line: (ours.index(_first_of_kind(ours, line)), wanted.index(line))
        ):
            raise KernelRefusedError(_PFCTL, f"/etc/pf.conf asks {PREFIX}'s anchors in another order")

    def observe(self, keys: Collection[PfKey] | None = None) -> Mapping[PfKey, PfValue]:
        """Raises KernelRefusedError."""
        there = set(self._present())
        found = ((key, self._read(key)) for key in (there if keys is None else there.intersection(keys)))
        return {key: value for key, value in found if value is not None}

    def put(self, items: Mapping[PfKey, PfValue]) -> None:
        """Tables before the rules that name them; each anchor's rules change at once.

        States of rules that are gone end. Raises KernelRefusedError.
        """
        for key, value in sorted(items.items(), key=lambda item: list(PfKind).index(item[0].kind)):
            match value:
                case PfTable(addresses):
                    self._replace(key.name, addresses)
                case PfAnchor():
                    self._load(key.name, value)

    def remove(self, keys: Collection[PfKey]) -> None:
        """Anchors before the tables that they name. Raises KernelRefusedError."""
        for key in sorted(keys, key=lambda key: list(PfKind).index(key.kind), reverse=True):
            if key.kind is PfKind.TABLE:
                self._pfctl("-t", key.name, "-T", "kill")
                continue
            before = self._labels(key.name)
            for part in _PARTS:
                self._pfctl("-a", key.name, "-F", part)
            self._end(label for label in before if not label.startswith(TEXT_LABEL))

    def forget(self, address: str) -> None:
        """All connections from and to the address end. Raises KernelRefusedError."""
        everywhere = "::/0" if ":" in address else "0.0.0.0/0"
        self._pfctl("-k", address)
        self._pfctl("-k", everywhere, "-k", address)

    def _load(self, name: str, anchor: PfAnchor) -> None:
        before = self._labels(name)
        # The optimizer would merge rules, and with them the labels by which their states are found.
        self._run([_PFCTL, "-q", "-o", "none", "-a", name, "-f", "-"], anchor.text)
        self._end(
            label for label in before if label not in anchor.labels and not label.startswith(TEXT_LABEL)
        )

    def _replace(self, name: str, addresses: tuple[str, ...]) -> None:
        """States of addresses that leave end, for their rules may be about who is in the table."""
        gone = set(self._addresses(name) or ()) - set(addresses)
        text = "".join(f"{address}\n" for address in addresses)
        self._run([_PFCTL, "-q", "-t", name, "-T", "replace", "-f", "-"], text)
        for address in sorted(gone):
            self.forget(address)

    def _end(self, labels: Iterable[str]) -> None:
        for label in sorted(set(labels)):
            self._pfctl("-k", "label", "-k", label)

    def _present(self) -> Iterator[PfKey]:
        for room in (PREFIX, *_ROOMS):
            for name in self._below(room):
                if name not in _ROOMS:
                    yield PfKey(PfKind.ANCHOR, name)
        for name in self._pfctl("-s", "Tables").split():
            if name.startswith(TABLES):
                yield PfKey(PfKind.TABLE, name)

    def _below(self, room: str) -> list[str]:
        try:
            lines = self._pfctl("-a", room, "-s", "Anchors").splitlines()
        except KernelRefusedError as refused:
            if "not found" in refused.said:
                return []
            raise
        return [line.strip() for line in lines]

    def _read(self, key: PfKey) -> PfValue | None:
        if key.kind is PfKind.TABLE:
            addresses = self._addresses(key.name)
            return None if addresses is None else PfTable(addresses)
        labels = self._labels(key.name)
        marks = [label.removeprefix(TEXT_LABEL) for label in labels if label.startswith(TEXT_LABEL)]
        kept = frozenset(label for label in labels if not label.startswith(TEXT_LABEL))
        # Flushed, an anchor may still be listed.
        return PfAnchor(marks[-1] if marks else "", "", kept) if labels else None

    def _addresses(self, name: str) -> tuple[str, ...] | None:
        try:
            return tuple(sorted(self._pfctl("-t", name, "-T", "show").split()))
        except KernelRefusedError as refused:
            if "does not exist" in refused.said:
                return None
            raise

    def _labels(self, name: str) -> tuple[str, ...]:
        """Of an anchor's rules, in their order; none where there is no such anchor."""
        if name not in self._below(name.rpartition("/")[0]):
            return ()
        lines = self._pfctl("-a", name, "-s", "labels").splitlines()
        words = (line.split(maxsplit=1)[0] for line in lines if line.strip())
        return tuple(word for word in words if word.startswith(LABEL))

    def _pfctl(self, *words: str) -> str:
        return self._run([_PFCTL, "-q", *words], "")


def _first_of_kind(lines: Iterable[str], line: str) -> str:
    kind = line.split(maxsplit=1)[0]
    return next(one for one in lines if one.split(maxsplit=1)[0] == kind)
