"""The resource of rules that new security groups have."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.intent import Direction, EtherType
from netwright.model.kinds import Choice, Flag, Kind, Number, OneOf, Prefix, Text, Uuid
from netwright.model.resource import ADMINS_WRITE, ID, REQUIRED, Attribute, Reach, Resource, Verb

PARENT: Final = "PARENT"
"""The remote group that is the new group itself."""


def _fixed(name: str, kind: Kind, doc: str, default: object = None) -> Attribute:
    column = None if isinstance(kind, Flag | Number) else name
    return Attribute(name, kind, doc, default, default is None, put=Role.NOBODY, column=column)


RESOURCE: Final = Resource(
    singular="default_security_group_rule",
    plural="default_security_group_rules",
    path="default-security-group-rules",
    doc="What new security groups let through from the beginning.",
    extension="security-groups-default-rules",
    verbs=frozenset(Verb) - {Verb.UPDATE},
    roles=ADMINS_WRITE,
    reach=Reach.EVERYBODY,
    attributes=(
        ID,
        _fixed("description", Text(prose=True), "A text for people.", default=""),
        _fixed("direction", Choice(tuple(Direction)), "Into the port, or out of it.", default=REQUIRED),
        _fixed("ethertype", Choice(tuple(EtherType), any_case=True), "IPv4 or IPv6.", default="IPv4"),
        _fixed("protocol", OneOf((Text(40), Number(0, 255))), "A name or a number (IANA); null: any."),
        _fixed("port_range_min", Number(0, 65535), "The lowest port, or the ICMP type."),
        _fixed("port_range_max", Number(0, 65535), "The highest port, or the ICMP code."),
        _fixed("remote_ip_prefix", Prefix(strict=False), "The prefix of the other side."),
        _fixed(
            "remote_group_id",
            OneOf((Choice((PARENT,)), Uuid("security_groups"))),
            "The group of the other side; PARENT: the new group itself.",
        ),
        _fixed("remote_address_group_id", Uuid("address_groups"), "The address group of the other side."),
        _fixed("used_in_default_sg", Flag(), "Whether projects' default groups have it.", default=False),
        _fixed("used_in_non_default_sg", Flag(), "Whether other groups have it.", default=True),
    ),
)
