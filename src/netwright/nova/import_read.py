"""nova-network's old database -> its rows, but those that were deleted; nothing is ever written there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from netwright.model.errors import InvalidError

OldRow = Mapping[str, object]
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = {
    "networks": (
        "id", "uuid", "label", "injected", "cidr", "cidr_v6", "multi_host", "gateway", "gateway_v6",
        "bridge", "bridge_interface", "dns1", "dns2", "vlan", "vpn_public_address", "vpn_public_port",
        "vpn_private_address", "dhcp_start", "rxtx_base", "project_id", "priority", "host", "mtu",
        "dhcp_server", "enable_dhcp", "share_address",
    ),
    "virtual_interfaces": ("id", "uuid", "address", "network_id", "instance_uuid"),
    "fixed_ips": (
        "id", "address", "network_id", "virtual_interface_id", "instance_uuid", "allocated", "leased",
        "reserved", "host",
    ),
    "floating_ips": (
        "id", "address", "fixed_ip_id", "project_id", "auto_assigned", "pool", "interface",
    ),
    "instances": (
        "id", "uuid", "host", "hostname", "display_name", "project_id", "availability_zone",
    ),
    "security_groups": ("id", "name", "description", "project_id"),
    "security_group_rules": (
        "id", "parent_group_id", "protocol", "from_port", "to_port", "cidr", "group_id",
    ),
    "security_group_instance_association": ("id", "security_group_id", "instance_uuid"),
}  # fmt: skip
"""What is read. Columns that an older release does not have are read as nothing."""
_NEEDED: Final = ("networks", "fixed_ips")
_AT_ONCE: Final = 1000


@dataclass(frozen=True, slots=True)
class OldDatabase:
    """One moment of it."""

    connection: sa.Connection
    columns: Mapping[str, frozenset[str]]

    def rows(self, table: str) -> Iterator[OldRow]:
        """In the order of their ids, without those that were deleted; none of a table that is not there."""
        there = self.columns.get(table)
        if there is None:
            return
        wanted = [name for name in (*COLUMNS[table], "deleted") if name in there]
        columns: list[sa.ColumnElement[object]] = [sa.column(name) for name in wanted]
        statement = sa.select(*columns).select_from(sa.table(table)).order_by(sa.column("id"))
        for row in self.connection.execution_options(yield_per=_AT_ONCE).execute(statement).mappings():
            if not row.get("deleted"):
                yield {name: row.get(name) for name in COLUMNS[table]}


@contextmanager
def old_database(url: str) -> Iterator[OldDatabase]:
    """Raises InvalidError for a URL without a driver, a database that does not open, or none of nova's."""
    try:
        engine = sa.create_engine(url)
    except (sa.exc.ArgumentError, ImportError) as error:
        raise InvalidError(f"--connection: {error}", "connection") from error
    path = engine.url.database
    if engine.dialect.name == "sqlite" and not (path and Path(path).is_file()):
        raise InvalidError(f"--connection: there is no file {path}", "connection")  # else SQLite made one
    try:
        with engine.connect() as connection:
            yield OldDatabase(connection, _columns(connection))
    except sa.exc.OperationalError as error:
        raise InvalidError(f"--connection: {error.orig}", "connection") from error
    finally:
        engine.dispose()


def _columns(connection: sa.Connection) -> Mapping[str, frozenset[str]]:
    try:
        inspector = sa.inspect(connection)
        there = frozenset(inspector.get_table_names())
    except sa.exc.DatabaseError as error:
        raise InvalidError(f"--connection: {error.orig}", "connection") from error
    for table in _NEEDED:
        if table not in there:
            raise InvalidError(f"the database has no table {table}: it is not nova-network's", "connection")
    return {
        table: frozenset(str(column["name"]) for column in inspector.get_columns(table))
        for table in COLUMNS
        if table in there
    }
