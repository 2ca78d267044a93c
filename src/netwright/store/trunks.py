"""Trunks' subports as rows, and who is what of which trunk."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from netwright.store import rows
from netwright.store.governance_tables import subports, trunks
from netwright.store.tables import networks, ports

_PARENTS: Final = sa.select(trunks.c.port_id, trunks.c.id)
_SUBPORTS: Final = (
    sa.select(subports, ports.c.mac)
    .join(ports, ports.c.id == subports.c.port_id)
    .order_by(subports.c.segmentation_id, subports.c.port_id)
)
_TRUNKS: Final = sa.select(trunks.c.id)
_CARRIERS: Final = sa.select(subports.c.trunk_id)
Subport = Mapping[str, object]
"""Its port_id, segmentation_type and segmentation_id, as the Networking API shows them."""


def subports_of(connection: sa.Connection, wanted: Collection[str]) -> Mapping[str, list[dict[str, object]]]:
    """By trunk, with each port's MAC address."""
    found: dict[str, list[dict[str, object]]] = {}
    for row in rows.found(connection, _SUBPORTS, subports, rows.few("trunk_id", wanted)).all():
        shown = {
            "port_id": row.port_id,
            "segmentation_type": row.segmentation_type,
            "segmentation_id": row.segmentation_id,
            "mac_address": row.mac,
        }
        found.setdefault(row.trunk_id, []).append(shown)
    return found


def add(connection: sa.Connection, trunk: str, wanted: Sequence[Subport]) -> None:
    if wanted:
        connection.execute(subports.insert(), [{**one, "trunk_id": trunk} for one in wanted])


def remove(connection: sa.Connection, trunk: str, port: str) -> bool:
    """Whether it was there."""
    row = (subports.c.trunk_id == trunk, subports.c.port_id == port)
    return connection.execute(subports.delete().where(*row)).rowcount > 0


def parent_of(connection: sa.Connection, port: str) -> str | None:
    """The trunk whose parent the port is."""
    return rows.found(connection, _TRUNKS, trunks, {"port_id": (port,)}).scalar()


def carrier_of(connection: sa.Connection, port: str) -> str | None:
    """The trunk that carries the port."""
    return rows.found(connection, _CARRIERS, subports, {"port_id": (port,)}).scalar()


def by_parent(connection: sa.Connection, wanted: Collection[str]) -> Mapping[str, str]:
    """The trunks whose parents the ports are, and maybe others, by parent."""
    found = rows.found(connection, _PARENTS, trunks, rows.few("port_id", wanted)).all()
    return {str(port): str(trunk) for port, trunk in found}


def mtu_of(connection: sa.Connection, port: str) -> int:
    """That of the port's network, or 0 where the port is not there."""
    joined = sa.select(networks.c.mtu).join(ports, ports.c.network_id == networks.c.id)
    return connection.execute(joined.where(ports.c.id == port)).scalar() or 0


def vlan_of(connection: sa.Connection, port: str) -> int | None:
    """The VLAN that the port's network is on its uplink."""
    joined = sa.select(networks.c.segmentation_id).join(ports, ports.c.network_id == networks.c.id)
    return connection.execute(joined.where(ports.c.id == port)).scalar()
