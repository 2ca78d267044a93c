"""Routers over HTTP: interfaces, gateways, routes, and what each of them keeps from going."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from askers import trusting
from served import Answer, Client
from speakers import Speaker

NUMBER = itertools.count(1)
UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.fixture(scope="module")
def asked() -> Iterator[Client]:
    with trusting() as (_, client):
        yield client


@pytest.fixture
def admin(asked: Client) -> Speaker:
    return Speaker(asked, "ADMIN", "admins")


@pytest.fixture
def member(asked: Client) -> Speaker:
    return Speaker(asked, "MEMBER", "p1")


@pytest.fixture(scope="module")
def outside(asked: Client) -> dict:
    """An external network with a subnet, half of whose addresses are given out."""
    return external(asked, "192.0.2")


def external(client: Client, prefix: str) -> dict:
    network = client.make("network", **{"router:external": True})
    pool = {"start": f"{prefix}.128", "end": f"{prefix}.254"}
    subnet = client.make(
        "subnet", network_id=network["id"], cidr=f"{prefix}.0/24", allocation_pools=[pool], enable_dhcp=False
    )
    return {**network, "subnet": subnet}


def inside(client: Client, cidr: str | None = None) -> tuple[dict, dict]:
    """A router network and its subnet."""
    network = client.make("network")
    return network, client.make("subnet", network_id=network["id"], cidr=cidr or f"10.9.{next(NUMBER)}.0/24")


def act(client: Client, router: dict, path: str, body: object) -> Answer:
    return client.send("PUT", f"/v2.0/routers/{router['id']}/{path}", body)


def connect(client: Client, router: dict, subnet: dict) -> dict:
    answer = act(client, router, "add_router_interface", {"subnet_id": subnet["id"]})
    assert answer.status == 200, answer
    return answer.body


def disconnect(client: Client, router: dict, **ends: str) -> Answer:
    return act(client, router, "remove_router_interface", ends)


def test_a_router_is_made_shown_changed_and_deleted(member: Speaker) -> None:
    """A router has Neutron's defaults, takes a new name and description, and goes."""
    router = member.make("router", name="r1")
    assert (router["status"], router["admin_state_up"], router["external_gateway_info"]) == (
        "ACTIVE",
        True,
        None,
    )
    assert (router["routes"], router["external_gateways"], router["tags"]) == ([], [], [])
    assert router["project_id"] == router["tenant_id"] == "p1"
    changed = member.change("router", router["id"], name="r2", description="d", admin_state_up=False)
    assert (changed["name"], changed["description"], changed["admin_state_up"]) == ("r2", "d", False)
    assert changed["revision_number"] > router["revision_number"]
    assert [one["id"] for one in member.get("/v2.0/routers?name=r2")["routers"]] == [router["id"]]
    member.drop("router", router["id"])
    assert member.send("GET", f"/v2.0/routers/{router['id']}").kind == "RouterNotFound"


def test_flags_of_routers_are_for_admins_who_see_them(member: Speaker, admin: Speaker) -> None:
    """Only admins set and see distributed and ha, and only while the router is down can they change."""
    assert member.send("POST", "/v2.0/routers", {"router": {"distributed": True}}).status == 403
    assert member.send("POST", "/v2.0/routers", {"router": {"ha": True}}).status == 403
    router = admin.make("router", distributed=False, ha=False, project_id="p1")
    path = f"/v2.0/routers/{router['id']}"
    assert not {"distributed", "ha"} & set(member.get(path)["router"])
    assert admin.send("PUT", path, {"router": {"distributed": True}}).status == 400
    down = admin.change("router", router["id"], distributed=True, ha=None, admin_state_up=False)
    assert (down["distributed"], down["ha"]) == (True, False)


