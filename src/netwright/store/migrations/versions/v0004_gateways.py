"""What networks' links are called on hosts, and their VLANs."""

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
    op.create_index("uq_networks_bridge", "networks", ["bridge"], unique=True)
