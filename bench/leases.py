"""How many lease events a second a host takes, and whether all of them reach the server."""

from __future__ import annotations

import multiprocessing
import os
import resource
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv4Address
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import click
from common import finish, isolated, machine, median, say, show, spread
from host import Lab

from netwright.kernel.lease_spool import LEASES, SCRIPT

DAEMONS: Final = (1, 2)
PROGRAMS: Final = {"netwright-dhcpbridge": str(SCRIPT), "/bin/true": "/bin/true"}
_FIRST: Final = IPv4Address("10.0.1.0")
_PATIENCE_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class Run:
    """Some daemons that told at once of as many leases and releases each, one program an event, by turns."""

    events: int
    seconds: float
    cpu_s: float
    """Of what was run, and of running it."""
    lost: int
    told_s: float
    """From the last event until the server had all of them, of leases or of releases: the longer."""

    @property
    def per_s(self) -> float:
        return self.events / self.seconds

    @property
    def cpu_ms(self) -> float:
        return self.cpu_s * 1000 / self.events


def bench(directory: Path, each: int, rounds: int) -> int:
    lab = Lab(directory)
    runs: dict[tuple[str, int], list[Run]] = {(name, count): [] for name in PROGRAMS for count in DAEMONS}
    with lab.running_up():
        client = lab.client()
        network = client.create_network("10.0.0.0/8").id
        client.close()
        for number in range(rounds + 1):
            say(f"leases: round {number} of {rounds}; {machine()}")
            for (name, count), those in runs.items():
                made = _run(lab, name, network, [each] * count)
                if number:  # round 0 warms up
                    those.append(made)
    _report(runs)
    return finish(_result(runs))


def _run(lab: Lab, name: str, network: str, counts: Sequence[int]) -> Run:
    """Leases are taken, and when the server has all of them, released by the same clients."""
    environment = {
        "PATH": os.environ["PATH"],
        "NETWORK_ID": network,
        "NETWRIGHT_LEASES": str(lab.run / LEASES),
        "DNSMASQ_TIME_REMAINING": "86400",
    }
    seconds, cpu_s, lost, told_s = 0.0, 0.0, 0, 0.0
    for verb in ("add", "del"):
        begun = time.perf_counter()
        cpu_s += _tell(PROGRAMS[name], verb, environment, counts)
        seconds += (ended := time.perf_counter()) - begun
        if PROGRAMS[name] == str(SCRIPT):
            wanted = sum(counts) if verb == "add" else 0
            while (missing := abs(_held(lab) - wanted)) and time.perf_counter() - ended < _PATIENCE_S:
                time.sleep(0.01)
            lost, told_s = lost + missing, max(told_s, time.perf_counter() - ended)
    return Run(2 * sum(counts), seconds, cpu_s, lost, told_s)


def _tell(program: str, verb: str, environment: Mapping[str, str], counts: Sequence[int]) -> float:
    """Seconds of CPU that it took the daemons."""
    pipes = [multiprocessing.Pipe(duplex=False) for _ in counts]
    daemons = [
        multiprocessing.Process(target=_daemon, args=(program, verb, environment, at, count, told))
        for at, (count, (_, told)) in enumerate(zip(counts, pipes, strict=True))
    ]
    for daemon in daemons:
        daemon.start()
    cpu_s = sum(float(hears.recv()) for hears, _ in pipes)
    for daemon in daemons:
        daemon.join()
    return cpu_s


def _daemon(
    program: str, verb: str, environment: Mapping[str, str], number: int, count: int, told: Connection
) -> None:
    """Does as dnsmasq's helper does: starts the script, waits for its end, starts the next."""
    for at in range(count):
        mac = f"fa:16:3e:{number:02x}:{at >> 8:02x}:{at & 255:02x}"
        words = [program, verb, mac, str(_FIRST + (number << 16) + at), f"vm-{at}"]
        pid = os.posix_spawn(program, words, environment)
        if os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]):
            raise RuntimeError(f"{program} failed")
    own, theirs = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    told.send(own.ru_stime + theirs.ru_utime + theirs.ru_stime)


def _held(lab: Lab) -> int:
    with closing(sqlite3.connect(lab.state / "netwright.db")) as database:
        found: int = database.execute("SELECT count(*) FROM leases WHERE released_at IS NULL").fetchone()[0]
    return found


def _report(runs: Mapping[tuple[str, int], Sequence[Run]]) -> None:
    show(
        f"Lease events: median [least .. most] of the rounds. {machine()}",
        ("program", "daemons", "events/s", "CPU, ms an event", "lost", "all told after, s"),
        [
            (
                name,
                count,
                spread([run.per_s for run in those]),
                spread([run.cpu_ms for run in those]),
                sum(run.lost for run in those),
                spread([run.told_s for run in those]) if PROGRAMS[name] == str(SCRIPT) else "",
            )
            for (name, count), those in runs.items()
        ],
    )


def _result(runs: Mapping[tuple[str, int], Sequence[Run]]) -> Mapping[str, object]:
    ours, floor = PROGRAMS
    return {
        "events_per_s": {str(count): median(run.per_s for run in runs[ours, count]) for count in DAEMONS},
        "cpu_ms_per_event": median(run.cpu_ms for run in runs[ours, 1]),
        "cpu_ms_per_program": median(run.cpu_ms for run in runs[floor, 1]),
        "told_s": median(run.told_s for run in runs[ours, DAEMONS[-1]]),
        "lost": sum(run.lost for those in runs.values() for run in those),
    }


@click.command(help=__doc__)
@click.option("--leases", default=1000, show_default=True, help="Leases of each daemon in a round.")
@click.option("--rounds", default=5, show_default=True, help="Runs of each kind.")
@click.option("--quick", is_flag=True, help="100 leases, 1 round.")
def main(leases: int, rounds: int, *, quick: bool) -> None:
    sys.exit(isolated(lambda directory: bench(directory, 100 if quick else leases, 1 if quick else rounds)))


if __name__ == "__main__":
    main()