def test_a_subnet_is_connected_at_its_gateways_address(member: Speaker) -> None:
    """The interface is the project's port with the subnet's gateway address, and the answer names both."""
    network, subnet = inside(member)
    router = member.make("router")
    answer = connect(member, router, subnet)
    assert answer == {
        "id": router["id"], "project_id": "p1", "tenant_id": "p1", "port_id": answer["port_id"],
        "network_id": network["id"], "subnet_id": subnet["id"], "subnet_ids": [subnet["id"]],
    }  # fmt: skip
    port = member.get(f"/v2.0/ports/{answer['port_id']}")["port"]
    assert port["fixed_ips"] == [{"subnet_id": subnet["id"], "ip_address": subnet["gateway_ip"]}]
    assert (port["device_id"], port["device_owner"]) == (router["id"], "network:router_interface")
    assert (port["status"], port["project_id"], port["port_security_enabled"]) == ("ACTIVE", "p1", False)
    again = act(member, router, "add_router_interface", {"subnet_id": subnet["id"]})
    assert (again.status, "already has a port" in again.message) == (400, True)
    gone = disconnect(member, router, subnet_id=subnet["id"])
    assert (gone.status, gone.body) == (200, answer)
    assert member.send("GET", f"/v2.0/ports/{answer['port_id']}").status == 404


def test_a_port_is_connected_as_it_is(member: Speaker) -> None:
    """A free port becomes an interface with the addresses that it has; one in use, or without any, does not."""
    network, subnet = inside(member)
    port, router = member.make("port", network_id=network["id"]), member.make("router")
    body = {"port_id": port["id"]}
    assert act(member, router, "add_router_interface", body).body["subnet_ids"] == [subnet["id"]]
    shown = member.get(f"/v2.0/ports/{port['id']}")["port"]
    assert (shown["device_id"], shown["fixed_ips"]) == (router["id"], port["fixed_ips"])
    again = act(member, member.make("router"), "add_router_interface", body)
    assert (again.status, again.kind) == (409, "PortInUse")
    bare = member.make("port", network_id=network["id"], fixed_ips=[])
    assert act(member, router, "add_router_interface", {"port_id": bare["id"]}).status == 400
    wrong = disconnect(member, router, port_id=port["id"], subnet_id=inside(member)[1]["id"])
    assert wrong.status == 400
    assert disconnect(member, router, port_id=port["id"]).status == 200
    assert disconnect(member, router, port_id=port["id"]).kind == "RouterInterfaceNotFound"


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"subnet_id": UNKNOWN, "port_id": UNKNOWN}, 404),
        ({"subnet_id": UNKNOWN}, 404),
        ({"port_id": UNKNOWN}, 404),
        ({"port_id": "nonsense"}, 400),
        ({"what": UNKNOWN}, 400),
        ([], 400),
    ],
)
def test_an_interface_is_one_known_end(member: Speaker, body: object, status: int) -> None:
    """Neither nothing nor what is unknown is connected."""
    assert act(member, member.make("router"), "add_router_interface", body).status == status


def test_a_router_has_no_address_twice(member: Speaker) -> None:
    """Subnets whose prefixes overlap are not connected to one router, in either order of the two."""
    router = member.make("router")
    connect(member, router, inside(member, "10.50.0.0/24")[1])
    answer = act(
        member, router, "add_router_interface", {"subnet_id": inside(member, "10.50.0.0/16")[1]["id"]}
    )
    assert (answer.status, "overlaps with cidr 10.50.0.0/24" in answer.message) == (400, True)


