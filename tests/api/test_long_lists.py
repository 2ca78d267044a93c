"""Lists that are longer than a statement can name ids."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from worlds import world

from netwright.api.nouns import NOUNS
from netwright.control.nouns import Noun, View
from netwright.control.queries import Query
from netwright.control.requests import Asker, Requests
from netwright.control.world import World
from netwright.model.caller import Caller, Role

MOST, MANY = 505, 510
"""Parameters of a statement here (SQLite's own limit is 32,766), and things of each kind."""
MANY_OF = {
    "networks",
    "ports",
    "trunks",
    "floatingips",
    "routers",
    "policies",
    "security_groups",
    "address_groups",
}
ADMIN = Asker(Caller(None, Role.ADMIN))


def make(here: World, plural: str, *bodies: dict[str, object]) -> list[View]:
    return Requests(here, NOUNS).create(NOUNS[plural], ADMIN, bodies)


def furnish(here: World) -> None:
    """Many of each kind that is shown with others, and those others."""
    (network,) = make(here, "networks", {"netwright:gateway_place": "host"})
    (outside,) = make(here, "networks", {"router:external": True})
    for number, at in enumerate((network, outside)):
        make(here, "subnets", {"network_id": at["id"], "cidr": f"10.{number}.0.0/16"})
    (policy,) = make(here, "policies", {"name": "slow"})
    port = {"network_id": network["id"], "tags": ["red"], "qos_policy_id": policy["id"]}
    ports = make(here, "ports", *[port] * MANY)
    make(here, "trunks", *({"port_id": each["id"]} for each in ports))
    floating = {"floating_network_id": outside["id"]}
    make(here, "floatingips", *({**floating, "port_id": each["id"]} for each in ports))
    make(here, "floatingips", *[floating] * MANY)
    make(here, "routers", *[{"external_gateway_info": {"network_id": outside["id"]}}] * MANY)
    for plural in ("networks", "policies", "security_groups", "address_groups", "address_scopes"):
        version = {"ip_version": 4} if plural == "address_scopes" else {}
        make(here, plural, *[{"name": "one of many", **version}] * MANY)


def bind(here: World) -> None:
    """Holds every connection from now on to that many parameters."""

    def limit(raw: sqlite3.Connection, *_: object) -> None:
        raw.setlimit(sqlite3.SQLITE_LIMIT_VARIABLE_NUMBER, MOST)

    sa.event.listen(here.database.engine, "checkout", limit)


def in_pages(here: World, noun: Noun) -> list[View]:
    found: list[View] = []
    id_name = noun.resource.id_name
    while True:
        marker = str(found[-1][id_name]) if found else None
        query = Query(sort=((id_name, False),), limit=100, marker=marker)
        page = Requests(here, NOUNS).find(noun, ADMIN, query)
        if not page:
            return found
        found += page


@pytest.fixture(scope="module")
def furnished() -> Iterator[World]:
    with world() as here:
        furnish(here)
        bind(here)
        yield here


@pytest.mark.parametrize(
    "plural", [noun.resource.plural for noun in NOUNS.values() if not noun.resource.parent]
)
def test_a_list_may_be_longer_than_a_statement_has_parameters(furnished: World, plural: str) -> None:
    """It is what its pages are, with all that is shown of each thing, however many there are."""
    noun = NOUNS[plural]
    views = Requests(furnished, NOUNS).find(noun, ADMIN, Query(sort=((noun.resource.id_name, False),)))
    assert views == in_pages(furnished, noun)
    assert len(views) > MOST or plural not in MANY_OF


def test_the_limit_of_these_tests_holds(furnished: World) -> None:
    """A statement with more parameters is refused, so that the test above can fail."""
    numbers = sa.select(sa.literal(1)).where(sa.literal(1).in_(list(range(MOST))))
    with furnished.look() as connection, pytest.raises(OperationalError, match="too many SQL variables"):
        connection.execute(numbers)
