"""RBAC policies: who shares what with whom, what follows, and what cannot be taken back."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from askers import Asker, trusting
from served import Answer, Client

from netwright.model.caller import Role

POLICIES = "/v2.0/rbac-policies"
SHARED, EXTERNAL = "access_as_shared", "access_as_external"


@dataclass(frozen=True)
class Town:
    """Three projects of their own on each call, and an admin."""

    client: Client

    def member(self) -> Asker:
        return Asker(self.client, Role.MEMBER, uuid.uuid4().hex)

    @property
    def admin(self) -> Asker:
        return Asker(self.client, Role.ADMIN, "admin")


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    with trusting() as (_, client):
        yield Town(client)


def share(who: Asker, kind: str, thing: str, target: str, action: str = SHARED) -> Answer:
    body = {"object_type": kind, "object_id": thing, "action": action, "target_tenant": target}
    return who.send("POST", POLICIES, {"rbac_policy": body})


def shared(who: Asker, kind: str, thing: str, target: str, action: str = SHARED) -> dict:
    answer = share(who, kind, thing, target, action)
    assert answer.status == 201, answer
    return answer.body["rbac_policy"]


def network_of(who: Asker, **more: object) -> str:
    return who.make("/v2.0/networks", "network", more)["id"]


def test_what_is_shared_is_seen_and_used_by_the_target_alone(town: Town) -> None:
    """The target's list has the network, marked as shared, and it may have ports there; a third does not see it."""
    one, two, three = town.member(), town.member(), town.member()
    network = network_of(one)
    assert two.send("GET", f"/v2.0/networks/{network}").status == 404
    policy = shared(one, "network", network, two.project)
    assert set(policy) == {
        "id",
        "project_id",
        "tenant_id",
        "object_type",
        "object_id",
        "action",
        "target_tenant",
    }
    (seen,) = two.get("/v2.0/networks")["networks"]
    assert (seen["id"], seen["shared"]) == (network, True)
    assert two.send("POST", "/v2.0/ports", {"port": {"network_id": network}}).status == 201
    assert two.send("PUT", f"/v2.0/networks/{network}", {"network": {"name": "mine"}}).status == 403
    assert three.send("GET", f"/v2.0/networks/{network}").status == 404
    assert two.get(POLICIES) == {"rbac_policies": []}
    assert one.get(POLICIES) == {"rbac_policies": [policy]}


def test_a_policy_in_use_stays_until_another_takes_its_place(town: Town) -> None:
    """While the target has a port it is 409 RbacPolicyInUse; a wildcard beside it, or a move to all, frees it."""
    one, two = town.member(), town.member()
    network = network_of(one)
    policy = shared(one, "network", network, two.project)["id"]
    port = two.make("/v2.0/ports", "port", {"network_id": network})["id"]
    answer = one.send("DELETE", f"{POLICIES}/{policy}")
    assert (answer.status, answer.kind) == (409, "RbacPolicyInUse")
    elsewhere = {"rbac_policy": {"target_tenant": "another"}}
    assert one.send("PUT", f"{POLICIES}/{policy}", elsewhere).kind == "RbacPolicyInUse"
    wildcard = shared(town.admin, "network", network, "*")["id"]
    assert one.send("DELETE", f"{POLICIES}/{policy}").status == 204
    assert town.admin.send("DELETE", f"{POLICIES}/{wildcard}").status == 409
    assert two.send("DELETE", f"/v2.0/ports/{port}").status == 204
    assert town.admin.send("DELETE", f"{POLICIES}/{wildcard}").status == 204
    assert two.send("GET", f"/v2.0/networks/{network}").status == 404


def test_a_policy_about_the_owner_is_never_in_use(town: Town) -> None:
    """Who owns the network sees it anyhow."""
    one = town.member()
    network = network_of(one)
    policy = shared(one, "network", network, one.project)["id"]
    one.make("/v2.0/ports", "port", {"network_id": network})
    assert one.send("DELETE", f"{POLICIES}/{policy}").status == 204


def test_only_owners_share_and_only_admins_with_all(town: Town) -> None:
    """Another's thing and one that is not there are 400 alike, a wildcard by a member is 403, also in a PUT."""
    one, two = town.member(), town.member()
    network = network_of(one)
    assert share(two, "network", network, two.project).status == 400
    assert share(one, "network", str(uuid.uuid4()), two.project).status == 400
    assert share(town.admin, "network", str(uuid.uuid4()), two.project).status == 404
    assert share(one, "network", network, "*").status == 403
    assert share(one, "network", network, "*", EXTERNAL).status == 403
    policy = shared(one, "network", network, two.project)["id"]
    everybody = {"rbac_policy": {"target_tenant": "*"}}
    assert one.send("PUT", f"{POLICIES}/{policy}", everybody).status == 403
    assert two.send("DELETE", f"{POLICIES}/{policy}").status == 404
    assert town.admin.send("PUT", f"{POLICIES}/{policy}", everybody).status == 200
    assert one.get(f"/v2.0/networks/{network}")["network"]["shared"] is True


