"""Floating IPs that routers translate, over HTTP."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from askers import trusting
from served import Answer, Client
from speakers import Speaker

NUMBER = itertools.count(1)


@pytest.fixture(scope="module")
def asked() -> Iterator[Client]:
    with trusting() as (_, client):
        yield client


@pytest.fixture(scope="module")
def elsewhere(asked: Client) -> str:
    """The id of another external network."""
    return asked.make("network", **{"router:external": True})["id"]


@pytest.fixture
def admin(asked: Client) -> Speaker:
    return Speaker(asked, "ADMIN", "admins")


@pytest.fixture
def member(asked: Client) -> Speaker:
    return Speaker(asked, "MEMBER", "p1")


@pytest.fixture(scope="module")
def outside(asked: Client) -> str:
    """The id of an external network with a subnet."""
    network = asked.make("network", **{"router:external": True})
    asked.make("subnet", network_id=network["id"], cidr="192.0.2.0/24", enable_dhcp=False)
    return network["id"]


@dataclass(frozen=True)
class Routed:
    """A port behind a router."""

    router: str
    subnet: str
    port: dict


def routed(client: Client, outside: str | None, **port: object) -> Routed:
    network = client.make("network")
    subnet = client.make("subnet", network_id=network["id"], cidr=f"10.9.{next(NUMBER)}.0/24")
    info = {"external_gateway_info": {"network_id": outside}} if outside else {}
    router = client.make("router", **info)
    interface(client, router["id"], "add", subnet["id"])
    return Routed(router["id"], subnet["id"], client.make("port", network_id=network["id"], **port))


def interface(client: Client, router: str, act: str, subnet: str) -> Answer:
    path = f"/v2.0/routers/{router}/{act}_router_interface"
    return client.send("PUT", path, {"subnet_id": subnet})


def refused(client: Client, **attributes: object) -> tuple[int, str]:
    answer = client.send("POST", "/v2.0/floatingips", {"floatingip": attributes})
    return answer.status, answer.kind


def test_a_floating_ip_says_which_router_is_to_translate_it(
    member: Speaker, outside: str, elsewhere: str
) -> None:
    """One of the own routers with a gateway there, to a port that is behind further ones; with a port only."""
    near, far = routed(member, outside), routed(member, None)
    there = {"floating_network_id": outside, "port_id": far.port["id"]}
    assert refused(member, **there) == (404, "ExternalGatewayForFloatingIPNotFound")
    floating = member.make("floatingip", **there, router_id=near.router)
    assert (floating["router_id"], floating["port_id"]) == (near.router, far.port["id"])
    path = f"/v2.0/floatingips/{floating['id']}"
    assert member.change("floatingip", floating["id"], description="same")["router_id"] == near.router
    for router, status in ((routed(member, elsewhere).router, 409), (far.router, 409)):
        answer = member.send("PUT", path, {"floatingip": {"router_id": router}})
        assert (answer.status, answer.kind) == (status, "FloatingIPRouterWithoutGateway")
    info = {"router": {"external_gateway_info": {}}}
    answer = member.send("PUT", f"/v2.0/routers/{near.router}", info)
    assert (answer.status, answer.kind) == (409, "RouterExternalGatewayInUseByFloatingIp")
    assert member.change("floatingip", floating["id"], port_id=None)["router_id"] is None
    assert refused(member, floating_network_id=outside, router_id=near.router) == (400, "InvalidInput")


def test_a_floating_ip_names_the_router_that_leads_to_its_port(member: Speaker, outside: str) -> None:
    """The router is told as long as the floating IP stands for a port, and follows it to another one."""
    first, second = routed(member, outside), routed(member, outside)
    floating = member.make("floatingip", floating_network_id=outside, port_id=first.port["id"])
    assert (floating["router_id"], floating["port_id"]) == (first.router, first.port["id"])
    assert floating["fixed_ip_address"] == first.port["fixed_ips"][0]["ip_address"]
    assert floating["status"] == "DOWN"  # no host builds routers yet
    details = {"name", "network_id", "mac_address", "admin_state_up", "status", "device_id", "device_owner"}
    assert floating["port_details"] == {name: first.port[name] for name in details}
    moved = member.change("floatingip", floating["id"], port_id=second.port["id"])
    assert moved["router_id"] == second.router
    listed = member.get(f"/v2.0/floatingips?router_id={second.router}")["floatingips"]
    assert [one["id"] for one in listed] == [floating["id"]]
    described = member.change("floatingip", floating["id"], description="d")
    assert (described["router_id"], described["description"]) == (second.router, "d")
    blank = member.change("floatingip", floating["id"])
    assert (blank["port_id"], blank["router_id"], blank["port_details"]) == (None, None, None)


def test_no_floating_ip_stands_for_what_no_router_leads_to(member: Speaker, outside: str) -> None:
    """Without a router, or with one that has no gateway there, association finds no way."""
    closed = routed(member, None)
    lonely = member.make("network")
    member.make("subnet", network_id=lonely["id"], cidr="10.8.0.0/24")
    alone = member.make("port", network_id=lonely["id"])
    for port in (closed.port, alone):
        expected = (404, "ExternalGatewayForFloatingIPNotFound")
        assert refused(member, floating_network_id=outside, port_id=port["id"]) == expected


def test_what_a_floating_ip_needs_stays(member: Speaker, outside: str) -> None:
    """Neither the interface nor the gateway goes before the floating IP stands for nothing."""
    behind = routed(member, outside)
    floating = member.make("floatingip", floating_network_id=outside, port_id=behind.port["id"])
    taken = interface(member, behind.router, "remove", behind.subnet)
    assert (taken.status, taken.kind) == (409, "RouterInterfaceInUseByFloatingIP")
    body = {"router": {"external_gateway_info": {}}}
    closed = member.send("PUT", f"/v2.0/routers/{behind.router}", body)
    assert (closed.status, closed.kind) == (409, "RouterExternalGatewayInUseByFloatingIp")
    assert member.send("DELETE", f"/v2.0/routers/{behind.router}").kind == "RouterInUse"
    member.drop("port", behind.port["id"])
    shown = member.get(f"/v2.0/floatingips/{floating['id']}")["floatingip"]
    assert (shown["port_id"], shown["fixed_ip_address"], shown["router_id"]) == (None, None, None)
    assert interface(member, behind.router, "remove", behind.subnet).status == 200
    member.drop("router", behind.router)


def test_an_interface_on_the_external_network_is_a_way_out(member: Speaker, admin: Speaker) -> None:
    """A router that is connected to an external network as to any other carries floating IPs of it."""
    network = admin.make("network", project_id="p1", **{"router:external": True})
    subnet = admin.make("subnet", network_id=network["id"], cidr="198.51.100.0/24", project_id="p1")
    behind = routed(member, None)
    assert interface(member, behind.router, "add", subnet["id"]).status == 200
    floating = member.make("floatingip", floating_network_id=network["id"], port_id=behind.port["id"])
    assert floating["router_id"] == behind.router
    answer = interface(member, behind.router, "remove", subnet["id"])
    assert (answer.status, answer.kind) == (409, "RouterInterfaceInUseAsGatewayByFloatingIP")
    member.change("floatingip", floating["id"], port_id=None)
    assert interface(member, behind.router, "remove", subnet["id"]).status == 200


def test_a_floating_ip_stands_for_its_own_projects_ports(
    member: Speaker, admin: Speaker, outside: str
) -> None:
    """A member cannot give a floating IP to another project's port on the own network; an admin can."""
    behind = routed(member, outside)
    foreign = admin.make("port", network_id=behind.port["network_id"], project_id="p2")
    given = {"floating_network_id": outside, "port_id": foreign["id"]}
    assert refused(member, **given) == (400, "InvalidInput")
    floating = member.make("floatingip", floating_network_id=outside)
    path = f"/v2.0/floatingips/{floating['id']}"
    assert member.send("PUT", path, {"floatingip": {"port_id": foreign["id"]}}).status == 400
    assert admin.send("PUT", path, {"floatingip": {"port_id": foreign["id"]}}).status == 200


