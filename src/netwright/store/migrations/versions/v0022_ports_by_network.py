"""Of a network with many ports, its own DHCP port and those of one host are found by themselves."""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.create_index("ix_ports_network_owner", "ports", ["network_id", "device_owner"], unique=False)
    op.create_index("ix_ports_network_host", "ports", ["network_id", "host"], unique=False)
    op.drop_index(op.f("ix_ports_network_id"), table_name="ports")
