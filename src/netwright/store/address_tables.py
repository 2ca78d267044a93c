"""The tables of where subnets come from: address scopes, subnet pools, segments."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import sqlalchemy as sa

from netwright.store.tables import ID, METADATA, NAME, UtcTime


def _stamps() -> tuple[sa.Column[datetime], sa.Column[datetime], sa.Column[int]]:
    return (
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("updated_at", UtcTime, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )


address_scopes: Final = sa.Table(
    "address_scopes",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("project_id", NAME, nullable=False, index=True),
    sa.Column("name", NAME, nullable=False, index=True),
    sa.Column("ip_version", sa.Integer, nullable=False),
    *_stamps(),
)

subnet_pools: Final = sa.Table(
    "subnet_pools",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("project_id", NAME, nullable=False, index=True),
    sa.Column("name", NAME, nullable=False, index=True),
    sa.Column("description", NAME, nullable=False),
    sa.Column("prefixes", sa.JSON, nullable=False),
    sa.Column("ip_version", sa.Integer, nullable=False),
    sa.Column("default_prefixlen", sa.Integer, nullable=False),
    sa.Column("min_prefixlen", sa.Integer, nullable=False),
    sa.Column("max_prefixlen", sa.Integer, nullable=False),
    sa.Column("default_quota", sa.Integer),
    sa.Column("address_scope_id", ID, sa.ForeignKey("address_scopes.id"), index=True),
    sa.Column("is_default", sa.Boolean, nullable=False),
    *_stamps(),
    sa.Index(
        "uq_subnet_pools_default",
        "ip_version",
        unique=True,
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    ),
)

segments: Final = sa.Table(
    "segments",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("network_id", ID, sa.ForeignKey("networks.id", ondelete="CASCADE"), nullable=False, index=True),
    sa.Column("name", NAME),
    sa.Column("description", NAME, nullable=False),
    sa.Column("network_type", sa.String(32), nullable=False),
    sa.Column("physical_network", sa.String(64)),
    sa.Column("segmentation_id", sa.Integer),
    *_stamps(),
)
