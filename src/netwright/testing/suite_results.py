"""Lines that tell of one test each (scripts/subunit_lines.py) to counts, and to failures grouped by cause."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_HEX: Final = re.compile(r"\b[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}\b")
_NUMBERS: Final = re.compile(r"\d{2,}")
_REQUEST: Final = re.compile(r"Request \((?P<test>[^)]*)\): (?P<said>\d{3} [A-Z]+ \S+)")
_LONGEST: Final = 240


@dataclass(frozen=True, slots=True)
class Outcome:
    """How one test ended: `success`, `fail`, `skip` and others of subunit; `why` in one line."""

    test: str
    status: str
    why: str
    request: str
    """The last one that it sent."""

    @property
    def failed(self) -> bool:
        return self.status not in {"success", "skip", "xfail"}


def outcomes(lines: Iterable[str]) -> list[Outcome]:
    return [_outcome(json.loads(line)) for line in lines]


def counted(found: Iterable[Outcome]) -> tuple[int, int, int]:
    """Passed, failed, skipped. A class whose set-up fails or is skipped counts as one."""
    of = Counter("failed" if one.failed else one.status for one in found)
    return of["success"] + of["xfail"], of["failed"], of["skip"]


def failures(found: Sequence[Outcome]) -> Iterator[str]:
    """Each cause with its tests, the most frequent first."""
    by_cause: dict[str, list[Outcome]] = defaultdict(list)
    for one in found:
        if one.failed:
            by_cause[_alike(one.why)].append(one)
    for tests in sorted(by_cause.values(), key=len, reverse=True):
        yield f"\n{len(tests)} x {tests[0].why}"
        yield from (f"    {one.test}  [{one.request}]" for one in tests)


def skips(found: Iterable[Outcome]) -> Iterator[str]:
    for one in found:
        if one.status == "skip":
            yield f"skipped {one.test}: {one.why}"


def _outcome(line: dict[str, object]) -> Outcome:
    texts = line["texts"]
    told = texts if isinstance(texts, dict) else {}
    status, test = str(line["status"]), str(line["id"]).partition("[")[0]
    if status == "skip":
        return Outcome(test, status, str(told.get("reason", "")).strip(), "")
    trace = next((text for name, text in told.items() if name.startswith("traceback")), "")
    requests = [match for text in told.values() for match in _REQUEST.finditer(text)]
    ours = [one["said"] for one in requests if not one["test"].endswith("cleanup")]
    return Outcome(test, status, _cause(trace), ours[-1] if ours else "")


def _cause(trace: str) -> str:
    """The exception of a traceback, from its first line on."""
    lines = [line for line in trace.strip().splitlines() if line]
    last = max((at for at, line in enumerate(lines) if line.startswith(" ")), default=-1)
    return " ".join(line.strip() for line in lines[last + 1 :])[:_LONGEST]


def _alike(why: str) -> str:
    return _NUMBERS.sub("N", _HEX.sub("ID", why))
