"""The trunk resource."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.kinds import Choice, ListOf, Member, Number, Record, Text, Uuid
from netwright.model.resource import (
    ADMIN_STATE,
    DESCRIPTION,
    ID,
    NAME,
    PROJECT,
    REQUIRED,
    STAMPS,
    TAGS,
    Attribute,
    Resource,
    read_only,
)

SUBPORT: Final = Record(
    {
        "port_id": Member(Uuid("ports"), required=True),
        "segmentation_type": Member(Choice(("vlan", "inherit"))),
        "segmentation_id": Member(Number(-1, 4094)),
    }
)
SUBPORTS: Final = ListOf(SUBPORT, 1024)
REMOVED: Final = ListOf(
    Record(
        {**SUBPORT.members, "segmentation_type": Member(Text(8)), "segmentation_id": Member(Number(-1, 4094))}
    ),
    1024,
)

RESOURCE: Final = Resource(
    singular="trunk",
    plural="trunks",
    path="trunks",
    doc="A port that carries others' traffic, each in a VLAN of its own.",
    extension="trunk",
    quota="trunk",
    tags=True,
    attributes=(
        ID,
        *PROJECT,
        NAME,
        DESCRIPTION,
        ADMIN_STATE,
        Attribute(
            "port_id",
            Uuid("ports"),
            "The port that carries the others.",
            default=REQUIRED,
            put=Role.NOBODY,
            column="port_id",
        ),
        read_only("status", Text(), "DOWN: no host carries it yet."),
        Attribute("sub_ports", SUBPORTS, "The ports that it carries.", default=(), put=Role.NOBODY),
        TAGS,
        *STAMPS,
    ),
)
