"""A nova-network database for tests: the tables of its schema (Mitaka's), and rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Network
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa
from nova.managers import uuid

META = sa.MetaData()


def _table(name: str, *columns: sa.Column[object], unique: str = "") -> sa.Table:
    stamps = [sa.Column(stamp, sa.DateTime) for stamp in ("created_at", "updated_at", "deleted_at")]
    limits = [sa.UniqueConstraint(unique, "deleted")] if unique else []
    return sa.Table(
        name,
        META,
        *stamps,
        sa.Column("deleted", sa.Integer, default=0),
        sa.Column("id", sa.Integer, primary_key=True),
        *columns,
        *limits,
    )


def _texts(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.String(255)) for name in names]


def _numbers(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Integer) for name in names]


def _flags(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Boolean, default=False) for name in names]


NETWORKS = _table(
    "networks",
    *_texts(
        "uuid", "label", "cidr", "cidr_v6", "netmask", "netmask_v6", "gateway", "gateway_v6", "broadcast",
        "bridge", "bridge_interface", "dns1", "dns2", "vpn_public_address", "vpn_private_address",
        "dhcp_start", "project_id", "host", "dhcp_server",
    ),
    *_numbers("vlan", "vpn_public_port", "rxtx_base", "priority", "mtu"),
    *_flags("injected", "multi_host", "share_address"),
    sa.Column("enable_dhcp", sa.Boolean, default=True),
    unique="vlan",
)  # fmt: skip
VIFS = _table(
    "virtual_interfaces",
    *_texts("uuid", "address", "instance_uuid"),
    *_numbers("network_id"),
    unique="address",
)
FIXED_IPS = _table(
    "fixed_ips",
    *_texts("address", "instance_uuid", "host"),
    *_numbers("network_id", "virtual_interface_id"),
    *_flags("allocated", "leased", "reserved"),
    unique="address",
)
FLOATING_IPS = _table(
    "floating_ips",
    *_texts("address", "project_id", "host", "pool", "interface"),
    *_numbers("fixed_ip_id"),
    *_flags("auto_assigned"),
    unique="address",
)
INSTANCES = _table(
    "instances",
    *_texts("uuid", "host", "hostname", "display_name", "project_id", "availability_zone", "launched_on"),
)
GROUPS = _table("security_groups", *_texts("name", "description", "user_id", "project_id"))
RULES = _table(
    "security_group_rules",
    *_texts("protocol", "cidr"),
    *_numbers("parent_group_id", "from_port", "to_port", "group_id"),
)
MEMBERS = _table(
    "security_group_instance_association", *_texts("instance_uuid"), *_numbers("security_group_id")
)


@dataclass
class OldNova:
    """Rows are added by the table; `url` is the database's."""

    url: str
    engine: sa.Engine
    fixed: dict[str, int] = field(default_factory=dict)

    def add(self, table: sa.Table, **values: object) -> int:
        with self.engine.begin() as connection:
            return int(connection.execute(table.insert(), values).inserted_primary_key[0])

    def change(self, table: sa.Table, row: int, **values: object) -> None:
        with self.engine.begin() as connection:
            connection.execute(table.update().where(table.c.id == row).values(**values))

    def network(self, number: int, cidr: str, **more: object) -> int:
        """With a row for each address, as nova made them: the first two and the last are reserved."""
        prefix = IPv4Network(cidr)
        given: dict[str, object] = {
            "uuid": uuid(9000 + number), "label": f"net{number}", "cidr": cidr, "gateway": str(prefix[1]),
            "dhcp_server": str(prefix[1]), "dhcp_start": str(prefix[2]), "netmask": str(prefix.netmask),
            "broadcast": str(prefix[-1]), "bridge": f"br{100 + number}", "dns1": "8.8.4.4", **more,
        }  # fmt: skip
        row = self.add(NETWORKS, **given)
        odd = {str(prefix[0]), str(prefix[1]), str(prefix[-1])}
        with self.engine.begin() as connection:
            connection.execute(
                FIXED_IPS.insert(),
                [{"address": str(one), "network_id": row, "reserved": str(one) in odd} for one in prefix],
            )
            found = connection.execute(sa.select(FIXED_IPS.c.address, FIXED_IPS.c.id))
            self.fixed.update((row.address, row.id) for row in found)
        return row

    def instance(self, number: int, network: int, *addresses: str, **more: object) -> int:
        """With one interface on the network and these fixed IPs; the interface's row."""
        given: dict[str, object] = {
            "uuid": uuid(number), "host": "h1", "hostname": f"vm{number}", "display_name": f"VM {number}",
            "project_id": "alice", "availability_zone": "nova", **more,
        }  # fmt: skip
        self.add(INSTANCES, **given)
        vif = self.add(
            VIFS,
            uuid=uuid(5000 + number),
            address=f"fa:16:3e:00:{number // 256:02x}:{number % 256:02x}",
            network_id=network,
            instance_uuid=uuid(number),
        )
        for address in addresses:
            self.change(
                FIXED_IPS,
                self.fixed[address],
                virtual_interface_id=vif,
                instance_uuid=uuid(number),
                allocated=True,
                leased=True,
            )
        return vif


