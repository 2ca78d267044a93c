"""The subnet resource."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.intent import Ipv6Mode
from netwright.model.kinds import (
    Checked,
    Choice,
    Flag,
    IpAddress,
    ListOf,
    Member,
    Number,
    OneOf,
    Prefix,
    Record,
    Text,
    Uuid,
    refused,
)
from netwright.model.resource import (
    DESCRIPTION,
    ID,
    NAME,
    PROJECT,
    REQUIRED,
    STAMPS,
    TAGS,
    Attribute,
    Resource,
    Verb,
    read_only,
)

_POOL: Final = Record(
    {"start": Member(IpAddress(), required=True), "end": Member(IpAddress(), required=True)}
)
_ROUTE: Final = Record(
    {"destination": Member(Prefix(), required=True), "nexthop": Member(IpAddress(), required=True)}
)
_MODE: Final = Choice(tuple(Ipv6Mode))


def service_type(value: object, field: str) -> str:
    """The owner of ports, as in compute:nova."""
    text = str(value)
    if ":" not in text:
        raise refused(field, f"{text[:60]!r} does not correspond to a device owner, as in compute:nova.")
    return text


RESOURCE: Final = Resource(
    singular="subnet",
    plural="subnets",
    path="subnets",
    doc="A range of addresses on a network, and what its guests are told.",
    quota="subnet",
    revises="network_id",
    tags=True,
    network_owner=frozenset({Verb.UPDATE, Verb.DELETE}),
    attributes=(
        ID,
        *PROJECT,
        Attribute(
            "network_id",
            Uuid("networks"),
            "Its network.",
            default=REQUIRED,
            put=Role.NOBODY,
            column="network_id",
            network_owner=True,
        ),
        NAME,
        DESCRIPTION,
        Attribute("ip_version", Number(4, 6), "4 or 6.", put=Role.NOBODY),
        Attribute("cidr", Prefix(), "Its prefix.", put=Role.NOBODY, nullable=True, column="cidr"),
        Attribute("gateway_ip", IpAddress(), "Its gateway; null: none.", nullable=True, column="gateway_ip"),
        Attribute(
            "enable_dhcp", Flag(), "Whether guests get addresses by DHCP.", default=True, column="enable_dhcp"
        ),
        Attribute("allocation_pools", ListOf(_POOL), "Where addresses are taken from."),
        Attribute(
            "dns_nameservers", ListOf(IpAddress(), 16, unique=True), "DNS servers that guests are told of."
        ),
        Attribute("host_routes", ListOf(_ROUTE, 64, unique=True), "Routes that guests are told of."),
        Attribute(
            "ipv6_ra_mode", _MODE, "Who advertises it.", nullable=True, put=Role.NOBODY, column="ipv6_ra_mode"
        ),
        Attribute(
            "ipv6_address_mode",
            _MODE,
            "How guests get addresses.",
            nullable=True,
            put=Role.NOBODY,
            column="ipv6_address_mode",
        ),
        Attribute(
            "subnetpool_id",
            OneOf((Uuid("subnetpools"), Choice(("prefix_delegation",)))),
            "The pool that its prefix is from.",
            nullable=True,
            put=Role.NOBODY,
            column="subnetpool_id",
        ),
        Attribute(
            "prefixlen",
            Number(0, 128),
            "The length of a prefix that is to be taken from a pool.",
            put=Role.NOBODY,
            see=Role.NOBODY,
            filters=False,
        ),
        Attribute(
            "use_default_subnetpool",
            Flag(),
            "Whether it is to be from the default pool of its IP version.",
            put=Role.NOBODY,
            see=Role.NOBODY,
            filters=False,
            extension="default-subnetpools",
        ),
        Attribute(
            "segment_id",
            Uuid("segments"),
            "The segment of its network that it is on.",
            nullable=True,
            post=Role.ADMIN,
            put=Role.ADMIN,
            column="segment_id",
            extension="segment",
        ),
        Attribute(
            "service_types",
            ListOf(Checked(Text(least=1), service_type), 32, unique=True),
            "The owners of ports that get addresses from it unasked; none: all.",
            extension="subnet-service-types",
        ),
        Attribute(
            "dns_publish_fixed_ip",
            Flag(),
            "Whether others are to publish the names of its addresses.",
            default=False,
            column="dns_publish_fixed_ip",
            extension="subnet-dns-publish-fixed-ip",
        ),
        read_only(
            "router:external",
            Flag(),
            "Whether its network is external.",
            extension="subnet-external-network",
        ),
        TAGS,
        *STAMPS,
    ),
)
