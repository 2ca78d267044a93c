"""The resource of a floating IP's port forwardings."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.intent import FORWARDED
from netwright.model.kinds import Choice, IpAddress, Number, Text, Uuid
from netwright.model.resource import (
    DESCRIPTION,
    ID,
    REQUIRED,
    STAMPS,
    Attribute,
    Parent,
    Reach,
    Resource,
)

_PORT: Final = Number(1, 65535)
_RANGE: Final = Text(11)
_RANGES: Final = "floating-ip-port-forwarding-port-ranges"

RESOURCE: Final = Resource(
    singular="port_forwarding",
    plural="port_forwardings",
    path="port_forwardings",
    doc="Ports of a floating IP that are ports of one of a port's addresses.",
    extension="floating-ip-port-forwarding",
    reach=Reach.PARENT,
    parent=Parent("floatingips", "floatingips", "floating_ip_id"),
    attributes=(
        ID,
        Attribute(
            "project_id",
            Text(least=1),
            "The floating IP's project.",
            put=Role.NOBODY,
            see=Role.NOBODY,
            filters=False,
        ),
        Attribute(
            "tenant_id",
            Text(least=1),
            "The older name of project_id.",
            put=Role.NOBODY,
            see=Role.NOBODY,
            filters=False,
        ),
        Attribute(
            "protocol",
            Choice(tuple(FORWARDED), any_case=True),
            "What is forwarded.",
            default=REQUIRED,
            column="protocol",
        ),
        Attribute("external_port", _PORT, "The floating IP's port.", nullable=True),
        Attribute(
            "external_port_range",
            _RANGE,
            "Its ports, as first:last.",
            nullable=True,
            extension=_RANGES,
        ),
        Attribute(
            "internal_port_id",
            Uuid("ports"),
            "The port that they lead to.",
            default=REQUIRED,
            column="port_id",
            own=True,
        ),
        Attribute(
            "internal_ip_address",
            IpAddress(4),
            "Which of its addresses; its first of IPv4 where none is given.",
            nullable=True,
            filters=False,
        ),
        Attribute("internal_port", _PORT, "The port there.", nullable=True, filters=False),
        Attribute(
            "internal_port_range",
            _RANGE,
            "The ports there: as many as outside, or one.",
            nullable=True,
            filters=False,
            extension=_RANGES,
        ),
        DESCRIPTION,
        *STAMPS,
    ),
)
