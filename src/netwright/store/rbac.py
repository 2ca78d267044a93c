"""RBAC policies: what is shared, with whom, and how."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from netwright.store import rows
from netwright.store.governance_tables import rbac_policies

SHARED: Final = "access_as_shared"
EXTERNAL: Final = "access_as_external"
EVERYBODY: Final = "*"
_SHARED: Final = sa.select(rbac_policies.c.object_id).where(
    rbac_policies.c.object_type == sa.bindparam("type"),
    rbac_policies.c.target_project.in_(sa.bindparam("targets", expanding=True)),
    rbac_policies.c.action == SHARED,
)


def ids_shared(
    object_type: str, project: str | None, actions: Iterable[str] = (SHARED,)
) -> sa.Select[tuple[str]]:
    """The ids of what is shared with the project, or with everybody, as a statement."""
    targets = [EVERYBODY] if project is None else [EVERYBODY, project]
    return sa.select(rbac_policies.c.object_id).where(
        rbac_policies.c.object_type == object_type,
        rbac_policies.c.target_project.in_(targets),
        rbac_policies.c.action.in_(list(actions)),
    )


def shared_with(connection: sa.Connection, object_type: str, project: str | None) -> frozenset[str]:
    """The ids themselves."""
    given = {"type": object_type, "targets": [EVERYBODY] if project is None else [EVERYBODY, project]}
    return frozenset(str(one) for one in connection.execute(_SHARED, given).scalars())


def is_there(connection: sa.Connection, object_id: str, action: str, target: str = EVERYBODY) -> bool:
    """Whether the thing is shared so with that project, or with everybody."""
    where = {"object_id": (object_id,), "action": (action,), "target_project": (target,)}
    return rows.exists(connection, rbac_policies, where)


def insert(connection: sa.Connection, values: rows.Values, now: datetime) -> None:
    rows.insert(connection, rbac_policies, values, now)


def withdraw(connection: sa.Connection, object_id: str, action: str, target: str | None = EVERYBODY) -> None:
    """What shares the thing so with that project, with everybody, or (None) with anybody at all, ends."""
    where = {"object_id": (object_id,), "action": (action,)}
    if target is not None:
        where["target_project"] = (target,)
    connection.execute(rbac_policies.delete().where(*rows.conditions(rbac_policies, where)))


def targets(connection: sa.Connection, object_id: str, action: str, but: str = "") -> frozenset[str]:
    """With whom the thing is shared so, leaving one of them out of account."""
    statement = sa.select(rbac_policies.c.target_project).where(
        rbac_policies.c.object_id == object_id,
        rbac_policies.c.action == action,
        rbac_policies.c.target_project != but,
    )
    return frozenset(connection.execute(statement).scalars())
