"""What nova's managers do: 256 networks of 65,536 addresses made; fixed IPs of an empty and a full one."""

from __future__ import annotations

import os
import random
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from ipaddress import IPv4Address
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import click
import nova_rules
from common import finish, isolated, machine, median, run, say, show, spread

from netwright.control.world import World
from netwright.model.ids import HostName
from netwright.nova.manager import FlatDHCPManager
from netwright.nova.options import NetworkOptions
from netwright.store import classic_networks
from netwright.store.addresses import key_of
from netwright.store.engine import open_engine
from netwright.store.tables import addresses

ADMIN: Final = SimpleNamespace(project_id="bench", is_admin=True)
NETWORKS, SIZE = 256, 65536
FULL: Final = 0.9


@contextmanager
def cloud(path: Path) -> Iterator[FlatDHCPManager]:
    """A manager on a database of its own, on disk."""
    database = open_engine(f"sqlite:///{path}")
    world = World(
        database, HostName("h1"), lambda: datetime.now(UTC), lambda: str(uuid.uuid4()), random.Random(1)
    )
    try:
        yield FlatDHCPManager(world, options=NetworkOptions(host="h1", flat_network_bridge="br100"))
    finally:
        database.close()


def create_networks(path: Path) -> tuple[float, float]:
    """Seconds, and KB of database, files that are beside it included."""
    with cloud(path) as manager:
        begun = time.perf_counter()
        manager.create_networks(ADMIN, "net", "10.0.0.0/8", num_networks=NETWORKS, network_size=SIZE)
        took = time.perf_counter() - begun
    return took, sum(each.stat().st_size for each in path.parent.glob(f"{path.name}*")) / 1024


def allocations(path: Path, count: int, fill: float) -> list[float]:
    """A second, of each tenth of `count`, on a /16 that is that full when they begin."""
    with cloud(path) as manager:
        (network,) = manager.create_networks(ADMIN, "net", "10.0.0.0/16", network_size=SIZE)
        if fill:
            _fill(manager, fill)
        rates = []
        for _ in range(10):
            begun = time.perf_counter()
            for _ in range(count // 10):
                manager.allocate_fixed_ip(ADMIN, str(uuid.uuid4()), network, host="h1")
            rates.append(count // 10 / (time.perf_counter() - begun))
        return rates


def _fill(manager: FlatDHCPManager, part: float) -> None:
    """Random addresses are in use, as after years; the search for a free one goes on among them."""
    world = manager.world
    with world.look() as connection:
        subnet, (_, prefix) = next(iter(classic_networks.prefixes(connection).items()))
    first = int(prefix.network_address) + 2
    taken = random.Random(2).sample(range(first, first + SIZE - 3), int(part * SIZE))
    rows = [
        {
            "subnet_id": subnet,
            "address": key_of(IPv4Address(number)),
            "following": key_of(IPv4Address(number + 1)),
            "position": 0,
        }
        for number in taken
    ]
    with world.work() as work:
        work.connection.execute(addresses.insert(), rows)


def _rules(count: int) -> tuple[float, float]:
    """Seconds now, and of old, each in a namespace of its own."""
    found = []
    for name, measure in (("now", nova_rules.now), ("old", nova_rules.of_old)):
        say(f"nova: {count} iptables rules, {name}; {machine()}")
        run(["ip", "netns", "add", name])
        found.append(measure(name, count))
    return found[0], found[1]


def bench(directory: Path, count: int, rounds: int) -> int:
    created, sizes = [], []
    for number in range(rounds):
        say(f"nova: create_networks, round {number + 1} of {rounds}; {machine()}")
        took, size = create_networks(directory / f"create{number}.db")
        created.append(took)
        sizes.append(size)
    say(f"nova: {count} fixed IPs each on a /16, empty and {FULL:.0%} full; {machine()}")
    empty = allocations(directory / "empty.db", count, 0)
    full = allocations(directory / "full.db", min(count, int(SIZE * (1 - FULL)) - 10), FULL)
    rules = _rules(count)
    show(
        f"nova: {NETWORKS} networks of {SIZE} addresses; {count} fixed IPs; {machine()}",
        ("what", "median [least .. most]"),
        [
            ("create_networks, s", spread(created)),
            ("database, KB", spread(sizes)),
            ("fixed IPs a second, empty", spread(empty)),
            (f"fixed IPs a second, {FULL:.0%} full", spread(full)),
            (f"{count} rules of IptablesManager, s", f"{rules[0]:.2f}"),
            ("the same as nova did it, s", f"{rules[1]:.2f}"),
        ],
    )
    return finish(
        {
            "create_networks_s": median(created),
            "database_kb": median(sizes),
            "allocations_per_s": {"empty": median(empty), "full_90": median(full)},
            "iptables_rules_s": round(rules[0], 2),
            "speedup_vs_old": round(rules[1] / rules[0], 1),
            "slowdown_at_90_percent": round(median(empty) / median(full), 2),
            "cores": os.cpu_count(),
        }
    )


@click.command(help=__doc__)
@click.option("--fixed-ips", default=10_000, show_default=True, help="On each network; as many rules.")
@click.option("--rounds", default=3, show_default=True, help="Of create_networks.")
@click.option("--quick", is_flag=True, help="To see that it works: the figures mean little.")
def main(fixed_ips: int, rounds: int, *, quick: bool) -> None:
    few, once = (100, 1) if quick else (fixed_ips, rounds)
    sys.exit(isolated(lambda directory: bench(directory, few, once)))


if __name__ == "__main__":
    main()
