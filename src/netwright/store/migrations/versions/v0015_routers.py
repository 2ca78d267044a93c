"""Routers, their ports, and the router behind a floating IP."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "routers",
        sa.Column("id", sa.String(length=36), nullable=False),
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("name", sa.String(length=255), nullable=False),
        sa.Column("description", sa.String(length=255), nullable=False),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in _FLAGS),
        sa.Column("flavor_id", sa.String(length=36), nullable=True),
        sa.Column("routes", sa.JSON(), nullable=False),
        sa.Column("availability_zone_hints", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["flavor_id"], ["flavors.id"], name=op.f("fk_routers_flavor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_routers")),
    )
    for column in ("project_id", "name", "flavor_id"):
        op.create_index(op.f(f"ix_routers_{column}"), "routers", [column], unique=False)
    op.create_table(
        "router_ports",
        sa.Column("port_id", sa.String(length=36), nullable=False),
        sa.Column("router_id", sa.String(length=36), nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(
            ["port_id"], ["ports.id"], name=op.f("fk_router_ports_port_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["router_id"], ["routers.id"], name=op.f("fk_router_ports_router_id")),
        sa.PrimaryKeyConstraint("port_id", name=op.f("pk_router_ports")),
    )
    op.create_index(op.f("ix_router_ports_router_id"), "router_ports", ["router_id"], unique=False)
    # Not in a batch: SQLite would copy the table and drop it, and other tables' rows refer to it.
    op.execute(
        "ALTER TABLE floating_ips ADD COLUMN router_id VARCHAR(36)"
        " CONSTRAINT fk_floating_ips_router_id REFERENCES routers (id)"
    )
    op.create_index(op.f("ix_floating_ips_router_id"), "floating_ips", ["router_id"], unique=False)
    for column in ("dns_name", "dns_domain"):
        text = sa.Column(column, sa.String(length=255), nullable=False, server_default="")
        op.add_column("floating_ips", text)


_FLAGS = (
    "admin_state_up",
    "distributed",
    "ha",
    "enable_snat",
    "enable_default_route_bfd",
    "enable_default_route_ecmp",
)
