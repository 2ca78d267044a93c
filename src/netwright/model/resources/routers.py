"""The router resource, and the bodies of what else can be done with a router."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.kinds import Emptiable, Flag, IpAddress, ListOf, Member, Prefix, Record, Text, Uuid
from netwright.model.resource import (
    ADMIN_STATE,
    DESCRIPTION,
    ID,
    NAME,
    PROJECT,
    REQUIRED,
    STAMPS,
    TAGS,
    Action,
    Attribute,
    Resource,
    Verb,
    read_only,
)

MOST_ROUTES: Final = 30
_FIXED_IP: Final = Record(
    {"subnet_id": Member(Uuid(), nullable=True), "ip_address": Member(IpAddress(), nullable=True)}
)
_GATEWAY: Final = Record(
    {
        "network_id": Member(Uuid("networks"), required=True),
        "enable_snat": Member(Flag()),
        "external_fixed_ips": Member(ListOf(_FIXED_IP, 16)),
        "qos_policy_id": Member(Uuid("qos_policies"), nullable=True),
    }
)
_ROUTE: Final = Record(
    {"destination": Member(Prefix(), required=True), "nexthop": Member(IpAddress(), required=True)}
)
_ROUTES: Final = ListOf(_ROUTE, MOST_ROUTES, unique=True)
_GATEWAYS: Final = ListOf(_GATEWAY, 16)


def _admins_flag(name: str, doc: str, extension: str, see: Role = Role.ADMIN) -> Attribute:
    return Attribute(
        name, Flag(), doc, default=False, nullable=True, post=Role.ADMIN, put=Role.ADMIN, see=see,
        extension=extension,
    )  # fmt: skip


INTERFACE: Final = Resource(
    singular="router_interface",
    plural="router_interfaces",
    path="",
    doc="What becomes, or no longer is, a router's interface: a subnet, or a port.",
    attributes=(
        Attribute("subnet_id", Uuid("subnets"), "The subnet.", nullable=True),
        Attribute("port_id", Uuid("ports"), "The port.", nullable=True),
    ),
)
EXTRA_ROUTES: Final = Resource(
    singular="router",
    plural="routers",
    path="",
    doc="Routes that a router gets, or loses.",
    extension="extraroute-atomic",
    attributes=(Attribute("routes", _ROUTES, "The routes.", default=REQUIRED),),
)
GATEWAYS: Final = Resource(
    singular="router",
    plural="routers",
    path="",
    doc="Gateways that a router gets, has or loses.",
    extension="external-gateway-multihoming",
    attributes=(
        Attribute(
            "external_gateways", Emptiable(_GATEWAYS), "The gateways.", default=REQUIRED, nullable=True
        ),
    ),
)

_CONNECTED: Final = Resource(
    singular="router_interface",
    plural="router_interfaces",
    path="",
    doc="A router's interface.",
    attributes=(
        read_only("id", Uuid(), "The router."),
        read_only("project_id", Text(), "The project of the port."),
        read_only("tenant_id", Text(), "The project of the port."),
        read_only("port_id", Uuid(), "The port."),
        read_only("network_id", Uuid(), "Its network."),
        read_only("subnet_id", Uuid(), "The last of its subnets."),
        read_only("subnet_ids", ListOf(Uuid()), "Its subnets."),
    ),
)
_ACTIONS: Final = (
    Action("add_router_interface", "Connect a router to a subnet or a port", INTERFACE, _CONNECTED),
    Action("remove_router_interface", "Disconnect a router from a subnet or a port", INTERFACE, _CONNECTED),
    Action("add_extraroutes", "Give a router further routes", EXTRA_ROUTES),
    Action("remove_extraroutes", "Take routes from a router", EXTRA_ROUTES),
    Action("add_external_gateways", "Give a router further gateways", GATEWAYS),
    Action("update_external_gateways", "Give a router just these gateways", GATEWAYS),
    Action("remove_external_gateways", "Take gateways from a router, or all of them", GATEWAYS),
)

RESOURCE: Final = Resource(
    singular="router",
    plural="routers",
    path="routers",
    doc="What routes between subnets, and to an external network.",
    extension="router",
    quota="router",
    tags=True,
    actions=_ACTIONS,
    attributes=(
        ID,
        *PROJECT,
        NAME,
        DESCRIPTION,
        ADMIN_STATE,
        read_only("status", Text(), "ACTIVE."),
        Attribute(
            "external_gateway_info",
            Emptiable(_GATEWAY),
            "The external network that it reaches, and its addresses there; empty: none.",
            nullable=True,
            filters=False,
        ),
        read_only(
            "external_gateways",
            _GATEWAYS,
            "All its gateways, the first of which external_gateway_info shows.",
            extension="external-gateway-multihoming",
            filters=False,
        ),
        read_only(
            "enable_snat",
            Flag(),
            "Whether what leaves by its gateways gets their addresses.",
            extension="router-enable-snat",
        ),
        Attribute(
            "routes",
            _ROUTES,
            "Its further routes; each next hop is on a subnet that it is connected to.",
            post=Role.NOBODY,
            extension="extraroute",
            filters=False,
        ),
        _admins_flag("distributed", "Whether each host routes for its own guests.", "dvr"),
        _admins_flag("ha", "Whether another host takes over when its own fails.", "l3-ha"),
        Attribute(
            "flavor_id",
            Uuid("flavors"),
            "The flavor that it was made of.",
            default=None,
            nullable=True,
            put=Role.NOBODY,
            column="flavor_id",
            extension="l3-flavors",
        ),
        Attribute(
            "availability_zone_hints",
            ListOf(Text(255), 16),
            "Where it is to be.",
            default=(),
            put=Role.NOBODY,
            extension="router_availability_zone",
        ),
        read_only("availability_zones", ListOf(Text()), "Where it is.", extension="router_availability_zone"),
        _admins_flag(
            "enable_default_route_bfd",
            "Whether default routes are watched by BFD.",
            "enable-default-route-bfd",
            Role.READER,
        ),
        _admins_flag(
            "enable_default_route_ecmp",
            "Whether default routes share the traffic.",
            "enable-default-route-ecmp",
            Role.READER,
        ),
        TAGS,
        *STAMPS,
    ),
)

POOL: Final = Resource(
    singular="floatingip_pool",
    plural="floatingip_pools",
    path="floatingip-pools",
    doc="A subnet that floating IPs come from.",
    extension="floatingip-pools",
    verbs=frozenset({Verb.LIST}),
    key="subnet_id",
    attributes=(
        read_only("subnet_id", Uuid(), "The subnet.", column="id"),
        read_only("subnet_name", Text(), "Its name.", column="name"),
        read_only("network_id", Uuid(), "Its network.", column="network_id"),
        *(
            read_only(name, Text(), "The project that the subnet belongs to.", column="project_id")
            for name in ("project_id", "tenant_id")
        ),
        read_only("cidr", Prefix(), "Its addresses.", column="cidr"),
    ),
)
