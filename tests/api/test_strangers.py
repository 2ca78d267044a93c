"""What those of one project can do to the things of another: nothing that was not given to them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from askers import ROLE, USER, Asker, trusting
from served import Client

from netwright.api.server import Server
from netwright.model.caller import Role
from netwright.store import rbac


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Server, Client]]:
    with trusting() as made:
        yield made


@pytest.fixture
def running(place: tuple[Server, Client]) -> Server:
    return place[0]


@pytest.fixture
def crowd(place: tuple[Server, Client]) -> Client:
    return place[1]


@pytest.fixture
def admin(crowd: Client) -> Asker:
    return Asker(crowd, Role.ADMIN, "office")


@pytest.fixture
def owner(crowd: Client) -> Asker:
    """A member of the project whose things they are."""
    return Asker(crowd, Role.MEMBER, "owners")


@pytest.fixture
def stranger(crowd: Client) -> Asker:
    return Asker(crowd, Role.MEMBER, "strangers")


@pytest.fixture
def meadow(admin: Asker) -> str:
    """A network of the owner's that all may use; its subnet is 10.3.0.0/24."""
    shared = {"shared": True, "project_id": "owners"}
    network: str = admin.make("/v2.0/networks", "network", shared)["id"]
    admin.make("/v2.0/subnets", "subnet", {"network_id": network, "cidr": "10.3.0.0/24", "ip_version": 4})
    return network


@pytest.mark.parametrize(
    "attributes",
    [
        {"device_owner": "network:router_interface"},
        {"device_owner": "network:anything"},
        {"fixed_ips": [{"ip_address": "10.3.0.77"}]},
    ],
)
def test_only_a_networks_owner_makes_parts_of_it(
    meadow: str, owner: Asker, stranger: Asker, attributes: dict
) -> None:
    """On a shared network a guest of another project is no router, and chooses no address."""
    wanted = {"port": {"network_id": meadow, **attributes}}
    answer = stranger.send("POST", "/v2.0/ports", wanted)
    assert (answer.status, answer.kind) == (403, "PolicyNotAuthorized")
    port = stranger.make("/v2.0/ports", "port", {"network_id": meadow, "device_owner": "compute:nova"})
    answer = stranger.send("PUT", f"/v2.0/ports/{port['id']}", {"port": attributes})
    assert (answer.status, answer.kind) == (403, "PolicyNotAuthorized")
    made = owner.make("/v2.0/ports", "port", {"network_id": meadow, **attributes})
    assert owner.send("DELETE", f"/v2.0/ports/{made['id']}").status == 204


def test_counters_are_those_of_groups_that_one_sees(owner: Asker, stranger: Asker, admin: Asker) -> None:
    """Others' groups and rules are not found; hosts are named to admins only."""
    group = owner.make("/v2.0/security-groups", "security_group", {"name": "counted"})
    of_group = f"/v1/security-groups/{group['id']}/counters"
    of_rule = f"/v1/security-group-rules/{group['security_group_rules'][0]['id']}/counters"
    for path in (of_group, of_rule):
        assert stranger.send("GET", path).status == 404
        assert owner.send("GET", path).status == admin.send("GET", path).status == 200


def test_a_key_is_its_users(meadow: str, admin: Asker, owner: Asker, stranger: Asker) -> None:
    """Another user's answer is told to nobody; one's own is told as one's role sees it now; no key is no key."""
    header = {"Idempotency-Key": "the very same"}
    wanted = {"port": {"network_id": meadow}}
    made = Asker(admin.client, Role.ADMIN, "owners").send("POST", "/v2.0/ports", wanted, header)
    again = owner.send("POST", "/v2.0/ports", wanted, header)
    assert made.body["port"]["id"] == again.body["port"]["id"]  # one user, who is no admin any more
    assert "binding:host_id" in made.body["port"]
    assert "binding:host_id" not in again.body["port"]
    other = owner.send("POST", "/v2.0/ports", wanted, {**header, USER: "another"})
    assert other.body["port"]["id"] != made.body["port"]["id"]
    assert stranger.send("POST", "/v2.0/ports", wanted, {"Idempotency-Key": " "}).status == 400


def test_what_a_guest_is_told_is_its_projects(
    meadow: str, admin: Asker, owner: Asker, stranger: Asker
) -> None:
    """A network's owner sees others' ports on it, but not what their guests' metadata is."""
    secret = {"user_data": "c2VjcmV0"}
    port = stranger.make("/v2.0/ports", "port", {"network_id": meadow, "netwright:guest": secret})
    path = f"/v2.0/ports/{port['id']}"
    for asker, seen in ((stranger, True), (admin, True), (owner, False)):
        assert ("netwright:guest" in asker.get(path)["port"]) is seen
        (listed,) = asker.get(f"/v2.0/ports?id={port['id']}")["ports"]
        assert ("netwright:guest" in listed) is seen


def test_who_is_in_no_project_makes_nothing(meadow: str, crowd: Client) -> None:
    """A member without a project has nowhere to put things; they are not given to whom a network belongs."""
    for body in ({"network": {}}, {"port": {"network_id": meadow}}, {"security_group": {"name": "x"}}):
        path = f"/v2.0/{next(iter(body)).replace('_', '-')}s"
        answer = crowd.send("POST", path, body, {ROLE: "MEMBER"})
        assert (answer.status, answer.kind) == (403, "PolicyNotAuthorized")


