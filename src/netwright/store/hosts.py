"""Hosts and what they last said, as rows."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from ipaddress import ip_network

import sqlalchemy as sa

from netwright.model.ids import HostName, LinkName
from netwright.model.report import HostFacts, StageFailure
from netwright.store import rows
from netwright.store.records import HostRecord
from netwright.store.tables import hosts


def save(connection: sa.Connection, host: HostRecord) -> None:
    """Writes the host's row, whether or not there was one."""
    values = _values(host)
    changed = connection.execute(hosts.update().where(hosts.c.name == host.name), values)
    if not changed.rowcount:
        connection.execute(hosts.insert(), {**values, "first_seen": host.last_seen})


def see(connection: sa.Connection, host: HostName, now: datetime) -> None:
    """The host is there now; nothing else is known of it unless its agent told."""
    seen = connection.execute(hosts.update().where(hosts.c.name == host).values(last_seen=now))
    if not seen.rowcount:
        save(connection, HostRecord(host, now, 0, True, (), HostFacts()))  # noqa: FBT003 - it has no plan to fail


def get(connection: sa.Connection, host: HostName) -> HostRecord | None:
    row = connection.execute(sa.select(hosts).where(hosts.c.name == host)).first()
    return None if row is None else _record(row)


def every(connection: sa.Connection) -> list[HostRecord]:
    """All hosts that ever reported, by name."""
    return [_record(row) for row in connection.execute(sa.select(hosts).order_by(hosts.c.name))]


def _values(host: HostRecord) -> Mapping[str, object]:
    return {
        "name": host.name,
        "last_seen": host.last_seen,
        "generation": host.generation,
        "converged": host.converged,
        "failures": [[failure.stage, failure.said, failure.pending] for failure in host.failures],
        "facts": {
            "routes": [str(route) for route in host.facts.routes],
            "uplink_mtu": host.facts.uplink_mtu,
            "links": list(host.facts.links),
            "firewall": host.facts.firewall,
        },
    }


def _record(row: rows.Row) -> HostRecord:
    facts = HostFacts(
        routes=tuple(map(ip_network, row.facts["routes"])),
        uplink_mtu=row.facts["uplink_mtu"],
        links=tuple(map(LinkName, row.facts["links"])),
        firewall=row.facts.get("firewall", "nftables"),
    )
    failures = tuple(StageFailure(stage, said, pending) for stage, said, pending in row.failures)
    return HostRecord(HostName(row.name), row.last_seen, row.generation, row.converged, failures, facts)