def test_a_routers_port_goes_only_with_its_router(member: Speaker, admin: Speaker, outside: dict) -> None:
    """Neither an interface nor a gateway is deleted as a port, given away, or left without its subnet's use."""
    network, subnet = inside(member)
    router = member.make("router", external_gateway_info={"network_id": outside["id"]})
    port = connect(member, router, subnet)["port_id"]
    for one in admin.get(f"/v2.0/ports?device_id={router['id']}")["ports"]:
        assert admin.send("DELETE", f"/v2.0/ports/{one['id']}").kind == "ServicePortInUse"
    given = admin.send("PUT", f"/v2.0/ports/{port}", {"port": {"device_id": "x"}})
    assert (given.status, given.kind) == (409, "PortInUse")
    kept = member.change("port", port, fixed_ips=[{"subnet_id": subnet["id"]}], name="up")
    assert (kept["fixed_ips"][0]["ip_address"], kept["status"]) == (subnet["gateway_ip"], "ACTIVE")
    for path, kind in (
        (f"subnets/{subnet['id']}", "SubnetInUse"),
        (f"networks/{network['id']}", "NetworkInUse"),
        (f"routers/{router['id']}", "RouterInUse"),
    ):
        answer = member.send("DELETE", f"/v2.0/{path}")
        assert (answer.status, answer.kind) == (409, kind)
    for gateway in (None, subnet["gateway_ip"][:-1] + "9"):
        answer = member.send("PUT", f"/v2.0/subnets/{subnet['id']}", {"subnet": {"gateway_ip": gateway}})
        assert (answer.status, answer.kind) == (409, "GatewayIpInUse")
    disconnect(member, router, subnet_id=subnet["id"])
    member.drop("router", router["id"])
    assert admin.get(f"/v2.0/ports?device_id={router['id']}")["ports"] == []
    member.drop("network", network["id"])


def test_ipv6_subnets_of_a_network_share_an_interface(member: Speaker) -> None:
    """A second IPv6 subnet joins the first one's port, and leaves it alone again."""
    network = member.make("network")
    modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac", "ip_version": 6}
    first = member.make("subnet", network_id=network["id"], cidr="fd01::/64", **modes)
    second = member.make("subnet", network_id=network["id"], cidr="fd02::/64", **modes)
    router = member.make("router")
    one, two = connect(member, router, first), connect(member, router, second)
    assert (two["port_id"], two["subnet_ids"]) == (one["port_id"], [second["id"]])
    third = member.make("subnet", network_id=network["id"], cidr="fd03::/64", **modes)
    addresses = [
        fixed["ip_address"] for fixed in member.get(f"/v2.0/ports/{one['port_id']}")["port"]["fixed_ips"]
    ]
    assert addresses == ["fd01::1", "fd02::1"]
    assert member.send("DELETE", f"/v2.0/subnets/{first['id']}").kind == "SubnetInUse"
    member.drop("subnet", third["id"])
    disconnect(member, router, subnet_id=first["id"])
    left = member.get(f"/v2.0/ports/{one['port_id']}")["port"]["fixed_ips"]
    assert [fixed["ip_address"] for fixed in left] == ["fd02::1"]


def test_a_gateway_is_nobodys_port_on_an_external_network(
    member: Speaker, admin: Speaker, outside: dict
) -> None:
    """The gateway has an address there, translates, can be moved and taken away; only admins see its port."""
    router = member.make("router", external_gateway_info={"network_id": outside["id"]})
    info = router["external_gateway_info"]
    assert (info["network_id"], info["enable_snat"]) == (outside["id"], True)
    assert info["external_fixed_ips"][0]["subnet_id"] == outside["subnet"]["id"]
    listing = f"/v2.0/ports?device_id={router['id']}"
    (port,) = admin.get(listing)["ports"]
    assert (port["device_owner"], port["tenant_id"]) == ("network:router_gateway", "")
    assert member.get(listing)["ports"] == []
    other = external(admin, "198.51.100")
    moved = member.change("router", router["id"], external_gateway_info={"network_id": other["id"]})
    assert moved["external_gateway_info"]["network_id"] == other["id"]
    assert admin.send("DELETE", f"/v2.0/networks/{other['id']}").kind == "NetworkInUse"
    turned = admin.send("PUT", f"/v2.0/networks/{other['id']}", {"network": {"router:external": False}})
    assert (turned.status, turned.kind) == (409, "ExternalNetworkInUse")
    assert member.change("router", router["id"], external_gateway_info={})["external_gateway_info"] is None
    assert admin.get(listing)["ports"] == []


