"""Networks whose gateway and DHCP server's address every host on one wire holds for itself."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    with op.batch_alter_table("networks") as networks:
        networks.add_column(
            sa.Column("shared_gateway", sa.Boolean(), nullable=False, server_default=sa.false())
        )
