"""What restarts cost: guests' traffic under `kill -9`, the time to be in step again, and healing."""

from __future__ import annotations

import random
import shutil
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import Final, Protocol

import click
from common import finish, isolated, machine, median, pressure_total, run, say, show, spread
from guest import Guest
from heal import heal
from host import HOST, OUTSIDE, OUTSIDE_ADDRESS, Client, Lab, Network, Service, fill, port_in, settle
from traffic import Flow, Seen, Traffic, flows

from netwright.model.ids import NamespaceName

CIDR, GATEWAY, MASK = "10.20.0.0/16", "10.20.0.1", "255.255.0.0"
LEFT, RIGHT, CHANGING = NamespaceName("left"), NamespaceName("right"), NamespaceName("changing")
_LONGEST_LIFE_S: Final = 2.0
_STARTS: Final = 3
_STILL_S: Final = 2.0
"""How long a start-up that changes nothing is watched for writes."""
_BOUND: Final = "77"


@dataclass(frozen=True, slots=True)
class Options:
    restarts: int
    ports: int
    rounds: int


@dataclass(frozen=True, slots=True)
class Phase:
    """Some time under traffic."""

    name: str
    seconds: float
    waiting_s: float
    """How much of it something waited for a CPU (/proc/pressure/cpu)."""
    seen: Mapping[str, Seen]
    buffer_drops: int
    changes: int

    @property
    def lost(self) -> int:
        return sum(one.lost for one in self.seen.values())

    @property
    def reset(self) -> int:
        return sum(one.reset for one in self.seen.values())


@dataclass(frozen=True, slots=True)
class Starts:
    """Seconds of start-ups, and what those that found all in place wrote."""

    sync_s: Sequence[float]
    sync_writes: Sequence[int]
    rebuild_s: Sequence[float]


class Program(Protocol):
    """How a service is started."""

    def __call__(self, *, awaited: bool = True) -> Service: ...


