"""Networks whose gateway and DHCP server's address every host on one wire holds for itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    # Not in a batch: SQLite would copy the table and drop it, and other tables' rows refer to it.
    op.add_column(
        "networks", sa.Column("shared_gateway", sa.Boolean(), nullable=False, server_default=sa.false())
    )
