"""Agents, as hosts that report show them, and what is on which."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from askers import Asker, trusting
from served import Answer, Client

from netwright.model.caller import Role
from netwright.model.ids import HostName
from netwright.model.report import Report
from netwright.wire.codec import encode_report

PARTS = {"DHCP agent", "L3 agent", "Linux bridge agent", "Metadata agent"}


def report(client: Client, host: str, generation: int = 0) -> None:
    told = Report(HostName(host), generation, converged=True, complete=False)
    assert client.send("POST", "/v1/report", encode_report(told)).status == 204


@pytest.fixture
def admin() -> Iterator[Asker]:
    """Of a deployment of two hosts."""
    with trusting() as (_, client):
        for host in ("one", "two"):
            report(client, host)
        yield Asker(client, Role.ADMIN, "admin")


def agents(who: Asker, query: str = "") -> list[dict]:
    return who.get(f"/v2.0/agents{query}")["agents"]


def test_a_host_that_reports_shows_its_agents_alive(admin: Asker) -> None:
    """Four for each host, each with an id of its own that stays; kinds are found however they are written."""
    every = agents(admin)
    assert {(one["host"], one["agent_type"]) for one in every} == {
        (host, part) for host in ("one", "two") for part in PARTS
    }
    assert len({one["id"] for one in every}) == len(every)
    assert all(one["alive"] and one["admin_state_up"] for one in every)
    assert {one["availability_zone"] for one in every if one["agent_type"] in {"DHCP agent", "L3 agent"}} == {
        "nova"
    }
    report(admin.client, "one", 1)
    assert {one["id"] for one in agents(admin)} == {one["id"] for one in every}
    (found,) = agents(admin, "?agent_type=DHCP Agent&host=two".replace(" ", "%20"))
    assert (found["agent_type"], found["host"]) == ("DHCP agent", "two")
    assert admin.get(f"/v2.0/agents/{found['id']}")["agent"] == found


def test_what_is_set_of_an_agent_is_kept(admin: Asker) -> None:
    """Its state and description, and nothing else; a deleted one comes back with its host's next news."""
    agent = agents(admin)[0]
    path = f"/v2.0/agents/{agent['id']}"
    change = {"admin_state_up": False, "description": "in the cellar"}
    assert admin.send("PUT", path, {"agent": change}).body["agent"] == {**agent, **change}
    report(admin.client, agent["host"], 2)
    assert admin.get(path)["agent"]["description"] == "in the cellar"
    assert admin.send("PUT", path, {"agent": {"host": "three"}}).status == 400
    assert admin.send("POST", "/v2.0/agents", {"agent": {}}).status == 405
    assert admin.send("DELETE", path).status == 204
    gone = admin.send("GET", path)
    assert (gone.status, gone.kind) == (404, "AgentNotFound")
    assert admin.send("DELETE", f"/v2.0/agents/{uuid.uuid4()}").status == 404
    report(admin.client, agent["host"], 3)
    assert admin.send("GET", path).status == 200


def test_members_see_no_agents(admin: Asker) -> None:
    """The list is empty, and there is none for them; what is on one, and which one a thing is on, is 403."""
    member = Asker(admin.client, Role.MEMBER, "blue")
    agent = agents(admin)[0]["id"]
    assert agents(member) == []
    for method, body in (("GET", None), ("PUT", {"agent": {"admin_state_up": False}}), ("DELETE", None)):
        answer = member.send(method, f"/v2.0/agents/{agent}", body)
        assert (answer.status, answer.kind) == (404, "AgentNotFound")
    assert member.send("GET", f"/v2.0/agents/{agent}/dhcp-networks").status == 403
    network = member.make("/v2.0/networks", "network", {})["id"]
    assert member.send("GET", f"/v2.0/networks/{network}/dhcp-agents").status == 403


