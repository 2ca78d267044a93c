"""Alembic's entrance: runs the migrations on the connection that `store.migrate` hands over."""

from __future__ import annotations

from alembic import context

import netwright.store.address_tables
import netwright.store.governance_tables  # so that METADATA has these tables, too
import netwright.store.identity_tables  # noqa: F401
from netwright.store.tables import METADATA

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=METADATA,
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
