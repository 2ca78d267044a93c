"""The tables, their migrations and the log of changes."""

from __future__ import annotations

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from worlds import HOST, world

from netwright.control import networks, plans
from netwright.control.networks import NetworkRequest
from netwright.model.errors import InvalidError
from netwright.model.plan import HostPlan, PlanDelta
from netwright.store.tables import METADATA


def test_the_migrations_make_the_tables() -> None:
    """A database that went through all migrations has just the tables that the code uses."""
    with world() as here, here.look() as connection:
        assert compare_metadata(MigrationContext.configure(connection), METADATA) == []


def test_an_action_that_fails_leaves_nothing() -> None:
    """An exception in a transaction takes back its rows and its log together."""
    with world() as here:
        networks.create(here, [NetworkRequest(name="kept")])
        before = plans.generation(here)
        good = NetworkRequest(name="not kept")
        with pytest.raises(InvalidError):
            networks.create(here, [good, NetworkRequest(mtu=1)])
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
