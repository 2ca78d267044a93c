"""Topologies that were made by one request."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    table = "auto_allocated_topologies"
    op.create_table(
        table,
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("network_id", sa.String(length=36), nullable=False),
        sa.Column("router_id", sa.String(length=36), nullable=True),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f(f"fk_{table}_network_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["router_id"], ["routers.id"], name=op.f(f"fk_{table}_router_id"), ondelete="SET NULL"
        ),
        sa.PrimaryKeyConstraint("project_id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint("network_id", name=op.f(f"uq_{table}_network_id")),
    )
    op.create_index(op.f(f"ix_{table}_router_id"), table, ["router_id"], unique=False)
