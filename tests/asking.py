"""The control's nouns as tests ask them: one transaction for each thing asked, and the records that come of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import ModuleType

import sqlalchemy as sa

from netwright.control import address_groups as control_address_groups
from netwright.control import floating_ips as control_floating_ips
from netwright.control import groups as control_groups
from netwright.control import logs as control_logs
from netwright.control import networks as control_networks
from netwright.control import port_forwardings as control_port_forwardings
from netwright.control import ports as control_ports
from netwright.control import rules as control_rules
from netwright.control import subnets as control_subnets
from netwright.control import vpn_peers as control_vpn_peers
from netwright.control import vpns as control_vpns
from netwright.control.world import World
from netwright.model.errors import NotFoundError
from netwright.store import address_groups as stored_address_groups
from netwright.store import groups as stored_groups
from netwright.store import logs as stored_logs
from netwright.store import port_forwardings as stored_port_forwardings
from netwright.store import ports as stored_ports
from netwright.store import subnets as stored_subnets
from netwright.store import vpns as stored_vpns
from netwright.store.records import GroupRecord, PortRecord
from netwright.store.rows import Where


class Asked:
    """One noun: `find` reads its records; what else the control's file has is there, too."""

    def __init__(self, control: ModuleType, find: Callable[[sa.Connection, Where], list]) -> None:
        self._control, self._find = control, find

    def __getattr__(self, name: str) -> object:
        return getattr(self._control, name)

    def create(self, world: World, requests: Sequence) -> list:
        """All of them or none."""
        with world.work() as work:
            made = [self._control.create_in(work, request) for request in requests]
            return [self._record(work.connection, one) for one in made]

    def update(self, world: World, thing: str, request: object):
        with world.work() as work:
            self._control.update_in(work, self._old(work.connection, thing), request)
            return self._record(work.connection, thing)

    def delete(self, world: World, thing: str) -> None:
        with world.work() as work:
            self._control.delete_in(work, self._old(work.connection, thing))

    def get(self, world: World, thing: str):
        with world.look() as connection:
            return self._record(connection, thing)

    def find(self, world: World, where: Where) -> list:
        with world.look() as connection:
            return self._find(connection, where)

    def _old(self, connection: sa.Connection, thing: str):
        """The thing as it is to be changed: all of its record where more than its value counts."""
        record = self._record(connection, thing)
        return record if isinstance(record, PortRecord | GroupRecord) else record.value

    def _record(self, connection: sa.Connection, made: object):
        if not isinstance(made, str):
            return made
        for record in self._find(connection, {"id": (made,)}):
            return record
        raise NotFoundError("Thing", made)


networks = Asked(control_networks, control_networks.find_in)
subnets = Asked(control_subnets, stored_subnets.find)
ports = Asked(control_ports, stored_ports.find)
groups = Asked(control_groups, stored_groups.find)
address_groups = Asked(control_address_groups, stored_address_groups.find)
rules = Asked(control_rules, stored_groups.find_rules)
floating_ips = Asked(control_floating_ips, control_floating_ips.find_in)
port_forwardings = Asked(control_port_forwardings, stored_port_forwardings.find)
logs = Asked(control_logs, stored_logs.find)
vpns = Asked(control_vpns, stored_vpns.find)
vpn_peers = Asked(control_vpn_peers, control_vpn_peers.find_in)
