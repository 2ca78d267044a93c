"""QoS policies, their rules, and which networks, ports and floating IPs have them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "qos_policies",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        *_stamps(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_qos_policies")),
    )
    for column in ("project_id", "name"):
        op.create_index(op.f(f"ix_qos_policies_{column}"), "qos_policies", [column], unique=False)
    op.create_index(
        "uq_qos_policies_default",
        "qos_policies",
        ["project_id"],
        unique=True,
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    )
    op.create_table(
        "qos_rules",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("policy_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("amount", sa.Integer(), nullable=False),
        sa.Column("burst", sa.Integer(), nullable=False),
        *_stamps(),
        sa.ForeignKeyConstraint(
            ["policy_id"], ["qos_policies.id"], name=op.f("fk_qos_rules_policy_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_qos_rules")),
        sa.UniqueConstraint(
            "policy_id", "kind", "direction", name=op.f("uq_qos_rules_policy_id_kind_direction")
        ),
    )
    op.create_index(op.f("ix_qos_rules_policy_id"), "qos_rules", ["policy_id"], unique=False)
    for table in ("networks", "ports", "floating_ips"):
        # Not in a batch: SQLite would copy the table and drop it, and other tables' rows refer to it.
        name = op.f(f"fk_{table}_qos_policy_id")
        op.add_column(
            table,
            sa.Column(
                "qos_policy_id", sa.String(36), sa.ForeignKey("qos_policies.id", name=name), nullable=True
            ),
        )
        op.create_index(op.f(f"ix_{table}_qos_policy_id"), table, ["qos_policy_id"], unique=False)


def _stamps() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
    )
