"""Counters, logs and revocation over HTTP."""

from __future__ import annotations

import uuid

import pytest
from served import Client

from netwright.model.counters import CounterReport, RuleCount
from netwright.model.ids import GroupId, HostName
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType, PortRange
from netwright.model.plan import RulePlan
from netwright.wire.codec import encode_counters

OUT4 = RulePlan(Direction.EGRESS, EtherType.IPV4, AnyProtocol(), Anywhere())
SSH = RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(6, 22, 22), Anywhere())

NOT_THERE = "6f1c2b3a-0000-4000-8000-000000000000"


def a_group(client: Client) -> dict:
    return client.make("security_group", name=f"g{uuid.uuid4().hex[:8]}")


def tell(client: Client, host: str, *counts: RuleCount, complete: bool = True) -> int:
    report = CounterReport(HostName(host), complete, counts)
    return client.send("POST", "/v1/counters", encode_counters(report)).status


def test_counts_of_all_hosts_are_added_up(client: Client) -> None:
    """A rule's counts are the sum over hosts, its last hit the latest; a rule that nobody told of has none."""
    group = GroupId(a_group(client)["id"])
    rule = client.make(
        "security_group_rule", security_group_id=group, direction="ingress", protocol="tcp",
        port_range_min=22, port_range_max=22,
    )  # fmt: skip
    one, two = f"a{uuid.uuid4().hex[:8]}", f"b{uuid.uuid4().hex[:8]}"
    assert tell(client, one, RuleCount(group, SSH, 3, 300, 10.0, 20.0), RuleCount(group, OUT4, 9, 900)) == 204
    assert tell(client, two, RuleCount(group, SSH, 4, 400, 5.0, 15.0)) == 204
    found = client.get(f"/v1/security-group-rules/{rule['id']}/counters")["counters"]
    assert found == {
        "security_group_rule_id": rule["id"],
        "security_group_id": group,
        "packets": 7,
        "bytes": 700,
        "first_hit": "1970-01-01T00:00:05Z",
        "last_hit": "1970-01-01T00:00:20Z",
        "hosts": [one, two],
    }
    listed = client.get(f"/v1/security-groups/{group}/counters")["counters"]
    assert sorted(one["packets"] for one in listed) == [0, 7, 9]
    assert client.send("GET", f"/v1/security-groups/{uuid.uuid4()}/counters").status == 404
    assert client.send("GET", f"/v1/security-group-rules/{uuid.uuid4()}/counters").status == 404


def test_an_unknown_host_is_asked_for_everything(client: Client) -> None:
    """Changes alone from a host that the server knows nothing of are answered 409; no report, 400."""
    assert tell(client, f"c{uuid.uuid4().hex[:8]}", complete=False) == 409
    assert client.send("POST", "/v1/counters", b"{}").status == 400


def test_a_log_is_made_listed_changed_and_deleted(client: Client) -> None:
    """A log has the Networking API's attributes; its name, description and switch can be changed, no more."""
    group = a_group(client)
    log = client.make(
        "log", name="refused", resource_type="security_group", resource_id=group["id"], event="DROP"
    )
    assert (log["enabled"], log["event"], log["target_id"]) == (True, "DROP", None)
    assert (log["resource_type"], log["resource_id"]) == ("security_group", group["id"])
    assert client.get(f"/v2.0/log/logs?resource_id={group['id']}")["logs"] == [log]
    changed = client.change("log", log["id"], enabled=False, name="quiet")
    assert (changed["enabled"], changed["name"], changed["revision_number"]) == (False, "quiet", 1)
    fixed = client.send("PUT", f"/v2.0/log/logs/{log['id']}", {"log": {"event": "ALL"}})
    assert fixed.status == 400
    client.drop("log", log["id"])
    assert client.send("GET", f"/v2.0/log/logs/{log['id']}").status == 404


@pytest.mark.parametrize(
    ("attributes", "status"),
    [
        ({}, 400),
        ({"resource_type": "router"}, 400),
        ({"resource_type": "security_group", "event": "SOME"}, 400),
        ({"resource_type": "security_group", "resource_id": "nobody"}, 400),
        ({"resource_type": "security_group", "resource_id": NOT_THERE}, 404),
        ({"resource_type": "security_group", "target_id": NOT_THERE}, 404),
    ],
)
def test_a_log_of_nothing_is_refused(client: Client, attributes: dict, status: int) -> None:
    """A log needs the one type that there is, an event that there is, and what it names must be there."""
    assert client.send("POST", "/v2.0/log/logs", {"log": attributes}).status == status


def test_a_log_of_a_port_that_is_not_in_the_group_is_a_conflict(client: Client) -> None:
    """Group and port together must belong together; both gone, their logs are gone."""
    network = client.make("network")
    port = client.make("port", network_id=network["id"])
    group = a_group(client)
    both = {"resource_type": "security_group", "resource_id": group["id"], "target_id": port["id"]}
    assert client.send("POST", "/v2.0/log/logs", {"log": both}).status == 409
    client.change("port", port["id"], security_groups=[group["id"]])
    log = client.make("log", **both)
    client.drop("port", port["id"])
    assert client.send("GET", f"/v2.0/log/logs/{log['id']}").status == 404


def test_logging_is_told_as_an_extension(client: Client) -> None:
    """The alias is listed, and security groups are what can be logged."""
    assert client.get("/v2.0/extensions/logging")["extension"]["alias"] == "logging"
    assert client.get("/v2.0/log/loggable-resources") == {"loggable_resources": [{"type": "security_group"}]}


def test_a_group_says_what_becomes_of_revoked_connections(client: Client) -> None:
    """Groups cut unless told to keep; the choice is an attribute of the group's own."""
    group = a_group(client)
    assert group["netwright:revocation"] == "cut"
    kept = client.change("security_group", group["id"], **{"netwright:revocation": "keep"})
    assert kept["netwright:revocation"] == "keep"
    body = {"security_group": {"netwright:revocation": "perhaps"}}
    assert client.send("PUT", f"/v2.0/security-groups/{group['id']}", body).status == 400
