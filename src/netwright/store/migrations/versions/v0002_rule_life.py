"""Logs of what security groups let through and drop; what becomes of connections that a group revokes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    with op.batch_alter_table("security_groups") as groups:
        # What groups did before they had the choice.
        groups.add_column(sa.Column("revocation", sa.String(length=4), nullable=False, server_default="cut"))
    op.create_table(
        "logs",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("event", sa.String(length=8), nullable=False),
        sa.Column("resource_id", sa.String(length=36), nullable=True),
        sa.Column("target_id", sa.String(length=36), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["resource_id"], ["security_groups.id"], name=op.f("fk_logs_resource_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["target_id"], ["ports.id"], name=op.f("fk_logs_target_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_logs")),
    )
    for column in ("project_id", "name", "resource_id", "target_id"):
        op.create_index(op.f(f"ix_logs_{column}"), "logs", [column], unique=False)
