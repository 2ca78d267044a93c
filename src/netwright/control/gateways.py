"""Who holds gateways that not every host holds: one host, or each at an address of its own.

A host that comes back after another took its gateway lets go with the plan that it gets then: taking over is
a row in the log of changes, and no agent goes back behind the generation that it has had.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from netwright.control import text
from netwright.control.fixed_ips import exhausted
from netwright.control.refusals import invalid
from netwright.control.world import Work, World
from netwright.model.ids import HostName, NetworkId
from netwright.model.intent import Address, GatewayHosts, GatewayPlace, Network, Subnet
from netwright.store import addresses, hosts, networks, presence, subnets
from netwright.store import gateways as store
from netwright.store.addresses import Holder
from netwright.store.changes import Touched
from netwright.store.gateways import Tenure

HOSTS: Final = "netwright:gateway_hosts"
HOST: Final = "netwright:gateway_host"


def named_host(name: str | None) -> HostName | None:
    return None if name is None else text.host_name(name, HOST)


def check(network: Network) -> None:
    """Raises InvalidError where gateways are not hosts' business, or the attributes do not fit together."""
    if network.gateway_host is not None and network.gateway_hosts is not GatewayHosts.ONE:
        raise invalid(HOST, f"only where one host holds the gateway ({HOSTS} {GatewayHosts.ONE}).")
    if network.gateway_hosts is GatewayHosts.EVERY:
        return
    if network.gateway_place is not GatewayPlace.HOST or network.external:
        raise invalid(HOSTS, "is for networks whose gateway is on hosts (netwright:gateway_place).")
    if network.shared_gateway:
        raise invalid(HOSTS, f"netwright:shared_gateway is for a gateway on {GatewayHosts.EVERY} host.")


def settle(work: Work, network: Network) -> None:
    """Gives and takes gateways as the network asks now. Raises ConflictError where addresses have run out."""
    if _settle_one(work, network):
        work.touch(Touched.GATEWAY, network.id)
    if _settle_own(work, network):
        work.touch(Touched.NETWORK, network.id)


def settle_after_plugging(work: Work, network: Network) -> None:
    """The same once a port has come to a host or gone from it. Raises ConflictError."""
    if network.gateway_hosts is GatewayHosts.OWN and _settle_own(work, network):
        work.touch(Touched.NETWORK, network.id)


@dataclass(frozen=True, slots=True)
class GatewayAt:
    """A host that is gateway, and its addresses."""

    host: HostName
    addresses: tuple[Address, ...]


def shown(connection: sa.Connection, among: Collection[Network]) -> Mapping[NetworkId, tuple[GatewayAt, ...]]:
    """Of those networks whose gateway not every host holds: who does."""
    apart = [network.id for network in among if network.gateway_hosts is not GatewayHosts.EVERY]
    if not apart:
        return {}
    theirs = subnets.find(connection, {"network_id": apart})
    held: dict[NetworkId, dict[HostName, list[Address]]] = {}
    home = {record.value.id: record.value.network_id for record in theirs}
    for (host, subnet), address in store.own_addresses(connection, apart).items():
        held.setdefault(home[subnet], {}).setdefault(host, []).append(address)
    for network, tenure in store.tenures(connection, apart).items():
        own = [record.value.gateway_ip for record in theirs if record.value.network_id == network]
        held[network] = {tenure.host: [address for address in own if address is not None]}
    return {
        network: tuple(GatewayAt(host, tuple(found)) for host, found in sorted(by_host.items()))
        for network, by_host in held.items()
    }


def watch_over(world: World) -> None:
    """Gives gateways that nobody holds, or a dead host, to one that lives.

    To be called several times in each `patience` of the world's liveness.
    """
    world.liveness.listen(world.clock())
    with world.look() as connection:
        due = [network.id for network in _of_one(connection) if _is_due(world, connection, network)]
    if due:
        with world.work() as work:
            for record in networks.find(work.connection, {"id": due}):
                settle(work, record.value)


def _of_one(connection: sa.Connection) -> Iterable[Network]:
    found = networks.find(connection, {"gateway_hosts": (GatewayHosts.ONE.value,)})
    return (record.value for record in found)


def _is_due(world: World, connection: sa.Connection, network: Network) -> bool:
    tenure = store.tenures(connection, (network.id,)).get(network.id)
    return _chosen(world, connection, network, tenure) != (tenure.host if tenure else None)


def _settle_one(work: Work, network: Network) -> bool:
    tenure = store.tenures(work.connection, (network.id,)).get(network.id)
    if network.gateway_hosts is not GatewayHosts.ONE:
        if tenure:
            store.give_up(work.connection, network.id)
        return tenure is not None
    chosen = _chosen(work.world, work.connection, network, tenure)
    if chosen is None or (tenure and tenure.host == chosen):
        return False
    return store.take(work.connection, network.id, chosen, tenure)


def _chosen(
    world: World, connection: sa.Connection, network: Network, tenure: Tenure | None
) -> HostName | None:
    """The one that is named; else who holds it and lives; else the first that lives and has the uplink."""
    if network.gateway_host is not None:
        return network.gateway_host
    now, wire = world.clock(), network.uplink
    if tenure and not world.liveness.is_gone(tenure.host, now):
        return tenure.host
    able = (host for host in hosts.every(connection) if wire is None or wire in host.facts.links)
    alive = (host.name for host in able if world.liveness.is_heard(host.name, now))
    return next(alive, tenure.host if tenure else None)


def _settle_own(work: Work, network: Network) -> bool:
    """One address of each subnet with a gateway for each host with a port; none for others."""
    own = network.gateway_hosts is GatewayHosts.OWN
    there = presence.hosts_on(work.connection, network.id) if own else frozenset()
    held = store.own_addresses(work.connection, (network.id,))
    served = [one for one in subnets.of_network(work.connection, network.id) if one.gateway_ip is not None]
    wanted = {(host, subnet.id) for host in there for subnet in served}
    for key, address in held.items():
        if key not in wanted:
            addresses.release(work.connection, key[1], address)
    for subnet in served:
        for host in sorted(there):
            if (host, subnet.id) not in held:
                _take(work, subnet, host)
    return wanted != held.keys()


def _take(work: Work, subnet: Subnet, host: HostName) -> None:
    holder = Holder(host=host)
    if addresses.take_free(work.connection, subnet.id, subnet.pools, holder, work.world.rng) is None:
        raise exhausted(subnet.network_id)
