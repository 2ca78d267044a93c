"""What is particular to metering: a label's rules do not overlap."""

from __future__ import annotations

from ipaddress import ip_network
from typing import Final

from netwright.control.bodies import Values
from netwright.control.nouns import View
from netwright.control.refusals import NamedConflictError, invalid, missing
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.store import documents
from netwright.store.governance_tables import metering_label_rules

_ENDS: Final = ("source_ip_prefix", "destination_ip_prefix")
_PREFIXES: Final = ("remote_ip_prefix", *_ENDS)


def check_rule(work: Work, old: View | None, values: Values, caller: Caller) -> Values:
    """Raises InvalidError where it names no traffic, or names it twice; ConflictError where it overlaps."""
    del old, caller
    ends = [values[name] for name in _ENDS if values[name] is not None]
    if values["remote_ip_prefix"] is None and not ends:
        raise missing("remote_ip_prefix")
    if values["remote_ip_prefix"] is not None and ends:
        raise invalid("remote_ip_prefix", "goes with neither source_ip_prefix nor destination_ip_prefix.")
    where = {"metering_label_id": (values["metering_label_id"],), "direction": (values["direction"],)}
    for other in documents.find(work.connection, metering_label_rules, where):
        if _overlap(other, values):
            message = f"Metering label rule with a prefix that overlaps is there already: {other['id']}."
            raise NamedConflictError("MeteringLabelRuleOverlaps", message, "remote_ip_prefix")
    return values


def _overlap(one: Values, other: Values) -> bool:
    """Whether some packet could be of both."""
    if (one["remote_ip_prefix"] is None) != (other["remote_ip_prefix"] is None):
        return False
    pairs = [(one[name], other[name]) for name in _PREFIXES if one[name] and other[name]]
    return bool(pairs) and all(_meet(str(left), str(right)) for left, right in pairs)


def _meet(left: str, right: str) -> bool:
    here, there = ip_network(left), ip_network(right)
    return here.version == there.version and here.overlaps(there)
