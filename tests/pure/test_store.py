"""The tables, their migrations and the log of changes."""

from __future__ import annotations

import itertools
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from asking import groups, logs, networks
from worlds import HOST, world

from netwright.control import plans
from netwright.control.logs import LogRequest
from netwright.control.networks import NetworkRequest
from netwright.control.world import World
from netwright.model.errors import InvalidError
from netwright.model.ids import GroupId
from netwright.model.intent import Revocation
from netwright.model.plan import HostPlan, PlanDelta
from netwright.store.engine import open_engine
from netwright.store.migrate import migrate_to
from netwright.store.tables import METADATA


def test_the_migrations_make_the_tables() -> None:
    """A database that went through all migrations has just the tables that the code uses."""
    with world() as here, here.look() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_a_database_of_the_first_version_comes_along(tmp_path: Path) -> None:
    """Groups made before there was a choice cut what they revoke, as they did, and logs can be made."""
    ids = itertools.count()
    url = f"sqlite:///{tmp_path}/netwright.db"
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        migrate_to(connection, "0001")
        row = "('g1', 'p', 'web', '', 1, 0, '2026-01-01 00:00:00', '2026-01-01 00:00:00', 0)"
        connection.exec_driver_sql(f"INSERT INTO security_groups VALUES {row}")  # noqa: S608 - a constant
    engine.dispose()
    database = open_engine(url)
    here = World(
        database, HOST, lambda: datetime(2026, 1, 2, tzinfo=UTC), lambda: str(next(ids)), random.Random(0)
    )
    request = LogRequest(resource_type="security_group", group_id=GroupId("g1"))
    assert logs.create(here, [request])[0].value.enabled
    (found,) = groups.find(here, {"id": ("g1",)})
    assert (found.value.name, found.value.revocation) == ("web", Revocation.CUT)
    with here.look() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    database.close()


