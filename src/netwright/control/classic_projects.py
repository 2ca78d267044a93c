"""What an operator does to all that a project has of nova-network."""

from __future__ import annotations

from dataclasses import dataclass, replace
from ipaddress import IPv4Address

from netwright.control import classic_networks, classic_vpns, groups, text
from netwright.control.classic_refusals import NetworkNotFoundForProject
from netwright.control.refusals import invalid
from netwright.control.world import World
from netwright.model.caller import OPERATOR
from netwright.model.ids import GroupId, NetworkId
from netwright.store import classic_networks as store
from netwright.store import groups as group_rows
from netwright.store.changes import Touched

_LAST_PORT = 65535


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """What the project has no more."""

    networks: tuple[NetworkId, ...]
    groups: tuple[GroupId, ...]


def scrub(world: World, project: str) -> Scrubbed:
    """Its networks are free for others, and its security groups are gone, all or nothing.

    Raises ConflictError while ports are in one of the groups.
    """
    owner = text.project(project)
    with world.work(OPERATOR) as work:
        connection = work.connection
        mine = classic_networks.find_in(connection, {"project_id": (owner,)})
        for record in mine:
            classic_networks.give_to(work, record, None)
        theirs = group_rows.find(connection, {"project_id": (owner,)})
        for group in theirs:
            groups.delete_in(work, group)
        return Scrubbed(tuple(record.id for record in mine), tuple(group.value.id for group in theirs))


def change_vpn(world: World, project: str, address: IPv4Address, port: int) -> list[NetworkId]:
    """Where the project's VPN is reached from outside: of all its networks. Which these are.

    One port leads to one place: where agents serve several of them, to the first.

    Raises NetworkNotFoundForProject, InvalidError, ConflictError where another VPN has the port.
    """
    if not 1 <= port <= _LAST_PORT:
        raise invalid("port", f"must be from 1 to {_LAST_PORT}.")
    owner = text.project(project)
    with world.work() as work:
        mine = classic_networks.find_in(work.connection, {"project_id": (owner,)})
        if not mine:
            raise NetworkNotFoundForProject(owner)
        for record in mine[1:]:
            classic_vpns.remove(work, record.classic)
        for record in mine:
            changed = replace(record.classic, vpn_public_address=address, vpn_public_port=port)
            store.save(work.connection, changed)
            classic_vpns.move(work, changed)
            work.touch(Touched.NETWORK, record.id)
        return [record.id for record in mine]