def test_a_gateways_address_and_translation_are_for_admins(
    member: Speaker, admin: Speaker, outside: dict
) -> None:
    """An admin names the gateway's address, which nobody else may have, and turns translation off for one change."""
    info = {"network_id": outside["id"], "external_fixed_ips": [{"ip_address": "192.0.2.99"}]}
    refused = member.send("POST", "/v2.0/routers", {"router": {"external_gateway_info": info}})
    assert (refused.status, refused.kind) == (403, "PolicyNotAuthorized")
    router = admin.make("router", external_gateway_info=info, project_id="p1")
    assert router["external_gateway_info"]["external_fixed_ips"][0]["ip_address"] == "192.0.2.99"
    taken = admin.send("POST", "/v2.0/routers", {"router": {"external_gateway_info": info}})
    assert (taken.status, taken.kind) == (409, "IpAddressAlreadyAllocated")
    at_gateway = {**info, "external_fixed_ips": [{"ip_address": "192.0.2.1"}]}
    assert (
        admin.send("POST", "/v2.0/routers", {"router": {"external_gateway_info": at_gateway}}).status == 400
    )
    plain = {"network_id": outside["id"], "enable_snat": False}
    off = admin.change("router", router["id"], external_gateway_info=plain)["external_gateway_info"]
    assert (off["enable_snat"], off["external_fixed_ips"][0]["ip_address"]) == (False, "192.0.2.99")
    again = member.change("router", router["id"], external_gateway_info={"network_id": outside["id"]})
    assert again["external_gateway_info"]["enable_snat"] is True


@pytest.mark.parametrize(("reference", "status"), [("own", 400), ("unknown", 404), ("nonsense", 400)])
def test_a_gateway_is_on_an_external_network(member: Speaker, reference: str, status: int) -> None:
    """A network that is not external, not there, or no id, is no gateway."""
    network = {"own": inside(member)[0]["id"], "unknown": UNKNOWN, "nonsense": "x"}[reference]
    router = member.make("router")
    body = {"router": {"external_gateway_info": {"network_id": network}}}
    assert member.send("PUT", f"/v2.0/routers/{router['id']}", body).status == status


def test_a_router_may_have_several_gateways(member: Speaker, admin: Speaker, outside: dict) -> None:
    """Gateways are added, exchanged and removed one by one; the first is what external_gateway_info shows."""
    router = member.make("router")
    info = {"network_id": outside["id"], "enable_snat": False}
    three = act(admin, router, "add_external_gateways", {"router": {"external_gateways": [info] * 3}})
    gateways = three.body["router"]["external_gateways"]
    assert len({one["external_fixed_ips"][0]["ip_address"] for one in gateways}) == 3
    assert three.body["router"]["external_gateway_info"] == gateways[0]
    gone = act(member, router, "remove_external_gateways", {"router": {"external_gateways": gateways[2:]}})
    assert gone.body["router"]["external_gateways"] == gateways[:2]
    wanted = {"router": {"external_gateways": [gateways[0], gateways[2]]}}
    assert act(member, router, "update_external_gateways", wanted).status == 403
    changed = act(admin, router, "update_external_gateways", wanted).body["router"]["external_gateways"]
    assert changed == [gateways[0], gateways[2]]
    assert act(admin, router, "add_external_gateways", {"router": {}}).status == 400
    none = act(member, router, "remove_external_gateways", {"router": {"external_gateways": {}}})
    assert none.body["router"]["external_gateways"] == []


