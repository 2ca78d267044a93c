"""The tables of routers."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from netwright.store.tables import ID, METADATA, NAME, UtcTime


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


routers: Final = sa.Table(
    "routers",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("project_id", NAME, nullable=False, index=True),
    sa.Column("name", NAME, nullable=False, index=True),
    sa.Column("description", NAME, nullable=False),
    _flag("admin_state_up"),
    _flag("distributed"),
    _flag("ha"),
    _flag("enable_snat"),
    _flag("enable_default_route_bfd"),
    _flag("enable_default_route_ecmp"),
    sa.Column("flavor_id", ID, sa.ForeignKey("flavors.id"), index=True),
    sa.Column("routes", sa.JSON, nullable=False),
    sa.Column("availability_zone_hints", sa.JSON, nullable=False),
    sa.Column("created_at", UtcTime, nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.Column("revision", sa.Integer, nullable=False),
)

router_ports: Final = sa.Table(
    "router_ports",
    METADATA,
    sa.Column("port_id", ID, sa.ForeignKey("ports.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("router_id", ID, sa.ForeignKey("routers.id"), nullable=False, index=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("position", sa.Integer, nullable=False),
)
"""Which ports are a router's: its interfaces, and its gateways in their order. A port's device_id and
device_owner, which any user can write, make no port a router's."""

auto_allocated_topologies: Final = sa.Table(
    "auto_allocated_topologies",
    METADATA,
    sa.Column("project_id", NAME, primary_key=True),
    sa.Column(
        "network_id", ID, sa.ForeignKey("networks.id", ondelete="CASCADE"), nullable=False, unique=True
    ),
    sa.Column("router_id", ID, sa.ForeignKey("routers.id", ondelete="SET NULL"), index=True),
)
"""Which network and router of a project were made by one request for all of them."""
