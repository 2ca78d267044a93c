"""The subnet pool resource."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.kinds import Digits, Flag, ListOf, Number, Prefix, Text, Uuid
from netwright.model.resource import (
    DESCRIPTION,
    ID,
    PROJECT,
    REQUIRED,
    STAMPS,
    TAGS,
    Attribute,
    Resource,
    read_only,
)

MOST_PREFIXES: Final = 256


def _length(name: str, doc: str) -> Attribute:
    return Attribute(name, Digits(Number(0, 128)), doc, column=name)


RESOURCE: Final = Resource(
    singular="subnetpool",
    plural="subnetpools",
    path="subnetpools",
    noun="SubnetPool",
    doc="Prefixes from which subnets are taken.",
    extension="subnet_allocation",
    rbac="subnetpool",
    quota="subnetpool",
    tags=True,
    attributes=(
        ID,
        *PROJECT,
        Attribute("name", Text(least=1), "A name; it need not be unique.", default=REQUIRED, column="name"),
        DESCRIPTION,
        Attribute(
            "prefixes",
            ListOf(Prefix(strict=False), MOST_PREFIXES),
            "What subnets are taken from: joined where they touch.",
            default=REQUIRED,
        ),
        read_only("ip_version", Number(4, 6), "That of its prefixes.", column="ip_version"),
        _length("default_prefixlen", "The length of prefixes that are asked for without one."),
        _length("min_prefixlen", "The shortest prefix that a subnet may have, which is the largest subnet."),
        _length("max_prefixlen", "The longest."),
        Attribute(
            "default_quota",
            Number(),
            "How much of it each project may have: addresses, or, of IPv6, prefixes of 64 bits.",
            nullable=True,
            column="default_quota",
        ),
        Attribute(
            "address_scope_id",
            Uuid("address_scopes"),
            "The address scope within which its prefixes are unique.",
            nullable=True,
            column="address_scope_id",
            extension="address-scope",
        ),
        Attribute(
            "is_default",
            Flag(),
            "Whether subnets that ask for the default pool of their IP version are taken from it.",
            default=False,
            post=Role.ADMIN,
            put=Role.ADMIN,
            column="is_default",
            extension="default-subnetpools",
        ),
        Attribute(
            "shared",
            Flag(),
            "Whether all projects may take from it.",
            default=False,
            post=Role.ADMIN,
            put=Role.NOBODY,
        ),
        TAGS,
        *STAMPS,
    ),
)
