"""The metering label resource, and that of its rules."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.intent import Direction
from netwright.model.kinds import Choice, Flag, Prefix, Text, Uuid
from netwright.model.resource import ADMINS, ID, NAME, PROJECT, REQUIRED, Attribute, Reach, Resource, Verb

_VERBS: Final = frozenset(Verb) - {Verb.UPDATE}


def _fixed(name: str, kind: Prefix | Flag | Choice | Uuid, doc: str, default: object = None) -> Attribute:
    """What is said once."""
    nullable, column = isinstance(kind, Prefix), None if isinstance(kind, Flag) else name
    return Attribute(name, kind, doc, default, nullable, put=Role.NOBODY, column=column)


RESOURCE: Final = Resource(
    singular="metering_label",
    plural="metering_labels",
    path="metering/metering-labels",
    doc="What some of a project's traffic is counted as.",
    extension="metering",
    verbs=_VERBS,
    roles=ADMINS,
    reach=Reach.EVERYBODY,
    quota="metering_label",
    attributes=(
        ID,
        *PROJECT,
        Attribute(NAME.name, NAME.kind, NAME.doc, default="", put=Role.NOBODY, column="name"),
        Attribute("description", Text(1024, prose=True), "A text for people.", default="", put=Role.NOBODY),
        _fixed("shared", Flag(), "Whether it counts the traffic of all projects.", default=False),
    ),
)

RULE: Final = Resource(
    singular="metering_label_rule",
    plural="metering_label_rules",
    path="metering/metering-label-rules",
    doc="Which traffic a metering label counts.",
    extension="metering",
    verbs=_VERBS,
    roles=ADMINS,
    reach=Reach.EVERYBODY,
    attributes=(
        ID,
        *PROJECT,
        _fixed("metering_label_id", Uuid("metering_labels"), "Its label.", default=REQUIRED),
        _fixed("direction", Choice(tuple(Direction)), "Into the network, or out of it.", default=REQUIRED),
        _fixed("excluded", Flag(), "Whether it is not counted.", default=False),
        _fixed("remote_ip_prefix", Prefix(strict=False), "The other side."),
        _fixed("source_ip_prefix", Prefix(strict=False), "Where it comes from."),
        _fixed("destination_ip_prefix", Prefix(strict=False), "Where it goes to."),
    ),
)
