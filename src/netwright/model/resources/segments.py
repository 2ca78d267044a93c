"""The segment resource."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.kinds import Choice, Number, Text, Uuid
from netwright.model.resource import (
    ADMINS,
    DESCRIPTION,
    ID,
    REQUIRED,
    STAMPS,
    Attribute,
    Reach,
    Resource,
)

TYPES: Final = ("local", "flat", "vlan", "vxlan", "gre", "geneve")

RESOURCE: Final = Resource(
    singular="segment",
    plural="segments",
    path="segments",
    doc="A part of a network that is one layer-2 domain; each network has one of its own.",
    extension="segment",
    roles=ADMINS,
    reach=Reach.EVERYBODY,
    attributes=(
        ID,
        Attribute(
            "network_id",
            Uuid("networks"),
            "Its network.",
            default=REQUIRED,
            put=Role.NOBODY,
            column="network_id",
        ),
        Attribute("name", Text(), "A name.", default=None, nullable=True, column="name"),
        DESCRIPTION,
        Attribute(
            "network_type",
            Choice(TYPES),
            "How it is made on the wire.",
            default=REQUIRED,
            put=Role.NOBODY,
            column="network_type",
        ),
        Attribute(
            "physical_network",
            Text(64),
            "The hosts' link that it is on.",
            default=None,
            nullable=True,
            put=Role.NOBODY,
            column="physical_network",
        ),
        Attribute(
            "segmentation_id",
            Number(0, (1 << 24) - 1),
            "Its VLAN.",
            default=None,
            nullable=True,
            put=Role.NOBODY,
            column="segmentation_id",
        ),
        *STAMPS,
    ),
)
