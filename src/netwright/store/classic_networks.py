"""What nova's managers keep of networks, as rows."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from ipaddress import IPv4Address, IPv6Address

import sqlalchemy as sa

from netwright.model.classic import ClassicNetwork
from netwright.model.ids import HostName, LinkName, NetworkId, ProjectId, SubnetId
from netwright.model.intent import Address, Prefix
from netwright.store import rows
from netwright.store.addresses import address_of, key_of
from netwright.store.tables import classic_networks, subnets

_MARKS = ("network_id", "number", "vlan", "injected", "multi_host", "share_address", "enable_dhcp")
_AS_THEY_ARE = (
    *_MARKS, "bridge", "bridge_interface", "vpn_public_port", "rxtx_base", "priority", "project_id", "host"
)  # fmt: skip
_V4 = ("gateway", "dhcp_server", "dhcp_start", "vpn_public_address", "vpn_private_address")


def insert(connection: sa.Connection, network: ClassicNetwork) -> None:
    connection.execute(classic_networks.insert(), _values(network))


def save(connection: sa.Connection, network: ClassicNetwork) -> None:
    row = classic_networks.c.network_id == network.network_id
    connection.execute(classic_networks.update().where(row), _values(network))


def find(connection: sa.Connection, where: rows.Where) -> list[ClassicNetwork]:
    """Those that match, in the order in which they were made."""
    statement = sa.select(classic_networks).where(*rows.conditions(classic_networks, where))
    return [_network(row) for row in connection.execute(statement.order_by(classic_networks.c.number))]


def known(connection: sa.Connection, among: Collection[NetworkId]) -> frozenset[NetworkId]:
    """Those of the networks that are nova's managers'."""
    statement = sa.select(classic_networks.c.network_id).where(classic_networks.c.network_id.in_(list(among)))
    return frozenset(map(NetworkId, connection.execute(statement).scalars()))


def free(connection: sa.Connection) -> ClassicNetwork | None:
    """The first that is no project's."""
    nobodys = sa.select(classic_networks).where(classic_networks.c.project_id.is_(None))
    row = connection.execute(nobodys.order_by(classic_networks.c.number).limit(1)).first()
    return None if row is None else _network(row)


def last_number(connection: sa.Connection) -> int:
    """The highest in use; 0 where there is none."""
    return connection.execute(sa.select(sa.func.max(classic_networks.c.number))).scalar() or 0


def count(connection: sa.Connection, project: str | None = None) -> int:
    """Of all projects and none, or of one project."""
    statement = sa.select(sa.func.count()).select_from(classic_networks)
    if project is not None:
        statement = statement.where(classic_networks.c.project_id == project)
    return connection.execute(statement).scalar_one()


def vlans(connection: sa.Connection) -> frozenset[int]:
    """Those in use."""
    return _numbers(connection, classic_networks.c.vlan)


def vpn_ports(connection: sa.Connection) -> frozenset[int]:
    """The public ones in use."""
    return _numbers(connection, classic_networks.c.vpn_public_port)


def prefixes(
    connection: sa.Connection, among: Collection[NetworkId] | None = None
) -> Mapping[SubnetId, tuple[NetworkId, Prefix]]:
    """The prefixes of all of them, or of some."""
    joined = sa.join(subnets, classic_networks, subnets.c.network_id == classic_networks.c.network_id)
    statement = sa.select(subnets.c.id, subnets.c.network_id, subnets.c.cidr).select_from(joined)
    if among is not None:
        statement = statement.where(classic_networks.c.network_id.in_(list(among)))
    return {
        SubnetId(subnet): (NetworkId(network), rows.prefix(cidr))
        for subnet, network, cidr in connection.execute(statement)
    }


def last(connection: sa.Connection, network: NetworkId) -> Address | None:
    """The fixed IP that was given out last."""
    row = sa.select(classic_networks.c.last).where(classic_networks.c.network_id == network)
    key = connection.execute(row).scalar()
    return None if key is None else address_of(key)


def save_last(connection: sa.Connection, network: NetworkId, address: Address) -> None:
    row = classic_networks.c.network_id == network
    connection.execute(classic_networks.update().where(row).values(last=key_of(address)))


def take_host(
    connection: sa.Connection, network: NetworkId, host: HostName, instead_of: HostName | None
) -> bool:
    """Writes the host where it is still `instead_of`; False where another was faster."""
    was = classic_networks.c.host.is_(None) if instead_of is None else classic_networks.c.host == instead_of
    row = classic_networks.update().where(classic_networks.c.network_id == network, was)
    return connection.execute(row.values(host=host)).rowcount == 1


def _numbers(connection: sa.Connection, column: sa.Column[int | None]) -> frozenset[int]:
    return frozenset(one for one in connection.execute(sa.select(column)).scalars() if one is not None)


def _values(network: ClassicNetwork) -> Mapping[str, object]:
    found: dict[str, object] = {name: getattr(network, name) for name in _AS_THEY_ARE}
    for name in (*_V4, "gateway_v6"):
        value = getattr(network, name)
        found[name] = None if value is None else str(value)
    return found


def _network(row: rows.Row) -> ClassicNetwork:
    v4: Sequence[IPv4Address | None] = [
        None if (text := getattr(row, name)) is None else IPv4Address(text) for name in _V4
    ]
    return ClassicNetwork(
        network_id=NetworkId(row.network_id),
        number=row.number,
        bridge=None if row.bridge is None else LinkName(row.bridge),
        bridge_interface=None if row.bridge_interface is None else LinkName(row.bridge_interface),
        vlan=row.vlan,
        injected=row.injected,
        multi_host=row.multi_host,
        share_address=row.share_address,
        enable_dhcp=row.enable_dhcp,
        gateway=v4[0],
        gateway_v6=None if row.gateway_v6 is None else IPv6Address(row.gateway_v6),
        dhcp_server=v4[1],
        dhcp_start=v4[2],
        vpn_public_address=v4[3],
        vpn_public_port=row.vpn_public_port,
        vpn_private_address=v4[4],
        rxtx_base=row.rxtx_base,
        priority=row.priority,
        project_id=None if row.project_id is None else ProjectId(row.project_id),
        host=None if row.host is None else HostName(row.host),
    )
