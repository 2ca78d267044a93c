"""The flavor resource, and that of service profiles."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.kinds import Choice, Flag, ListOf, Text, Uuid
from netwright.model.resource import (
    ADMINS,
    ADMINS_WRITE,
    ID,
    NAME,
    REQUIRED,
    Attribute,
    Reach,
    Resource,
)

SERVICES: Final = ("FLAVORS", "L3_ROUTER_NAT", "METERING", "QOS", "TRUNK", "LOG_API")
_DESCRIPTION: Final = Attribute(
    "description", Text(1024, prose=True), "A text for people.", default="", nullable=True
)
_ENABLED: Final = Attribute("enabled", Flag(), "Whether it may be chosen.", default=True)

RESOURCE: Final = Resource(
    singular="flavor",
    plural="flavors",
    path="flavors",
    doc="A way of doing a service, by a name that users choose it by.",
    extension="flavors",
    roles=ADMINS_WRITE,
    reach=Reach.EVERYBODY,
    attributes=(
        ID,
        NAME,
        _DESCRIPTION,
        Attribute(
            "service_type",
            Choice(SERVICES, any_case=True),
            "The service.",
            default=REQUIRED,
            put=Role.NOBODY,
            column="service_type",
        ),
        _ENABLED,
        Attribute("service_profiles", ListOf(Uuid("service_profiles")), "Its profiles."),
    ),
)

PROFILE: Final = Resource(
    singular="service_profile",
    plural="service_profiles",
    path="service_profiles",
    doc="How a flavor's service is done.",
    extension="flavors",
    roles=ADMINS,
    reach=Reach.EVERYBODY,
    attributes=(
        ID,
        _DESCRIPTION,
        Attribute("driver", Text(1024), "What does it.", default=""),
        Attribute("metainfo", Text(4096, prose=True), "More of how.", default=""),
        _ENABLED,
    ),
)