@contextmanager
def old_nova(*missing: str) -> Iterator[OldNova]:
    """An empty one of all tables but those that are named."""
    with TemporaryDirectory(prefix="netwright-test-") as directory:
        url = f"sqlite:///{Path(directory) / 'nova.db'}"
        engine = sa.create_engine(url)
        META.create_all(engine, tables=[table for name, table in META.tables.items() if name not in missing])
        try:
            yield OldNova(url, engine)
        finally:
            engine.dispose()


def sample(old: OldNova) -> Mapping[str, int]:
    """A small deployment: two networks, three instances, groups, floating IPs; the rows' ids by name."""
    flat = old.network(
        1, "10.0.0.0/24", bridge_interface="eth1", cidr_v6="fd00:1::/64", gateway_v6="fd00:1::1"
    )
    vlan = old.network(
        2, "10.0.1.0/24", vlan=102, project_id="bob", host="h2", bridge_interface="eth2",
        vpn_private_address="10.0.1.2", vpn_public_address="192.0.2.1", vpn_public_port=1000, dhcp_start="10.0.1.3",
    )  # fmt: skip
    old.change(FIXED_IPS, old.fixed["10.0.1.2"], reserved=True)
    multi = old.network(3, "10.0.2.0/28", multi_host=True)
    old.instance(1, flat, "10.0.0.7", "10.0.0.8")
    old.instance(2, flat, "10.0.0.9", host="h2")
    old.instance(3, vlan, "10.0.1.9", project_id="bob", host="h2")
    old.change(FIXED_IPS, old.fixed["10.0.0.20"], instance_uuid=uuid(1), leased=True)
    old.change(FIXED_IPS, old.fixed["10.0.2.3"], host="h1")
    old.change(FIXED_IPS, old.fixed["10.0.0.50"], reserved=True)
    default = old.add(GROUPS, name="default", description="default", project_id="alice")
    web = old.add(GROUPS, name="web", description="Web servers", project_id="alice")
    old.add(RULES, parent_group_id=web, protocol="tcp", from_port=80, to_port=443, cidr="0.0.0.0/0")
    old.add(RULES, parent_group_id=web, protocol="icmp", from_port=-1, to_port=-1, cidr="::/0")
    old.add(RULES, parent_group_id=default, protocol="udp", from_port=1, to_port=65535, group_id=web)
    old.add(MEMBERS, security_group_id=web, instance_uuid=uuid(1))
    old.add(MEMBERS, security_group_id=default, instance_uuid=uuid(2))
    for number in range(1, 15):
        old.add(FLOATING_IPS, address=f"203.0.113.{number}", pool="pub", interface="eth0")
    one = {"project_id": "alice", "fixed_ip_id": old.fixed["10.0.0.7"], "host": "h1"}
    old.change(FLOATING_IPS, 3, **one)
    old.change(FLOATING_IPS, 4, project_id="bob")
    old.change(FLOATING_IPS, 5, project_id="alice", auto_assigned=True, fixed_ip_id=old.fixed["10.0.0.9"])
    return {"flat": flat, "vlan": vlan, "multi": multi, "default": default, "web": web}