def test_a_gateway_has_a_qos_policy(member: Speaker, admin: Speaker, outside: dict) -> None:
    """The policy is the gateway's until it is taken from it, survives other changes, and is in use."""
    policy = admin.send("POST", "/v2.0/qos/policies", {"policy": {"name": "slow"}}).body["policy"]["id"]
    info = {"network_id": outside["id"], "qos_policy_id": policy}
    router = admin.make("router", external_gateway_info=info, project_id="p1")
    assert router["external_gateway_info"]["qos_policy_id"] == policy
    plain = {"network_id": outside["id"]}
    kept = member.change("router", router["id"], external_gateway_info=plain)
    assert kept["external_gateway_info"]["qos_policy_id"] == policy
    assert admin.send("DELETE", f"/v2.0/qos/policies/{policy}").kind == "QosPolicyInUse"
    gone = admin.change("router", router["id"], external_gateway_info={**plain, "qos_policy_id": None})
    assert gone["external_gateway_info"]["qos_policy_id"] is None
    assert admin.send("DELETE", f"/v2.0/qos/policies/{policy}").status == 204


def test_a_router_is_made_of_a_flavor(member: Speaker, admin: Speaker) -> None:
    """The flavor is shown and held; flags beside it make no sense, nor do unknown flavors and zones."""
    body = {"flavor": {"name": "small", "service_type": "L3_ROUTER_NAT"}}
    flavor = admin.send("POST", "/v2.0/flavors", body).body["flavor"]["id"]
    router = member.make("router", flavor_id=flavor)
    assert router["flavor_id"] == flavor
    assert admin.send("DELETE", f"/v2.0/flavors/{flavor}").kind == "FlavorInUse"
    both = {"router": {"flavor_id": flavor, "distributed": True}}
    assert admin.send("POST", "/v2.0/routers", both).status == 400
    assert member.send("POST", "/v2.0/routers", {"router": {"flavor_id": UNKNOWN}}).kind == "FlavorNotFound"
    hints = {"router": {"availability_zone_hints": ["moon"]}}
    assert member.send("POST", "/v2.0/routers", hints).kind == "AvailabilityZoneNotFound"
    member.drop("router", router["id"])
    assert admin.send("DELETE", f"/v2.0/flavors/{flavor}").status == 204


def test_what_shares_an_external_network_stays_while_a_router_uses_it(
    member: Speaker, admin: Speaker
) -> None:
    """A gateway holds the RBAC policy that lets its project use the network."""
    network = admin.make("network")
    admin.make("subnet", network_id=network["id"], cidr="198.18.5.0/24", enable_dhcp=False)
    shared = {"object_type": "network", "object_id": network["id"], "action": "access_as_external"}
    body = {"rbac_policy": {**shared, "target_tenant": "p1"}}
    policy = admin.send("POST", "/v2.0/rbac-policies", body).body["rbac_policy"]["id"]
    router = member.make("router", external_gateway_info={"network_id": network["id"]})
    assert admin.send("DELETE", f"/v2.0/rbac-policies/{policy}").kind == "RbacPolicyInUse"
    member.drop("router", router["id"])
    assert admin.send("DELETE", f"/v2.0/rbac-policies/{policy}").status == 204


def test_routes_lead_to_hops_that_the_router_is_connected_to(member: Speaker) -> None:
    """A next hop is on a connected subnet and not the router; the interface stays for as long as it is needed."""
    subnet = inside(member, "10.60.0.0/24")[1]
    router = member.make("router")
    path = f"/v2.0/routers/{router['id']}"
    connect(member, router, subnet)
    for hop in ("10.61.0.9", "10.60.0.1"):
        body = {"router": {"routes": [{"destination": "10.99.0.0/24", "nexthop": hop}]}}
        assert member.send("PUT", path, body).status == 400
    routes = [{"destination": "10.99.0.0/24", "nexthop": "10.60.0.9"}]
    assert member.change("router", router["id"], routes=routes)["routes"] == routes
    answer = disconnect(member, router, subnet_id=subnet["id"])
    assert (answer.status, answer.kind) == (409, "RouterInterfaceInUseByRoute")
    for twice in (routes * 2, [{"destination": "10.99.0.1/24", "nexthop": "10.60.0.9"}]):
        assert member.send("PUT", path, {"router": {"routes": twice}}).status == 400
    assert member.change("router", router["id"], routes=None)["routes"] == []
    assert disconnect(member, router, subnet_id=subnet["id"]).status == 200


