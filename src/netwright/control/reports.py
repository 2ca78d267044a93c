"""What agents tell: whether ports are up, what their hosts are like, which taps VMMs made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import timedelta
from typing import Final

import sqlalchemy as sa

from netwright.control.ports import PortRequest, update_in
from netwright.control.world import World
from netwright.model.errors import ConflictError
from netwright.model.ids import PortId, port_link_name
from netwright.model.intent import Port, Unplugged, VmmTap
from netwright.model.report import Report
from netwright.store import changes, hosts, ports
from netwright.store.changes import Touched
from netwright.store.records import HostRecord, PortState

_SEEN_OFTEN_ENOUGH: Final = timedelta(minutes=5)
TAP: Final = "tap"


def receive(world: World, report: Report) -> None:
    """Keeps what the report says; one that says nothing new is not written: idle hosts cost nothing."""
    host = HostRecord(
        report.host, world.clock(), report.generation, report.converged, report.failures, report.facts
    )
    world.liveness.hear(report.host, host.last_seen)
    with world.look() as connection:
        before = hosts.get(connection, report.host)
        news = _new_states(connection, report) or any(_vmm_moves(connection, report))
    if not news and before is not None and _says_nothing(before, host):
        return
    with world.work() as work:
        hosts.save(work.connection, host)
        ports.save_states(work.connection, _new_states(work.connection, report))
        for port, attachment in tuple(_vmm_moves(work.connection, report)):
            # Where no address is left for a gateway on the host, its port stays off; all else counts.
            with suppress(ConflictError), work.connection.begin_nested():
                update_in(
                    work,
                    ports.get(work.connection, port),
                    PortRequest(host=report.host, attachment=attachment),
                )


def _says_nothing(before: HostRecord, after: HostRecord) -> bool:
    same = (before.generation, before.converged, before.failures, before.facts) == (
        after.generation,
        after.converged,
        after.failures,
        after.facts,
    )
    return same and after.last_seen - before.last_seen < _SEEN_OFTEN_ENOUGH


def _new_states(connection: sa.Connection, report: Report) -> Mapping[PortId, PortState]:
    """The states that differ from those kept. What a complete report leaves out is down.

    That a port is up counts from a host that knows all that was changed of it: that it was up before it
    moved says nothing of where it is now. Once the host knows, it tells of the port again.
    """
    told = {status.id: PortState.ACTIVE if status.up else PortState.DOWN for status in report.ports}
    kept = ports.states_on(connection, report.host, None if report.complete else list(told))
    states = {
        port: told.get(port, PortState.DOWN)
        for port, state in kept.items()
        if told.get(port, PortState.DOWN) is not state
    }
    if PortState.ACTIVE not in states.values():
        return states
    changed = changes.ids_since(connection, Touched.PORT, report.generation)
    return {port: state for port, state in states.items() if state is PortState.DOWN or port not in changed}


def _vmm_moves(connection: sa.Connection, report: Report) -> Iterator[tuple[PortId, VmmTap | Unplugged]]:
    """The ports whose taps VMMs made or took away, and what their attachments are now."""
    present = {link.name for link in report.vmm_links if link.present}
    gone = {link.name for link in report.vmm_links if not link.present}
    for name in present:
        for record in ports.with_prefix(connection, name.removeprefix(TAP)):
            port = record.value
            if isinstance(port.attachment, Unplugged) or (port.host != report.host and _is_vmm(port)):
                yield port.id, VmmTap()
    if not (gone or report.complete):
        return
    for record in ports.find(connection, {"host": (report.host,), "attachment": ("vmm-tap",)}):
        link = port_link_name(record.value.id)
        if link in gone or (report.complete and link not in present):
            yield record.value.id, Unplugged()


def _is_vmm(port: Port) -> bool:
    return isinstance(port.attachment, VmmTap)
