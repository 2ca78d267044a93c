"""Address groups over HTTP: their prefixes, and the rules that name them."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from served import Answer, Client

from netwright.api.server import Server
from netwright.model.ids import HostName
from netwright.model.plan import HostPlan, Noun
from netwright.wire.codec import decode_update

HOST = HostName("h1")
MIXED = ["10.0.0.0/8", "192.0.2.7/32", "2001:db8::/32"]


@pytest.fixture
def offices(client: Client) -> dict:
    return client.make("address_group", name="offices", addresses=MIXED)


def act(client: Client, group: dict, what: str, *addresses: object) -> Answer:
    path = f"/v2.0/address-groups/{group['id']}/{what}_addresses"
    return client.send("PUT", path, {"addresses": list(addresses)})


def test_prefixes_of_both_versions_are_kept_in_their_normal_form(client: Client) -> None:
    """What is created is shown, each prefix once, without bits beyond its length."""
    made = client.make("address_group", addresses=["10.1.2.3/8", *MIXED, "2001:DB8:0::/32"], description="x")
    assert made["addresses"] == MIXED
    assert client.get(f"/v2.0/address-groups/{made['id']}") == {"address_group": made}
    assert (made["description"], made["name"], made["shared"]) == ("x", "", False)
    assert client.make("address_group")["addresses"] == []


def test_a_group_is_made_of_prefixes_that_say_their_length(client: Client) -> None:
    """An address alone is refused there, as in the Networking API; add_addresses takes it for a prefix of one."""
    answer = client.send("POST", "/v2.0/address-groups", {"address_group": {"addresses": ["192.0.2.9"]}})
    assert (answer.status, answer.kind) == (400, "InvalidInput")
    added = act(client, client.make("address_group"), "add", "192.0.2.9", "2001:db8::9")
    assert added.body["address_group"]["addresses"] == ["192.0.2.9/32", "2001:db8::9/128"]


def test_addresses_are_added_and_removed(client: Client, offices: dict) -> None:
    """Both answer with the group as it is now, which has another revision."""
    added = act(client, offices, "add", "172.16.0.0/12", "::/0")
    assert added.body["address_group"]["addresses"] == [
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.0.2.7/32",
        "::/0",
        "2001:db8::/32",
    ]
    assert added.body["address_group"]["revision_number"] > offices["revision_number"]
    removed = act(client, offices, "remove", "172.16.0.0/12", "::/0")
    assert removed.body["address_group"]["addresses"] == MIXED


@pytest.mark.parametrize(
    ("what", "addresses", "status"),
    [
        ("add", ["10.0.0.0/8"], 400),
        ("add", ["172.16.0.0/12", "10.0.0.5/8"], 400),
        ("add", ["10.0.0.0/33"], 400),
        ("add", ["fe80::1%eth0/128"], 400),
        ("add", [7], 400),
        ("remove", ["10.0.0.0/9"], 404),
    ],
)
def test_what_is_there_is_not_added_and_what_is_not_is_not_removed(
    client: Client, offices: dict, what: str, addresses: list, status: int
) -> None:
    """All of the addresses or none: a refused request changes nothing."""
    assert act(client, offices, what, *addresses).status == status
    assert client.get(f"/v2.0/address-groups/{offices['id']}")["address_group"]["addresses"] == MIXED


def test_the_addresses_are_changed_by_their_own_requests_only(client: Client, offices: dict) -> None:
    """A PUT of the group changes name and description; of addresses it is a 400, as is a body of other things."""
    changed = client.change("address_group", offices["id"], name="homes", description="y")
    assert (changed["name"], changed["description"], changed["addresses"]) == ("homes", "y", MIXED)
    body = {"address_group": {"addresses": []}}
    assert client.send("PUT", f"/v2.0/address-groups/{offices['id']}", body).status == 400
    path = f"/v2.0/address-groups/{offices['id']}/add_addresses"
    for wrong in ({}, {"address_group": {}}, {"addresses": [], "more": 1}):
        assert client.send("PUT", path, wrong).status == 400
    assert client.send("PUT", "/v2.0/address-groups/none/add_addresses", {"addresses": []}).status == 404


def test_a_rule_names_an_address_group_which_then_stays(client: Client, offices: dict) -> None:
    """It is shown and found by it; the group cannot go before the rule; a second remote is refused."""
    group = client.make("security_group", name="web")
    base = {"security_group_id": group["id"], "direction": "ingress"}
    rule = client.make("security_group_rule", **base, remote_address_group_id=offices["id"])
    assert rule["remote_address_group_id"] == offices["id"]
    assert (rule["remote_group_id"], rule["remote_ip_prefix"]) == (None, None)
    found = client.get(f"/v2.0/security-group-rules?remote_address_group_id={offices['id']}")
    assert [one["id"] for one in found["security_group_rules"]] == [rule["id"]]
    refused = client.send("DELETE", f"/v2.0/address-groups/{offices['id']}")
    assert (refused.status, refused.kind) == (409, "AddressGroupInUse")
    twice = {**base, "remote_address_group_id": offices["id"], "remote_ip_prefix": "10.0.0.0/8"}
    assert client.send("POST", "/v2.0/security-group-rules", {"security_group_rule": twice}).status == 400
    unknown = {**base, "remote_address_group_id": group["id"]}
    assert client.send("POST", "/v2.0/security-group-rules", {"security_group_rule": unknown}).status == 404
    client.drop("security_group_rule", rule["id"])
    client.drop("address_group", offices["id"])


def test_a_host_is_told_of_the_address_groups_that_its_ports_rules_name(
    client: Client, offices: dict
) -> None:
    """As long as a port is plugged there whose group names it, and with the prefixes that it has now."""
    network = client.host_network("10.79.0.0/24")
    group = client.make("security_group", name="web")
    base = {"security_group_id": group["id"], "direction": "ingress"}
    client.make("security_group_rule", **base, remote_address_group_id=offices["id"])
    assert offices["id"] not in planned(client)
    port = client.make(
        "port",
        network_id=network["id"],
        security_groups=[group["id"]],
        **{"netwright:attachment": {"kind": "tap"}, "binding:host_id": HOST},
    )
    assert planned(client)[offices["id"]] == tuple(MIXED)
    act(client, offices, "remove", MIXED[0])
    assert planned(client)[offices["id"]] == tuple(MIXED[1:])
    client.drop("port", port["id"])
    assert offices["id"] not in planned(client)


def planned(client: Client) -> dict[str, tuple[str, ...]]:
    """The address groups of the host's plan, and their prefixes."""
    plan = decode_update(client.send("GET", f"/v1/plan?host={HOST}").raw)
    assert isinstance(plan, HostPlan)
    items = (item for key, item in plan.items.items() if key.noun is Noun.ADDRESS_GROUP)
    return {item.id: tuple(map(str, item.prefixes)) for item in items}


def test_a_group_that_is_changed_is_read_once(server: Server, client: Client, offices: dict) -> None:
    """However many prefixes it has, they come from the database once: what is shown is what was written."""
    asked: list[str] = []

    def note(*given: object) -> None:
        asked.append(" ".join(str(given[2]).split()))

    def read() -> int:
        found = sum("FROM address_group_prefixes JOIN" in statement for statement in asked)
        asked.clear()
        return found

    path = f"/v2.0/address-groups/{offices['id']}"
    sa.event.listen(server.database.engine, "before_cursor_execute", note)
    try:
        for change in (
            lambda: act(client, offices, "add", "172.16.0.0/12"),
            lambda: act(client, offices, "remove", "192.0.2.7/32"),
            lambda: client.send("PUT", path, {"address_group": {"name": "branches"}}),
        ):
            answer = change()
            assert (answer.status, read()) == (200, 1)
            assert (client.get(path), read()) == (answer.body, 1)
        client.make("address_group", addresses=MIXED)
        assert read() == 0
    finally:
        sa.event.remove(server.database.engine, "before_cursor_execute", note)