def test_a_policy_is_there_once_and_makes_sense(town: Town) -> None:
    """The same once more is 409; no target, an unknown type and an action that the type has not are 400."""
    one, two = town.member(), town.member()
    network, group = network_of(one), one.make("/v2.0/security-groups", "security_group", {"name": "g"})["id"]
    policy = shared(one, "network", network, two.project)
    assert share(one, "network", network, two.project).kind == "DuplicateRbacPolicy"
    other = shared(one, "network", network, "third")["id"]
    twin = {"rbac_policy": {"target_tenant": two.project}}
    assert one.send("PUT", f"{POLICIES}/{other}", twin).kind == "DuplicateRbacPolicy"
    assert share(one, "security_group", group, two.project, EXTERNAL).status == 400
    assert share(one, "router", network, two.project).status == 400
    assert share(one, "network", network, None).status == 400
    assert share(one, "network", network, "x" * 256).status == 400
    moved = one.send("PUT", f"{POLICIES}/{policy['id']}", {"rbac_policy": {"target_tenant": "fourth"}})
    assert moved.body["rbac_policy"] == {**policy, "target_tenant": "fourth"}
    assert one.send("PUT", f"{POLICIES}/{policy['id']}", {"rbac_policy": {"action": EXTERNAL}}).status == 400


def test_external_networks_are_so_by_policy(town: Town) -> None:
    """The flag makes a wildcard policy and takes all away; any policy makes the flag true, the last one's end false."""
    admin = town.admin
    network = network_of(admin, **{"router:external": True})
    path, query = f"/v2.0/networks/{network}", f"{POLICIES}?object_id={network}&action={EXTERNAL}"

    def is_external() -> bool:
        return admin.get(path)["network"]["router:external"]

    (wildcard,) = admin.get(f"{query}&target_tenant=*")["rbac_policies"]
    shared(admin, "network", network, "one", EXTERNAL)
    assert admin.send("PUT", path, {"network": {"router:external": False}}).status == 200
    assert admin.get(query) == {"rbac_policies": []}
    first = shared(admin, "network", network, "one", EXTERNAL)["id"]
    assert is_external()
    second = shared(admin, "network", network, "*", EXTERNAL)["id"]
    assert admin.send("DELETE", f"{POLICIES}/{first}").status == 204
    assert is_external()
    assert admin.send("DELETE", f"{POLICIES}/{second}").status == 204
    assert not is_external()
    assert admin.send("GET", f"{POLICIES}/{wildcard['id']}").status == 404


def test_a_floating_ip_holds_the_policy_that_it_needs(town: Town) -> None:
    """Who is not told of the network gets none from it; what one has keeps the policy."""
    admin, two = town.admin, town.member()
    network = network_of(admin)
    admin.make("/v2.0/subnets", "subnet", {"network_id": network, "cidr": "198.51.100.0/24"})
    shared(admin, "network", network, admin.project, EXTERNAL)
    body = {"floatingip": {"floating_network_id": network}}
    assert two.send("POST", "/v2.0/floatingips", body).status == 404
    policy = shared(admin, "network", network, two.project, EXTERNAL)["id"]
    floating = two.send("POST", "/v2.0/floatingips", body).body["floatingip"]["id"]
    assert admin.send("DELETE", f"{POLICIES}/{policy}").kind == "RbacPolicyInUse"
    assert two.send("DELETE", f"/v2.0/floatingips/{floating}").status == 204
    assert admin.send("DELETE", f"{POLICIES}/{policy}").status == 204


def test_a_network_that_others_use_stays_shared(town: Town) -> None:
    """The flag cannot be taken back while another project has a port there."""
    admin, two = town.admin, town.member()
    network = network_of(admin, shared=True)
    port = two.make("/v2.0/ports", "port", {"network_id": network})["id"]
    private = {"network": {"shared": False}}
    answer = admin.send("PUT", f"/v2.0/networks/{network}", private)
    assert (answer.status, answer.kind) == (409, "InvalidSharedSetting")
    assert two.send("DELETE", f"/v2.0/ports/{port}").status == 204
    assert admin.send("PUT", f"/v2.0/networks/{network}", private).status == 200
    assert admin.get(f"{POLICIES}?object_id={network}") == {"rbac_policies": []}