@pytest.mark.parametrize("version", ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008"])
def test_a_database_of_any_version_keeps_its_rows(tmp_path: Path, version: str) -> None:
    """With a row in every table, each referring to others where it can, a newer version loses none and refuses none."""
    url = f"sqlite:///{tmp_path}/netwright.db"
    engine = sa.create_engine(url)
    tables = sa.MetaData()
    with engine.begin() as connection:
        migrate_to(connection, version)
        tables.reflect(connection)
        for table in tables.sorted_tables:
            if table.name != "alembic_version":
                connection.execute(table.insert().values({one.name: _some(one) for one in table.columns}))
        assert not connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    engine.dispose()
    database = open_engine(url)
    with database.engine.connect() as connection:
        for table in tables.sorted_tables:
            rows = connection.execute(sa.select(sa.func.count()).select_from(sa.table(table.name)))
            assert (table.name, rows.scalar_one()) == (table.name, 1)
        assert not connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []
    database.close()


def _some(column: sa.Column) -> object:
    """A value of the column's type, the same for a key and for what refers to it."""
    values = {
        sa.DateTime: datetime(2026, 1, 1, tzinfo=UTC),
        sa.Boolean: True,
        sa.Integer: 1,
        sa.LargeBinary: b"1",
    }
    return next((value for kind, value in values.items() if isinstance(column.type, kind)), "1")


def test_an_action_that_fails_leaves_nothing() -> None:
    """An exception in a transaction takes back its rows and its log together."""
    with world() as here:
        networks.create(here, [NetworkRequest(name="kept")])
        before = plans.generation(here)
        good = NetworkRequest(name="not kept")
        with pytest.raises(InvalidError):
            networks.create(here, [good, NetworkRequest(mtu=70000)])
        assert plans.generation(here) == before
        assert [found.value.name for found in networks.find(here, {})] == ["kept"]


def test_a_forgotten_past_means_the_whole_plan() -> None:
    """When the log no longer reaches back to a generation, a delta from it becomes the whole plan."""
    with world() as here:
        for _ in range(10):
            networks.create(here, [NetworkRequest()])
        last = plans.generation(here)
        plans.compact(here, keep=3)
        assert plans.generation(here) == last
        assert isinstance(plans.delta(here, HOST, last - 3), PlanDelta)
        assert isinstance(plans.delta(here, HOST, last - 4), HostPlan)
        assert isinstance(plans.delta(here, HOST, last + 1), HostPlan)


def test_zones_are_different_numbers() -> None:
    """Every network has a zone of its own between 1 and 65535, also when the next ones are taken."""
    with world() as here:
        made = networks.create(here, [NetworkRequest() for _ in range(200)])
        zones = {record.value.zone for record in made}
        assert len(zones) == 200
        assert all(1 <= zone <= 65535 for zone in zones)


def test_no_other_user_reads_the_database(tmp_path: Path) -> None:
    """Its files are their owner's alone: those of an earlier version, too, which everybody could read."""
    path = tmp_path / "netwright.db"
    path.touch(0o644)
    path.chmod(0o644)
    database = open_engine(f"sqlite:///{path}")
    modes = {one.name: one.stat().st_mode & 0o777 for one in tmp_path.iterdir()}
    database.close()
    assert "netwright.db" in modes
    assert set(modes.values()) == {0o600}


def test_what_names_things_that_are_gone_goes_with_an_upgrade(tmp_path: Path) -> None:
    """Tags, sharing, what was put on agents, default rules and default projects: those of what is there stay."""
    url = f"sqlite:///{tmp_path}/netwright.db"
    engine = sa.create_engine(url)
    at = "'2026-01-01 00:00:00', '2026-01-01 00:00:00', 0"
    rule = "'', 'ingress', 'IPv4', NULL, NULL, NULL, NULL"
    rows = (
        f"security_groups VALUES ('there', 'p', 'web', '', 1, 0, 'cut', {at})",
        "tags VALUES ('there', 'red'), ('gone', 'red')",
        f"rbac_policies VALUES ('r1', 'p', 'security_group', 'there', 'a', 't', {at})",
        f"rbac_policies VALUES ('r2', 'p', 'network', 'there', 'a', 't', {at})",
        "agent_schedules VALUES ('agent', 'gone', 1)",
        *(
            f"default_security_group_rules VALUES ('d-{name}', {rule}, '{name}', NULL, 1, 1, {at})"
            for name in ("there", "PARENT", "gone")
        ),
        "projects VALUES ('here', 'here', '', 1, '{}', '2026-01-01 00:00:00')",
        *(
            f"users VALUES ('of-{project}', 'of-{project}', NULL, 1, '{project}', '{{}}', '2026-01-01 00:00:00')"
            for project in ("here", "gone")
        ),
    )
    with engine.begin() as connection:
        migrate_to(connection, "0018")
        for row in rows:
            connection.exec_driver_sql(f"INSERT INTO {row}")
    engine.dispose()
    database = open_engine(url)
    left = {
        "tags": "resource_id",
        "rbac_policies": "id",
        "agent_schedules": "resource_id",
        "default_security_group_rules WHERE id LIKE 'd-%'": "remote_group_id",
        "users": "default_project_id",
    }
    with database.engine.connect() as connection:
        found = [
            {row[0] for row in connection.exec_driver_sql(f"SELECT {column} FROM {table}")}  # noqa: S608 - constants
            for table, column in left.items()
        ]
    database.close()
    assert found == [{"there"}, {"r1"}, set(), {"there", "PARENT"}, {"here", None}]


def test_an_upgrade_leaves_no_secret_of_answers_in_the_file(tmp_path: Path) -> None:
    """What answers held in clear is not there any more, not even in pages that are free; retries of before are new requests."""
    url, secret = f"sqlite:///{tmp_path}/netwright.db", "c2VjcmV0" * 4
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        migrate_to(connection, "0019")
        for number, size in enumerate((1, 200, 4000)):
            made = f'[{{"private_key": "{secret * size}"}}]'
            values = f"('p', 'k{number}', 'x', '{made}', '2026-01-01 00:00:00')"
            connection.exec_driver_sql(f"INSERT INTO answers VALUES {values}")  # noqa: S608 - constants
    engine.dispose()
    assert secret.encode() in (tmp_path / "netwright.db").read_bytes()
    database = open_engine(url)
    database.close()
    assert not [path for path in tmp_path.iterdir() if secret.encode() in path.read_bytes()]
