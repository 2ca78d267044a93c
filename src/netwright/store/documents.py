"""Rows of nouns that are no more than their attributes: each table has a column for each."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from netwright.store import rows
from netwright.store.rows import Where


def find(connection: sa.Connection, table: sa.Table, where: Where) -> list[dict[str, object]]:
    """The rows that match, oldest first where the table knows."""
    return [dict(row) for row in rows.oldest_first(connection, table, where).mappings()]


def insert(connection: sa.Connection, table: sa.Table, values: Mapping[str, object], now: datetime) -> None:
    rows.insert(connection, table, values, now)


def save(
    connection: sa.Connection, table: sa.Table, row_id: str, values: Mapping[str, object], now: datetime
) -> None:
    """Overwrites these columns, and counts the revision up."""
    rows.save(connection, table, {**values, "id": row_id}, now)
