"""The nouns of what governs a deployment, as lists show them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from netwright.cli.nouns import (
    ADDRESS_GROUP,
    ADDRESS_SCOPE,
    NETWORK,
    QOS_POLICY,
    SECURITY_GROUP,
    SUBNET_POOL,
    Column,
    Item,
    Noun,
)


def _alive(agent: Item) -> object:
    return "up" if agent.get("alive") else "silent"


RBAC_POLICY: Final = Noun(
    word="RBAC policy",
    singular="rbac_policy",
    many="rbac_policies",
    name="id",
    columns=(
        Column("ID", "id"),
        Column("KIND", "object_type"),
        Column("THING", "object_id"),
        Column("ACTION", "action"),
        Column("TARGET", "target_tenant"),
    ),
)
AGENT: Final = Noun(
    word="agent",
    singular="agent",
    name="id",
    columns=(
        Column("ID", "id"),
        Column("KIND", "agent_type"),
        Column("HOST", "host"),
        Column("ALIVE", "alive", _alive),
        Column("ENABLED", "admin_state_up"),
        Column("ZONE", "availability_zone"),
        Column("LAST WORD", "heartbeat_timestamp"),
    ),
)
LIMIT: Final = Noun(
    word="limit",
    singular="limit",
    name="name",
    columns=(Column("NAME", "name"), Column("LIMIT", "limit"), Column("USED", "used")),
)
PROJECT_LIMITS: Final = Noun(
    word="quota",
    singular="quota",
    name="project_id",
    columns=(
        Column("PROJECT", "project_id"),
        Column("NETWORKS", "network"),
        Column("SUBNETS", "subnet"),
        Column("PORTS", "port"),
        Column("FLOATING IPS", "floatingip"),
        Column("GROUPS", "security_group"),
        Column("RULES", "security_group_rule"),
    ),
)
SHARED: Final[Mapping[str, Noun]] = {
    "network": NETWORK,
    "security-group": SECURITY_GROUP,
    "address-group": ADDRESS_GROUP,
    "address-scope": ADDRESS_SCOPE,
    "qos-policy": QOS_POLICY,
    "subnetpool": SUBNET_POOL,
}
"""What RBAC policies share, by the words of a command line."""
