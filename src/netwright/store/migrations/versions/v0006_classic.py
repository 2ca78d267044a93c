"""Networks, fixed IPs and quotas of nova-network's managers; ports are found by their MACs."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_index("ix_ports_mac", "ports", ["mac"], unique=False)
    op.create_table(
        "classic_networks",
        sa.Column("network_id", sa.String(length=36), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("bridge", sa.String(length=15), nullable=True),
        sa.Column("bridge_interface", sa.String(length=15), nullable=True),
        sa.Column("vlan", sa.Integer(), nullable=True),
        sa.Column("injected", sa.Boolean(), nullable=False),
        sa.Column("multi_host", sa.Boolean(), nullable=False),
        sa.Column("share_address", sa.Boolean(), nullable=False),
        sa.Column("enable_dhcp", sa.Boolean(), nullable=False),
        sa.Column("gateway", sa.String(length=15), nullable=True),
        sa.Column("gateway_v6", sa.String(length=64), nullable=True),
        sa.Column("dhcp_server", sa.String(length=15), nullable=True),
        sa.Column("dhcp_start", sa.String(length=15), nullable=True),
        sa.Column("vpn_public_address", sa.String(length=15), nullable=True),
        sa.Column("vpn_public_port", sa.Integer(), nullable=True),
        sa.Column("vpn_private_address", sa.String(length=15), nullable=True),
        sa.Column("rxtx_base", sa.Integer(), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=True),
        sa.Column("project_id", sa.String(length=255), nullable=True),
        sa.Column("host", sa.String(length=255), nullable=True),
        sa.Column("last", sa.LargeBinary(length=16), nullable=True),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_classic_networks_network_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("network_id", name=op.f("pk_classic_networks")),
        sa.UniqueConstraint("number", name=op.f("uq_classic_networks_number")),
        sa.UniqueConstraint("vlan", name=op.f("uq_classic_networks_vlan")),
    )
    _index("classic_networks", "project_id", "host")
    op.create_table(
        "classic_fixed_ips",
        sa.Column("network_id", sa.String(length=36), nullable=False),
        sa.Column("subnet_id", sa.String(length=36), nullable=False),
        sa.Column("address", sa.LargeBinary(length=16), nullable=False),
        sa.Column("life", sa.String(length=9), nullable=False),
        sa.Column("updated_at", sa.DateTime(), nullable=False),
        sa.Column("instance_uuid", sa.String(length=36), nullable=True),
        sa.Column("port_id", sa.String(length=36), nullable=True),
        sa.Column("mac", sa.String(length=17), nullable=True),
        sa.Column("hostname", sa.String(length=255), nullable=False),
        sa.Column("nic", sa.Integer(), nullable=False),
        sa.Column("host", sa.String(length=255), nullable=True),
        sa.Column("project_id", sa.String(length=255), nullable=True),
        sa.Column("leased", sa.Boolean(), nullable=False),
        sa.Column("reserved", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["network_id"], ["networks.id"], name=op.f("fk_classic_fixed_ips_network_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subnet_id"], ["subnets.id"], name=op.f("fk_classic_fixed_ips_subnet_id"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subnet_id", "address"],
            ["addresses.subnet_id", "addresses.address"],
            name=op.f("fk_classic_fixed_ips_subnet_id_address"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("subnet_id", "address", name=op.f("pk_classic_fixed_ips")),
    )
    _index("classic_fixed_ips", "network_id", "address", "instance_uuid", "port_id", "host", "project_id")
    op.create_index("ix_classic_fixed_ips_life", "classic_fixed_ips", ["life", "updated_at"], unique=False)
    op.create_table(
        "quotas",
        sa.Column("project_id", sa.String(length=255), nullable=False),
        sa.Column("resource", sa.String(length=32), nullable=False),
        sa.Column("limit", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("project_id", "resource", name=op.f("pk_quotas")),
    )


def _index(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(op.f(f"ix_{table}_{column}"), table, [column], unique=False)