def test_a_security_group_is_shared_until_ports_of_others_are_in_it(town: Town) -> None:
    """The target may put its ports into the group; then the policy is in use."""
    one, two = town.member(), town.member()
    group = one.make("/v2.0/security-groups", "security_group", {"name": "web"})["id"]
    policy = shared(one, "security_group", group, two.project)["id"]
    assert two.get(f"/v2.0/security-groups/{group}")["security_group"]["shared"] is True
    network = network_of(two)
    port = two.make("/v2.0/ports", "port", {"network_id": network, "security_groups": [group]})["id"]
    assert one.send("DELETE", f"{POLICIES}/{policy}").kind == "RbacPolicyInUse"
    assert two.send("DELETE", f"/v2.0/ports/{port}").status == 204
    assert one.send("DELETE", f"{POLICIES}/{policy}").status == 204


def test_sharing_is_a_change_of_the_thing(town: Town) -> None:
    """Its revision counts up, and with the thing its policies go."""
    one = town.member()
    network = network_of(one)
    before = one.get(f"/v2.0/networks/{network}")["network"]["revision_number"]
    policy = shared(one, "network", network, "two")["id"]
    assert one.get(f"/v2.0/networks/{network}")["network"]["revision_number"] > before
    assert one.send("DELETE", f"/v2.0/networks/{network}").status == 204
    assert one.send("GET", f"{POLICIES}/{policy}").kind == "RbacPolicyNotFound"


def test_pools_and_scopes_are_shared_until_others_use_them(town: Town) -> None:
    """A subnet holds its pool's policy, a pool its scope's; a pool whose scope the target does not see is 400."""
    admin, one, two = town.admin, town.member(), town.member()
    scope = admin.make("/v2.0/address-scopes", "address_scope", {"name": "s", "ip_version": 4})["id"]
    of_scope = shared(admin, "address_scope", scope, one.project)["id"]
    body = {"name": "p", "prefixes": ["10.0.0.0/8"], "address_scope_id": scope}
    pool = one.make("/v2.0/subnetpools", "subnetpool", body)["id"]
    assert admin.send("DELETE", f"{POLICIES}/{of_scope}").kind == "RbacPolicyInUse"
    assert share(one, "subnetpool", pool, two.project).status == 400
    for_two = shared(admin, "address_scope", scope, two.project)["id"]
    policy = shared(one, "subnetpool", pool, two.project)["id"]
    network = network_of(two)
    subnet = two.make(
        "/v2.0/subnets",
        "subnet",
        {"network_id": network, "subnetpool_id": pool, "ip_version": 4, "prefixlen": 24},
    )["id"]
    assert one.send("DELETE", f"{POLICIES}/{policy}").kind == "RbacPolicyInUse"
    assert two.send("DELETE", f"/v2.0/subnets/{subnet}").status == 204
    assert one.send("DELETE", f"{POLICIES}/{policy}").status == 204
    assert admin.send("DELETE", f"{POLICIES}/{for_two}").status == 204


def test_the_default_external_network_stays_everybodys(town: Town) -> None:
    """Its wildcard policy cannot be deleted before it is the default no more."""
    admin = town.admin
    network = network_of(admin, **{"router:external": True, "is_default": True})
    (policy,) = admin.get(f"{POLICIES}?object_id={network}&action={EXTERNAL}")["rbac_policies"]
    assert admin.send("DELETE", f"{POLICIES}/{policy['id']}").kind == "RbacPolicyInUse"
    assert admin.send("PUT", f"/v2.0/networks/{network}", {"network": {"is_default": False}}).status == 200
    assert admin.send("DELETE", f"{POLICIES}/{policy['id']}").status == 204


def test_a_flag_cannot_be_taken_back_from_what_is_used(town: Town) -> None:
    """A QoS policy that is everybody's stays so while a network has it, by whatever way it is to be ended."""
    admin, two = town.admin, town.member()
    policy = admin.make("/v2.0/qos/policies", "policy", {"name": "gold", "shared": True})["id"]
    network = network_of(two, qos_policy_id=policy)
    path, private = f"/v2.0/qos/policies/{policy}", {"policy": {"shared": False}}
    assert admin.send("PUT", path, private).kind == "RbacPolicyInUse"
    (wildcard,) = admin.get(f"{POLICIES}?object_id={policy}")["rbac_policies"]
    narrower = {"rbac_policy": {"target_tenant": two.project}}
    assert admin.send("PUT", f"{POLICIES}/{wildcard['id']}", narrower).kind == "RbacPolicyInUse"
    assert two.send("DELETE", f"/v2.0/networks/{network}").status == 204
    assert admin.send("PUT", path, private).status == 200
    assert admin.get(f"{POLICIES}?object_id={policy}") == {"rbac_policies": []}
