"""What is deleted leaves nothing behind: no row of any table names an id that is gone."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy as sa
from askers import SETTINGS
from identity_fixtures import basic, town
from minimal_bodies import BODIES, Site
from served import client_of, serving

from netwright.api.nouns import NOUNS
from netwright.model.ids import HostName
from netwright.model.report import Report
from netwright.model.resource import Resource, Verb
from netwright.store import governance_tables as governing
from netwright.store.tables import METADATA
from netwright.wire.codec import encode_report

HISTORY = frozenset({"changes", "answers"})
"""What was written, and what was answered: kept for a while on purpose."""


@dataclass(frozen=True)
class Thing:
    resource: Resource
    path: str
    id: str


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """Of a server that a host has reported to, whose database is in tmp_path."""
    with serving(tmp_path, settings=SETTINGS) as server:
        client = client_of(server)
        report = Report(HostName("h1"), 1, converged=True, complete=True)
        assert client.send("POST", "/v1/report", encode_report(report)).status == 204
        yield Site(client, "blue")
        client.connection.close()


def rows_of(directory: Path) -> Mapping[str, list[str]]:
    """Every table's rows, as texts."""
    engine = sa.create_engine(f"sqlite:///{directory}/netwright.db")
    with engine.connect() as connection:
        found = {
            table.name: sorted(str(tuple(row)) for row in connection.execute(sa.select(table)))
            for table in METADATA.sorted_tables
            if table.name not in HISTORY
        }
    engine.dispose()
    return found


def everything(site: Site) -> list[Thing]:
    """All that can be deleted."""
    found: list[Thing] = []
    for noun in NOUNS.values():
        resource = noun.resource
        if Verb.DELETE in resource.verbs and Verb.CREATE in resource.verbs:
            for collection in _collections(site, resource):
                listed = site.admin.get(collection)[resource.plural]
                found += [Thing(resource, f"{collection}/{one['id']}", one["id"]) for one in listed]
    return found


def _collections(site: Site, resource: Resource) -> list[str]:
    if resource.parent is None:
        return [resource.collection]
    above = NOUNS[resource.parent.plural].resource
    parents = site.admin.get(above.collection)[above.plural]
    return [resource.collection.format(parent_id=parent["id"]) for parent in parents]


def furnish(site: Site) -> None:
    """One of every noun at least; and networks, routers and groups that others name by their ids."""
    for plural in BODIES:
        site.make(plural)
    group, addresses = site.one("security_groups"), site.one("address_groups")
    for named in ({"remote_group_id": group}, {"remote_address_group_id": addresses}):
        site.make("default_security_group_rules", remote_ip_prefix=None, **named)
    router, subnet = site.one("routers"), site.make("subnets")
    joined = site.admin.send(
        "PUT", f"/v2.0/routers/{router}/add_router_interface", {"subnet_id": subnet["id"]}
    )
    assert joined.status == 200, joined
    agents = {one["agent_type"]: one["id"] for one in site.admin.get("/v2.0/agents")["agents"]}
    taken = (
        ("DHCP agent", f"dhcp-networks/{subnet['network_id']}"),
        ("L3 agent", f"l3-routers/{router}"),
    )
    for agent, thing in taken:
        assert site.admin.send("DELETE", f"/v2.0/agents/{agents[agent]}/{thing}").status == 204


def decorate(site: Site, things: list[Thing]) -> None:
    """Tags on all that can have them, and RBAC policies about all that can be shared."""
    for thing in things:
        if thing.resource.tags:
            answer = site.admin.send("PUT", f"{thing.path}/tags", {"tags": ["red", "blue"]})
            assert answer.status == 200, (thing.path, answer)
        if thing.resource.rbac:
            body = {
                "object_type": thing.resource.rbac,
                "object_id": thing.id,
                "action": "access_as_shared",
                "target_tenant": "grey",
            }
            site.admin.make("/v2.0/rbac-policies", "rbac_policy", body)