def test_routes_come_and_go_one_by_one(member: Speaker) -> None:
    """What is added twice is there once, what is removed need not be there, and the limit holds for the sum."""
    subnet, router = inside(member, "10.62.0.0/24")[1], member.make("router")
    connect(member, router, subnet)

    def route(number: int) -> dict:
        return {"destination": f"10.98.{number}.0/24", "nexthop": "10.62.0.9"}

    def change(path: str, *routes: dict) -> Answer:
        return act(member, router, path, {"router": {"routes": list(routes)}})

    assert change("add_extraroutes", route(1)).body["router"]["routes"] == [route(1)]
    assert change("add_extraroutes", route(1), route(2)).body["router"]["routes"] == [route(1), route(2)]
    assert change("remove_extraroutes", route(1), route(3)).body["router"]["routes"] == [route(2)]
    many = change("add_extraroutes", *(route(number) for number in range(10, 40)))
    assert (many.status, "exceeds the maximum" in many.message) == (400, True)
    assert act(member, router, "add_extraroutes", {"router": {}}).status == 400


def test_another_projects_router_is_not_there(member: Speaker, asked: Client) -> None:
    """A member of another project neither sees a router nor connects anything to it."""
    router, other = member.make("router"), Speaker(asked, "MEMBER", "p2")
    assert other.send("GET", f"/v2.0/routers/{router['id']}").status == 404
    theirs = inside(other)[1]
    assert act(other, router, "add_router_interface", {"subnet_id": theirs["id"]}).status == 404
    assert act(member, router, "add_router_interface", {"subnet_id": theirs["id"]}).status == 404
    reader = Speaker(asked, "READER", "p1")
    own = inside(member)[1]
    assert act(reader, router, "add_router_interface", {"subnet_id": own["id"]}).status == 403


def test_a_shared_networks_gateway_is_its_owners(member: Speaker, admin: Speaker) -> None:
    """Who may use a network does not become its gateway; with a port of its own a router is a guest there."""
    network = admin.make("network", shared=True)
    subnet = admin.make("subnet", network_id=network["id"], cidr="10.70.0.0/24")
    router = member.make("router")
    answer = act(member, router, "add_router_interface", {"subnet_id": subnet["id"]})
    assert answer.status == 403
    port = member.make("port", network_id=network["id"])
    assert act(member, router, "add_router_interface", {"port_id": port["id"]}).status == 200


def test_a_member_cannot_call_a_port_a_foreign_routers(asked: Client, member: Speaker) -> None:
    """Neither when it is made nor later; an admin can, and so can who has the router."""
    other = Speaker(asked, "MEMBER", "p2")
    network = member.make("network")["id"]
    theirs, own = other.make("router")["id"], member.make("router")["id"]
    said = {"device_owner": "network:router_interface", "device_id": theirs}
    refused = member.send("POST", "/v2.0/ports", {"port": {"network_id": network, **said}})
    assert (refused.status, refused.kind) == (409, "DeviceIDNotOwnedByTenant")
    port = member.make("port", network_id=network, **{**said, "device_id": own})
    path = f"/v2.0/ports/{port['id']}"
    refused = member.send("PUT", path, {"port": {"device_id": theirs}})
    assert (refused.status, refused.kind) == (409, "DeviceIDNotOwnedByTenant")
    assert member.send("PUT", path, {"port": {"name": "still mine"}}).status == 200
    assert asked.send("PUT", path, {"port": {"device_id": theirs}}).status == 200
