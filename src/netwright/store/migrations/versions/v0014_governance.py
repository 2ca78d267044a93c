"""What governs a deployment: agents, trunks, metering, flavors, rules of new groups."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "agent_schedules",
        sa.Column("agent_id", sa.String(length=36), nullable=False),
        sa.Column("resource_id", sa.String(length=36), nullable=False),
        sa.Column("wanted", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("agent_id", "resource_id", name=op.f("pk_agent_schedules")),
    )
    op.create_index(op.f("ix_agent_schedules_resource_id"), "agent_schedules", ["resource_id"], unique=False)
    op.create_table(
        "agents",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=True),
        sa.Column("forgotten_at", sa.DateTime(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_agents")),
    )
    op.create_table(
        "default_security_group_rules",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("ethertype", sa.String(length=4), nullable=False),
        sa.Column("protocol", sa.String(length=40), nullable=True),
        sa.Column("port_range_min", sa.Integer(), nullable=True),
        sa.Column("port_range_max", sa.Integer(), nullable=True),
        sa.Column("remote_ip_prefix", sa.String(length=64), nullable=True),
        sa.Column("remote_group_id", sa.String(length=36), nullable=True),
        sa.Column("remote_address_group_id", sa.String(length=36), nullable=True),
        sa.Column("used_in_default_sg", sa.Boolean(), nullable=False),
        sa.Column("used_in_non_default_sg", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_default_security_group_rules")),
    )
    op.create_table(
        "flavors",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=1024), nullable=True),
        sa.Column("service_type", sa.String(length=255), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_flavors")),
    )
    op.create_index(op.f("ix_flavors_name"), "flavors", ["name"], unique=False)
    op.create_table(
        "metering_labels",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=1024), nullable=False),
        sa.Column("shared", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metering_labels")),
    )
    op.create_index(op.f("ix_metering_labels_name"), "metering_labels", ["name"], unique=False)
    op.create_index(op.f("ix_metering_labels_project_id"), "metering_labels", ["project_id"], unique=False)
    op.create_table(
        "service_profiles",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("description", sa.String(length=1024), nullable=True),
        sa.Column("driver", sa.String(length=1024), nullable=False),
        sa.Column("metainfo", sa.Text(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_service_profiles")),
    )
    op.create_table(
        "flavor_service_profiles",
        sa.Column("flavor_id", sa.String(length=36), nullable=False),
        sa.Column("service_profile_id", sa.String(length=36), nullable=False),
        sa.ForeignKeyConstraint(
            ["flavor_id"],
            ["flavors.id"],
            name=op.f("fk_flavor_service_profiles_flavor_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["service_profile_id"],
            ["service_profiles.id"],
            name=op.f("fk_flavor_service_profiles_service_profile_id"),
        ),
        sa.PrimaryKeyConstraint("flavor_id", "service_profile_id", name=op.f("pk_flavor_service_profiles")),
    )
    op.create_index(
        op.f("ix_flavor_service_profiles_service_profile_id"),
        "flavor_service_profiles",
        ["service_profile_id"],
        unique=False,
    )
    op.create_table(
        "metering_label_rules",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("metering_label_id", sa.String(length=36), nullable=False),
        sa.Column("direction", sa.String(length=8), nullable=False),
        sa.Column("excluded", sa.Boolean(), nullable=False),
        sa.Column("remote_ip_prefix", sa.String(length=64), nullable=True),
        sa.Column("source_ip_prefix", sa.String(length=64), nullable=True),
        sa.Column("destination_ip_prefix", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["metering_label_id"],
            ["metering_labels.id"],
            name=op.f("fk_metering_label_rules_metering_label_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_metering_label_rules")),
    )
    op.create_index(
        op.f("ix_metering_label_rules_metering_label_id"),
        "metering_label_rules",
        ["metering_label_id"],
        unique=False,
    )
    op.create_index(
        op.f("ix_metering_label_rules_project_id"), "metering_label_rules", ["project_id"], unique=False
    )
    op.create_table(
        "trunks",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=1024), nullable=False),
        sa.Column("admin_state_up", sa.Boolean(), nullable=False),
        sa.Column("port_id", sa.String(length=36), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["port_id"], ["ports.id"], name=op.f("fk_trunks_port_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trunks")),
        sa.UniqueConstraint("port_id", name=op.f("uq_trunks_port_id")),
    )
    op.create_index(op.f("ix_trunks_name"), "trunks", ["name"], unique=False)
    op.create_index(op.f("ix_trunks_project_id"), "trunks", ["project_id"], unique=False)
    op.create_table(
        "trunk_subports",
        sa.Column("port_id", sa.String(length=36), nullable=False),
        sa.Column("trunk_id", sa.String(length=36), nullable=False),
        sa.Column("segmentation_type", sa.String(length=8), nullable=False),
        sa.Column("segmentation_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["port_id"], ["ports.id"], name=op.f("fk_trunk_subports_port_id")),
        sa.ForeignKeyConstraint(
            ["trunk_id"], ["trunks.id"], name=op.f("fk_trunk_subports_trunk_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("port_id", name=op.f("pk_trunk_subports")),
        sa.UniqueConstraint(
            "trunk_id",
            "segmentation_type",
            "segmentation_id",
            name=op.f("uq_trunk_subports_trunk_id_segmentation_type_segmentation_id"),
        ),
    )
    op.create_index(op.f("ix_trunk_subports_trunk_id"), "trunk_subports", ["trunk_id"], unique=False)
    op.add_column("hosts", sa.Column("first_seen", sa.DateTime(), nullable=True))
    op.add_column(
        "networks", sa.Column("availability_zone_hints", sa.JSON(), server_default="[]", nullable=False)
    )
    op.execute("UPDATE hosts SET first_seen = last_seen")
    _rules_that_there_were()


def _rules_that_there_were() -> None:
    """Everything may leave any group; into a default group come its own members."""
    names = ("direction", "ethertype", "remote_group_id", "used_in_default_sg", "used_in_non_default_sg")
    more = ("id", "description", "created_at", "updated_at", "revision")
    rules = sa.table("default_security_group_rules", *(sa.column(name) for name in (*names, *more)))
    for direction, parent in (("egress", None), ("ingress", "PARENT")):
        for ethertype in ("IPv4", "IPv6"):
            values = (direction, ethertype, parent, sa.true(), sa.true() if parent is None else sa.false())
            op.execute(
                rules.insert().values(
                    **dict(zip(names, values, strict=True)),
                    id=str(uuid.uuid4()),
                    description=f"Legacy default SG rule for {direction} traffic",
                    created_at=sa.func.current_timestamp(),
                    updated_at=sa.func.current_timestamp(),
                    revision=0,
                )
            )
