"""The address scope resource."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.kinds import Number
from netwright.model.resource import (
    ID,
    NAME,
    PROJECT,
    REQUIRED,
    Attribute,
    Resource,
    shared_flag,
)

RESOURCE: Final = Resource(
    singular="address_scope",
    plural="address_scopes",
    path="address-scopes",
    doc="Prefixes that are unique: no two subnet pools in it have some of the same addresses.",
    extension="address-scope",
    rbac="address_scope",
    attributes=(
        ID,
        *PROJECT,
        NAME,
        Attribute(
            "ip_version", Number(4, 6), "4 or 6.", default=REQUIRED, put=Role.NOBODY, column="ip_version"
        ),
        shared_flag("Whether all projects may put their pools into it."),
    ),
)
