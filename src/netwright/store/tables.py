"""The database: one table per noun, one for addresses of every kind, one log of changes."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import sqlalchemy as sa

METADATA: Final = sa.MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)
ID: Final = sa.String(36)
NAME: Final = sa.String(255)
BIG: Final = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
"""SQLite numbers rows itself only in a column that is called INTEGER."""


class UtcTime(sa.TypeDecorator[datetime]):
    """Moments: UTC without a zone in the database, with it in Python."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        del dialect
        return value and value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        del dialect
        return value and value.replace(tzinfo=UTC)


def _stamps() -> tuple[sa.Column[datetime], sa.Column[datetime], sa.Column[int]]:
    return (
        sa.Column("created_at", UtcTime, nullable=False),
        sa.Column("updated_at", UtcTime, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
    )


def _one_default(table: str) -> sa.Index:
    """A project has one that is its default, or none."""
    which = sa.text("is_default")
    name = f"uq_{table}_default"
    return sa.Index(name, "project_id", unique=True, sqlite_where=which, postgresql_where=which)


def _flag(name: str) -> sa.Column[bool]:
    return sa.Column(name, sa.Boolean, nullable=False)


def _text(name: str, *, index: bool = False) -> sa.Column[str]:
    return sa.Column(name, NAME, nullable=False, index=index)


def _of(parent: str, *, name: str = "", nullable: bool = False, cascade: bool = False) -> sa.Column[str]:
    key = _refers_to(parent, cascade=cascade)
    return sa.Column(name or f"{parent.rstrip('s')}_id", ID, key, nullable=nullable, index=True)


def _refers_to(parent: str, *, cascade: bool = False) -> sa.ForeignKey:
    return sa.ForeignKey(f"{parent}.id", ondelete="CASCADE" if cascade else None)


qos_policies: Final = sa.Table(
    "qos_policies",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    _text("project_id", index=True),
    _text("name", index=True),
    _text("description"),
    _flag("is_default"),
    *_stamps(),
    _one_default("qos_policies"),
)


def _qos_rules(kind: str, *values: str, direction: bool = True) -> sa.Table:
    """One kind of rule: a policy has one of each direction."""
    unique = ("qos_policy_id", "direction") if direction else ("qos_policy_id",)
    return sa.Table(
        f"qos_{kind}_rules",
        METADATA,
        sa.Column("id", ID, primary_key=True),
        _of("qos_policies", name="qos_policy_id", cascade=True),
        *(sa.Column(name, sa.Integer, nullable=False) for name in values),
        *((sa.Column("direction", sa.String(8), nullable=False),) if direction else ()),
        *_stamps(),
        sa.UniqueConstraint(*unique),
    )


qos_bandwidth_limits: Final = _qos_rules("bandwidth_limit", "max_kbps", "max_burst_kbps")
qos_packet_rate_limits: Final = _qos_rules("packet_rate_limit", "max_kpps", "max_burst_kpps")
qos_dscp_marks: Final = _qos_rules("dscp_marking", "dscp_mark", direction=False)
qos_minimum_bandwidths: Final = _qos_rules("minimum_bandwidth", "min_kbps")
qos_minimum_packet_rates: Final = _qos_rules("minimum_packet_rate", "min_kpps")

networks: Final = sa.Table(
    "networks",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    _text("project_id", index=True),
    _text("name", index=True),
    sa.Column("zone", sa.Integer, nullable=False, unique=True),
    sa.Column("mtu", sa.Integer, nullable=False),
    sa.Column("gateway_place", sa.String(16), nullable=False),
    _flag("external"),
    _flag("shared"),
    _flag("admin_state_up"),
    _flag("port_security_enabled"),
    _text("description"),
    _text("dns_domain"),
    sa.Column("uplink", sa.String(15)),
    _flag("nat"),
    _flag("host_access"),
    _flag("shared_gateway"),
    sa.Column("bridge", sa.String(15)),
    sa.Column("segmentation_id", sa.Integer),
    sa.Column("vlan_link", sa.String(15)),
    sa.Column("gateway_hosts", sa.String(8), nullable=False, server_default="every"),
    sa.Column("gateway_host", NAME),
    sa.Column("is_default", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("availability_zone_hints", sa.JSON, nullable=False, server_default="[]"),
    _of("qos_policies", name="qos_policy_id", nullable=True),
    *_stamps(),
    sa.Index("uq_networks_bridge", "bridge", unique=True),
    sa.Index("uq_networks_vlan_link", "vlan_link", unique=True),
    sa.Index("uq_networks_segment", "uplink", "segmentation_id", unique=True),
)

subnets: Final = sa.Table(
    "subnets",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    _of("networks"),
    _text("project_id", index=True),
    _text("name", index=True),
    sa.Column("cidr", sa.String(64), nullable=False),
    sa.Column("gateway_ip", sa.String(64)),
    _flag("enable_dhcp"),
    sa.Column("pools", sa.JSON, nullable=False),
    sa.Column("dns_nameservers", sa.JSON, nullable=False),
    sa.Column("host_routes", sa.JSON, nullable=False),
    sa.Column("ipv6_ra_mode", sa.String(32)),
    sa.Column("ipv6_address_mode", sa.String(32)),
    _text("description"),
    _of("subnet_pools", name="subnetpool_id", nullable=True),
    _of("segments", name="segment_id", nullable=True),
    sa.Column("service_types", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("dns_publish_fixed_ip", sa.Boolean, nullable=False, server_default=sa.false()),
    *_stamps(),
)

ports: Final = sa.Table(
    "ports",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    sa.Column("network_id", ID, _refers_to("networks"), nullable=False),
    _text("project_id", index=True),
    _text("name", index=True),
    sa.Column("mac", sa.String(17), nullable=False, index=True),
    sa.Column("label", sa.String(63)),
    sa.Column("shared_label", sa.String(63)),
    sa.Column("allowed_address_pairs", sa.JSON, nullable=False),
    _flag("port_security_enabled"),
    _flag("admin_state_up"),
    _text("device_id", index=True),
    _text("device_owner"),
    sa.Column("dns_name", sa.String(63), nullable=False),
    _text("description"),
    sa.Column("host", NAME),
    sa.Column("attachment", sa.String(16), nullable=False),
    sa.Column("namespace", sa.String(64)),
    sa.Column("link", sa.String(15)),
    sa.Column("tap_owner", sa.BigInteger),
    sa.Column("tap_group", sa.BigInteger),
    sa.Column("guest", sa.JSON, nullable=False),
    sa.Column("extra_dhcp_opts", sa.JSON, nullable=False, server_default="[]"),
    sa.Column("status", sa.String(16), nullable=False),
    sa.Column("profile", sa.JSON, nullable=False, server_default="{}"),
    sa.Column("data_plane_status", sa.String(16)),
    sa.Column("propagate_uplink_status", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("own_dns_domain", NAME, nullable=False, server_default=""),
    _of("qos_policies", name="qos_policy_id", nullable=True),
    *_stamps(),
    sa.UniqueConstraint("network_id", "mac"),
    sa.UniqueConstraint("network_id", "label"),
    sa.Index("ix_ports_shared_label", "network_id", "shared_label"),
    sa.UniqueConstraint("host", "namespace", "link"),
    sa.Index("ix_ports_host_attachment", "host", "attachment"),
    sa.Index("ix_ports_network_owner", "network_id", "device_owner"),
    sa.Index("ix_ports_network_host", "network_id", "host"),
)

groups: Final = sa.Table(
    "security_groups",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    _text("project_id", index=True),
    _text("name", index=True),
    _text("description"),
    _flag("stateful"),
    _flag("is_default"),
    sa.Column("revocation", sa.String(4), nullable=False, server_default="cut"),
    *_stamps(),
    _one_default("security_groups"),
)

address_groups: Final = sa.Table(
    "address_groups",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    _text("project_id", index=True),
    _text("name", index=True),
    _text("description"),
    *_stamps(),
)

address_group_prefixes: Final = sa.Table(
    "address_group_prefixes",
    METADATA,
    sa.Column("address_group_id", ID, _refers_to("address_groups", cascade=True), primary_key=True),
    sa.Column("prefix", sa.String(43), primary_key=True),
)

rules: Final = sa.Table(
    "security_group_rules",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    _of("security_groups", name="group_id", cascade=True),
    _text("project_id", index=True),
    sa.Column("direction", sa.String(8), nullable=False),
    sa.Column("ethertype", sa.String(4), nullable=False),
    sa.Column("protocol", sa.String(32)),
    sa.Column("protocol_number", sa.Integer),
    sa.Column("port_range_min", sa.Integer),
    sa.Column("port_range_max", sa.Integer),
    sa.Column("remote_prefix", sa.String(64)),
    _of("security_groups", name="remote_group_id", nullable=True, cascade=True),
    _of("address_groups", name="remote_address_group_id", nullable=True),
    _text("description"),
    *_stamps(),
)

port_groups: Final = sa.Table(
    "port_security_groups",
    METADATA,
    sa.Column("port_id", ID, _refers_to("ports", cascade=True), primary_key=True),
    sa.Column("group_id", ID, _refers_to("security_groups"), primary_key=True, index=True),
    sa.Column("position", sa.Integer, nullable=False),
)

floating_ips: Final = sa.Table(
    "floating_ips",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    _text("project_id", index=True),
    _of("networks"),
    sa.Column("address", sa.String(15), nullable=False, index=True),
    _of("ports", nullable=True),
    sa.Column("fixed_address", sa.String(15)),
    _of("routers", nullable=True),
    _text("description"),
    sa.Column("dns_name", NAME, nullable=False, server_default=""),
    sa.Column("dns_domain", NAME, nullable=False, server_default=""),
    _of("qos_policies", name="qos_policy_id", nullable=True),
    *_stamps(),
    sa.UniqueConstraint("port_id", "fixed_address"),
)

_SIDES, _ENDS = ("external", "internal"), ("first", "last")
port_forwardings: Final = sa.Table(
    "port_forwardings",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    _of("floating_ips"),
    sa.Column("protocol", sa.String(8), nullable=False),
    _of("ports", cascade=True),
    sa.Column("internal_address", sa.String(15), nullable=False),
    *(sa.Column(f"{side}_{end}", sa.Integer, nullable=False) for side in _SIDES for end in _ENDS),
    _text("description"),
    *_stamps(),
    sa.UniqueConstraint("floating_ip_id", "protocol", "external_first"),
    sa.UniqueConstraint("port_id", "internal_address", "protocol", "internal_first"),
)
"""Ranges that overlap are refused by the transaction that writes them."""

logs: Final = sa.Table(
    "logs",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    _text("project_id", index=True),
    _text("name", index=True),
    _text("description"),
    _flag("enabled"),
    sa.Column("event", sa.String(8), nullable=False),
    _of("security_groups", name="resource_id", nullable=True, cascade=True),
    _of("ports", name="target_id", nullable=True, cascade=True),
    *_stamps(),
)

vpns: Final = sa.Table(
    "vpns",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    _text("project_id", index=True),
    _text("name", index=True),
    _text("description"),
    _of("networks", cascade=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("public_address", sa.String(15), nullable=False),
    sa.Column("public_port", sa.Integer, nullable=False),
    sa.Column("private_address", sa.String(15)),
    sa.Column("private_key", sa.String(44)),
    sa.Column("peer_range", sa.String(18)),
    *_stamps(),
    sa.UniqueConstraint("public_port", "public_address"),
)
"""An empty public address stands for any that the host has."""

vpn_peers: Final = sa.Table(
    "vpn_peers",
    METADATA,
    sa.Column("id", ID, primary_key=True),
    _of("vpns", cascade=True),
    _text("name", index=True),
    sa.Column("public_key", sa.String(44), nullable=False),
    sa.Column("address", sa.String(15), nullable=False),
    *_stamps(),
    sa.UniqueConstraint("vpn_id", "public_key"),
    sa.UniqueConstraint("vpn_id", "address"),
)

addresses: Final = sa.Table(
    "addresses",
    METADATA,
    sa.Column("subnet_id", ID, _refers_to("subnets", cascade=True), nullable=False),
    sa.Column("address", sa.LargeBinary(16), nullable=False),
    sa.Column("following", sa.LargeBinary(16), nullable=False),
    _of("ports", nullable=True, cascade=True),
    _of("floating_ips", nullable=True, cascade=True),
    sa.Column("position", sa.Integer, nullable=False),
    sa.Column("host", NAME),
    sa.PrimaryKeyConstraint("subnet_id", "address"),
)
"""Addresses in use; those of neither a port nor a floating IP are held by netwright itself: gateways, of one
host or of all, and what nova's managers keep from others."""

gateways: Final = sa.Table(
    "gateways",
    METADATA,
    sa.Column("network_id", ID, _refers_to("networks", cascade=True), primary_key=True),
    sa.Column("host", NAME, nullable=False, index=True),
    sa.Column("term", sa.Integer, nullable=False),
)
"""The one host that holds a network's gateway for all."""

classic_networks: Final = sa.Table(
    "classic_networks",
    METADATA,
    sa.Column("network_id", ID, _refers_to("networks", cascade=True), primary_key=True),
    sa.Column("number", sa.Integer, nullable=False, unique=True),
    sa.Column("bridge", sa.String(15)),
    sa.Column("bridge_interface", sa.String(15)),
    sa.Column("vlan", sa.Integer, unique=True),
    _flag("injected"),
    _flag("multi_host"),
    _flag("share_address"),
    _flag("enable_dhcp"),
    sa.Column("gateway", sa.String(15)),
    sa.Column("gateway_v6", sa.String(64)),
    sa.Column("dhcp_server", sa.String(15)),
    sa.Column("dhcp_start", sa.String(15)),
    sa.Column("vpn_public_address", sa.String(15)),
    sa.Column("vpn_public_port", sa.Integer),
    sa.Column("vpn_private_address", sa.String(15)),
    sa.Column("rxtx_base", sa.Integer),
    sa.Column("priority", sa.Integer),
    sa.Column("project_id", NAME, index=True),
    sa.Column("host", NAME, index=True),
    sa.Column("last", sa.LargeBinary(16)),
)
"""`last`: the fixed IP that was given out last; the next search begins after it."""

classic_fixed_ips: Final = sa.Table(
    "classic_fixed_ips",
    METADATA,
    sa.Column("network_id", ID, _refers_to("networks", cascade=True), nullable=False, index=True),
    sa.Column("subnet_id", ID, _refers_to("subnets", cascade=True), nullable=False),
    sa.Column("address", sa.LargeBinary(16), nullable=False, index=True),
    sa.Column("life", sa.String(9), nullable=False),
    sa.Column("updated_at", UtcTime, nullable=False),
    sa.Column("instance_uuid", ID, index=True),
    sa.Column("port_id", ID, index=True),
    sa.Column("mac", sa.String(17)),
    sa.Column("hostname", NAME, nullable=False),
    sa.Column("nic", sa.Integer, nullable=False),
    sa.Column("host", NAME, index=True),
    sa.Column("project_id", NAME, index=True),
    _flag("leased"),
    _flag("reserved"),
    sa.PrimaryKeyConstraint("subnet_id", "address"),
    sa.ForeignKeyConstraint(
        ("subnet_id", "address"), ("addresses.subnet_id", "addresses.address"), ondelete="CASCADE"
    ),
    sa.Index("ix_classic_fixed_ips_life", "life", "updated_at"),
)
"""Fixed IPs that are not free; every one of them is among `addresses`, too, and goes with it."""

classic_floating_ips: Final = sa.Table(
    "classic_floating_ips",
    METADATA,
    sa.Column("id", ID, _refers_to("floating_ips", cascade=True), primary_key=True),
    _flag("auto_assigned"),
    sa.Column("port_id", ID, index=True),
    sa.Column("fixed_address", sa.String(15)),
    sa.Column("left_host", NAME),
    sa.Column("since", BIG),
)
"""What nova kept of floating IPs, and the Networking API has no place for; none for one of which that is
nothing. The last four are of one that is between two hosts."""

leases: Final = sa.Table(
    "leases",
    METADATA,
    sa.Column("subnet_id", ID, _refers_to("subnets", cascade=True), nullable=False),
    sa.Column("address", sa.LargeBinary(16), nullable=False),
    sa.Column("mac", sa.String(17)),
    sa.Column("leased_at", UtcTime, nullable=False),
    sa.Column("released_at", UtcTime),
    sa.PrimaryKeyConstraint("subnet_id", "address"),
)
"""The last lease of each address that ever had one: only what DHCP servers told, whoever has the address."""

dns_domains: Final = sa.Table(
    "dns_domains",
    METADATA,
    sa.Column("domain", NAME, primary_key=True),
    sa.Column("scope", sa.String(8), nullable=False),
    sa.Column("availability_zone", NAME),
    sa.Column("project_id", NAME),
    *_stamps(),
)

hosts: Final = sa.Table(
    "hosts",
    METADATA,
    sa.Column("name", NAME, primary_key=True),
    sa.Column("first_seen", UtcTime),
    sa.Column("last_seen", UtcTime, nullable=False),
    sa.Column("generation", BIG, nullable=False),
    _flag("converged"),
    sa.Column("failures", sa.JSON, nullable=False),
    sa.Column("facts", sa.JSON, nullable=False),
)

changes: Final = sa.Table(
    "changes",
    METADATA,
    sa.Column("seq", BIG, primary_key=True, autoincrement=True),
    sa.Column("noun", sa.String(16), nullable=False),
    sa.Column("id", ID, nullable=False),
    sa.Column("host", NAME),
    sqlite_autoincrement=True,
)
"""What was written, in order; with a host it is for that one's plan alone.

The highest seq is the generation of every plan made from this database."""

answers: Final = sa.Table(
    "answers",
    METADATA,
    sa.Column("project_id", NAME, primary_key=True),
    sa.Column("key", NAME, primary_key=True),
    sa.Column("sealed", sa.LargeBinary, nullable=False),
    sa.Column("at", UtcTime, nullable=False, index=True),
)
"""Of requests that bear a key, so that they can be retried; only who has the key can read them."""
