"""Subnet pools, address scopes, segments; what networks, subnets and ports keep besides."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0011"


def upgrade() -> None:
    _ports()


def _ports() -> None:
    op.add_column("ports", sa.Column("profile", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("ports", sa.Column("data_plane_status", sa.String(length=16), nullable=True))
    op.add_column(
        "ports",
        sa.Column("propagate_uplink_status", sa.Boolean(), nullable=False, server_default=sa.true()),
    )
    op.add_column(
        "ports", sa.Column("own_dns_domain", sa.String(length=255), nullable=False, server_default="")
    )
