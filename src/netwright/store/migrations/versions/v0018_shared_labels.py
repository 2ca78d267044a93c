"""Names in DNS that several ports of a project have."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("ports", sa.Column("shared_label", sa.String(length=63), nullable=True))
    op.create_index("ix_ports_shared_label", "ports", ["network_id", "shared_label"], unique=False)
