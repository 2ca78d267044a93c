"""Answers kept for retries can be read by who bears their key only; those that anybody could read go."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    sqlite = op.get_bind().dialect.name == "sqlite"
    if sqlite:  # there were VPN peers' private keys among them: nothing stays in the file's free pages
        op.execute("PRAGMA secure_delete=ON")
    op.execute("DELETE FROM answers")
    op.drop_table("answers")
    if sqlite:
        op.execute("PRAGMA secure_delete=FAST")
    op.create_table(
        "answers",
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at", sa.DateTime(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "key", name=op.f("pk_answers")),
    )
    op.create_index(op.f("ix_answers_at"), "answers", ["at"])
