"""The subnet resource."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.intent import Ipv6Mode
from netwright.model.kinds import Choice, Flag, IpAddress, ListOf, Member, Number, Prefix, Record, Uuid
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
)

_POOL: Final = Record(
    {"start": Member(IpAddress(), required=True), "end": Member(IpAddress(), required=True)}
)
_ROUTE: Final = Record(
    {"destination": Member(Prefix(), required=True), "nexthop": Member(IpAddress(), required=True)}
)
_MODE: Final = Choice(tuple(Ipv6Mode))

RESOURCE: Final = Resource(
    singular="subnet",
    plural="subnets",
    path="subnets",
    doc="A range of addresses on a network, and what its guests are told.",
    quota="subnet",
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
        Attribute("subnetpool_id", Uuid(), "The pool it is from.", nullable=True, put=Role.NOBODY),
        TAGS,
        *STAMPS,
    ),
)
