"""The agent resource, and what follows from hosts being there: availability zones, service providers."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.kinds import Anything, Flag, Text
from netwright.model.resource import ADMINS, ID, Attribute, Reach, Resource, Verb, read_only

RESOURCE: Final = Resource(
    singular="agent",
    plural="agents",
    path="agents",
    doc="A part of what a host does: its DHCP, its routing, its bridges, its metadata service.",
    extension="agent",
    verbs=frozenset(Verb) - {Verb.CREATE},
    roles={**ADMINS, Verb.LIST: Role.READER},
    reach=Reach.PROJECT,
    attributes=(
        ID,
        read_only("agent_type", Text(), "Which part.", column="agent_type"),
        read_only("binary", Text(), "The program that does it."),
        read_only("topic", Text(), "How that program is reached."),
        read_only("host", Text(), "The host."),
        Attribute(
            "admin_state_up",
            Flag(),
            "Whether new work is given to it.",
            post=Role.NOBODY,
            put=Role.ADMIN,
        ),
        Attribute(
            "description",
            Text(),
            "A text for people.",
            nullable=True,
            post=Role.NOBODY,
            put=Role.ADMIN,
        ),
        read_only("availability_zone", Text(), "Its zone, if it has one.", nullable=True),
        read_only("alive", Flag(), "Whether the host has spoken lately."),
        read_only("created_at", Text(), "When the host spoke first, UTC."),
        read_only("started_at", Text(), "The same: programs come and go unseen."),
        read_only("heartbeat_timestamp", Text(), "When it spoke last, UTC."),
        read_only("configurations", Anything(1 << 16), "What the host says of itself.", filters=False),
    ),
)

ZONE: Final = Resource(
    singular="availability_zone",
    plural="availability_zones",
    path="availability_zones",
    doc="Where networks and routers may be.",
    extension="availability_zone",
    verbs=frozenset({Verb.LIST}),
    reach=Reach.EVERYBODY,
    key="name",
    attributes=(
        read_only("name", Text(), "The zone's name."),
        read_only("resource", Text(), "What may be there: a network, or a router."),
        read_only("state", Text(), "Whether an agent there is up."),
    ),
)

PROVIDER: Final = Resource(
    singular="service_provider",
    plural="service_providers",
    path="service-providers",
    doc="What does a service that can be done in several ways.",
    extension="service-type",
    verbs=frozenset({Verb.LIST}),
    reach=Reach.EVERYBODY,
    key="name",
    attributes=(
        read_only("service_type", Text(), "The service."),
        read_only("name", Text(), "Who does it."),
        read_only("default", Flag(), "Whether it does so where nobody else is asked for."),
    ),
)
