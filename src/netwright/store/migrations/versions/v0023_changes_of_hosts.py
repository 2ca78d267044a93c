"""Of a change that concerns one host's plan alone the log says which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    op.add_column("changes", sa.Column("host", sa.String(length=255), nullable=True))