def test_a_shared_group_is_not_to_be_changed(
    running: Server, admin: Asker, owner: Asker, stranger: Asker
) -> None:
    """Whom a security group is shared with may use it, but adds no rules to it."""
    group = owner.make("/v2.0/security-groups", "security_group", {"name": "shared"})["id"]
    values = {"id": group, "project_id": "owners", "object_type": "security_group", "object_id": group}
    policy = {**values, "action": rbac.SHARED, "target_project": "strangers"}
    with running.database.write() as connection:
        rbac.insert(connection, policy, datetime.now(UTC))
    assert stranger.get(f"/v2.0/security-groups/{group}")["security_group"]["name"] == "shared"
    rule = {"security_group_rule": {"security_group_id": group, "direction": "ingress"}}
    assert stranger.send("POST", "/v2.0/security-group-rules", rule).status == 403
    assert admin.send("POST", "/v2.0/security-group-rules", rule).status == 201


def test_overlaps_tell_a_member_of_nobody(admin: Asker, owner: Asker) -> None:
    """Whose addresses a prefix overlaps with is told to admins only."""
    place = {"netwright:gateway_place": "host"}
    network = admin.make("/v2.0/networks", "network", {**place, "project_id": "strangers"})["id"]
    taken = {"network_id": network, "cidr": "10.44.0.0/24", "ip_version": 4}
    subnet = admin.make("/v2.0/subnets", "subnet", taken)["id"]
    own = admin.make("/v2.0/networks", "network", {**place, "project_id": "owners"})["id"]
    wanted = {"subnet": {**taken, "network_id": own, "cidr": "10.44.0.0/16"}}
    for asker, told in ((owner, False), (admin, True)):
        answer = asker.send("POST", "/v2.0/subnets", wanted)
        assert (answer.status, answer.kind) == (409, "CidrOverlapsHostNetwork")
        assert (subnet in answer.message) is told


def test_filters_do_not_widen_or_replace_what_one_sees(meadow: str, owner: Asker, stranger: Asker) -> None:
    """A filter for another project's things finds none of them, nor one's own instead."""
    owner.make("/v2.0/security-groups", "security_group", {"name": "a"})
    stranger.make("/v2.0/security-groups", "security_group", {"name": "b"})
    for path in ("security-groups", "networks", "ports", "subnets"):
        for name in ("project_id", "tenant_id"):
            found = stranger.get(f"/v2.0/{path}?{name}=owners")[path.replace("-", "_")]
            assert {one["project_id"] for one in found} <= {"owners"}
            assert all(one.get("shared", True) or one.get("network_id") == meadow for one in found)


def test_rules_that_come_with_a_group_are_counted() -> None:
    """A group is not made where the rules that it begins with would be too many; nothing of it is left."""
    with trusting(quotas={"security_group_rule": 7}) as (_, client):
        member = Asker(client, Role.MEMBER, "owners")
        member.make("/v2.0/security-groups", "security_group", {"name": "two more than the default's four"})
        answer = member.send("POST", "/v2.0/security-groups", {"security_group": {"name": "two too many"}})
        assert (answer.status, answer.kind) == (409, "OverQuota")
        names = {one["name"] for one in member.get("/v2.0/security-groups")["security_groups"]}
        assert names == {"default", "two more than the default's four"}


def test_what_is_outside_is_admins_to_say(owner: Asker) -> None:
    """A member's own network has no floating IPs: its subnets are nobody's outside, and an outside's no member's."""
    policy = {"object_type": "network", "action": "access_as_external", "target_tenant": "strangers"}
    wanted = {"cidr": "192.0.2.0/24", "ip_version": 4}
    network = owner.make("/v2.0/networks", "network", {})["id"]
    owner.make("/v2.0/subnets", "subnet", {**wanted, "network_id": network})
    answer = owner.send("POST", "/v2.0/rbac-policies", {"rbac_policy": {**policy, "object_id": network}})
    assert (answer.status, answer.kind) == (403, "PolicyNotAuthorized")
    bare = owner.make("/v2.0/networks", "network", {})["id"]
    owner.make("/v2.0/rbac-policies", "rbac_policy", {**policy, "object_id": bare})
    answer = owner.send("POST", "/v2.0/subnets", {"subnet": {**wanted, "network_id": bare}})
    assert (answer.status, answer.kind) == (403, "PolicyNotAuthorized")


def test_floating_ips_lead_to_ones_own_ports(admin: Asker, owner: Asker, stranger: Asker) -> None:
    """Not to ports of others that one sees because they are on the own network, whole or by a forwarding."""
    outside = admin.make("/v2.0/networks", "network", {"router:external": True})["id"]
    admin.make("/v2.0/subnets", "subnet", {"network_id": outside, "cidr": "198.51.100.0/24", "ip_version": 4})
    place = {"netwright:gateway_place": "host", "project_id": "owners", "shared": True}
    inside = admin.make("/v2.0/networks", "network", place)["id"]
    admin.make("/v2.0/subnets", "subnet", {"network_id": inside, "cidr": "10.45.0.0/24", "ip_version": 4})
    port = stranger.make("/v2.0/ports", "port", {"network_id": inside})
    floating = owner.make("/v2.0/floatingips", "floatingip", {"floating_network_id": outside})["id"]
    path = f"/v2.0/floatingips/{floating}"
    assert owner.send("PUT", path, {"floatingip": {"port_id": port["id"]}}).status == 400
    address = port["fixed_ips"][0]["ip_address"]
    forwarding = {"protocol": "tcp", "external_port": 80, "internal_port": 80, "internal_port_id": port["id"]}
    body = {"port_forwarding": {**forwarding, "internal_ip_address": address}}
    assert owner.send("POST", f"{path}/port_forwardings", body).status == 403
