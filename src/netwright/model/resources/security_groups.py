"""The security group resource, and that of its rules."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.intent import Direction, EtherType, Revocation
from netwright.model.kinds import Anything, Choice, Flag, ListOf, Number, OneOf, Prefix, Text, Uuid
from netwright.model.resource import (
    DESCRIPTION,
    ID,
    NAME,
    PROJECT,
    REQUIRED,
    SHARED,
    STAMPS,
    TAGS,
    Attribute,
    Resource,
    read_only,
)

RESOURCE: Final = Resource(
    singular="security_group",
    plural="security_groups",
    path="security-groups",
    doc="What may reach its ports, and what they may reach.",
    extension="security-group",
    rbac="security_group",
    quota="security_group",
    tags=True,
    attributes=(
        ID,
        *PROJECT,
        NAME,
        DESCRIPTION,
        Attribute(
            "stateful",
            Flag(),
            "Whether answers return by themselves.",
            default=True,
            extension="stateful-security-group",
        ),
        SHARED,
        read_only("security_group_rules", ListOf(Anything(1 << 20)), "Its rules.", filters=False),
        Attribute(
            "netwright:revocation",
            Choice(tuple(Revocation)),
            "What becomes of connections whose rule goes.",
            extension="netwright-revocation",
        ),
        TAGS,
        *STAMPS,
    ),
)

_PORT: Final = Number(0, 65535, "Invalid value for port {value}.")

RULE: Final = Resource(
    singular="security_group_rule",
    plural="security_group_rules",
    path="security-group-rules",
    doc="What a security group lets through.",
    extension="security-group",
    quota="security_group_rule",
    revises="security_group_id",
    attributes=(
        ID,
        *PROJECT,
        Attribute(
            "security_group_id",
            Uuid("security_groups"),
            "Its group.",
            default=REQUIRED,
            put=Role.NOBODY,
            own=True,
            column="group_id",
        ),
        Attribute(
            "direction",
            Choice(tuple(Direction)),
            "Into the port, or out of it.",
            default=REQUIRED,
            put=Role.NOBODY,
            column="direction",
        ),
        Attribute(
            "ethertype",
            Choice(tuple(EtherType), any_case=True),
            "IPv4 or IPv6.",
            default="IPv4",
            put=Role.NOBODY,
            column="ethertype",
        ),
        Attribute(
            "protocol",
            OneOf((Text(40), Number(0, 255))),
            "A name or a number (IANA); null: any.",
            nullable=True,
            put=Role.NOBODY,
        ),
        Attribute(
            "port_range_min",
            _PORT,
            "The lowest port, or the ICMP type.",
            nullable=True,
            put=Role.NOBODY,
        ),
        Attribute(
            "port_range_max",
            _PORT,
            "The highest port, or the ICMP code.",
            nullable=True,
            put=Role.NOBODY,
        ),
        Attribute(
            "remote_ip_prefix",
            Prefix(strict=False, kept=True),
            "The prefix of the other side, as it was given.",
            nullable=True,
            put=Role.NOBODY,
        ),
        read_only("normalized_cidr", Text(), "That prefix in its normal form."),
        Attribute(
            "remote_group_id",
            Uuid("security_groups", strict=False),
            "The group of the other side.",
            nullable=True,
            put=Role.NOBODY,
            column="remote_group_id",
        ),
        Attribute(
            "remote_address_group_id",
            Uuid("address_groups"),
            "The address group of the other side.",
            nullable=True,
            put=Role.NOBODY,
            column="remote_address_group_id",
            extension="security-groups-remote-address-group",
        ),
        read_only(
            "belongs_to_default_sg",
            Flag(),
            "Whether its group is its project's default.",
            extension="security-groups-rules-belongs-to-default-sg",
        ),
        DESCRIPTION,
        *STAMPS,
    ),
)
