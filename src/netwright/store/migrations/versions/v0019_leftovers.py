"""What named things that are gone: tags, sharing, what was put on agents, default rules, default projects."""

from __future__ import annotations

from alembic import op

revision = "0019"
down_revision = "0018"

_SHARED = {
    "network": "networks",
    "security_group": "security_groups",
    "address_group": "address_groups",
    "qos_policy": "qos_policies",
    "subnetpool": "subnet_pools",
    "address_scope": "address_scopes",
}
_TAGGED = (*(table for kind, table in _SHARED.items() if kind not in {"address_group", "address_scope"}),
           "routers", "ports", "subnets", "floating_ips", "trunks")  # fmt: skip


def upgrade() -> None:
    _forget("tags", "resource_id", *_TAGGED)
    for kind, table in _SHARED.items():
        _forget("rbac_policies", "object_id", table, also=f"AND object_type = '{kind}'")
    _forget("agent_schedules", "resource_id", "networks", "routers")
    rules = "default_security_group_rules"
    _forget(rules, "remote_group_id", "security_groups", also="AND remote_group_id <> 'PARENT'")
    _forget(rules, "remote_address_group_id", "address_groups")
    op.execute(
        "UPDATE users SET default_project_id = NULL WHERE default_project_id IS NOT NULL AND NOT EXISTS"
        " (SELECT 1 FROM projects WHERE projects.id = users.default_project_id)"
    )


def _forget(table: str, column: str, *named: str, also: str = "") -> None:
    """Deletes the rows whose column names a row of none of these tables."""
    gone = (f"AND NOT EXISTS (SELECT 1 FROM {one} WHERE {one}.id = {table}.{column})" for one in named)  # noqa: S608 - constants
    op.execute(f"DELETE FROM {table} WHERE {column} IS NOT NULL {' '.join(gone)} {also}")  # noqa: S608 - constants
