"""The network resource."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.intent import GatewayHosts, GatewayPlace
from netwright.model.kinds import Choice, Flag, ListOf, Mapped, Member, Number, Record, Text, Uuid
from netwright.model.resource import (
    ADMIN_STATE,
    DESCRIPTION,
    ID,
    NAME,
    PROJECT,
    STAMPS,
    TAGS,
    Attribute,
    Resource,
    read_only,
    shared_flag,
)
from netwright.model.resources.qos import has_policy

_TYPES: Final = ("local", "flat", "vlan")
_SEGMENT: Final = Record(
    {
        "provider:network_type": Member(Choice(_TYPES), required=True),
        "provider:physical_network": Member(Text(15), nullable=True),
        "provider:segmentation_id": Member(Number(1, (1 << 24) - 1), nullable=True),
    }
)


def _admins(name: str, kind: Flag | Text | Choice, doc: str, *, nullable: bool = False) -> Attribute:
    """What touches hosts themselves."""
    alias = "netwright-gateway-place"
    return Attribute(name, kind, doc, nullable=nullable, post=Role.ADMIN, put=Role.ADMIN, extension=alias)


RESOURCE: Final = Resource(
    singular="network",
    plural="networks",
    path="networks",
    doc="A layer-2 network.",
    rbac="network",
    quota="network",
    tags=True,
    attributes=(
        ID,
        *PROJECT,
        NAME,
        DESCRIPTION,
        ADMIN_STATE,
        read_only("status", Text(), "ACTIVE."),
        shared_flag("Whether all projects may use it."),
        read_only("subnets", ListOf(Uuid()), "The ids of its subnets."),
        Attribute(
            "mtu",
            Number(0, 65535),
            "Its MTU, in bytes; 0: what hosts' uplinks carry.",
            column="mtu",
            extension="net-mtu",
        ),
        Attribute(
            "router:external",
            Flag(),
            "Whether it is external: floating IPs and routers' gateways are on it.",
            default=False,
            post=Role.ADMIN,
            put=Role.ADMIN,
            column="external",
            extension="external-net",
        ),
        Attribute(
            "port_security_enabled",
            Flag(),
            "What new ports have that say nothing else.",
            default=True,
            column="port_security_enabled",
            extension="port-security",
        ),
        Attribute(
            "dns_domain",
            Text(253),
            "The domain of its ports' names.",
            default="",
            column="dns_domain",
            extension="dns-integration",
        ),
        Attribute(
            "is_default",
            Flag(),
            "Whether it is the external network that is meant where none is named.",
            default=False,
            post=Role.ADMIN,
            put=Role.ADMIN,
            column="is_default",
            extension="auto-allocated-topology",
        ),
        read_only(
            "ipv4_address_scope",
            Uuid(),
            "The address scope of its IPv4 subnets' pool.",
            nullable=True,
            extension="address-scope",
        ),
        read_only(
            "ipv6_address_scope",
            Uuid(),
            "The address scope of its IPv6 subnets' pool.",
            nullable=True,
            extension="address-scope",
        ),
        read_only(
            "l2_adjacency", Flag(), "Whether all of its ports are on one wire.", extension="l2_adjacency"
        ),
        Attribute(
            "vlan_transparent",
            Flag(),
            "Whether VLANs of guests pass: they never do.",
            nullable=True,
            put=Role.NOBODY,
            extension="vlan-transparent",
        ),
        Attribute(
            "segments",
            ListOf(_SEGMENT, 16),
            "Its segments, the first of which it is on the wire; null where it has one alone.",
            nullable=True,
            post=Role.ADMIN,
            put=Role.NOBODY,
            see=Role.ADMIN,
            filters=False,
            extension="multi-provider",
        ),
        Attribute(
            "provider:network_type",
            Choice(_TYPES),
            "How it is made on the wire.",
            nullable=True,
            post=Role.ADMIN,
            put=Role.NOBODY,
            see=Role.ADMIN,
            extension="provider",
        ),
        Attribute(
            "provider:physical_network",
            Text(15),
            "The hosts' link that it is on.",
            nullable=True,
            post=Role.ADMIN,
            put=Role.ADMIN,
            see=Role.ADMIN,
            column="uplink",
            extension="provider",
        ),
        Attribute(
            "provider:segmentation_id",
            Number(1, (1 << 24) - 1),
            "Its VLAN, or its VXLAN's VNI.",
            nullable=True,
            post=Role.ADMIN,
            put=Role.NOBODY,
            see=Role.ADMIN,
            column="segmentation_id",
            extension="provider",
        ),
        Attribute(
            "netwright:gateway_place",
            Choice(tuple(GatewayPlace)),
            "Where its gateway lives: on hosts, or in a router.",
            post=Role.ADMIN,
            put=Role.NOBODY,
            column="gateway_place",
            extension="netwright-gateway-place",
        ),
        _admins("netwright:nat", Flag(), "Whether what leaves a host network gets the host's address."),
        _admins("netwright:host_access", Flag(), "Whether guests reach the host's own services."),
        _admins("netwright:shared_gateway", Flag(), "Whether each host is gateway of its own guests."),
        _admins("netwright:bridge", Text(15), "The bridge's name on hosts.", nullable=True),
        _admins(
            "netwright:gateway_hosts",
            Choice(tuple(GatewayHosts)),
            "Which hosts hold the gateway of a host network.",
        ),
        _admins("netwright:gateway_host", Text(), "The one host that does, if one is named.", nullable=True),
        read_only(
            "netwright:gateways",
            ListOf(Mapped(Text())),
            "Where gateways are, of a network that not every host is a gateway of.",
            see=Role.ADMIN,
            extension="netwright-gateway-place",
        ),
        Attribute(
            "availability_zone_hints",
            ListOf(Text(255, least=1), 16, unique=True),
            "The zones that it should be in.",
            default=(),
            put=Role.NOBODY,
            extension="network_availability_zone",
        ),
        read_only(
            "availability_zones",
            ListOf(Text()),
            "The zones whose hosts serve it.",
            extension="network_availability_zone",
        ),
        *has_policy("qos", "The QoS policy of those of its guests' ports that have none."),
        TAGS,
        *STAMPS,
    ),
)
