"""What requests ask of the database: as much of a large one as of a small one, and nothing twice."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from worlds import HOST, world

from netwright.api.nouns import NOUNS
from netwright.control import plans
from netwright.control.requests import Asker, Requests
from netwright.control.world import World
from netwright.model.caller import Caller, Role
from netwright.model.ids import ProjectId

FEW = {"hosts"}
"""Tables that do not grow with what users make."""


@dataclass(frozen=True)
class Site:
    """A database with a network, an external one, and things that requests are about."""

    world: World
    role: Role

    def asker(self, role: Role) -> Asker:
        return Asker(Caller(ProjectId("blue"), role))

    @property
    def requests(self) -> Requests:
        return Requests(self.world, NOUNS)

    def make(self, plural: str, *, admin: bool = False, **attributes: object) -> str:
        """Its id."""
        asker = self.asker(Role.ADMIN if admin else self.role)
        return str(self.requests.create(NOUNS[plural], asker, [attributes])[0]["id"])

    def change(self, plural: str, thing: str, **attributes: object) -> None:
        self.requests.update(NOUNS[plural], self.asker(self.role), thing, attributes)

    def drop(self, plural: str, thing: str) -> None:
        self.requests.delete(NOUNS[plural], self.asker(self.role), thing)

    def show(self, plural: str, thing: str) -> None:
        self.requests.show(NOUNS[plural], self.asker(self.role), thing)


Act = Callable[[], object]


def prepared(site: Site) -> dict[str, Act]:
    """Requests by what they do; each goes to things that nothing else was asked of."""
    network = site.make("networks", name="inside")
    subnet = site.make("subnets", network_id=network, cidr="10.0.0.0/16")
    outside = site.make("networks", admin=True, **{"router:external": True})
    site.make("subnets", admin=True, network_id=outside, cidr="198.18.0.0/16")
    group = site.make("security_groups", name="web")
    router = site.make("routers", external_gateway_info={"network_id": outside})
    port = [site.make("ports", network_id=network) for _ in range(3)]
    floating = site.make("floatingips", floating_network_id=outside)
    rule = site.make("security_group_rules", security_group_id=group, direction="ingress", protocol="udp")
    return {
        "port create": lambda: site.make("ports", network_id=network, name="web-1"),
        "port show": lambda: site.show("ports", port[0]),
        "port update": lambda: site.change("ports", port[0], name="web-2", fixed_ips=[{"subnet_id": subnet}]),
        "port delete": lambda: site.drop("ports", port[1]),
        "rule create": lambda: site.make(
            "security_group_rules", security_group_id=group, direction="ingress", protocol="tcp"
        ),
        "rule delete": lambda: site.drop("security_group_rules", rule),
        "floating IP create": lambda: site.make("floatingips", floating_network_id=outside),
        "floating IP update": lambda: site.change("floatingips", floating, description="new"),
        "floating IP delete": lambda: site.drop("floatingips", floating),
        "network create": lambda: site.make("networks", name="another"),
        "network show": lambda: site.show("networks", network),
        "network update": lambda: site.change("networks", network, name="new"),
        "subnet create": lambda: site.make("subnets", network_id=site.make("networks"), cidr="10.1.0.0/24"),
        "subnet update": lambda: site.change("subnets", subnet, name="new"),
        "router update": lambda: site.change("routers", router, name="new"),
        "group update": lambda: site.change("security_groups", group, name="new"),
    }


@contextmanager
def watched(here: World) -> Iterator[list[tuple[str, object]]]:
    """The statements of the block, with their values."""
    asked: list[tuple[str, object]] = []

    def note(*given: object) -> None:
        _, _, statement, values, _, many = given
        asked.append((str(statement), values[0] if many else values))

    sa.event.listen(here.database.engine, "before_cursor_execute", note)
    try:
        yield asked
    finally:
        sa.event.remove(here.database.engine, "before_cursor_execute", note)


def plan_of(connection: sa.Connection, statement: str, values: object) -> list[str]:
    """The steps that SQLite takes for it."""
    if statement.startswith("BEGIN"):
        return []
    return [row[3] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)]


@pytest.mark.parametrize("role", [Role.MEMBER, Role.ADMIN])
def test_a_request_scans_no_table_that_grows(role: Role) -> None:
    """Each statement of the usual requests finds its rows by an index: none walks all of a table's."""
    with world() as here:
        asked: list[tuple[str, str, object]] = []
        for name, act in prepared(Site(here, role)).items():
            with watched(here) as statements:
                act()
            asked.extend((name, *one) for one in statements)
        with here.look() as connection:
            for name, statement, values in asked:
                for step in plan_of(connection, statement, values):
                    scanned = step.removeprefix("SCAN ").split()[0] if step.startswith("SCAN ") else ""
                    assert scanned in {"", *FEW}, (name, statement)


