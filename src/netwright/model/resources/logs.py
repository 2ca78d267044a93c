"""The log resource of the API extension `logging`."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.intent import LogEvent
from netwright.model.kinds import Choice, Flag, Text, Uuid
from netwright.model.resource import (
    ADMINS,
    DESCRIPTION,
    ID,
    NAME,
    PROJECT,
    REQUIRED,
    STAMPS,
    Attribute,
    Resource,
)

RESOURCE: Final = Resource(
    singular="log",
    plural="logs",
    path="log/logs",
    doc="Packets to be written down.",
    extension="logging",
    roles=ADMINS,
    attributes=(
        ID,
        *PROJECT,
        NAME,
        DESCRIPTION,
        Attribute("enabled", Flag(), "Whether it writes.", default=True),
        Attribute(
            "event",
            Choice(tuple(LogEvent)),
            "Which packets.",
            default="ALL",
            put=Role.NOBODY,
            column="event",
        ),
        Attribute("resource_type", Text(), "security_group.", default=REQUIRED, put=Role.NOBODY),
        Attribute(
            "resource_id",
            Uuid("security_groups"),
            "The group that it is of; null: all of the project's.",
            nullable=True,
            put=Role.NOBODY,
            column="resource_id",
        ),
        Attribute(
            "target_id",
            Uuid("ports"),
            "The port that it is of; null: all.",
            nullable=True,
            put=Role.NOBODY,
            column="target_id",
        ),
        *STAMPS,
    ),
)
