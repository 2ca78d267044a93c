"""openstacksdk makes, finds, changes, lists and deletes each resource of the Networking API."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pytest
from identity_fixtures import PASSWORD, Town, here  # noqa: F401  # a fixture

pytestmark = pytest.mark.filterwarnings("ignore")
"""Of what the SDK imports, and of its own options."""


@dataclass(frozen=True)
class Site:
    """What resources stand on: ids."""

    network: str
    subnet: str
    outside: str
    port: str


@dataclass(frozen=True)
class Stop:
    """A resource by the SDK's name; `several` is what lists them, `change` what can be changed."""

    name: str
    several: str
    given: Callable[[Site], Mapping[str, object]]
    change: Mapping[str, object]


NAMED = {"description": "changed"}
STOPS = (
    Stop("network", "networks", lambda _: {"name": "made"}, NAMED),
    Stop(
        "subnet", "subnets",
        lambda site: {"name": "made", "network_id": site.network, "cidr": "10.9.0.0/24", "ip_version": 4},
        NAMED,
    ),
    Stop("port", "ports", lambda site: {"name": "made", "network_id": site.network}, NAMED),
    Stop("router", "routers", lambda _: {"name": "made"}, NAMED),
    Stop("ip", "ips", lambda site: {"floating_network_id": site.outside}, NAMED),
    Stop("security_group", "security_groups", lambda _: {"name": "made"}, NAMED),
    Stop("address_group", "address_groups", lambda _: {"name": "made", "addresses": ["192.0.2.0/24"]}, NAMED),
    Stop("address_scope", "address_scopes", lambda _: {"name": "made", "ip_version": 4}, {"name": "changed"}),
    Stop(
        "subnet_pool", "subnet_pools", lambda _: {"name": "made", "prefixes": ["10.64.0.0/16"]}, NAMED
    ),
    Stop("qos_policy", "qos_policies", lambda _: {"name": "made"}, NAMED),
    Stop("trunk", "trunks", lambda site: {"name": "made", "port_id": site.port}, NAMED),
    Stop(
        "segment", "segments",
        lambda site: {"name": "made", "network_id": site.network, "network_type": "vlan", "segmentation_id": 77},
        NAMED,
    ),
    Stop("flavor", "flavors", lambda _: {"name": "made", "service_type": "L3_ROUTER_NAT"}, NAMED),
    Stop("service_profile", "service_profiles", lambda _: {"meta_info": "made"}, NAMED),
    Stop(
        "rbac_policy", "rbac_policies",
        lambda site: {
            "object_type": "network", "object_id": site.network, "action": "access_as_shared",
            "target_project_id": "another",
        },
        {"target_project_id": "third"},
    ),
)  # fmt: skip


def net_of(town: Town):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from openstack.connection import Connection  # noqa: PLC0415  # what it imports warns

    assert town.server.address is not None
    host, port = town.server.address
    root = town.user(town.project(), "admin")
    return Connection(
        auth_url=f"http://{host}:{port}/v3", username=root["name"], password=PASSWORD, user_domain_id="default",
        project_id=root["default_project_id"], region_name="RegionOne",
    ).network  # fmt: skip


@pytest.fixture(scope="module")
def net(here: Town):  # noqa: F811
    return net_of(here)


@pytest.fixture(scope="module")
def site(net) -> Site:
    network = net.create_network(name="ground")
    subnet = net.create_subnet(network_id=network.id, cidr="10.8.0.0/24", ip_version=4)
    outside = net.create_network(name="outside", is_router_external=True)
    net.create_subnet(network_id=outside.id, cidr="203.0.113.0/24", ip_version=4)
    return Site(network.id, subnet.id, outside.id, net.create_port(network_id=network.id).id)


@pytest.mark.parametrize("stop", STOPS, ids=lambda stop: stop.name)
def test_the_sdk_makes_finds_changes_lists_and_deletes(net, site: Site, stop: Stop) -> None:
    """What it made it finds by id and in the list, as it was given; what it changed is so; what it deleted is gone."""
    made = getattr(net, f"create_{stop.name}")(**stop.given(site))
    for name, value in stop.given(site).items():
        assert getattr(made, name) == value
    changed = getattr(net, f"update_{stop.name}")(made, **stop.change)
    shown = getattr(net, f"get_{stop.name}")(made.id)
    for name, value in stop.change.items():
        assert getattr(changed, name) == getattr(shown, name) == value
    assert made.id in {one.id for one in getattr(net, stop.several)()}
    getattr(net, f"delete_{stop.name}")(made, ignore_missing=False)
    assert made.id not in {one.id for one in getattr(net, stop.several)()}


def test_the_sdk_connects_a_router_and_maps_a_floating_ip(net, site: Site) -> None:
    """A router joins the subnet and has a gateway; a floating IP stands for the port; tags and quotas are set."""
    router = net.create_router(external_gateway_info={"network_id": site.outside})
    net.add_interface_to_router(router, subnet_id=site.subnet)
    floating = net.create_ip(floating_network_id=site.outside, port_id=site.port)
    assert (floating.router_id, floating.port_id) == (router.id, site.port)
    net.update_ip(floating, port_id=None)
    net.delete_ip(floating, ignore_missing=False)
    net.set_tags(router, ["one", "two"])
    assert sorted(net.get_router(router.id).tags) == ["one", "two"]
    net.remove_interface_from_router(router, subnet_id=site.subnet)
    net.delete_router(router, ignore_missing=False)


def test_the_sdk_lists_what_is_only_read(net) -> None:
    """Extensions, agents, availability zones, providers, rule types and quotas are there to be read."""
    aliases = {one.alias for one in net.extensions()}
    assert {"router", "quotas", "qos", "security-group"} <= aliases
    for several in ("agents", "availability_zones", "service_providers", "qos_rule_types", "quotas"):
        assert isinstance(list(getattr(net, several)()), list)
    assert {one.type for one in net.qos_rule_types()} >= {"bandwidth_limit", "dscp_marking"}
