"""QoS policies and rules over HTTP: what holds among them, and what hosts are told."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from askers import Asker, trusting
from served import Client

from netwright.model.caller import Role

THIRD = itertools.count(1)
POLICIES = "/v2.0/qos/policies"
RULES = {
    "bandwidth_limit": {"max_kbps": 1000, "max_burst_kbps": 100, "direction": "egress"},
    "dscp_marking": {"dscp_mark": 46},
    "minimum_bandwidth": {"min_kbps": 500, "direction": "egress"},
    "packet_rate_limit": {"max_kpps": 10, "max_burst_kpps": 1, "direction": "ingress"},
    "minimum_packet_rate": {"min_kpps": 5, "direction": "any"},
}
CHANGED = {
    "bandwidth_limit": {"max_kbps": 2000},
    "dscp_marking": {"dscp_mark": 0},
    "minimum_bandwidth": {"min_kbps": 600},
    "packet_rate_limit": {"max_burst_kpps": 2},
    "minimum_packet_rate": {"direction": "ingress"},
}


@pytest.fixture(scope="module")
def site() -> Iterator[Client]:
    with trusting() as (_, client):
        yield client


def policy(client: Client, **attributes: object) -> dict:
    answer = client.send("POST", POLICIES, {"policy": attributes})
    assert answer.status == 201, answer
    return answer.body["policy"]


def rule(client: Client, home: dict, kind: str, **attributes: object) -> dict:
    answer = client.send("POST", f"{POLICIES}/{home['id']}/{kind}_rules", {f"{kind}_rule": attributes})
    assert answer.status == 201, answer
    return answer.body[f"{kind}_rule"]


def network(client: Client, **attributes: object) -> dict:
    return client.host_network(f"10.78.{next(THIRD)}.0/24", **attributes)


def limits_of(client: Client) -> dict[str, dict]:
    """What the plan says of ports' traffic, by port."""
    items = client.get("/v1/plan?host=h1")["body"]["items"]
    return {item["id"]: item for item in items if item["is"] == "PortQosItem"}


def plugged(client: Client, home: dict, **attributes: object) -> dict:
    return client.make(
        "port", network_id=home["id"], **{"netwright:attachment": {"kind": "tap"}, **attributes}
    )


@pytest.mark.parametrize("kind", RULES)
def test_a_rule_is_made_shown_changed_and_deleted(client: Client, kind: str) -> None:
    """Every type of rule, beneath its policy; the policy lists it with its type."""
    home = policy(client, name="gold")
    made = rule(client, home, kind, **RULES[kind])
    assert RULES[kind].items() <= made.items()
    path = f"{POLICIES}/{home['id']}/{kind}_rules"
    assert client.get(f"{path}/{made['id']}")[f"{kind}_rule"] == made
    assert [one["id"] for one in client.get(path)[f"{kind}_rules"]] == [made["id"]]
    (listed,) = client.get(f"{POLICIES}/{home['id']}")["policy"]["rules"]
    assert listed == {**RULES[kind], "id": made["id"], "qos_policy_id": home["id"], "type": kind}
    answer = client.send("PUT", f"{path}/{made['id']}", {f"{kind}_rule": CHANGED[kind]})
    assert CHANGED[kind].items() <= answer.body[f"{kind}_rule"].items()
    assert client.send("DELETE", f"{path}/{made['id']}").status == 204
    assert client.get(f"{POLICIES}/{home['id']}")["policy"]["rules"] == []


@pytest.mark.parametrize("kind", [kind for kind in RULES if kind != "packet_rate_limit"])
@pytest.mark.parametrize("joint", ["_", "-"])
def test_a_rule_has_a_path_without_its_policy(client: Client, kind: str, joint: str) -> None:
    """By its alias a rule is shown, changed and deleted, however the path is spelt."""
    home = policy(client)
    made = rule(client, home, kind, **RULES[kind])
    name = f"alias_{kind}_rule"
    path = f"/v2.0/qos/{name.replace('_', joint)}s/{made['id']}"
    assert RULES[kind].items() <= client.get(path)[name].items()
    answer = client.send("PUT", path, {name: CHANGED[kind]})
    assert CHANGED[kind].items() <= answer.body[name].items()
    assert client.send("DELETE", path).status == 204
    assert client.send("GET", path).status == 404


def test_types_of_rules_are_told(client: Client) -> None:
    """All five, each with what its attributes may be."""
    listed = client.get("/v2.0/qos/rule-types")["rule_types"]
    assert {one["type"] for one in listed} == set(RULES)
    shown = client.get("/v2.0/qos/rule-types/bandwidth_limit")["rule_type"]
    (driver,) = shown["drivers"]
    names = {one["parameter_name"] for one in driver["supported_parameters"]}
    assert names == set(RULES["bandwidth_limit"])
    assert client.send("GET", "/v2.0/qos/rule-types/nonsense").status == 404


