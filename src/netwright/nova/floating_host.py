"""The floating IPs of instances whose gateway this host is, where no agent does the host's part."""

from __future__ import annotations

import threading
from collections.abc import Collection
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final, Protocol

import structlog

from netwright.control import classic_floating_ips, classic_floating_pools, classic_networks
from netwright.control.classic_floating_ips import FloatingRecord
from netwright.control.world import World
from netwright.kernel import gateways
from netwright.kernel.gateways import FLOATING_PROTOCOL
from netwright.model.errors import NetwrightError
from netwright.model.ids import HostName
from netwright.nova.models import NetworkModel, network_model
from netwright.store import changes, ports

_LOG: Final = structlog.get_logger("netwright.nova")


class FloatingSide(Protocol):
    """What acts on the host: an L3 driver (nova/l3.py)."""

    def add_floating_ip(
        self, floating_ip: str, fixed_ip: str, l3_interface_id: str, network: object = None
    ) -> None:
        """The floating IP is reached through that interface, and leads to the fixed one."""

    def remove_floating_ip(
        self, floating_ip: str, fixed_ip: str, l3_interface_id: str, network: object = None
    ) -> None:
        """With its connections."""


@dataclass(frozen=True, slots=True)
class _Bound:
    address: IPv4Address
    fixed: IPv4Address
    interface: str
    network: NetworkModel


class FloatingHost:
    """Does what the store says, and remembers what it did, so that it can be undone."""

    def __init__(self, world: World, host: HostName, side: FloatingSide) -> None:
        self._world, self._host, self._side = world, host, side
        self._bound: dict[IPv4Address, _Bound] = {}
        self._is_first = True
        self._settled_at = -1
        """The generation of the store at which all was done; -1: something is left to do."""
        self._lock = threading.Lock()

    def settle(self, address: IPv4Address) -> None:
        """One address is on this host as the store says now. Raises what the side raises."""
        with self._lock:
            self._settle(address, self._wanted(classic_floating_ips.get(self._world, address)))

    def sync(self) -> None:
        """All of them, if anything changed. What fails is logged, and tried again by the next call."""
        with self._lock:
            with self._world.look() as connection:
                generation = changes.generation(connection)
                if generation == self._settled_at:
                    return
                found = [
                    record
                    for record in classic_floating_ips.find_in(connection, {})
                    if record.host is not None
                ]
            wanted = {one.address: one for record in found if (one := self._wanted(record)) is not None}
            if self._is_first:
                self._let_go(wanted)
                self._is_first = False
            done = [self._try(address, wanted.get(address)) for address in sorted({*wanted, *self._bound})]
            self._settled_at = generation if all(done) else -1

    def _let_go(self, wanted: Collection[IPv4Address]) -> None:
        """What an earlier life left here, and is another host's by now, or nobody's: no machine answers for
        an address that another one has. Those of no pool are not a manager's."""
        with self._world.look() as connection:
            runs = [run for item in classic_floating_pools.ranges(connection) for run in item.runs]
        for interface, link in gateways.held(FLOATING_PROTOCOL).items():
            number = int(interface.ip)
            pooled = interface.version == 4 and any(first <= number <= last for first, last in runs)
            if pooled and interface.ip not in wanted:
                gateways.release(link, interface, FLOATING_PROTOCOL)
                _LOG.info("floating_ip_let_go", address=str(interface.ip), link=link)

    def _settle(self, address: IPv4Address, wanted: _Bound | None) -> None:
        there = self._bound.get(address)
        if there == wanted:
            return
        if there is not None:
            self._side.remove_floating_ip(
                str(address), str(there.fixed), there.interface, network=there.network
            )
            del self._bound[address]
        if wanted is not None:
            self._side.add_floating_ip(
                str(address), str(wanted.fixed), wanted.interface, network=wanted.network
            )
            self._bound[address] = wanted

    def _wanted(self, record: FloatingRecord) -> _Bound | None:
        """None where the store says that it is not this host's."""
        if record.host is None or record.port_id is None or record.fixed_address is None:
            return None
        with self._world.look() as connection:
            port = ports.get(connection, record.port_id).value
            network = classic_networks.get_in(connection, port.network_id)
        home = record.host if network.classic.multi_host else network.classic.host
        if home != self._host or record.interface is None:
            return None
        return _Bound(record.address, record.fixed_address, record.interface, network_model(network))

    def _try(self, address: IPv4Address, wanted: _Bound | None) -> bool:
        try:
            self._settle(address, wanted)
        except NetwrightError as error:
            _LOG.warning("floating_ip_not_settled", address=str(address), said=str(error))
            return False
        return True