def disjoin(site: Site) -> None:
    """Routers' ports cannot be deleted, but by leaving the router."""
    for port in site.admin.get("/v2.0/ports?device_owner=network:router_interface")["ports"]:
        body = {"port_id": port["id"]}
        path = f"/v2.0/routers/{port['device_id']}/remove_router_interface"
        assert site.admin.send("PUT", path, body).status == 200


def delete_all(site: Site, things: list[Thing]) -> None:
    """In that order, again and again as long as others give way."""
    while things:
        left = [thing for thing in things if site.admin.send("DELETE", thing.path).status not in {204, 404}]
        assert len(left) < len(things), [thing.path for thing in left]
        things = left


@pytest.mark.parametrize("order", ["parents first", "one order", "another order"])
def test_all_tables_are_as_they_were_before(site: Site, tmp_path: Path, order: str) -> None:
    """After one of every noun was made, tagged, shared, scheduled and deleted again, in whatever order."""
    standing = {thing.id for thing in everything(site)}
    before = rows_of(tmp_path)
    furnish(site)
    things = [thing for thing in everything(site) if thing.id not in standing]
    assert {thing.resource.plural for thing in things} >= set(BODIES)
    decorate(site, things)
    disjoin(site)
    first = ("ports", "networks", "policies", "routers")
    if order == "parents first":
        things.sort(key=lambda thing: thing.resource.plural not in first)
    else:
        random.Random(order).shuffle(things)
    made = {thing.id for thing in things}
    delete_all(site, things)
    after = rows_of(tmp_path)
    for table, rows in after.items():
        for row in rows:
            assert not [thing for thing in made if thing in row], (table, row)
    assert after == before


def test_no_row_names_a_project_that_is_gone(tmp_path: Path) -> None:
    """Its default group, with tags, its limits, roles, tokens, kept answers and what was shared with it are gone; it is nobody's default project."""
    with town(tmp_path) as here:
        blue = here.project()
        user = here.user(blue)
        here.token(user)
        who = basic(user["name"], X_Project_Id=blue["id"], Idempotency_Key="once")
        (group,) = here.guest.send("GET", "/v2.0/security-groups", headers=who).body["security_groups"]
        path = f"/v2.0/security-groups/{group['id']}"
        assert here.guest.send("PUT", f"{path}/tags", {"tags": ["red"]}, who).status == 200
        assert here.guest.send("POST", "/v2.0/networks", {"network": {}}, who).status == 201
        (network,) = here.guest.send("GET", "/v2.0/networks", headers=who).body["networks"]
        here.admin.drop("network", network["id"])
        theirs = here.admin.send("POST", "/v2.0/networks", {"network": {}}).body["network"]
        shared = {"object_type": "network", "object_id": theirs["id"], "action": "access_as_shared"}
        policy = {"rbac_policy": {**shared, "target_tenant": blue["id"]}}
        assert here.admin.send("POST", "/v2.0/rbac-policies", policy).status == 201
        limit = {"quota": {"network": 5}}
        assert here.admin.send("PUT", f"/v2.0/quotas/{blue['id']}", limit).status == 200
        assert here.admin.send("DELETE", f"/v3/projects/{blue['id']}").status == 204
        assert here.admin.get(f"/v3/users/{user['id']}")["user"].get("default_project_id") is None
        for gone in (blue["id"], group["id"]):
            naming = {table for table, rows in rows_of(tmp_path).items() if any(gone in row for row in rows)}
            assert naming == set()


def test_no_row_that_others_name_goes_without_them() -> None:
    """What tags, RBAC policies and the like name by its id is never deleted by a foreign key, which would leave those."""
    for noun in NOUNS.values():
        if noun.table is not None:
            naming = {column.table for column in governing.NAMING.get(noun.table.name, ())}
            assert not noun.resource.tags or governing.tags in naming, noun.resource.plural
            assert not noun.resource.rbac or governing.rbac_policies in naming, noun.resource.plural
    for name in governing.NAMING:
        assert not [key for key in METADATA.tables[name].foreign_keys if key.ondelete == "CASCADE"], name
