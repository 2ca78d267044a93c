"""Ports of Open vSwitch's bridges that netwright.nova's callers ask for by name, one at a time.

Ours: ports whose interface has `netwright=nova` among its external_ids. Bridges are an administrator's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from netwright.model.errors import KernelRefusedError
from netwright.model.ids import LinkName, Mac

if TYPE_CHECKING:
    from netwright.kernel.ovsdb import Columns, Command, Database

DRIVER: Final = "ovs"
MARK: Final = ("netwright", "nova")
"""Key and value among an interface's external_ids."""
_SILENT: Final = "ovs-vswitchd did not take it; its log may say why"


@dataclass(frozen=True, slots=True)
class OvsPort:
    """A port with one interface. What is None or empty is as Open vSwitch has it by itself."""

    bridge: LinkName
    name: LinkName
    kind: str = ""
    """The interface's type; empty: a link that is there already."""
    external_ids: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    tag: int | None = None
    """The VLAN that it is an access port of."""
    mac: Mac | None = None
    mtu: int | None = None

    @property
    def is_ours(self) -> bool:
        return self.external_ids.get(MARK[0]) == MARK[1]


@dataclass(frozen=True, slots=True)
class Ovs:
    """`remote`: where ovsdb-server listens, such as `unix:/run/openvswitch/db.sock`. `timeout`: seconds."""

    remote: str
    timeout: int

    def find(self, name: LinkName) -> OvsPort | None:
        """On whichever bridge. Raises KernelRefusedError."""
        with self._session() as database:
            return _find(database, name)

    def put(self, port: OvsPort) -> int:
        """The port is as said, marked, when this returns; its OpenFlow number.

        One of that name on that bridge, of the same type, stays, with its number; another one goes. Raises
        KernelRefusedError: with the port gone, for what ovs-vswitchd does not take; with all as it was, where
        that name is no instance's port but an uplink, say, or a bridge.
        """
        with self._session() as database:
            _refuse_unknown(database, port)
            _refuse_others(_find(database, port.name))
            _run(database.put_port(port.bridge, port.name, port.kind, _columns(port)))
            number, refusal = _outcome(database, port.name)
            if refusal:
                _run(database.del_port(port.name))
                raise KernelRefusedError(DRIVER, refusal)
            return number

    def remove(self, name: LinkName, bridge: LinkName) -> bool:
        """Whether it was there. Raises KernelRefusedError where it is another bridge's, or no instance's."""
        with self._session() as database:
            there = _find(database, name)
            if there is None:
                return False
            if there.bridge != bridge:
                raise KernelRefusedError(DRIVER, f"port {name} is on bridge {there.bridge}, not on {bridge}")
            _refuse_others(there)
            _run(database.del_port(name))
            return True

    def set_mtu(self, name: LinkName, mtu: int) -> None:
        """For interfaces that Open vSwitch makes: it sets others' back. Raises KernelRefusedError."""
        with self._session() as database:
            _run(database.db_set("Interface", name, ("mtu_request", mtu)))

    @contextmanager
    def _session(self) -> Iterator[Database]:
        try:
            from netwright.kernel.ovsdb import session  # noqa: PLC0415 - of the extra `ovs`
        except ImportError as error:
            raise KernelRefusedError(DRIVER, "needs ovsdbapp: pip install 'netwright[ovs]'") from error
        with session(self.remote, self.timeout) as database:
            yield database


def _refuse_unknown(database: Database, port: OvsPort) -> None:
    """ovs-vswitchd says of an unknown type only "Address family not supported by protocol"."""
    known = [kind for row in database.tables["Open_vSwitch"].rows.values() for kind in row.iface_types]
    if port.kind and known and port.kind not in known:
        said = f"port {port.name}: this Open vSwitch has no interfaces of type {port.kind}"
        needs = "; it is built without DPDK, or dpdk-init is not set" if port.kind.startswith("dpdk") else ""
        raise KernelRefusedError(DRIVER, said + needs)


def _refuse_others(there: OvsPort | None) -> None:
    """Instances' ports, whoever made them, have an `iface-id`."""
    if there is not None and not there.is_ours and "iface-id" not in there.external_ids:
        said = f"port {there.name} on bridge {there.bridge} is no instance's; remove it there first"
        raise KernelRefusedError(DRIVER, said)


def _columns(port: OvsPort) -> Columns:
    """By table; an empty list is a column without a value."""
    interface = {
        "external_ids": {**port.external_ids, MARK[0]: MARK[1]},
        "options": dict(port.options),
        "mac": _optional(port.mac),
        "mtu_request": _optional(port.mtu),
    }
    return {"Port": {"tag": _optional(port.tag)}, "Interface": interface}


def _optional(value: object | None) -> list[object]:
    return [] if value is None else [value]


def _run(command: Command) -> None:
    command.execute(check_error=True, log_errors=False)


def _find(database: Database, name: LinkName) -> OvsPort | None:
    for bridge in database.tables["Bridge"].rows.values():
        for port in bridge.ports:
            if port.name == name:
                one = port.interfaces[0]
                tag = next(iter(port.tag), None)
                return OvsPort(bridge.name, name, one.type, dict(one.external_ids), dict(one.options), tag)
    return None


def _outcome(database: Database, name: LinkName) -> tuple[int, str]:
    """The OpenFlow number, and ovs-vswitchd's complaint, which is empty where it has none."""
    rows = database.tables["Interface"].rows.values()
    for row in rows:
        if row.name == name:
            number = next(iter(row.ofport), -1)
            said = "; ".join(row.error) or ("" if number > 0 else _SILENT)
            return number, f"port {name}: {said}" if said else ""
    return -1, f"port {name}: gone again"
