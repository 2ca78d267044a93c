"""What holds for QoS policies and their rules, and who may let go of a policy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import sqlalchemy as sa

from netwright.control import visibility
from netwright.control.bodies import Values
from netwright.control.documents import Documents
from netwright.control.nouns import View
from netwright.control.refusals import NamedConflictError
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.errors import ForbiddenError
from netwright.model.ids import ProjectId
from netwright.model.resource import Resource
from netwright.model.resources import qos as described
from netwright.store import documents, qos, rows, tables
from netwright.store.changes import Touched

TABLES: Final[Mapping[str, sa.Table]] = {
    "bandwidth_limit": tables.qos_bandwidth_limits,
    "dscp_marking": tables.qos_dscp_marks,
    "minimum_bandwidth": tables.qos_minimum_bandwidths,
    "packet_rate_limit": tables.qos_packet_rate_limits,
    "minimum_packet_rate": tables.qos_minimum_packet_rates,
}
"""By the type of the rules."""
ANY: Final = "any"


def type_of(rule: Resource) -> str:
    """`bandwidth_limit` of its rules' resource, whichever path it has."""
    return rule.singular.removeprefix("alias_").removesuffix("_rule")


def policies() -> Documents:
    return Documents(described.POLICY, tables.qos_policies, _checked_policy, _changed_policy, _with_rules)


def rules(resource: Resource) -> Documents:
    """Acts on the rules of one type."""
    kind = type_of(resource)

    def checked(work: Work, old: View | None, values: Values, caller: Caller) -> Values:
        del caller
        kept = {} if old is None else _row(work.connection, kind, str(old["id"]))
        _refuse_conflict(work.connection, kind, {**kept, **values})
        return values

    def changed(work: Work, old: View | None, new: View | None) -> None:
        rule = str((new or old or {})["id"])
        work.touch(Touched.QOS_POLICY, str(_row(work.connection, kind, rule)["qos_policy_id"]))

    return Documents(resource, TABLES[kind], checked, changed)


def refuse_escape(work: Work, bound: str | None, values: Values, caller: Caller) -> None:
    """Raises ForbiddenError where the caller would take a thing's policy from it without seeing it."""
    if bound is None or caller.is_admin or values.get("qos_policy_id", bound) == bound:
        return
    where = {"id": (bound,), **visibility.seen(described.POLICY, caller)}
    if not rows.exists(work.connection, tables.qos_policies, where):
        raise ForbiddenError(f"Policy {bound} was bound by an admin and cannot be removed by another.")


def _checked_policy(work: Work, old: View | None, values: Values, caller: Caller) -> Values:
    del caller
    project = str((old or values)["project_id"])
    default = qos.default_of(work.connection, ProjectId(project)) if values.get("is_default") else None
    if default not in {None, (old or {}).get("id")}:
        message = f"A default QoS policy exists for project {project}: {default}."
        raise NamedConflictError("QoSPolicyDefaultAlreadyExists", message, "is_default")
    return values


def _changed_policy(work: Work, old: View | None, new: View | None) -> None:
    if old is None or new is not None:
        return
    for kind, thing in qos.users_of(work.connection, str(old["id"])):
        message = f"QoS Policy {old['id']} is used by {kind} {thing}."
        raise NamedConflictError("QosPolicyInUse", message)


def _with_rules(connection: sa.Connection, views: list[View]) -> None:
    listed: dict[str, list[View]] = {str(view["id"]): [] for view in views}
    for resource in described.RULES if listed else ():
        kind = type_of(resource)
        for row in documents.find(connection, TABLES[kind], rows.few("qos_policy_id", listed)):
            shown = {name: row[name] for name in resource.columns if name in row}
            policy = str(row["qos_policy_id"])
            if policy in listed:
                listed[policy].append({**shown, "qos_policy_id": policy, "type": kind})
    for view in views:
        view["rules"] = listed[str(view["id"])]


def _row(connection: sa.Connection, kind: str, rule: str) -> View:
    return documents.find(connection, TABLES[kind], {"id": (rule,)})[0]


def _refuse_conflict(connection: sa.Connection, kind: str, rule: View) -> None:
    """One rule of each type and direction, and no limit below what is to be the least."""
    policy = str(rule["qos_policy_id"])
    theirs = {
        other: documents.find(connection, table, {"qos_policy_id": (policy,)})
        for other, table in TABLES.items()
    }
    for other in theirs[kind]:
        if other["id"] != rule["id"] and _same_way(other, rule):
            there = f"rule {other['id']} which already exists in QoS Policy {policy}"
            raise NamedConflictError("QoSRulesConflict", f"Rule {kind} conflicts with {there}.")
    for limit, least in (("max_kbps", "min_kbps"), ("max_kpps", "min_kpps")):
        _refuse_below(policy, rule, theirs, (limit, least))


def _same_way(one: View, other: View) -> bool:
    ways = {one.get("direction"), other.get("direction")}
    return len(ways) == 1 or ANY in ways


def _refuse_below(policy: str, rule: View, theirs: Mapping[str, list[View]], names: tuple[str, str]) -> None:
    limit, least = names
    everyone = [row for listed in theirs.values() for row in listed]
    for mine, other, below in ((limit, least, 1), (least, limit, -1)):
        for row in everyone:
            if mine in rule and other in row and _int(row[other]) * below > _int(rule[mine]) * below:
                there = f"{other} {row[other]} of QoS policy {policy}"
                message = f"{mine} {rule[mine]} conflicts with {there}."
                raise NamedConflictError("QoSRuleParameterConflict", message, mine)


def _int(value: object) -> int:
    return value if isinstance(value, int) else 0
