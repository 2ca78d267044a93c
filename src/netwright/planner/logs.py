"""Logs as parts of the items that they are about."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from netwright.model.ids import GroupId, LogId, PortId
from netwright.model.intent import Log, LogEvent, Port, SecurityGroup
from netwright.model.plan import LogPlan


def of_group(
    group: SecurityGroup, logs: Iterable[Log], groups_of: Mapping[PortId, frozenset[GroupId]]
) -> tuple[LogPlan, ...]:
    """What the group's chains log: what its rules let through, and what its ports drop if a log names it.

    `logs` are those switched on; `groups_of` the groups of those ports that they name and the host has.
    """
    return tuple(_of_group(group, logs, groups_of))


def of_port(port: Port, logs: Iterable[Log]) -> tuple[LogId, ...]:
    """The logs that name no group and are about what this port drops, whatever groups it has."""
    return tuple(
        log.id
        for log in logs
        if log.group_id is None
        and log.event is not LogEvent.ACCEPT
        and (log.port_id == port.id if log.port_id else log.project_id == port.project_id)
    )


def _of_group(
    group: SecurityGroup, logs: Iterable[Log], groups_of: Mapping[PortId, frozenset[GroupId]]
) -> Iterator[LogPlan]:
    for log in logs:
        accepted, dropped = log.event is not LogEvent.DROP, log.event is not LogEvent.ACCEPT
        if log.group_id is None:
            # A packet is dropped by all of a port's groups together: the port's own item has that part.
            dropped = False
            about = log.port_id is not None or log.project_id == group.project_id
        else:
            about = log.group_id == group.id
        if log.port_id is not None:
            about = about and group.id in groups_of.get(log.port_id, ())
        if about and (accepted or dropped):
            yield LogPlan(log.id, accepted=accepted, dropped=dropped, port_id=log.port_id)
