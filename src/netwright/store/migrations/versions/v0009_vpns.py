"""Project VPNs and their peers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.create_table(
        "vpns",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("network_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("public_address", sa.String(length=15), nullable=False),
        sa.Column("public_port", sa.Integer(), nullable=False),
        sa.Column("private_address", sa.String(length=15), nullable=True),
        sa.Column("private_key", sa.String(length=44), nullable=True),
        sa.Column("peer_range", sa.String(length=18), nullable=True),
        *_stamps(),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_vpns_network_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vpns")),
        sa.UniqueConstraint("public_port", "public_address", name=op.f("uq_vpns_public_port_public_address")),
    )
    for column in ("project_id", "name", "network_id"):
        op.create_index(op.f(f"ix_vpns_{column}"), "vpns", [column], unique=False)
    op.create_table(
        "vpn_peers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("vpn_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("public_key", sa.String(length=44), nullable=False),
        sa.Column("address", sa.String(length=15), nullable=False),
        *_stamps(),
        sa.ForeignKeyConstraint(
            ["vpn_id"], ["vpns.id"], name=op.f("fk_vpn_peers_vpn_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_vpn_peers")),
        sa.UniqueConstraint("vpn_id", "address", name=op.f("uq_vpn_peers_vpn_id_address")),
        sa.UniqueConstraint("vpn_id", "public_key", name=op.f("uq_vpn_peers_vpn_id_public_key")),
    )
    for column in ("vpn_id", "name"):
        op.create_index(op.f(f"ix_vpn_peers_{column}"), "vpn_peers", [column], unique=False)


def _stamps() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
    )