@pytest.mark.parametrize("role", [Role.MEMBER, Role.ADMIN])
def test_what_is_changed_is_read_once(role: Role) -> None:
    """A port that is updated or deleted is read by one statement for each table that it is in."""
    with world() as here:
        requests = prepared(Site(here, role))
        for name in ("port update", "port delete"):
            with watched(here) as statements:
                requests[name]()
            for table in ("ports JOIN networks", "addresses JOIN ports", "port_security_groups JOIN ports"):
                assert sum(f"FROM {table}" in " ".join(one.split()) for one, _ in statements) == 1, name


@contextmanager
def instructions(here: World) -> Iterator[list[None]]:
    """One entry for every ten instructions of SQLite's that the block takes: what it costs, without a clock."""
    taken: list[None] = []

    def counting(raw: sqlite3.Connection, *_: object) -> None:
        raw.set_progress_handler(lambda: taken.append(None), 10)

    def ended(raw: sqlite3.Connection, *_: object) -> None:
        raw.set_progress_handler(None, 10)

    sa.event.listen(here.database.engine, "checkout", counting)
    sa.event.listen(here.database.engine, "checkin", ended)
    try:
        yield taken
    finally:
        sa.event.remove(here.database.engine, "checkout", counting)
        sa.event.remove(here.database.engine, "checkin", ended)


PLUGGED = {"kind": "tap"}
KINDS: dict[str, dict[str, object]] = {
    "plugged here": {"netwright:attachment": PLUGGED},
    "plugged elsewhere": {"netwright:attachment": PLUGGED, "binding:host_id": "h2"},
    "plugged nowhere": {},
}


def costs(kind: str, count: int, *, logged: bool) -> dict[str, int]:
    """Of one more port of that kind, and of telling this host of what becomes of it, where there are so many."""
    with world() as here:
        site = Site(here, Role.ADMIN)
        network = site.make("networks", **{"netwright:gateway_place": "host"})
        site.make("subnets", network_id=network, cidr="10.0.0.0/8")
        body = {"network_id": network, **KINDS[kind]}
        first = site.requests.create(NOUNS["ports"], site.asker(Role.ADMIN), [body] * count)[0]
        if logged:
            site.make("logs", resource_type="security_group", target_id=first["id"])
        before = plans.generation(here)
        with instructions(here) as creating:
            port = site.make("ports", name="one more", **body)
        with instructions(here) as telling:
            plans.delta(here, HOST, before)
        with instructions(here) as changing:
            site.change("ports", port, name="another")
        after = plans.generation(here)
        with instructions(here) as deleting:
            site.drop("ports", port)
        with instructions(here) as untelling:
            plans.delta(here, HOST, after)
        found = {
            "create": creating,
            "delta": telling,
            "update": changing,
            "delete": deleting,
            "gone": untelling,
        }
        return {name: len(taken) for name, taken in found.items()}


@pytest.mark.parametrize("logged", [False, True], ids=["", "one logged"])
@pytest.mark.parametrize("kind", KINDS)
def test_one_more_port_costs_the_same_among_many(kind: str, logged: bool) -> None:
    """It takes SQLite as many instructions, and so does what hosts are told, with 300 ports there as with 3."""
    few, many = costs(kind, 3, logged=logged), costs(kind, 300, logged=logged)
    assert min(few.values()) > 0
    for name, taken in many.items():
        assert taken <= few[name] * 1.1, (name, few, many)


def test_a_rule_costs_the_same_whatever_the_length_of_the_address_group_that_it_names() -> None:
    """None of its prefixes is read."""

    def cost(length: int) -> int:
        with world() as here:
            site = Site(here, Role.ADMIN)
            prefixes = [f"10.0.{number}.0/24" for number in range(length)]
            offices = site.make("address_groups", addresses=prefixes)
            group = site.make("security_groups", name="web")
            with instructions(here) as taken:
                site.make(
                    "security_group_rules",
                    security_group_id=group,
                    direction="ingress",
                    remote_address_group_id=offices,
                )
            return len(taken)

    few, many = cost(2), cost(200)
    assert 0 < many <= few * 1.1