def test_a_port_of_several_addresses_has_one_named(member: Speaker, outside: str) -> None:
    """Of several IPv4 addresses one must be said, and the floating IP can change to another of them."""
    behind = routed(member, outside)
    path = {"network_id": behind.port["network_id"]}
    port = member.make("port", **path, fixed_ips=[{"subnet_id": behind.subnet}] * 2)
    first, second = (fixed["ip_address"] for fixed in port["fixed_ips"])
    given = {"floating_network_id": outside, "port_id": port["id"]}
    assert refused(member, **given)[0] == 400
    floating = member.make("floatingip", **given, fixed_ip_address=first)
    changed = member.change("floatingip", floating["id"], port_id=port["id"], fixed_ip_address=second)
    assert changed["fixed_ip_address"] == second
    assert refused(member, **given, fixed_ip_address=second) == (409, "FloatingIPPortAlreadyAssociated")


def test_an_external_network_takes_its_unused_floating_ips_along(member: Speaker, admin: Speaker) -> None:
    """Those that stand for nothing go with the network, or when it is no longer external; others hold it."""
    for turned in (True, False):
        network = admin.make("network", **{"router:external": True})
        admin.make("subnet", network_id=network["id"], cidr="203.0.113.0/24", enable_dhcp=False)
        behind = routed(member, network["id"])
        unused = member.make("floatingip", floating_network_id=network["id"])
        used = member.make("floatingip", floating_network_id=network["id"], port_id=behind.port["id"])
        assert admin.send("DELETE", f"/v2.0/networks/{network['id']}").kind == "NetworkInUse"
        member.change("floatingip", used["id"], port_id=None)
        member.change("router", behind.router, external_gateway_info=None)
        if turned:
            admin.change("network", network["id"], **{"router:external": False})
        else:
            admin.drop("network", network["id"])
        for one in (unused, used):
            assert member.send("GET", f"/v2.0/floatingips/{one['id']}").status == 404


