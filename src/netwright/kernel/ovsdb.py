"""Open vSwitch's database over ovsdbapp (extra `ovs`): one session a call, closed at its end."""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final

from ovs import jsonrpc, poller, stream
from ovs.db.idl import Row, SchemaHelper, Transaction
from ovsdbapp.backend.ovs_idl.command import BaseCommand
from ovsdbapp.backend.ovs_idl.connection import Connection, OvsdbIdl
from ovsdbapp.backend.ovs_idl.idlutils import row_by_value
from ovsdbapp.exceptions import TimeoutException
from ovsdbapp.schema.open_vswitch import impl_idl

from netwright.model.errors import KernelRefusedError

DRIVER: Final = "ovs"
_SCHEMA: Final = "Open_vSwitch"
_COLUMNS: Final = {
    "Open_vSwitch": ("bridges", "cur_cfg", "next_cfg", "iface_types"),
    "Bridge": ("name", "ports"),
    "Port": ("name", "interfaces", "tag"),
    "Interface": ("name", "type", "external_ids", "options", "mac", "mtu_request", "ofport", "error"),
}
"""What is read or written; of everything else nothing is fetched."""
_LAST_WORDS: Final = 1.0
"""Seconds for a session's thread to end."""


class _Transaction(impl_idl.OvsVsctlTransaction):  # type: ignore[misc]  # the library has no types
    """Ends when ovs-vswitchd has done it; unlike ovs-vsctl's, one that it does not do fails."""

    def post_commit(self, txn: object) -> None:
        for command in self.commands:
            command.post_commit(txn)
        self.do_post_commit(txn)

    def post_commit_failed_interfaces(self, txn: object) -> list[str]:
        """Whoever asked for a port looks for its error."""
        del txn
        return []


class Command(BaseCommand):  # type: ignore[misc]  # the library has no types
    """Something to do in a transaction."""


Columns = Mapping[str, Mapping[str, object]]
"""Values by table and column."""


class _PutPort(Command):
    def __init__(
        self,
        database: Database,
        bridge: str,
        name: str,
        kind: str,
        columns: Columns,
    ) -> None:
        super().__init__(database)
        self._bridge, self._name, self._kind, self._columns = bridge, name, kind, columns

    def run_idl(self, txn: Transaction) -> None:
        bridge = row_by_value(self.api.idl, "Bridge", "name", self._bridge)
        port = next((one for one in bridge.ports if one.name == self._name), None)
        if port is None or port.interfaces[0].type != self._kind:
            self.api.del_port(self._name).run_idl(txn)
            port = self._insert(txn)
        # Also where it is there already: a transaction without change would not wait for ovs-vswitchd.
        bridge.addvalue("ports", port)
        for row, table in ((port, "Port"), (port.interfaces[0], "Interface")):
            for column, value in self._columns[table].items():
                setattr(row, column, value)

    def _insert(self, txn: Transaction) -> Row:
        port, interface = (txn.insert(self.api.idl.tables[table]) for table in ("Port", "Interface"))
        port.name = interface.name = self._name
        interface.type = self._kind
        port.interfaces = [interface]
        return port


class Database(impl_idl.OvsdbIdl):  # type: ignore[misc]  # the library has no types
    ovsdb_connection = None
    """Of one session; the library's own would be the process's first one for ever."""

    def create_transaction(self, *checks: bool, **_: object) -> _Transaction:
        """`checks`: check_error and log_errors."""
        return _Transaction(self, self.ovsdb_connection, None, *checks)

    def put_port(self, bridge: str, name: str, kind: str, columns: Columns) -> Command:
        """The port has these values; one of that type on that bridge stays, another one of that name goes."""
        return _PutPort(self, bridge, name, kind, columns)


@contextmanager
def session(remote: str, timeout: int) -> Iterator[Database]:
    """`remote`: where ovsdb-server listens. `timeout`: seconds for everything, ovs-vswitchd's part included.

    Raises KernelRefusedError with what was said, by whoever said it.
    """
    helper = SchemaHelper(None, _schema(remote, time.monotonic() + timeout))
    for table, columns in _COLUMNS.items():
        helper.register_columns(table, list(columns))
    connection = Connection(OvsdbIdl(remote, helper), timeout)
    database = Database(connection, start=False)
    try:
        connection.start()
        yield database
    except TimeoutException as error:
        said = f"{remote}: no answer within {timeout} s; does ovs-vswitchd run?"
        raise KernelRefusedError(DRIVER, said) from error
    except (RuntimeError, LookupError) as error:  # what the library's commands raise
        raise KernelRefusedError(DRIVER, str(error)) from error
    finally:
        connection.stop(_LAST_WORDS)


def _schema(remote: str, until: float) -> object:
    """The library's own way of asking for it would wait for ever."""
    left = max(int((until - time.monotonic()) * 1000), 1)
    failed, opened = stream.Stream.open_block(stream.Stream.open(remote), left)
    if failed:
        raise KernelRefusedError(DRIVER, f"{remote}: {os.strerror(failed)}")
    channel = jsonrpc.Connection(opened)
    try:
        channel.send(jsonrpc.Message.create_request("get_schema", [_SCHEMA]))
        return _answer(channel, remote, until)
    finally:
        channel.close()


def _answer(channel: jsonrpc.Connection, remote: str, until: float) -> object:
    while time.monotonic() < until:
        channel.run()
        failed, message = channel.recv()
        if failed == errno.EAGAIN:
            waiting = poller.Poller()
            channel.wait(waiting)
            channel.recv_wait(waiting)
            waiting.timer_wait((until - time.monotonic()) * 1000)
            waiting.block()
        elif failed or message.error:
            said = message.error if message else "closed the connection"
            raise KernelRefusedError(DRIVER, f"{remote}: {said}")
        else:
            return message.result
    raise KernelRefusedError(DRIVER, f"{remote}: no answer from ovsdb-server in time")
