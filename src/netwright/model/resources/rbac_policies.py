"""The RBAC policy resource."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.kinds import Choice, Text, Uuid
from netwright.model.resource import ID, PROJECT, REQUIRED, Attribute, Resource

RESOURCE: Final = Resource(
    singular="rbac_policy",
    plural="rbac_policies",
    path="rbac-policies",
    doc="Shares one thing with one project, or with all.",
    extension="rbac-policies",
    quota="rbac_policy",
    attributes=(
        ID,
        *PROJECT,
        Attribute(
            "object_type",
            Choice(
                ("network", "security_group", "qos_policy", "address_scope", "subnetpool", "address_group")
            ),
            "What kind of thing it shares.",
            default=REQUIRED,
            put=Role.NOBODY,
            column="object_type",
        ),
        Attribute(
            "object_id",
            Uuid(),
            "The thing that it shares.",
            default=REQUIRED,
            put=Role.NOBODY,
            column="object_id",
        ),
        Attribute(
            "action",
            Choice(("access_as_shared", "access_as_external")),
            "How: to be used, or, of a network, to be reached through.",
            default=REQUIRED,
            put=Role.NOBODY,
            column="action",
        ),
        Attribute(
            "target_tenant",
            Text(255, least=1),
            "The project that it is shared with, or * for all, which only an admin may say.",
            default=REQUIRED,
            column="target_project",
        ),
    ),
)