def test_pools_are_the_subnets_of_external_networks(member: Speaker, admin: Speaker, outside: str) -> None:
    """Everybody sees the pools, which are the subnets, and can take a floating IP from one of them."""
    subnet = admin.make("subnet", network_id=outside, cidr="198.18.0.0/24", enable_dhcp=False, name="second")
    routed(member, None)
    pools = member.get("/v2.0/floatingip_pools")["floatingip_pools"]
    assert {pool["cidr"] for pool in pools} >= {"192.0.2.0/24", "198.18.0.0/24"}
    assert not any(pool["cidr"].startswith("10.") for pool in pools)
    (pool,) = member.get("/v2.0/floatingip-pools?subnet_name=second")["floatingip_pools"]
    assert (pool["subnet_id"], pool["network_id"]) == (subnet["id"], outside)
    assert member.send("GET", f"/v2.0/subnets/{subnet['id']}").status == 200
    floating = member.make("floatingip", floating_network_id=outside, subnet_id=subnet["id"])
    assert floating["floating_ip_address"].startswith("198.18.0.")


def test_forwardings_of_a_floating_ip_go_by_one_router(member: Speaker, outside: str) -> None:
    """The first forwarding chooses the router, which the others keep to, and which stays until the last is gone."""
    one, other = routed(member, outside), routed(member, outside)
    lost = routed(member, None)
    floating = member.make("floatingip", floating_network_id=outside)
    path = f"/v2.0/floatingips/{floating['id']}/port_forwardings"

    def forward(to: Routed, outer: int) -> Answer:
        inner = {"protocol": "tcp", "internal_port": 80, "external_port": outer}
        return member.send("POST", path, {"port_forwarding": {**inner, "internal_port_id": to.port["id"]}})

    assert forward(lost, 1).status == 400
    made = forward(one, 1)
    assert made.status == 201, made
    shown = member.get(f"/v2.0/floatingips/{floating['id']}")["floatingip"]
    assert (shown["router_id"], shown["port_id"]) == (one.router, None)
    assert forward(other, 2).status == 400
    assert interface(member, one.router, "remove", one.subnet).kind == "RouterInterfaceInUseByFloatingIP"
    assert member.send("DELETE", f"{path}/{made.body['port_forwarding']['id']}").status == 204
    assert member.get(f"/v2.0/floatingips/{floating['id']}")["floatingip"]["router_id"] is None
    assert forward(other, 2).status == 201


def test_a_floating_ip_keeps_its_name(member: Speaker, outside: str) -> None:
    """A name goes with a domain, both in lower case."""
    named = member.make("floatingip", floating_network_id=outside, dns_name="WWW", dns_domain="Example.org.")
    assert (named["dns_name"], named["dns_domain"]) == ("www", "example.org.")
    assert refused(member, floating_network_id=outside, dns_name="www") == (400, "InvalidInput")
