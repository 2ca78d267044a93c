"""The trunk resource."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.kinds import Checked, Choice, ListOf, Member, Number, Record, Text, Uuid, refused
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


def _segmented(value: object, field: str) -> object:
    """Each has its segment, and none is there twice. Raises InvalidError."""
    seen = set[object]()
    for one in value if isinstance(value, list) else ():
        kind, number = one.get("segmentation_type"), one.get("segmentation_id")
        if kind is None or (kind == "vlan" and (number is None or number < 1)):
            raise refused(field, "each needs a segmentation_type and a segmentation_id from 1 to 4094.")
        parts = {one["port_id"]} if kind == "inherit" else {one["port_id"], (kind, number)}
        if parts & seen:
            raise refused(field, "no port and no segment may be there twice.")
        seen |= parts
    return value


SUBPORTS: Final = Checked(ListOf(SUBPORT, 1024), _segmented)
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
