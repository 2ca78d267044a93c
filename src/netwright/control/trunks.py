"""What a user can do with trunks: which ports they carry, and what cannot be carried."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import sqlalchemy as sa

from netwright.control.bodies import Values
from netwright.control.documents import Documents
from netwright.control.nouns import View
from netwright.control.refusals import NamedConflictError, invalid
from netwright.control.world import Work, World
from netwright.model.caller import Caller
from netwright.model.errors import NotFoundError
from netwright.model.resources import trunks as trunks_described
from netwright.store import rows
from netwright.store import trunks as store
from netwright.store.governance_tables import trunks
from netwright.store.rows import Where

_INHERIT: Final = "inherit"
_VLAN: Final = "vlan"


class Trunks:
    """Acts on trunks."""

    def __init__(self) -> None:
        self._rows = Documents(trunks_described.RESOURCE, trunks, _check, _change, _show)

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        made = self._rows.create(work, values, caller)
        carried = [_segmented(work, one) for one in _subports(values["sub_ports"])]
        store.add(work.connection, str(made["id"]), carried)
        return self._rows.find(work.connection, {"id": (made["id"],)})[0]

    def update(self, work: Work, old: View, values: Values, caller: Caller) -> View:
        return self._rows.update(work, old, values, caller)

    def delete(self, work: Work, old: View) -> None:
        self._rows.delete(work, old)

    def find(self, connection: sa.Connection, where: Where) -> list[View]:
        return self._rows.find(connection, where)

    def view(self, thing: View) -> View:
        return thing


def _check(work: Work, old: View | None, values: Values, caller: Caller) -> Values:
    """Raises InvalidError, ConflictError."""
    del caller
    if old is not None:
        return values
    parent, wanted = str(values["port_id"]), _subports(values["sub_ports"])
    if (trunk := store.parent_of(work.connection, parent)) is not None:
        raise NamedConflictError("TrunkPortInUse", f"Port {parent} is in use by another trunk, {trunk}.")
    if (trunk := store.carrier_of(work.connection, parent)) is not None:
        raise _carried(parent, trunk)
    _checked(work, str(values["id"]), parent, wanted, [])
    return values


def _change(work: Work, old: View | None, new: View | None) -> None:
    """A disabled trunk is left as it is."""
    del work
    if new is None and old is not None:
        _refuse_disabled(old)


def _show(connection: sa.Connection, views: list[View]) -> None:
    """Adds what it carries. Its status says that no host carries it yet."""
    carried = store.subports_of(connection, [str(view["id"]) for view in views])
    for view in views:
        theirs = carried.get(str(view["id"]), ())
        view["sub_ports"] = [_without_mac(one) for one in theirs]
        view["status"] = "DOWN"


def add(work: Work, trunk: View, wanted: Sequence[View]) -> None:
    """Carries these ports, too. Raises InvalidError, ConflictError, NotFoundError."""
    _refuse_disabled(trunk)
    there = _subports(trunk["sub_ports"])
    full = _checked(work, str(trunk["id"]), str(trunk["port_id"]), wanted, there)
    store.add(work.connection, str(trunk["id"]), full)
    rows.save(work.connection, trunks, {"id": trunk["id"]}, work.now)


def remove(work: Work, trunk: View, wanted: Sequence[View]) -> None:
    """Carries these no more. Raises NotFoundError for one that it does not carry."""
    _refuse_disabled(trunk)
    for one in wanted:
        if not store.remove(work.connection, str(trunk["id"]), str(one["port_id"])):
            raise NotFoundError("SubPort", str(one["port_id"]))
    rows.save(work.connection, trunks, {"id": trunk["id"]}, work.now)


def refuse_used_port(connection: sa.Connection, port: str) -> None:
    """Raises ConflictError for a port that a trunk has."""
    if (trunk := store.parent_of(connection, port)) is not None:
        message = f"Port {port} is currently a parent port for trunk {trunk}."
        raise NamedConflictError("PortInUseAsTrunkParent", message)
    if (trunk := store.carrier_of(connection, port)) is not None:
        raise _carried(port, trunk)


def tell_ports(world: World, connection: sa.Connection, views: list[View]) -> None:
    """Adds to ports what they are the parents of."""
    del world
    parents = store.by_parent(connection, [str(view["id"]) for view in views])
    carried = store.subports_of(connection, parents.values()) if parents else {}
    for view in views:
        trunk = parents.get(str(view["id"]))
        details = trunk and {"trunk_id": trunk, "sub_ports": carried.get(trunk, [])}
        view["trunk_details"] = details


def _checked(
    work: Work, trunk: str, parent: str, wanted: Sequence[View], there: Sequence[View]
) -> list[View]:
    """With types and numbers. Raises InvalidError, ConflictError, NotFoundError."""
    used = {(one["segmentation_type"], one["segmentation_id"]) for one in there}
    asked, found = set[object](), list[View]()
    for one in wanted:
        full = _segmented(work, one)
        segment, port = (full["segmentation_type"], full["segmentation_id"]), str(full["port_id"])
        if segment in asked or port in asked:
            raise invalid("sub_ports", "no port and no segment may be there twice.")
        if segment in used:
            message = f"Segment {segment[0]} {segment[1]} is already in use on trunk {trunk}."
            raise NamedConflictError("DuplicateSubPort", message, "sub_ports")
        _refuse_unfit(work, trunk, parent, port)
        asked |= {segment, port}
        found.append(full)
    return found


def _segmented(work: Work, one: View) -> View:
    kind, number = one.get("segmentation_type"), one.get("segmentation_id")
    if kind == _INHERIT:
        number, kind = store.vlan_of(work.connection, str(one["port_id"])), _VLAN
        if number is None:
            raise invalid("segmentation_type", "the port's network has no VLAN to inherit.")
    return {"port_id": one["port_id"], "segmentation_type": kind, "segmentation_id": number}


def _refuse_unfit(work: Work, trunk: str, parent: str, port: str) -> None:
    connection = work.connection
    mtu, most = store.mtu_of(connection, port), store.mtu_of(connection, parent)
    if mtu == 0:
        raise NotFoundError("Port", port)
    if port == parent:
        message = f"Port {port} is currently a parent port for trunk {trunk}."
        raise NamedConflictError("PortInUseAsTrunkParent", message)
    refuse_used_port(connection, port)
    if mtu > most:
        message = f"MTU {mtu} of subport {port} cannot be greater than MTU {most} of trunk {trunk}."
        raise NamedConflictError("SubPortMtuGreaterThanTrunkPortMtu", message)


def _refuse_disabled(trunk: View) -> None:
    if not trunk["admin_state_up"]:
        raise NamedConflictError("TrunkDisabled", f"Trunk {trunk['id']} is currently disabled.")


def _carried(port: str, trunk: str) -> NamedConflictError:
    return NamedConflictError("PortInUseAsSubPort", f"Port {port} is currently a subport for trunk {trunk}.")


def _subports(value: object) -> list[View]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list | tuple) else []


def _without_mac(one: View) -> View:
    return {name: value for name, value in one.items() if name != "mac_address"}
