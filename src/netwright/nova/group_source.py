"""Where the classic firewall drivers get security groups from; ready made over netwright's store."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Final, Protocol

from netwright.control import groups as control_groups
from netwright.control import ports as control_ports
from netwright.control.world import DEFAULT_PROJECT, World
from netwright.model.errors import InvalidError, NotFoundError
from netwright.model.ids import GroupId, PortId
from netwright.model.intent import Port
from netwright.model.plan import GroupItem, MemberItem
from netwright.planner import groups as planned_groups
from netwright.planner import members as planned_members
from netwright.store import groups as store

_AT_ONCE: Final = 5000
"""Ids in one statement: SQLite takes 32,766 parameters."""


class GroupSource(Protocol):
    """What is asked, at every call, about groups and who is in them."""

    def find(self, project: str, references: Sequence[str]) -> tuple[GroupItem, ...]:
        """The project's groups by their names or ids. Raises NotFoundError."""

    def get(self, group: GroupId) -> GroupItem | None:
        """None where there is none any more."""

    def members(self, groups: Collection[GroupId]) -> tuple[MemberItem, ...]:
        """The ports in any of the groups, wherever they are, each with those of the groups that it is in."""


class StoreGroups:
    """The groups that users make by the Networking API, and the ports in them."""

    def __init__(self, world: World) -> None:
        self._world = world

    def find(self, project: str, references: Sequence[str]) -> tuple[GroupItem, ...]:
        """None for no references. Raises NotFoundError, and InvalidError for a name that several have."""
        owner = project or DEFAULT_PROJECT
        theirs = [
            record.value for record in control_groups.find(self._world, {"project_id": (owner,)}, owner)
        ]
        found = []
        for reference in references:
            fitting = [group for group in theirs if reference in (group.id, group.name)]
            if not fitting:
                raise NotFoundError("SecurityGroup", reference)
            if len(fitting) > 1:
                raise InvalidError(f"several security groups are called {reference!r}: use an id", "name")
            found.append(planned_groups.item(fitting[0]))
        return tuple(found)

    def get(self, group: GroupId) -> GroupItem | None:
        try:
            return planned_groups.item(control_groups.get(self._world, group).value)
        except NotFoundError:
            return None

    def members(self, groups: Collection[GroupId]) -> tuple[MemberItem, ...]:
        with self._world.look() as connection:
            ids = sorted({port for group in groups for port in store.ports_of(connection, group)})
        found = (planned_members.item(port, groups) for port in self._ports(ids))
        return tuple(member for member in found if member is not None)

    def _ports(self, ids: Sequence[PortId]) -> Iterator[Port]:
        for start in range(0, len(ids), _AT_ONCE):
            found = control_ports.find(self._world, {"id": ids[start : start + _AT_ONCE]})
            yield from (record.value for record in found)
