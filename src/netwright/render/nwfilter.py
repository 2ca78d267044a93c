"""The words that the nwfilter renderers use: rules, references and filters, as libvirt's XML.

All names and values come from ids, addresses and numbers; they are escaped all the same.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import quoteattr

from netwright.model.host import NwFilter
from netwright.model.nwfilter import OURS, uuid_of

ANY_STATE: Final = "NEW,ESTABLISHED,RELATED,INVALID"
"""With a state named, libvirt writes a rule for its own direction only, and not for answers too."""
_MARK: Final = 12

Filters = dict[str, NwFilter]
Fields = dict[str, str | int]


@dataclass(frozen=True, slots=True)
class NwRule:
    """One rule. `direction`: `in` to the guest, `out` from it. `tracked`: whether it looks at conntrack."""

    action: str
    direction: str
    priority: int
    protocol: str
    match: Mapping[str, str | int]
    tracked: bool = True


@dataclass(frozen=True, slots=True)
class NwReference:
    """A filter that another one takes in, with what it is to put for its variables."""

    name: str
    parameters: Sequence[tuple[str, str]] = ()


def nwfilter(
    name: str,
    rules: Sequence[NwRule] = (),
    references: Sequence[NwReference] = (),
    *,
    chain: str = "root",
    priority: int | None = None,
    kind: str = "f",
) -> Filters:
    """The filter `netwright-<name>`, every rule of it marked; `kind` is its mark's first letter."""
    whole = OURS + name
    uuid = uuid_of(whole)
    rules = rules or [NwRule("continue", "inout", 0, "mac", {})]  # something to bear the mark
    head = f"<filter name={quoteattr(whole)} chain={quoteattr(chain)}"
    head += ">" if priority is None else f" priority='{priority}'>"
    listed = [_reference(one) for one in references]
    mark = kind + _mark_of([head, *listed, *(_rule(one, "") for one in rules)])
    lines = [head, f"  <uuid>{uuid}</uuid>", *listed, *(_rule(one, mark) for one in rules), "</filter>"]
    return {whole: NwFilter(mark, uuid, "\n".join(lines) + "\n")}


def _mark_of(lines: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()[:_MARK]


def _reference(one: NwReference) -> str:
    name = quoteattr(OURS + one.name)
    if not one.parameters:
        return f"  <filterref filter={name}/>"
    inside = "".join(
        f"\n    <parameter name={quoteattr(key)} value={quoteattr(value)}/>" for key, value in one.parameters
    )
    return f"  <filterref filter={name}>{inside}\n  </filterref>"


def _rule(one: NwRule, mark: str) -> str:
    head = f"action='{one.action}' direction='{one.direction}' priority='{one.priority}'"
    head += "" if one.tracked else " statematch='false'"
    match = {**one.match, "comment": mark}
    fields = " ".join(f"{key}={quoteattr(str(value))}" for key, value in match.items())
    return f"  <rule {head}><{one.protocol} {fields}/></rule>"
