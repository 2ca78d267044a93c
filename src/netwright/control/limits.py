"""The Networking API's quotas: rows of a project, counted in the transaction that makes more of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from netwright.control.refusals import NamedConflictError
from netwright.control.world import Work
from netwright.store import quotas

UNLIMITED: Final = -1


def refuse_over(work: Work, quota: str | None, table: sa.Table | None, projects: Sequence[str]) -> None:
    """Raises OverQuota where a project would have more than it may. `projects`: whose each new one is."""
    if quota is None or table is None:
        return
    for project, more in Counter(projects).items():
        limit = limit_of(work, quota, project)
        if limit != UNLIMITED and used(work.connection, table, project, limit + 1) + more > limit:
            raise _over(quota)


def refuse_beyond(work: Work, quota: str, table: sa.Table, project: str) -> None:
    """Raises OverQuota where a project has more by now than it may: of what comes along with other things."""
    limit = limit_of(work, quota, project)
    if limit != UNLIMITED and used(work.connection, table, project, limit + 1) > limit:
        raise _over(quota)


def _over(quota: str) -> NamedConflictError:
    return NamedConflictError("OverQuota", f"Quota exceeded for resources: ['{quota}'].", quota)


def limit_of(work: Work, quota: str, project: str) -> int:
    """-1: none."""
    own = quotas.limits(work.connection, project).get(quota)
    return work.world.quotas.get(quota, UNLIMITED) if own is None else own


def used(connection: sa.Connection, table: sa.Table, project: str, most: int | None = None) -> int:
    """How many the project has; counting ends at `most`, so that it costs no more than the quota is large."""
    theirs = sa.select(sa.literal(1)).where(table.c.project_id == project)
    counted = theirs.subquery() if most is None else theirs.limit(max(most, 0)).subquery()
    return connection.execute(sa.select(sa.func.count()).select_from(counted)).scalar_one()
