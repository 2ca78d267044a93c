"""Who may open a port's tap."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    for name in ("tap_owner", "tap_group"):
        op.add_column("ports", sa.Column(name, sa.BigInteger(), nullable=True))
