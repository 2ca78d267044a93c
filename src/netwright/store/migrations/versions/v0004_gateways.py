"""What networks' links are called on hosts, their VLANs, and which hosts hold their gateways."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    # Not in a batch: SQLite would copy the table and drop it, and other tables' rows refer to it.
    op.add_column("networks", sa.Column("bridge", sa.String(15)))
    op.add_column("networks", sa.Column("segmentation_id", sa.Integer()))
    op.add_column("networks", sa.Column("vlan_link", sa.String(15)))
    op.create_index("uq_networks_vlan_link", "networks", ["vlan_link"], unique=True)
    op.create_index("uq_networks_segment", "networks", ["uplink", "segmentation_id"], unique=True)
    op.add_column(
        "networks", sa.Column("gateway_hosts", sa.String(8), nullable=False, server_default="every")
    )
    op.add_column("networks", sa.Column("gateway_host", sa.String(255)))
    op.add_column("addresses", sa.Column("host", sa.String(255)))
    op.create_table(
        "gateways",
        sa.Column("network_id", sa.String(36), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("term", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name="fk_gateways_network_id", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("network_id", name="pk_gateways"),
    )
    op.create_index("ix_gateways_host", "gateways", ["host"])
    op.create_index("uq_networks_bridge", "networks", ["bridge"], unique=True)
