"""Alembic's entrance: runs the migrations on the connection that `store.migrate` hands over."""

from __future__ import annotations

from alembic import context

from netwright.store.identity_tables import projects

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=projects.metadata,  # which has all tables once these are made
    render_as_batch=True,
    transactional_ddl=True,
)
with context.begin_transaction():
    context.run_migrations()
