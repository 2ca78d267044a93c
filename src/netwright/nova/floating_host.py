"""The floating IPs of instances whose gateway this host is, where no agent does the host's part."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from typing import Final, Protocol

import sqlalchemy as sa
import structlog

from netwright.control import classic_floating_ips, classic_floating_pools, classic_networks
from netwright.control.classic_floating_ips import FloatingRecord
from netwright.control.world import World
from netwright.kernel import gateways
from netwright.kernel.gateways import FLOATING_PROTOCOL
from netwright.model.errors import NetwrightError
from netwright.model.ids import HostName
from netwright.nova.models import NetworkModel, network_model
from netwright.store import changes

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
            with self._world.look() as connection:
                wanted = self._wanted(connection, [classic_floating_ips.get_in(connection, address)])
            self._settle(address, wanted.get(address))

    def sync(self) -> None:
        """All of them, if anything changed. What fails is logged, and tried again by the next call."""
        with self._lock:
            with self._world.look() as connection:
                generation = changes.generation(connection)
                if generation == self._settled_at:
                    return
                wanted = self._wanted(connection, classic_floating_ips.find_in(connection, {}))
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
            self._remove(there)
            del self._bound[address]
        if wanted is not None:
            self._add(wanted)
            self._bound[address] = wanted

    def _add(self, wanted: _Bound) -> None:
        """All of it or nothing: half of it would lead guests here past the address's next owner."""
        address, fixed = str(wanted.address), str(wanted.fixed)
        try:
            self._side.add_floating_ip(address, fixed, wanted.interface, network=wanted.network)
        except NetwrightError:
            try:
                self._remove(wanted)
            except NetwrightError as error:
                _LOG.warning("floating_ip_left_here", address=address, said=str(error))
            raise

    def _remove(self, there: _Bound) -> None:
        address, fixed = str(there.address), str(there.fixed)
        self._side.remove_floating_ip(address, fixed, there.interface, network=there.network)

    def _wanted(
        self, connection: sa.Connection, found: Iterable[FloatingRecord]
    ) -> Mapping[IPv4Address, _Bound]:
        """Those that the store says are this host's."""
        standing = [record for record in found if record.host is not None]
        ids = {record.network_id for record in standing}
        networks = {
            network.id: network
            for network in (classic_networks.find_in(connection, {"network_id": ids}) if ids else ())
        }
        wanted: dict[IPv4Address, _Bound] = {}
        for record in standing:
            # A network that is none of the managers' is its agents'.
            network = None if record.network_id is None else networks.get(record.network_id)
            if network is None or record.fixed_address is None or record.interface is None:
                continue
            home = record.host if network.classic.multi_host else network.classic.host
            if home == self._host:
                bound = _Bound(record.address, record.fixed_address, record.interface, network_model(network))
                wanted[record.address] = bound
        return wanted

    def _try(self, address: IPv4Address, wanted: _Bound | None) -> bool:
        try:
            self._settle(address, wanted)
        except NetwrightError as error:
            _LOG.warning("floating_ip_not_settled", address=str(address), said=str(error))
            return False
        return True
