"""The tables of what governs a deployment: quotas, tags, sharing, agents, trunks, metering, flavors."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

import sqlalchemy as sa

from netwright.store.tables import ID, METADATA, NAME, UtcTime


def _stamps() -> tuple[sa.Column[datetime], sa.Column[datetime], sa.Column[int]]:
    return (
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("updated_at", UtcTime, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )


def _named() -> tuple[sa.Column[str], sa.Column[str], sa.Column[str]]:
    return (
        sa.Column("project_id", NAME, nullable=False, index=True),
        sa.Column("name", NAME, nullable=False, index=True),
        sa.Column("description", sa.String(1024), nullable=False),
    )


def _of(name: str, parent: str) -> sa.Column[str]:
    """The id of what it goes with."""
    return sa.Column(name, ID, sa.ForeignKey(parent, ondelete="CASCADE"), nullable=False, index=True)


quotas: Final = sa.Table(
    "quotas",
    METADATA,
    sa.Column("project_id", NAME, primary_key=True),
    sa.Column("resource", sa.String(32), primary_key=True),
    sa.Column("limit", sa.Integer, nullable=False),
)
"""Where a project's limit is not the default; -1: none."""

tags: Final = sa.Table(
    "tags",
    METADATA,
    sa.Column("resource_id", ID, primary_key=True),
    sa.Column("tag", NAME, primary_key=True),
)

rbac_policies: Final = sa.Table(
    "rbac_policies",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("project_id", NAME, nullable=False, index=True),
    sa.Column("object_type", sa.String(32), nullable=False),
    sa.Column("object_id", ID, nullable=False, index=True),
    sa.Column("action", sa.String(32), nullable=False),
    sa.Column("target_project", NAME, nullable=False),
    *_stamps(),
    sa.UniqueConstraint("object_type", "object_id", "action", "target_project"),
    sa.Index("ix_rbac_policies_target", "object_type", "target_project", "action"),
)
"""A target of `*` is everybody."""

agents: Final = sa.Table(
    "agents",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("admin_state_up", sa.Boolean, nullable=False),
    sa.Column("description", NAME),
    sa.Column("forgotten_at", UtcTime),
)
"""What users set of agents; that there are any, and how they are, is said by `hosts`."""

agent_schedules: Final = sa.Table(
    "agent_schedules",
    METADATA,
    sa.Column("agent_id", ID, primary_key=True),
    sa.Column("resource_id", ID, primary_key=True, index=True),
    sa.Column("wanted", sa.Boolean, nullable=False),
)
"""Networks and routers that an admin put on an agent, or took from it."""

trunks: Final = sa.Table(
    "trunks",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    *_named(),
    sa.Column("admin_state_up", sa.Boolean, nullable=False),
    sa.Column("port_id", ID, sa.ForeignKey("ports.id"), nullable=False, unique=True),
    *_stamps(),
)

subports: Final = sa.Table(
    "trunk_subports",
    METADATA,
    sa.Column("port_id", ID, sa.ForeignKey("ports.id"), primary_key=True),
    _of("trunk_id", "trunks.id"),
    sa.Column("segmentation_type", sa.String(8), nullable=False),
    sa.Column("segmentation_id", sa.Integer, nullable=False),
    sa.UniqueConstraint("trunk_id", "segmentation_type", "segmentation_id"),
)

metering_labels: Final = sa.Table(
    "metering_labels",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    *_named(),
    sa.Column("shared", sa.Boolean, nullable=False),
    *_stamps(),
)

metering_label_rules: Final = sa.Table(
    "metering_label_rules",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("project_id", NAME, nullable=False, index=True),
    _of("metering_label_id", "metering_labels.id"),
    sa.Column("direction", sa.String(8), nullable=False),
    sa.Column("excluded", sa.Boolean, nullable=False),
    sa.Column("remote_ip_prefix", sa.String(64)),
    sa.Column("source_ip_prefix", sa.String(64)),
    sa.Column("destination_ip_prefix", sa.String(64)),
    *_stamps(),
)

flavors: Final = sa.Table(
    "flavors",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("name", NAME, nullable=False, index=True),
    sa.Column("description", sa.String(1024)),
    sa.Column("service_type", NAME, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    *_stamps(),
)

service_profiles: Final = sa.Table(
    "service_profiles",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("description", sa.String(1024)),
    sa.Column("driver", sa.String(1024), nullable=False),
    sa.Column("metainfo", sa.Text, nullable=False),
    sa.Column("enabled", sa.Boolean, nullable=False),
    *_stamps(),
)

flavor_profiles: Final = sa.Table(
    "flavor_service_profiles",
    METADATA,
    sa.Column("flavor_id", ID, sa.ForeignKey("flavors.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("service_profile_id", ID, sa.ForeignKey("service_profiles.id"), primary_key=True, index=True),
)

default_rules: Final = sa.Table(
    "default_security_group_rules",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("description", NAME, nullable=False),
    sa.Column("direction", sa.String(8), nullable=False),
    sa.Column("ethertype", sa.String(4), nullable=False),
    sa.Column("protocol", sa.String(40)),
    sa.Column("port_range_min", sa.Integer),
    sa.Column("port_range_max", sa.Integer),
    sa.Column("remote_ip_prefix", sa.String(64)),
    sa.Column("remote_group_id", ID),
    sa.Column("remote_address_group_id", ID),
    sa.Column("used_in_default_sg", sa.Boolean, nullable=False),
    sa.Column("used_in_non_default_sg", sa.Boolean, nullable=False),
    *_stamps(),
)
"""What each new security group has; a remote group called PARENT is the group itself."""

_TAGS, _SHARED, _PLACED = (
    tags.c.resource_id,
    rbac_policies.c.object_id,
    agent_schedules.c.resource_id,
)
NAMING: Final[Mapping[str, tuple[sa.Column[str], ...]]] = {
    "networks": (_TAGS, _SHARED, _PLACED),
    "routers": (_TAGS, _PLACED),
    "security_groups": (_TAGS, _SHARED, default_rules.c.remote_group_id),
    "address_groups": (_SHARED, default_rules.c.remote_address_group_id),
    "qos_policies": (_TAGS, _SHARED),
    "subnet_pools": (_TAGS, _SHARED),
    "address_scopes": (_SHARED,),
    **dict.fromkeys(("ports", "subnets", "floating_ips", "trunks"), (_TAGS,)),
}
"""By table: which rows name its rows by id without a foreign key, and go with them. No foreign key may
delete its rows: rows.delete does."""
