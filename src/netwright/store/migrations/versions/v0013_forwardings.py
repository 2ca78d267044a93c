"""Address groups, floating IPs' port forwardings, ports' own DHCP options."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    _address_groups()
    _port_forwardings()
    with op.batch_alter_table("ports") as ports:
        ports.add_column(sa.Column("extra_dhcp_opts", sa.JSON(), nullable=False, server_default="[]"))


def _address_groups() -> None:
    op.create_table(
        "address_groups",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        *_stamps(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_groups")),
    )
    for column in ("project_id", "name"):
        op.create_index(op.f(f"ix_address_groups_{column}"), "address_groups", [column], unique=False)
    op.create_table(
        "address_group_prefixes",
        sa.Column("address_group_id", sa.String(length=36), nullable=False),
        sa.Column("prefix", sa.String(length=43), nullable=False),
        sa.ForeignKeyConstraint(
            ["address_group_id"],
            ["address_groups.id"],
            name=op.f("fk_address_group_prefixes_address_group_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("address_group_id", "prefix", name=op.f("pk_address_group_prefixes")),
    )
    with op.batch_alter_table("security_group_rules") as rules:
        rules.add_column(sa.Column("remote_address_group_id", sa.String(length=36), nullable=True))
        rules.create_foreign_key(
            op.f("fk_security_group_rules_remote_address_group_id"),
            "address_groups",
            ["remote_address_group_id"],
            ["id"],
        )
    op.create_index(
        op.f("ix_security_group_rules_remote_address_group_id"),
        "security_group_rules",
        ["remote_address_group_id"],
        unique=False,
    )


def _port_forwardings() -> None:
    op.create_table(
        "port_forwardings",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("floating_ip_id", sa.String(length=36), nullable=False),
        sa.Column("protocol", sa.String(length=8), nullable=False),
        sa.Column("external_first", sa.Integer(), nullable=False),
        sa.Column("external_last", sa.Integer(), nullable=False),
        sa.Column("port_id", sa.String(length=36), nullable=False),
        sa.Column("internal_address", sa.String(length=15), nullable=False),
        sa.Column("internal_first", sa.Integer(), nullable=False),
        sa.Column("internal_last", sa.Integer(), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        *_stamps(),
        sa.ForeignKeyConstraint(
            ["floating_ip_id"], ["floating_ips.id"], name=op.f("fk_port_forwardings_floating_ip_id")
        ),
        sa.ForeignKeyConstraint(
            ["port_id"], ["ports.id"], name=op.f("fk_port_forwardings_port_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_port_forwardings")),
        sa.UniqueConstraint(
            "floating_ip_id",
            "protocol",
            "external_first",
            name=op.f("uq_port_forwardings_floating_ip_id_protocol_external_first"),
        ),
        sa.UniqueConstraint(
            "port_id",
            "internal_address",
            "protocol",
            "internal_first",
            name=op.f("uq_port_forwardings_port_id_internal_address_protocol_internal_first"),
        ),
    )
    for column in ("floating_ip_id", "port_id"):
        op.create_index(op.f(f"ix_port_forwardings_{column}"), "port_forwardings", [column], unique=False)


def _stamps() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
    )
