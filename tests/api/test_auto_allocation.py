"""A project's network, subnets and router in one request."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from askers import Asker, trusting
from served import Answer, Client, client_of

from netwright.api.server import Server
from netwright.model.caller import Role

PATH = "/v2.0/auto-allocated-topology"
POOLS = {"four": ["10.64.0.0/16"], "six": ["fd00:64::/48"]}


@pytest.fixture
def deployed() -> Iterator[tuple[Server, Client]]:
    with trusting({"network": 1}) as (server, client):
        yield server, client


def prepare(admin: Asker) -> str:
    """What an admin does first: says which external network and pools are the default ones."""
    wan = admin.make("/v2.0/networks", "network", {"router:external": True, "is_default": True})["id"]
    body = {"network_id": wan, "cidr": "192.0.2.0/24", "enable_dhcp": False}
    admin.make("/v2.0/subnets", "subnet", body)
    for name, prefixes in POOLS.items():
        length = 26 if name == "four" else 64
        pool = {"name": name, "prefixes": prefixes, "default_prefixlen": length, "is_default": True}
        admin.make("/v2.0/subnetpools", "subnetpool", {**pool, "shared": True})
    return wan


def things(who: Asker) -> dict[str, list[dict]]:
    plurals = ("networks", "subnets", "routers")
    return {
        plural: [one for one in who.get(f"/v2.0/{plural}")[plural] if one["project_id"] == who.project]
        for plural in plurals
    }


def test_a_project_gets_a_way_out_in_one_request_and_gives_it_back(deployed: tuple[Server, Client]) -> None:
    """The second request finds what the first made; what is deleted as one leaves nothing."""
    _, client = deployed
    admin, blue = Asker(client, Role.ADMIN, "admins"), Asker(client, Role.MEMBER, "blue")
    wan = prepare(admin)
    assert blue.get(f"{PATH}/blue?fields=dry-run")["auto_allocated_topology"] == {
        "id": "dry-run=pass",
        "project_id": "blue",
        "tenant_id": "blue",
    }
    assert not any(things(blue).values())
    made = blue.get(f"{PATH}/None")["auto_allocated_topology"]
    (network,), subnets, (router,) = things(blue).values()
    assert (made["id"], made["project_id"]) == (network["id"], "blue")
    assert (network["name"], router["name"]) == ("auto_allocated_network", "auto_allocated_router")
    assert sorted(one["name"] for one in subnets) == ["auto_allocated_subnet_v4", "auto_allocated_subnet_v6"]
    assert router["external_gateway_info"]["network_id"] == wan
    ports = admin.get(f"/v2.0/ports?device_id={router['id']}&network_id={network['id']}")["ports"]
    joined = {fixed["subnet_id"] for port in ports for fixed in port["fixed_ips"]}
    assert joined == {subnet["id"] for subnet in subnets}
    assert blue.get(f"{PATH}/blue?fields=id") == {"auto_allocated_topology": {"id": network["id"]}}
    guest = blue.make("/v2.0/ports", "port", {"network_id": network["id"]})["id"]
    assert blue.send("DELETE", f"{PATH}/blue").status == 409
    assert len(things(blue)["routers"]) == 1
    assert blue.send("DELETE", f"/v2.0/ports/{guest}").status == 204
    assert blue.send("DELETE", f"{PATH}/blue").status == 204
    assert not any(things(blue).values())
    assert blue.send("DELETE", f"{PATH}/blue").status == 204


def test_what_an_admin_has_not_said_is_told(deployed: tuple[Server, Client]) -> None:
    """Without a default external network, or default pools, both kinds of request are 409."""
    _, client = deployed
    admin, blue = Asker(client, Role.ADMIN, "admins"), Asker(client, Role.MEMBER, "blue")
    for query in ("", "?fields=dry-run"):
        refused = blue.send("GET", f"{PATH}/blue{query}")
        assert (refused.status, refused.kind) == (409, "AutoAllocationFailure")
        assert "router:external" in refused.message
    admin.make("/v2.0/networks", "network", {"router:external": True, "is_default": True})
    assert "subnetpools" in blue.send("GET", f"{PATH}/blue").message


def test_others_cannot_ask_for_a_project_and_readers_only_look(deployed: tuple[Server, Client]) -> None:
    """A foreign project is 403, but for admins; a reader sees what is there, and makes and deletes nothing."""
    _, client = deployed
    admin, blue = Asker(client, Role.ADMIN, "admins"), Asker(client, Role.MEMBER, "blue")
    reader = Asker(client, Role.READER, "blue")
    prepare(admin)
    for method in ("GET", "DELETE"):
        assert Asker(client, Role.MEMBER, "red").send(method, f"{PATH}/blue").status == 403
        assert reader.send(method, f"{PATH}/blue").status == 403
    made = admin.get(f"{PATH}/blue")["auto_allocated_topology"]
    assert made["project_id"] == "blue"
    assert reader.get(f"{PATH}/blue")["auto_allocated_topology"] == made
    assert blue.send("DELETE", f"/v2.0/networks/{made['id']}").status == 409


def test_quotas_hold_and_nothing_is_left_half_made(deployed: tuple[Server, Client]) -> None:
    """A project that has a network already, and may have one, gets no second."""
    _, client = deployed
    admin, blue = Asker(client, Role.ADMIN, "admins"), Asker(client, Role.MEMBER, "blue")
    prepare(admin)
    blue.make("/v2.0/networks", "network", {})
    refused = blue.send("GET", f"{PATH}/blue")
    assert (refused.status, refused.kind) == (409, "OverQuota")
    assert [len(found) for found in things(blue).values()] == [1, 0, 0]


def test_many_at_once_get_one_network(deployed: tuple[Server, Client]) -> None:
    """Whoever asks at the same time for the same project is answered with the same network."""
    server, client = deployed
    prepare(Asker(client, Role.ADMIN, "admins"))

    def ask(_: int) -> Answer:
        own = client_of(server)
        try:
            return Asker(own, Role.MEMBER, "blue").send("GET", f"{PATH}/blue")
        finally:
            own.connection.close()

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, range(4)))
    assert {one.status for one in answers} == {200}
    assert len({one.body["auto_allocated_topology"]["id"] for one in answers}) == 1
