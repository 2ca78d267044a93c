"""How the deployment is: its hosts, what they last said, and how much of everything there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from netwright.control.world import World
from netwright.store import changes, hosts, rows
from netwright.store.records import HostRecord
from netwright.store.tables import floating_ips, groups, networks, ports, rules, subnets


@dataclass(frozen=True, slots=True)
class Status:
    generation: int
    hosts: tuple[HostRecord, ...]
    counts: Mapping[str, int]
    """By the noun's plural."""


def status(world: World) -> Status:
    """All of one moment."""
    tables = {
        "networks": networks,
        "subnets": subnets,
        "ports": ports,
        "security_groups": groups,
        "security_group_rules": rules,
        "floating_ips": floating_ips,
    }
    with world.look() as connection:
        return Status(
            generation=changes.generation(connection),
            hosts=tuple(hosts.every(connection)),
            counts={noun: rows.count(connection, table) for noun, table in tables.items()},
        )
