"""QoS policies, their rules, and which networks, ports and floating IPs have them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
_RULES = {
    "bandwidth_limit": ("max_kbps", "max_burst_kbps"),
    "packet_rate_limit": ("max_kpps", "max_burst_kpps"),
    "dscp_marking": ("dscp_mark",),
    "minimum_bandwidth": ("min_kbps",),
    "minimum_packet_rate": ("min_kpps",),
}


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
    for kind, values in _RULES.items():
        _create_rules(f"qos_{kind}_rules", values)
    for table in ("networks", "ports", "floating_ips"):
        # Not in a batch: SQLite would copy the table and drop it, and other tables' rows refer to it.
        # Written out: alembic would add the reference by a second statement, which SQLite does not have.
        reference = f"CONSTRAINT fk_{table}_qos_policy_id REFERENCES qos_policies (id)"
        op.execute(f"ALTER TABLE {table} ADD COLUMN qos_policy_id VARCHAR(36) {reference}")
        op.create_index(op.f(f"ix_{table}_qos_policy_id"), table, ["qos_policy_id"], unique=False)


def _create_rules(table: str, values: tuple[str, ...]) -> None:
    directed = "dscp" not in table
    direction = (sa.Column("direction", sa.String(length=8), nullable=False),) if directed else ()
    unique = ("qos_policy_id", "direction") if directed else ("qos_policy_id",)
    op.create_table(
        table,
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("qos_policy_id", sa.String(length=36), nullable=False),
        *(sa.Column(name, sa.Integer(), nullable=False) for name in values),
        *direction,
        *_stamps(),
        sa.ForeignKeyConstraint(
            ["qos_policy_id"], ["qos_policies.id"], name=op.f(f"fk_{table}_qos_policy_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{table}")),
        sa.UniqueConstraint(*unique, name=op.f(f"uq_{table}_{'_'.join(unique)}")),
    )
    op.create_index(op.f(f"ix_{table}_qos_policy_id"), table, ["qos_policy_id"], unique=False)


def _stamps() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
    )
