"""The Networking API's quotas: rows of a project, counted in the transaction that makes more of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from netwright.control.nouns import Noun, Nouns
from netwright.control.refusals import NamedConflictError, invalid
from netwright.control.world import Work, World
from netwright.model.errors import InvalidError, NotFoundError
from netwright.store import quotas

UNLIMITED: Final = -1
_SHOWN: Final = 40
USUAL: Final[Mapping[str, int]] = {
    "network": 100,
    "subnet": 100,
    "port": 500,
    "router": 10,
    "floatingip": 50,
    "security_group": 10,
    "security_group_rule": 100,
    "rbac_policy": 10,
}
"""Where projects are told apart; what is not named here has no limit."""


@dataclass(frozen=True, slots=True)
class Usage:
    limit: int
    used: int


def counted(nouns: Nouns) -> dict[str, Noun]:
    """Those that have a quota, by its name."""
    return {
        noun.resource.quota: noun for noun in nouns.values() if noun.resource.quota and noun.table is not None
    }


def defaults(world: World, nouns: Nouns) -> dict[str, int]:
    """What holds for a project that has no limits of its own."""
    return {name: world.quotas.get(name, UNLIMITED) for name in sorted(counted(nouns))}


def limits_of(world: World, connection: sa.Connection, nouns: Nouns, project: str) -> dict[str, int]:
    """What holds for the project."""
    usual = defaults(world, nouns)
    own = quotas.limits(connection, project)
    return {name: own.get(name, limit) for name, limit in usual.items()}


def usage_of(world: World, connection: sa.Connection, nouns: Nouns, project: str) -> dict[str, Usage]:
    """The same, and how much of each the project has."""
    limits, tables = limits_of(world, connection, nouns, project), counted(nouns)
    return {
        name: Usage(limit, used(connection, table, project))
        for name, limit in limits.items()
        if (table := tables[name].table) is not None
    }


def projects_with_own(connection: sa.Connection, nouns: Nouns) -> list[str]:
    """The projects that have limits of their own."""
    return quotas.projects(connection, sorted(counted(nouns)))


def set_limits(work: Work, nouns: Nouns, project: str, wanted: Mapping[str, int], *, below_use: bool) -> None:
    """`below_use`: whether a limit may be less than the project has. Raises InvalidError."""
    known = counted(nouns)
    for name, limit in sorted(wanted.items()):
        noun = known.get(name)
        if noun is None or noun.table is None:
            raise InvalidError(f"Unrecognized attribute(s) '{name[:_SHOWN]}'", name)
        if limit != UNLIMITED and not below_use:
            has = used(work.connection, noun.table, project)
            if has > limit:
                why = f"{limit} is less than the {has} that the project has: force sets it all the same."
                raise invalid(name, why)
        quotas.save(work.connection, project, name, limit)


def reset(work: Work, nouns: Nouns, project: str) -> None:
    """The defaults hold again. Raises NotFoundError where they do."""
    known = counted(nouns)
    own = [name for name in quotas.limits(work.connection, project) if name in known]
    if not own:
        raise NotFoundError("TenantQuota", project)
    for name in own:
        quotas.delete(work.connection, project, name)


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
