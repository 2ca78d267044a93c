"""What nova kept of floating IPs: auto-assigned ones, and those that are between two hosts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.create_index(op.f("ix_floating_ips_address"), "floating_ips", ["address"], unique=False)
    op.create_table(
        "classic_floating_ips",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("auto_assigned", sa.Boolean(), nullable=False),
        sa.Column("port_id", sa.String(length=36)),
        sa.Column("fixed_address", sa.String(length=15)),
        sa.Column("left_host", sa.String(length=255)),
        sa.Column("since", sa.BigInteger().with_variant(sa.Integer(), "sqlite")),
        sa.ForeignKeyConstraint(
            ["id"], ["floating_ips.id"], name=op.f("fk_classic_floating_ips_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_classic_floating_ips")),
    )
    op.create_index(
        op.f("ix_classic_floating_ips_port_id"), "classic_floating_ips", ["port_id"], unique=False
    )