def test_members_are_told_the_types_and_not_their_details(site: Client) -> None:
    """Which rules there are is everybody's to know, what carries them out is admins': 403."""
    member = Asker(site, Role.MEMBER, "blue")
    assert len(member.get("/v2.0/qos/rule-types")["rule_types"]) == len(RULES)
    answer = member.send("GET", "/v2.0/qos/rule-types/bandwidth_limit")
    assert (answer.status, answer.kind) == (403, "PolicyNotAuthorized")


def test_what_is_wrong_is_told_before_what_is_not_allowed(site: Client) -> None:
    """A body that cannot be is a 400 to a member, too; one that can be is the 403."""
    member = Asker(site, Role.MEMBER, "blue")
    for body in ({"name": "z" * 256}, {"description": "z" * 256}, {"project_id": "z" * 256}, {"nonsense": 1}):
        assert member.send("POST", POLICIES, {"policy": body}).status == 400
    assert member.send("POST", POLICIES, {"policy": {"name": "z"}}).status == 403


REFUSED: dict[str, tuple[str, dict, int, str]] = {
    "another of the same direction": ("bandwidth_limit", {"max_kbps": 5}, 409, "QoSRulesConflict"),
    "a limit below the least": (
        "bandwidth_limit",
        {"max_kbps": 5, "direction": "ingress"},
        409,
        "QoSRuleParameterConflict",
    ),
    "any direction beside one": (
        "minimum_packet_rate",
        {"min_kpps": 1, "direction": "any"},
        409,
        "QoSRulesConflict",
    ),
    "a mark that is none": ("dscp_marking", {"dscp_mark": 1}, 400, "InvalidInput"),
    "no limit at all": ("packet_rate_limit", {}, 400, "InvalidInput"),
    "a direction that is none": ("bandwidth_limit", {"max_kbps": 5, "direction": "up"}, 400, "InvalidInput"),
    "less than nothing": ("packet_rate_limit", {"max_kpps": -1}, 400, "InvalidInput"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_rules_that_contradict_are_refused(client: Client, why: str) -> None:
    """What a policy cannot hold beside what it has, and what makes no sense."""
    home = policy(client)
    rule(client, home, "bandwidth_limit", max_kbps=1000)
    rule(client, home, "minimum_bandwidth", min_kbps=1000)
    rule(client, home, "minimum_packet_rate", min_kpps=1)
    kind, attributes, status, error = REFUSED[why]
    answer = client.send("POST", f"{POLICIES}/{home['id']}/{kind}_rules", {f"{kind}_rule": attributes})
    assert (answer.status, answer.kind) == (status, error), answer


def test_a_scheduler_is_told_what_a_port_asks_for(client: Client) -> None:
    """Bandwidth of its network's link, packets of its host, by its own policy or its network's; nothing without one."""
    home = policy(client, shared=True)
    rule(client, home, "minimum_bandwidth", min_kbps=1000)
    rule(client, home, "minimum_bandwidth", min_kbps=2000, direction="ingress")
    wire = {"provider:network_type": "vlan", "provider:physical_network": "br-ex"}
    there = client.make("network", **wire)["id"]
    made = client.make("port", network_id=there, qos_policy_id=home["id"])
    (group,) = made["resource_request"]["request_groups"]
    assert group["required"] == ["CUSTOM_PHYSNET_BR_EX", "CUSTOM_VNIC_TYPE_NORMAL"]
    assert group["resources"] == {"NET_BW_EGR_KILOBIT_PER_SEC": 1000, "NET_BW_IGR_KILOBIT_PER_SEC": 2000}
    path = f"/v2.0/ports/{made['id']}"
    assert client.get(path)["port"]["resource_request"] == made["resource_request"]
    rule(client, home, "minimum_packet_rate", min_kpps=7)
    asked = client.get(path)["port"]["resource_request"]
    assert asked["same_subtree"] == [one["id"] for one in asked["request_groups"]]
    packets, width = asked["request_groups"]
    assert (packets["required"], width) == (["CUSTOM_VNIC_TYPE_NORMAL"], group)
    assert packets["resources"] == {"NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC": 7}
    assert client.change("port", made["id"], qos_policy_id=None)["resource_request"] is None
    client.change("network", there, qos_policy_id=home["id"])
    assert client.get(path)["port"]["resource_request"] == asked


def test_bandwidth_is_asked_of_a_link_only(client: Client) -> None:
    """A port of a network without one asks for nothing; a policy of other rules never does."""
    narrow, limited = policy(client), policy(client)
    rule(client, narrow, "minimum_bandwidth", min_kbps=1000)
    rule(client, limited, "bandwidth_limit", max_kbps=1000)
    there = client.make("network")["id"]
    for home in (narrow, limited):
        made = client.make("port", network_id=there, qos_policy_id=home["id"])
        assert made["resource_request"] is None


def test_a_policy_in_use_stays(client: Client) -> None:
    """It cannot be deleted while a port, a network or a floating IP has it; without users it goes with its rules."""
    home = policy(client)
    rule(client, home, "bandwidth_limit", max_kbps=1000)
    there = network(client, qos_policy_id=home["id"])
    answer = client.send("DELETE", f"{POLICIES}/{home['id']}")
    assert (answer.status, answer.kind) == (409, "QosPolicyInUse")
    client.change("network", there["id"], qos_policy_id=None)
    assert client.send("DELETE", f"{POLICIES}/{home['id']}").status == 204
    assert client.send("GET", f"{POLICIES}/{home['id']}").status == 404


def test_a_policy_that_is_not_there_cannot_be_had(client: Client) -> None:
    """Neither by a network nor by a port."""
    there = network(client)
    unknown = "5ab0e000-0000-4000-8000-000000000001"
    for singular, thing in (("network", there), ("port", plugged(client, there))):
        path = f"/v2.0/{singular}s/{thing['id']}"
        answer = client.send("PUT", path, {singular: {"qos_policy_id": unknown}})
        assert (answer.status, answer.kind) == (404, "QosPolicyNotFound")


def test_new_networks_have_their_projects_default_policy(client: Client) -> None:
    """Where they name none; a project has one default."""
    project = {"project_id": "defaulting"}
    home = policy(client, is_default=True, **project)
    answer = client.send("POST", POLICIES, {"policy": {"is_default": True, **project}})
    assert (answer.status, answer.kind) == (409, "QoSPolicyDefaultAlreadyExists")
    assert client.make("network", **project)["qos_policy_id"] == home["id"]
    assert client.make("network")["qos_policy_id"] is None


def test_hosts_are_told_of_ports_with_a_policy(client: Client) -> None:
    """By the port's own policy, else by its network's; a change of a rule reaches every port that it is about."""
    home, other = policy(client), policy(client)
    limit = rule(client, home, "bandwidth_limit", max_kbps=1000, max_burst_kbps=80)
    rule(client, other, "dscp_marking", dscp_mark=46)
    there = network(client, qos_policy_id=home["id"])
    first, second = plugged(client, there), plugged(client, there, qos_policy_id=other["id"])
    assert first["qos_network_policy_id"] == second["qos_network_policy_id"] == home["id"]
    found = limits_of(client)
    assert found[first["id"]]["from_guest"] == {"rate": 125000, "burst": 10000}
    assert (found[second["id"]]["from_guest"], found[second["id"]]["dscp"]) == (None, 46)
    path = f"{POLICIES}/{home['id']}/bandwidth_limit_rules/{limit['id']}"
    client.send("PUT", path, {"bandwidth_limit_rule": {"max_kbps": 8, "direction": "ingress"}})
    changed = limits_of(client)[first["id"]]
    assert (changed["from_guest"], changed["to_guest"]) == (None, {"rate": 1000, "burst": 10000})
    client.send("DELETE", path)
    assert first["id"] not in limits_of(client)


def test_a_floating_ip_has_a_policy_of_its_own(client: Client) -> None:
    """Its bandwidth limits come with it, its own before its network's."""
    home, other = policy(client), policy(client)
    rule(client, home, "bandwidth_limit", max_kbps=8, direction="ingress")
    rule(client, other, "bandwidth_limit", max_kbps=16)
    outside = network(client, **{"router:external": True, "qos_policy_id": other["id"]})
    port = plugged(client, network(client))
    floating = client.make("floatingip", floating_network_id=outside["id"], port_id=port["id"])
    assert (floating["qos_policy_id"], floating["qos_network_policy_id"]) == (None, other["id"])

    def told() -> tuple[object, object]:
        items = client.get("/v1/plan?host=h1")["body"]["items"]
        (found,) = (one for one in items if one["is"] == "FloatingIpItem" and one["id"] == floating["id"])
        return found["comes"], found["goes"]

    assert told() == (None, {"rate": 2000, "burst": 0})
    client.change("floatingip", floating["id"], qos_policy_id=home["id"])
    assert told() == ({"rate": 1000, "burst": 0}, None)
