"""The address group resource."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.kinds import ListOf, Prefix
from netwright.model.resource import DESCRIPTION, ID, NAME, PROJECT, SHARED, STAMPS, Attribute, Resource, Verb

ADDRESSES: Final = ListOf(Prefix(strict=False), most=5000)

RESOURCE: Final = Resource(
    singular="address_group",
    plural="address_groups",
    path="address-groups",
    doc="Prefixes that rules of security groups may have as their remote.",
    extension="address-group",
    rbac="address_group",
    untold=frozenset({Verb.UPDATE}),
    attributes=(
        ID,
        *PROJECT,
        NAME,
        DESCRIPTION,
        Attribute(
            "addresses",
            ListOf(Prefix(strict=False, whole=True), most=5000),
            "Prefixes of IPv4 and IPv6; add_addresses and remove_addresses change them.",
            put=Role.NOBODY,
            nullable=True,
            filters=False,
        ),
        SHARED,
        *STAMPS,
    ),
)
