"""QoS policies: what of them hosts act on, and who has them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from netwright.model.ids import FloatingIpId, HostName, NetworkId, PortId, ProjectId, QosPolicyId
from netwright.model.intent import Direction
from netwright.model.qos import BandwidthLimit, DscpMark, PacketRateLimit, QosPolicy, QosRule
from netwright.store import rows
from netwright.store.ports import UNPLUGGED
from netwright.store.tables import (
    floating_ips,
    networks,
    ports,
    qos_bandwidth_limits,
    qos_dscp_marks,
    qos_minimum_bandwidths,
    qos_minimum_packet_rates,
    qos_packet_rate_limits,
    qos_policies,
)

_Found = tuple[str, QosRule]
_NETWORKS: Final = sa.select(networks.c.id, networks.c.qos_policy_id).where(
    networks.c.qos_policy_id.is_not(None)
)


@dataclass(frozen=True, slots=True)
class Least:
    """What a guest should at least send (`egress`), get (`ingress`), or both together (`any`)."""

    direction: str
    number: int
    """kbit/s, or thousands of packets a second."""
    in_packets: bool


def find(connection: sa.Connection, wanted: Collection[QosPolicyId]) -> Mapping[QosPolicyId, QosPolicy]:
    """Each policy with those of its rules that hosts act on."""
    theirs: dict[QosPolicyId, list[QosRule]] = {policy: [] for policy in wanted}
    for read in (_bandwidth_limits, _packet_rate_limits, _dscp_marks) if wanted else ():
        for policy, rule in read(connection, wanted):
            theirs[QosPolicyId(policy)].append(rule)
    return {policy: QosPolicy(policy, tuple(rules)) for policy, rules in theirs.items()}


def least(connection: sa.Connection, wanted: Collection[str]) -> Mapping[str, list[Least]]:
    """What policies say that a guest should at least have; none for those that say nothing of it."""
    found: dict[str, list[Least]] = {}
    for table, column in ((qos_minimum_bandwidths, "min_kbps"), (qos_minimum_packet_rates, "min_kpps")):
        rules = sa.select(table.c.qos_policy_id, table.c.direction, table.c[column])
        for policy, direction, number in connection.execute(rules.where(table.c.qos_policy_id.in_(wanted))):
            one = Least(direction, number, in_packets=column == "min_kpps")
            found.setdefault(policy, []).append(one)
    return found


def links_of(connection: sa.Connection, wanted: Collection[str]) -> Mapping[str, str | None]:
    """The hosts' links that networks are on."""
    statement = sa.select(networks.c.id, networks.c.uplink).where(networks.c.id.in_(wanted))
    return {str(network): link for network, link in connection.execute(statement)}


def default_of(connection: sa.Connection, project: ProjectId) -> QosPolicyId | None:
    """The policy that new networks of the project get."""
    found = rows.default_of(connection, qos_policies, project)
    return None if found is None else QosPolicyId(found)


def users_of(connection: sa.Connection, policy: str) -> Iterator[tuple[str, str]]:
    """What has the policy of its own: the kind of thing, and its id."""
    for kind, table in (("network", networks), ("port", ports), ("floatingip", floating_ips)):
        for thing in connection.execute(
            sa.select(table.c.id).where(table.c.qos_policy_id == policy)
        ).scalars():
            yield kind, thing


def limited_ports(
    connection: sa.Connection, host: HostName, among: Collection[PortId] | None = None
) -> frozenset[PortId]:
    """Ports plugged on the host that have a policy, or whose network has one."""
    statement = _plugged(host).where(
        ports.c.qos_policy_id.is_not(None) | networks.c.qos_policy_id.is_not(None)
    )
    wanted = statement if among is None else statement.where(ports.c.id.in_(among))
    return frozenset(map(PortId, connection.execute(wanted).scalars()))


def ports_of(
    connection: sa.Connection, host: HostName, affected: Collection[QosPolicyId]
) -> frozenset[PortId]:
    """Ports plugged on the host that have one of the policies, themselves or by their network."""
    theirs = ports.c.qos_policy_id.in_(affected) | networks.c.qos_policy_id.in_(affected)
    return frozenset(map(PortId, connection.execute(_plugged(host).where(theirs)).scalars()))


def floating_ips_of(connection: sa.Connection, affected: Collection[QosPolicyId]) -> frozenset[FloatingIpId]:
    """The same of floating IPs, by the network that the address is from."""
    joined = sa.select(floating_ips.c.id).join(networks, floating_ips.c.network_id == networks.c.id)
    theirs = floating_ips.c.qos_policy_id.in_(affected) | networks.c.qos_policy_id.in_(affected)
    return frozenset(map(FloatingIpId, connection.execute(joined.where(theirs)).scalars()))


def of_networks(connection: sa.Connection, wanted: Collection[NetworkId]) -> Mapping[NetworkId, QosPolicyId]:
    """The policies of those networks that have one."""
    found = rows.found(connection, _NETWORKS, networks, rows.few("id", wanted))
    return {NetworkId(network): QosPolicyId(policy) for network, policy in found}


def _plugged(host: HostName) -> sa.Select[str]:
    joined = sa.select(ports.c.id).join(networks, ports.c.network_id == networks.c.id)
    return joined.where(ports.c.host == host, ports.c.attachment != UNPLUGGED)


def _bandwidth_limits(connection: sa.Connection, wanted: Collection[QosPolicyId]) -> Iterator[_Found]:
    for row in _rows(connection, qos_bandwidth_limits, wanted):
        yield row.qos_policy_id, BandwidthLimit(row.max_kbps, row.max_burst_kbps, Direction(row.direction))


def _packet_rate_limits(connection: sa.Connection, wanted: Collection[QosPolicyId]) -> Iterator[_Found]:
    for row in _rows(connection, qos_packet_rate_limits, wanted):
        yield row.qos_policy_id, PacketRateLimit(row.max_kpps, row.max_burst_kpps, Direction(row.direction))


def _dscp_marks(connection: sa.Connection, wanted: Collection[QosPolicyId]) -> Iterator[_Found]:
    for row in _rows(connection, qos_dscp_marks, wanted):
        yield row.qos_policy_id, DscpMark(row.dscp_mark)


def _rows(
    connection: sa.Connection, table: sa.Table, wanted: Collection[QosPolicyId]
) -> sa.CursorResult[tuple[object, ...]]:
    return connection.execute(sa.select(table).where(table.c.qos_policy_id.in_(wanted)).order_by(table.c.id))