def test_a_network_with_dhcp_is_on_every_dhcp_agent_until_it_is_taken_away(admin: Asker) -> None:
    """One without is on those that it was put on; twice put and twice taken are 409, another kind of agent 404."""
    served = admin.make("/v2.0/networks", "network", {})["id"]
    admin.make("/v2.0/subnets", "subnet", {"network_id": served, "cidr": "10.0.0.0/24"})
    empty = admin.make("/v2.0/networks", "network", {})["id"]
    here, there = (one["id"] for one in agents(admin, "?agent_type=DHCP%20agent"))
    other = agents(admin, "?agent_type=L3%20agent")[0]["id"]

    def on(network: str) -> set[str]:
        listed = {one["id"] for one in admin.get(f"/v2.0/networks/{network}/dhcp-agents")["agents"]}
        for agent in (here, there):
            networks = admin.get(f"/v2.0/agents/{agent}/dhcp-networks")["networks"]
            assert (network in {one["id"] for one in networks}) == (agent in listed)
        return listed

    assert (on(served), on(empty)) == ({here, there}, set())
    assert admin.send("DELETE", f"/v2.0/agents/{here}/dhcp-networks/{served}").status == 204
    answer = admin.send("DELETE", f"/v2.0/agents/{here}/dhcp-networks/{served}")
    assert (answer.status, answer.kind) == (409, "NetworkNotHostedByDhcpAgent")
    assert admin.send("POST", f"/v2.0/agents/{here}/dhcp-networks", {"network_id": empty}).status == 201
    answer = admin.send("POST", f"/v2.0/agents/{here}/dhcp-networks", {"network_id": empty})
    assert (answer.status, answer.kind) == (409, "NetworkHostedByDHCPAgent")
    assert (on(served), on(empty)) == ({there}, {here})
    assert admin.send("POST", f"/v2.0/agents/{other}/dhcp-networks", {"network_id": served}).status == 404
    assert (
        admin.send("POST", f"/v2.0/agents/{here}/dhcp-networks", {"network_id": str(uuid.uuid4())}).status
        == 404
    )
    assert admin.send("DELETE", f"/v2.0/networks/{empty}").status == 204
    assert on(served) == {there}


def test_a_router_with_ports_is_on_one_l3_agent_until_an_admin_moves_it(admin: Asker) -> None:
    """One without is on none; it is never put on a second agent, and twice on the same one is taken."""
    router = admin.make("/v2.0/routers", "router", {})["id"]
    both = {one["id"] for one in agents(admin, "?agent_type=L3%20agent")}
    other = agents(admin, "?agent_type=DHCP%20agent")[0]["id"]

    def on() -> set[str]:
        listed = {one["id"] for one in admin.get(f"/v2.0/routers/{router}/l3-agents")["agents"]}
        for agent in both:
            routers = admin.get(f"/v2.0/agents/{agent}/l3-routers")["routers"]
            assert (router in {one["id"] for one in routers}) == (agent in listed)
        return listed

    def put(agent: str) -> Answer:
        return admin.send("POST", f"/v2.0/agents/{agent}/l3-routers", {"router_id": router})

    assert on() == set()
    network = admin.make("/v2.0/networks", "network", {})["id"]
    subnet = admin.make("/v2.0/subnets", "subnet", {"network_id": network, "cidr": "10.0.0.0/24"})["id"]
    joined = admin.send("PUT", f"/v2.0/routers/{router}/add_router_interface", {"subnet_id": subnet})
    assert joined.status == 200
    (here,) = on()
    (there,) = both - {here}
    refused = put(there)
    assert (refused.status, refused.kind) == (409, "RouterHostedByL3Agent")
    assert put(here).status == put(here).status == 201
    assert admin.send("DELETE", f"/v2.0/agents/{here}/l3-routers/{router}").status == 204
    assert on() == set()
    gone = admin.send("DELETE", f"/v2.0/agents/{here}/l3-routers/{router}")
    assert (gone.status, gone.kind) == (409, "RouterNotHostedByL3Agent")
    assert put(there).status == 201
    assert on() == {there}
    assert put(other).status == 404
    member = Asker(admin.client, Role.MEMBER, "blue")
    assert member.send("GET", f"/v2.0/agents/{there}/l3-routers").status == 403


def test_there_is_one_zone(admin: Asker) -> None:
    """It is available for networks and routers, may be hinted at, and no other can be."""
    zones = admin.get("/v2.0/availability_zones")["availability_zones"]
    assert sorted((one["name"], one["resource"], one["state"]) for one in zones) == [
        ("nova", "network", "available"),
        ("nova", "router", "available"),
    ]
    (one,) = admin.get("/v2.0/availability_zones?resource=router")["availability_zones"]
    assert one["resource"] == "router"
    network = admin.make("/v2.0/networks", "network", {"availability_zone_hints": ["nova"]})
    assert (network["availability_zone_hints"], network["availability_zones"]) == (["nova"], [])
    admin.make("/v2.0/subnets", "subnet", {"network_id": network["id"], "cidr": "10.0.0.0/24"})
    shown = admin.get(f"/v2.0/networks/{network['id']}")["network"]
    assert (shown["availability_zone_hints"], shown["availability_zones"]) == (["nova"], ["nova"])
    answer = admin.send("POST", "/v2.0/networks", {"network": {"availability_zone_hints": ["mars"]}})
    assert (answer.status, answer.kind) == (404, "AvailabilityZoneNotFound")


def test_service_providers_are_listed(admin: Asker) -> None:
    """Routers have one, and everybody may see it."""
    member = Asker(admin.client, Role.READER, "blue")
    assert member.get("/v2.0/service-providers") == {
        "service_providers": [{"service_type": "L3_ROUTER_NAT", "name": "netwright", "default": True}]
    }
