"""Subnet pools, address scopes, segments; what networks, subnets and ports keep besides."""

from __future__ import annotations

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_table(
        "address_scopes",
        *_owned(),
        sa.Column("ip_version", sa.Integer(), nullable=False),
        *_stamps(),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_address_scopes")),
    )
    _index("address_scopes", "project_id", "name")
    _subnet_pools()
    _segments()
    op.add_column(
        "networks", sa.Column("is_default", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    _subnets()
    _ports()


def _subnet_pools() -> None:
    op.create_table(
        "subnet_pools",
        *_owned(),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("prefixes", sa.JSON(), nullable=False),
        sa.Column("ip_version", sa.Integer(), nullable=False),
        sa.Column("default_prefixlen", sa.Integer(), nullable=False),
        sa.Column("min_prefixlen", sa.Integer(), nullable=False),
        sa.Column("max_prefixlen", sa.Integer(), nullable=False),
        sa.Column("default_quota", sa.Integer(), nullable=True),
        sa.Column("address_scope_id", sa.String(length=36), nullable=True),
        sa.Column("is_default", sa.Boolean(), nullable=False),
        *_stamps(),
        sa.ForeignKeyConstraint(
            ["address_scope_id"], ["address_scopes.id"], name=op.f("fk_subnet_pools_address_scope_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_subnet_pools")),
    )
    _index("subnet_pools", "project_id", "name", "address_scope_id")
    op.create_index(
        "uq_subnet_pools_default",
        "subnet_pools",
        ["ip_version"],
        unique=True,
        sqlite_where=sa.text("is_default"),
        postgresql_where=sa.text("is_default"),
    )


def _segments() -> None:
    segments = op.create_table(
        "segments",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("network_id", sa.String(length=36), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=True),
        sa.Column("description", sa.String(length=255), nullable=False),
        sa.Column("network_type", sa.String(length=32), nullable=False),
        sa.Column("physical_network", sa.String(length=64), nullable=True),
        sa.Column("segmentation_id", sa.Integer(), nullable=True),
        *_stamps(),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_segments_network_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segments")),
    )
    _index("segments", "network_id")
    networks = sa.table(
        "networks",
        sa.column("id", sa.String()),
        sa.column("uplink", sa.String()),
        sa.column("segmentation_id", sa.Integer()),
        sa.column("created_at", sa.DateTime()),
    )
    connection = op.get_bind()
    for network, uplink, number, made in connection.execute(sa.select(networks)).all():
        flat = "local" if uplink is None else "flat"
        connection.execute(
            segments.insert().values(
                id=str(uuid.uuid4()),
                network_id=network,
                description="",
                network_type=flat if number is None else "vlan",
                physical_network=uplink,
                segmentation_id=number,
                created_at=made,
                updated_at=made,
                revision=0,
            )
        )


def _subnets() -> None:
    for column, table in (("subnetpool_id", "subnet_pools"), ("segment_id", "segments")):
        # Not in a batch: SQLite would copy the table and drop it, and other tables' rows refer to it.
        # Written out: alembic would add the reference by a second statement, which SQLite does not have.
        reference = f"CONSTRAINT fk_subnets_{column} REFERENCES {table} (id)"
        op.execute(f"ALTER TABLE subnets ADD COLUMN {column} VARCHAR(36) {reference}")
        _index("subnets", column)
    op.add_column("subnets", sa.Column("service_types", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column(
        "subnets", sa.Column("dns_publish_fixed_ip", sa.Boolean(), nullable=False, server_default=sa.false())
    )


def _ports() -> None:
    op.add_column("ports", sa.Column("profile", sa.JSON(), nullable=False, server_default="{}"))
    op.add_column("ports", sa.Column("data_plane_status", sa.String(length=16), nullable=True))
    op.add_column(
        "ports",
        sa.Column("propagate_uplink_status", sa.Boolean(), nullable=False, server_default=sa.true()),
    )
    op.add_column(
        "ports", sa.Column("own_dns_domain", sa.String(length=255), nullable=False, server_default="")
    )


def _owned() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
    )


def _stamps() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
    )


def _index(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
