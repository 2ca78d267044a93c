"""Brings a database to the newest version of the tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory


def migrate(engine: sa.Engine) -> None:
    """Runs the migrations that this database has not had, all in one transaction."""
    newest = ScriptDirectory.from_config(_config()).get_current_head()
    with engine.execution_options(netwright_begin="BEGIN IMMEDIATE").begin() as connection:
        if MigrationContext.configure(connection).get_current_revision() != newest:
            migrate_to(connection, "head")


def migrate_to(connection: sa.Connection, revision: str) -> None:
    """Runs the migrations up to that one, in the transaction at hand."""
    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", "netwright.store:migrations")
    config.set_main_option("path_separator", "os")
    return config