class Life:
    """A service that dies often."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.service = program()

    def die_often(self, times: int) -> None:
        """Killed at random moments, start-up among them; at the end it runs and is ready."""
        for _ in range(times):
            time.sleep(random.uniform(0, _LONGEST_LIFE_S))
            self.service.kill()
            self.service = self._program(awaited=False)
        time.sleep(_LONGEST_LIFE_S)
        self.restart()

    def restart(self) -> None:
        self.service.kill()
        self.service = self._program()


class Changes(threading.Thread):
    """Makes and removes ports for as long as it runs, whether or not the server is there."""

    def __init__(self, lab: Lab, network: Network) -> None:
        super().__init__(daemon=True)
        self._lab, self._network = lab, network
        self._end = threading.Event()
        self.made = 0

    def run(self) -> None:
        while not self._end.wait(0.05):
            client = self._lab.client()
            with suppress(OSError, HTTPException, RuntimeError):
                body = {**port_in(self._network, CHANGING, f"c{self.made}"), "name": "change"}
                port = client.create_port(body)
                self.made += 1
                time.sleep(random.uniform(0, 0.2))
                client.delete_port(port)
            client.close()

    def stop(self) -> None:
        """Removes what a killed server left half done."""
        self._end.set()
        self.join()
        client = self._lab.client()
        for port in client.ports("?name=change"):
            client.delete_port(port)


def bench(directory: Path, options: Options) -> int:
    lab = Lab(directory)
    lab.connect_outside()
    api, agent = lab.api(), Life(lab.agent)
    client = lab.client()
    network = client.create_network(CIDR)
    running = _guests(lab, client, network)
    rest = options.restarts * _LONGEST_LIFE_S / 2
    phases = [_phase("control", lab, network, running, lambda: time.sleep(rest))]
    phases.append(_phase("agent", lab, network, running, lambda: agent.die_often(options.restarts)))
    agent.service.stop()
    api.stop()
    up = Life(lab.up)
    phases.append(_phase("up", lab, network, running, lambda: up.die_often(options.restarts)))
    client = lab.client()
    say(f"restart: {options.ports} ports for start-ups and healing; {machine()}")
    fill(lab, client, network, range(options.ports))
    starts = _starts(lab, up)
    healed = heal(lab, lab.client(), network, options.rounds)
    up.service.stop()
    _report(phases, starts, healed, options)
    return finish(_result(phases, starts, healed))


def _guests(lab: Lab, client: Client, network: Network) -> list[Flow]:
    """Two guests with addresses, and the flows from the first to the other and to the outside."""
    lab.guest(CHANGING)
    addresses = [_guest(lab, client, network, namespace) for namespace in (LEFT, RIGHT)]
    return flows(LEFT, [("guest to guest", addresses[1]), ("guest to outside", OUTSIDE_ADDRESS)])


def _guest(lab: Lab, client: Client, network: Network, namespace: NamespaceName) -> str:
    guest = Guest(lab.guest(namespace), "eth0")
    port = client.create_port(port_in(network, namespace, "eth0"))
    guest.await_link()
    guest.set_address(port.address, MASK)
    guest.ping(GATEWAY)
    guest.close()
    run(["ip", "route", "add", "default", "via", GATEWAY], where=namespace)
    return port.address


def _phase(name: str, lab: Lab, network: Network, running: Sequence[Flow], act: Callable[[], None]) -> Phase:
    say(f"restart: {name}; {machine()}")
    settle(lab.client())
    traffic, changes = Traffic(running, (RIGHT, OUTSIDE)), Changes(lab, network)
    begun, waited = time.monotonic(), pressure_total()
    changes.start()
    act()
    seconds, waited = time.monotonic() - begun, pressure_total() - waited
    changes.stop()
    seen, drops = traffic.stop()
    return Phase(name, seconds, waited, seen, drops, changes.made)


def _starts(lab: Lab, up: Life) -> Starts:
    """Start-ups with everything in place, and from a kernel and a run directory without anything of ours."""
    sync, writes, rebuild = [], [], []
    for _ in range(_STARTS):
        up.restart()
        sync.append(up.service.ready_s)
        time.sleep(_STILL_S)
        writes.append(int(lab.client().writes()))
    for _ in range(_STARTS):
        up.service.kill()
        _empty(lab)
        up.restart()
        rebuild.append(up.service.ready_s)
        settle(lab.client())
        if any(port.status != "ACTIVE" for port in lab.client().ports()):
            raise RuntimeError("not all ports came back")
    return Starts(sync, writes, rebuild)


def _empty(lab: Lab) -> None:
    """As after a boot: no rules, none of our links, no daemons and no run directory."""
    run(["nft", "flush", "ruleset"], where=HOST)
    lines = run(["ip", "-o", "link"], where=HOST).splitlines()
    names = [line.split()[1].partition("@")[0].rstrip(":") for line in lines]
    ours = [f"link set {name} group {_BOUND}" for name in names if name.startswith(("tap", "brq"))]
    run(["ip", "-batch", "-"], stdin="\n".join([*ours, f"link delete group {_BOUND}"]), where=HOST)
    for place in lab.run.glob("dnsmasq/*/pid"):
        run(["kill", "-KILL", place.read_text().strip()])
    shutil.rmtree(lab.run)


def _report(
    phases: Sequence[Phase], starts: Starts, healed: Mapping[str, Sequence[float]], options: Options
) -> None:
    for phase in phases:
        show(
            f"{phase.name}: {phase.seconds:.0f} s, {phase.changes} ports made and removed meanwhile,"
            f" {phase.buffer_drops} datagrams dropped by full socket buffers,"
            f" something waited for a CPU for {phase.waiting_s:.0f} s",
            ("flow", "sent", "lost", "reset", "longest wait, ms"),
            [
                (name, one.sent, one.lost, one.reset, f"{one.longest_ms:.0f}")
                for name, one in phase.seen.items()
            ],
        )
    show(
        f"Start-up of netwright up with {options.ports} ports, s. {machine()}",
        ("", "seconds", "writes"),
        [
            ("all in place", spread(starts.sync_s), max(starts.sync_writes)),
            ("from an empty kernel", spread(starts.rebuild_s), "all"),
        ],
    )
    show(
        f"Healing with {options.ports} ports, {options.rounds} rounds, ms",
        ("damage", "median [least .. most]"),
        [(name, spread(values)) for name, values in healed.items()],
    )


def _result(
    phases: Sequence[Phase], starts: Starts, healed: Mapping[str, Sequence[float]]
) -> Mapping[str, object]:
    restarted = [phase for phase in phases if phase.name != "control"]
    return {
        "lost": sum(phase.lost for phase in restarted),
        "reset": sum(phase.reset for phase in restarted),
        "control_lost": phases[0].lost,
        "control_reset": phases[0].reset,
        "sync_s": median(starts.sync_s),
        "sync_writes": max(starts.sync_writes),
        "rebuild_s": median(starts.rebuild_s),
        "heal_ms": {name: round(max(values), 1) for name, values in healed.items()},
    }


@click.command(help=__doc__)
@click.option("--restarts", default=20, show_default=True, help="Of the agent, and again of netwright up.")
@click.option("--ports", default=1000, show_default=True, help="In place for start-ups and healing.")
@click.option("--rounds", default=5, show_default=True, help="Of each damage that is to heal.")
@click.option("--quick", is_flag=True, help="2 restarts, 20 ports, 1 round.")
def main(restarts: int, ports: int, rounds: int, *, quick: bool) -> None:
    options = Options(2, 20, 1) if quick else Options(restarts, ports, rounds)
    sys.exit(isolated(lambda directory: bench(directory, options)))


if __name__ == "__main__":
    main()
