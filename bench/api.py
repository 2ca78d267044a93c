"""What the API does: ports made by one client and by eight, a thousand listed, the server's own CPU time."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path

import click
from common import finish, isolated, machine, median, say, show, spread
from host import BULK, Client, Lab, Network, Service

CLIENTS = (1, 8)
LISTED = 1000
LISTINGS = 15


@dataclass(frozen=True, slots=True)
class Run:
    """Some clients that made ports at once, each in a process of its own."""

    seconds: float
    latencies: Sequence[float]
    """Milliseconds."""
    cpu_s: float
    """Of the server."""

    @property
    def per_s(self) -> float:
        return len(self.latencies) / self.seconds

    @property
    def cpu_ms(self) -> float:
        return self.cpu_s * 1000 / len(self.latencies)


def bench(directory: Path, each: int, rounds: int) -> int:
    lab = Lab(directory)
    service = lab.api()
    client = lab.client()
    network = client.create_network("10.0.0.0/8")
    for _ in range(LISTED // BULK):
        client.create_ports([{"network_id": network.id}] * BULK)
    listings = [_listing(client) for _ in range(LISTINGS)]
    runs: dict[int, list[Run]] = defaultdict(list)
    for number in range(rounds + 1):
        say(f"api: round {number} of {rounds}; {machine()}")
        for clients in CLIENTS:
            made = _run(lab, service, network, clients, each)
            if number:  # round 0 warms up
                runs[clients].append(made)
    service.stop()
    _report(runs, listings)
    return finish(_result(runs, listings))


def _listing(client: Client) -> float:
    begun = time.perf_counter()
    client.ask("GET", "/v2.0/ports")
    return (time.perf_counter() - begun) * 1000


def _run(lab: Lab, service: Service, network: Network, clients: int, each: int) -> Run:
    start = multiprocessing.Barrier(clients + 1)
    pipes = [multiprocessing.Pipe(duplex=False) for _ in range(clients)]
    workers = [
        multiprocessing.Process(target=_client, args=(lab.client(), network, each // clients, start, told))
        for _, told in pipes
    ]
    for worker in workers:
        worker.start()
    start.wait()
    cpu, begun = service.cpu_s(), time.perf_counter()
    answers: list[list[float]] = [hears.recv() for hears, _ in pipes]
    seconds = time.perf_counter() - begun
    for worker in workers:
        worker.join()
    return Run(seconds, [one for answer in answers for one in answer], service.cpu_s() - cpu)


def _client(client: Client, network: Network, count: int, start: Barrier, told: Connection) -> None:
    client.ask("GET", "/healthz")  # the connection is made
    latencies = []
    start.wait()
    for _ in range(count):
        begun = time.perf_counter()
        client.create_port({"network_id": network.id, "name": "one of many"})
        latencies.append((time.perf_counter() - begun) * 1000)
    told.send(latencies)


def _report(runs: Mapping[int, Sequence[Run]], listings: Sequence[float]) -> None:
    show(
        f"POST /v2.0/ports, kept-alive connections: median [least .. most] of the rounds. {machine()}",
        ("clients", "ports/s", "ms (median of each round)", "server's CPU, ms a port"),
        [
            (
                clients,
                spread([run.per_s for run in those]),
                spread([median(run.latencies) for run in those]),
                spread([run.cpu_ms for run in those]),
            )
            for clients, those in runs.items()
        ],
    )
    show(f"GET /v2.0/ports with {LISTED} of them", ("", "ms"), [("whole list", spread(listings))])


def _result(runs: Mapping[int, Sequence[Run]], listings: Sequence[float]) -> Mapping[str, object]:
    latencies = {clients: [ms for run in those for ms in run.latencies] for clients, those in runs.items()}
    return {
        "port_create_per_s": {
            str(clients): median(run.per_s for run in those) for clients, those in runs.items()
        },
        "port_create_ms": {str(clients): median(those) for clients, those in latencies.items()},
        "port_list_1000_ms": median(listings),
        "cpu_ms_per_port_create": median(run.cpu_ms for run in runs[CLIENTS[0]]),
    }


@click.command(help=__doc__)
@click.option(
    "--creates", default=400, show_default=True, help="Ports made in each run, by all clients together."
)
@click.option("--rounds", default=5, show_default=True, help="Runs with each number of clients.")
@click.option("--quick", is_flag=True, help="80 ports, 1 round.")
def main(creates: int, rounds: int, *, quick: bool) -> None:
    sys.exit(isolated(lambda directory: bench(directory, 80 if quick else creates, 1 if quick else rounds)))


if __name__ == "__main__":
    main()
