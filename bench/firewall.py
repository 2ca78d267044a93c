"""What a firewall costs: one port, one rule, one member more, and each packet and connection through it."""

from __future__ import annotations

import random
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

import click
import packets
from common import finish, isolated, machine, median, say, show, spread
from firewall_classic import ClassicFirewall
from firewall_host import FirewallHost, PlainBridge
from packets import Wire

from netwright.model.errors import KernelRefusedError
from netwright.render.firewalls import ENGINES

OURS, CLASSIC, NONE = "nftables", "classic", "none"
_VARIANTS: Final[Mapping[str, tuple[str, ...]]] = {"iptables": ("iptables/legacy", "iptables/nft")}
"""Engines that speak to the kernel in more than one way."""
_OTHERS_EACH: Final = 4
"""The others are asked in one round of so many: they take hundreds of times as long."""


class Host(Protocol):
    """A firewall with some ports, and two guests behind it."""

    @property
    def path(self) -> packets.Path: ...
    def port_ms(self) -> float: ...
    def member_ms(self) -> float: ...
    def rule_ms(self) -> float: ...


Place = tuple[str, int]
"""An engine and its number of ports."""
Table = dict[Place, list[float]]
CHANGES: Final[Mapping[str, Callable[[Host], float]]] = {
    "port_ms": lambda host: host.port_ms(),
    "member_ms": lambda host: host.member_ms(),
    "rule_ms": lambda host: host.rule_ms(),
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Ratios to the bridge without a filter, pair by pair, by kind; and its own figures."""

    ratios: dict[str, Table] = field(default_factory=dict)
    limit: dict[str, list[float]] = field(default_factory=dict)

    def note(self, kind: str, place: Place, value: float, limit: float) -> None:
        self.ratios.setdefault(kind, {}).setdefault(place, []).append(value / limit)
        self.limit.setdefault(kind, []).append(limit)


KINDS: Final[Mapping[str, Callable[[Wire], Mapping[str, float]]]] = {
    "packet": lambda wire: {"packet_cost": wire.packet_us()},
    "connect": lambda wire: dict(zip(("connect_cost", "connects_per_s"), wire.connect_us(), strict=True)),
    "latency": lambda wire: {"latency": wire.latency_us()},
}


def bench(directory: Path, engines: Sequence[str], counts: Sequence[int], rounds: tuple[int, int]) -> int:
    """All hosts are there all the time and take turns: the same load of the machine is behind all figures."""
    hosts = dict(_hosts(directory, engines, counts))
    plain = PlainBridge("plain")
    changed = _change(hosts, rounds[0])
    cost = _send(hosts, plain, rounds[1])
    _report(changed, cost, rounds)
    return finish(_result(changed, cost, counts))


def _hosts(directory: Path, engines: Sequence[str], counts: Sequence[int]) -> Iterator[tuple[Place, Host]]:
    for engine in engines:
        try:
            for ports in counts:
                say(f"firewall: a host with {engine} and {ports} ports; {machine()}")
                yield (engine, ports), FirewallHost(directory, engine, ports)
        except KernelRefusedError as refused:
            if engine == OURS:
                raise
            say(f"firewall: {engine} cannot run here: {refused}")
    for ports in counts:
        say(f"firewall: a host as nova-network left it and {ports} ports; {machine()}")
        yield (CLASSIC, ports), ClassicFirewall(ports)


def _change(hosts: Mapping[Place, Host], rounds: int) -> dict[str, Table]:
    """The first round warms caches up and does not count."""
    found: dict[str, Table] = {name: {} for name in CHANGES}
    for number in range(rounds + 1):
        say(f"firewall: changes, round {number} of {rounds}; {machine()}")
        for (engine, ports), host in hosts.items():
            if engine != OURS and number % _OTHERS_EACH != 1:
                continue
            for name, change in CHANGES.items():
                taken = change(host)
                if number:
                    found[name].setdefault((engine, ports), []).append(taken)
    return found


def _send(hosts: Mapping[Place, Host], plain: PlainBridge, rounds: int) -> Cost:
    """Pairs of slices, one through a firewall and one through none, in random order."""
    cost, limit = Cost(), Wire(plain.path)
    wires = {place: Wire(host.path) for place, host in hosts.items()}
    for number in range(rounds):
        say(f"firewall: packets, round {number + 1} of {rounds}; {machine()}")
        pairs = [(place, kind) for place in wires for kind in KINDS]
        random.shuffle(pairs)
        for place, kind in pairs:
            measure, first = KINDS[kind], random.random() < 0.5
            before = measure(limit) if first else {}
            through = measure(wires[place])
            around = before or measure(limit)
            for name, value in through.items():
                cost.note(name, place, value, around[name])
    for wire in (limit, *wires.values()):
        wire.close()
    return cost


def _report(changed: Mapping[str, Table], cost: Cost, rounds: tuple[int, int]) -> None:
    show(
        f"One more, ms: median [least .. most] of {rounds[0]} rounds, interleaved"
        f" (all but {OURS}: every {_OTHERS_EACH}th). {machine()}",
        ("firewall", "ports there", "port", "group member", "rule"),
        [
            (*place, *(spread(changed[name][place]) for name in CHANGES))
            for place in sorted(next(iter(changed.values())))
        ],
    )
    alone = ", ".join(f"{name} {median(values):g}" for name, values in cost.limit.items())
    show(
        f"Ratios to no filter ({alone}; costs and latency in µs), {rounds[1]} pairs of slices. {machine()}",
        ("firewall", "ports there", *cost.ratios),
        [
            (*place, *(spread(table[place]) for table in cost.ratios.values()))
            for place in sorted(next(iter(cost.ratios.values())))
        ],
    )


def _result(changed: Mapping[str, Table], cost: Cost, counts: Sequence[int]) -> Mapping[str, object]:
    port, last = changed["port_ms"], counts[-1]
    medians = {name: _by_engine(table) for name, table in {**changed, **cost.ratios}.items()}
    flat = {
        name.replace("_cost", "_flat"): _flat(cost.ratios[name], counts)
        for name in ("packet_cost", "connect_cost")
    }
    speedup = statistics.median(port[CLASSIC, last]) / statistics.median(port[OURS, last])
    return {**medians, **flat, f"speedup_port_{last}": round(speedup, 1)}


def _by_engine(table: Table) -> dict[str, dict[str, float]]:
    found: dict[str, dict[str, float]] = {}
    for (engine, ports), values in table.items():
        found.setdefault(engine, {})[str(ports)] = round(statistics.median(values), 3)
    return found


def _flat(table: Table, counts: Sequence[int]) -> dict[str, float]:
    """With the most ports ÷ with the fewest."""
    return {
        engine: round(
            statistics.median(table[engine, counts[-1]]) / statistics.median(table[engine, counts[0]]), 2
        )
        for engine in dict.fromkeys(engine for engine, _ in table)
    }


@click.command(help=__doc__)
@click.option("--ports", default="1,10,100,1000", show_default=True, help="Ports already on the host.")
@click.option(
    "--engines",
    default="",
    help="Which ones beside nftables, with commas between. [default: all that run here]",
)
@click.option("--rounds", default=24, show_default=True, help="Rounds of changes.")
@click.option("--slices", default=11, show_default=True, help="Pairs of slices of each kind.")
@click.option("--quick", is_flag=True, help="1 and 20 ports, nftables alone, 2 rounds, 2 pairs of slices.")
def main(ports: str, engines: str, rounds: int, slices: int, *, quick: bool) -> None:
    counts = [1, 20] if quick else sorted(int(count) for count in ports.split(","))
    every = [name for engine in ENGINES if engine != NONE for name in _VARIANTS.get(engine, (engine,))]
    names = [OURS] if quick else list(dict.fromkeys((OURS, *engines.split(",")))) if engines else every
    often = (2, 2) if quick else (rounds, slices)
    sys.exit(isolated(lambda directory: bench(directory, names, counts, often)))


if __name__ == "__main__":
    main()
