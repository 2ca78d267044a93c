"""What the API does: each kind of request by one client and by eight, a thousand ports listed, and growth."""

from __future__ import annotations

import multiprocessing
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Final

import click
import msgspec
from common import finish, isolated, machine, median, say, show, spread
from host import Client, Lab, Service

CLIENTS: Final = (1, 8)
LISTED: Final = 1000
LISTINGS: Final = 15
SMALL, LARGE = 100, 20_000
"""Ports on the network, for growth."""
BULK: Final = 500


@dataclass(frozen=True, slots=True)
class Ground:
    """What the requests are about; ids."""

    network: str
    external: str
    group: str


Request = Callable[[Client], object]


@dataclass(frozen=True, slots=True)
class Operation:
    """`prepare` makes what so many requests need, which is not timed, and gives the requests."""

    name: str
    prepare: Callable[[Client, Ground, str, int], Sequence[Request]]


def make(client: Client, singular: str, **attributes: object) -> str:
    """Its id."""
    path = f"/v2.0/{singular.replace('_', '-')}s"
    answer: dict[str, dict[str, str]] = msgspec.json.decode(client.ask("POST", path, {singular: attributes}))
    return answer[singular]["id"]


def _creates(singular: str, **attributes: object) -> Callable[[Client, Ground, str, int], Sequence[Request]]:
    """Requests that make one each; a value that names a part of the ground stands for it."""

    def prepare(client: Client, ground: Ground, tag: str, count: int) -> Sequence[Request]:
        del client, tag
        given = {name: getattr(ground, str(value), value) for name, value in attributes.items()}
        return [lambda client: make(client, singular, **given)] * count

    return prepare


def _subnets(client: Client, ground: Ground, tag: str, count: int) -> Sequence[Request]:
    del ground
    networks = [make(client, "network", name=tag) for _ in range(count)]
    return [
        lambda client, network=network: make(  # type: ignore[misc]  # a default binds it now
            client, "subnet", network_id=network, cidr="10.9.0.0/24", ip_version=4
        )
        for network in networks
    ]


def _rules(client: Client, ground: Ground, tag: str, count: int) -> Sequence[Request]:
    """In a group of this run's own, each of another port."""
    del ground
    group = make(client, "security_group", name=tag)
    return [
        lambda client, port=port: make(  # type: ignore[misc]
            client,
            "security_group_rule",
            security_group_id=group,
            direction="ingress",
            protocol="tcp",
            port_range_min=port,
            port_range_max=port,
        )
        for port in range(1, count + 1)
    ]


def _on_ports(
    act: Callable[[Client, str], object],
) -> Callable[[Client, Ground, str, int], Sequence[Request]]:
    """Requests about a port each."""

    def prepare(client: Client, ground: Ground, tag: str, count: int) -> Sequence[Request]:
        ids = [make(client, "port", network_id=ground.network, name=tag) for _ in range(count)]
        return [lambda client, port=port: act(client, port) for port in ids]  # type: ignore[misc]

    return prepare


def _floating(client: Client, ground: Ground, tag: str, count: int) -> Sequence[Request]:
    """Each makes a floating IP and associates it: two requests."""

    def act(client: Client, port: str) -> None:
        floating = make(client, "floatingip", floating_network_id=ground.external)
        client.ask("PUT", f"/v2.0/floatingips/{floating}", {"floatingip": {"port_id": port}})

    return _on_ports(act)(client, ground, tag, count)


OPERATIONS: Final = (
    Operation("network_create", _creates("network", name="one of many")),
    Operation("subnet_create", _subnets),
    Operation("port_create", _creates("port", network_id="network", name="one of many")),
    Operation("port_show", _on_ports(lambda client, port: client.ask("GET", f"/v2.0/ports/{port}"))),
    Operation(
        "port_update",
        _on_ports(lambda client, port: client.ask("PUT", f"/v2.0/ports/{port}", {"port": {"name": "new"}})),
    ),
    Operation("port_delete", _on_ports(lambda client, port: client.ask("DELETE", f"/v2.0/ports/{port}"))),
    Operation("security_group_rule_create", _rules),
    Operation("floatingip_create_associate", _floating),
)


@dataclass(frozen=True, slots=True)
class Run:
    """Some clients that asked at once, each in a process of its own."""

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


Runs = Mapping[tuple[str, int], Sequence[Run]]


def bench(directory: Path, each: int, rounds: int, large: int) -> int:
    lab = Lab(directory / "api")
    service = lab.api()
    client = lab.client()
    ground = _ground(client)
    _fill(client, ground.network, LISTED)
    listings = [_listing(client) for _ in range(LISTINGS)]
    runs: dict[tuple[str, int], list[Run]] = defaultdict(list)
    for number in range(rounds + 1):
        say(f"api: round {number} of {rounds}; {machine()}")
        for operation in OPERATIONS:
            for clients in CLIENTS:
                made = _run(lab, service, ground, operation, (clients, each))
                if number:  # round 0 warms up
                    runs[operation.name, clients].append(made)
    service.stop()
    growth = _growth(directory, each, rounds, large)
    _report(runs, listings, growth)
    return finish(_result(runs, listings, growth))


def _ground(client: Client) -> Ground:
    network = make(client, "network", name="bench", **{"netwright:gateway_place": "host"})
    make(client, "subnet", network_id=network, cidr="10.0.0.0/8", ip_version=4)
    external = make(client, "network", name="outside", **{"router:external": True})
    make(client, "subnet", network_id=external, cidr="172.16.0.0/12", ip_version=4)
    return Ground(network, external, make(client, "security_group", name="bench"))


def _fill(client: Client, network: str, count: int) -> None:
    for start in range(0, count, BULK):
        bodies = [{"network_id": network}] * min(BULK, count - start)
        client.ask("POST", "/v2.0/ports", {"ports": bodies})


def _listing(client: Client) -> float:
    begun = time.perf_counter()
    client.ask("GET", "/v2.0/ports")
    return (time.perf_counter() - begun) * 1000


def _run(lab: Lab, service: Service, ground: Ground, operation: Operation, size: tuple[int, int]) -> Run:
    clients, each = size
    start = multiprocessing.Barrier(clients + 1)
    pipes = [multiprocessing.Pipe(duplex=False) for _ in range(clients)]
    workers = [
        multiprocessing.Process(
            target=_client, args=(lab.client(), operation, ground, each // clients, (start, told))
        )
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


def _client(
    client: Client, operation: Operation, ground: Ground, count: int, ends: tuple[Barrier, Connection]
) -> None:
    start, told = ends
    requests = operation.prepare(client, ground, f"bench-{time.monotonic_ns()}", count)
    client.ask("GET", "/healthz")  # the connection is made
    latencies = []
    start.wait()
    for request in requests:
        begun = time.perf_counter()
        request(client)
        latencies.append((time.perf_counter() - begun) * 1000)
    told.send(latencies)


def _growth(directory: Path, each: int, rounds: int, large: int) -> Mapping[int, Sequence[float]]:
    """CPU ms of a port, on two servers, each with so many on its one network, in turns."""
    sizes = (SMALL, large)
    labs = {size: Lab(directory / str(size), str(size)) for size in sizes}
    services = {size: lab.api() for size, lab in labs.items()}
    grounds = {size: _ground(lab.client()) for size, lab in labs.items()}
    for size in sizes:
        say(f"api: {size} ports; {machine()}")
        _fill(labs[size].client(), grounds[size].network, size)
    spent: dict[int, list[float]] = {size: [] for size in sizes}
    clients = {size: lab.client() for size, lab in labs.items()}
    for number in range(rounds + 1):
        for size in sizes:
            before = services[size].cpu_s()
            made = [make(clients[size], "port", network_id=grounds[size].network) for _ in range(each)]
            if number:
                spent[size].append((services[size].cpu_s() - before) * 1000 / each)
            for port in made:
                clients[size].ask("DELETE", f"/v2.0/ports/{port}")
    for service in services.values():
        service.stop()
    return spent


def _report(runs: Runs, listings: Sequence[float], growth: Mapping[int, Sequence[float]]) -> None:
    show(
        f"Kept-alive connections, SQLite: median [least .. most] of the rounds. {machine()}",
        ("request", "clients", "a second", "ms (median of each round)", "server's CPU, ms"),
        [
            (
                name,
                clients,
                spread([run.per_s for run in those]),
                spread([median(run.latencies) for run in those]),
                spread([run.cpu_ms for run in those]),
            )
            for (name, clients), those in runs.items()
        ],
    )
    show(f"GET /v2.0/ports with {LISTED} of them", ("", "ms"), [("whole list", spread(listings))])
    show(
        "What a port costs where there are many",
        ("ports on the network", "server's CPU, ms a port"),
        [(size, spread(spent)) for size, spent in growth.items()],
    )


def _result(
    runs: Runs, listings: Sequence[float], growth: Mapping[int, Sequence[float]]
) -> Mapping[str, object]:
    found: dict[str, object] = {}
    for operation in OPERATIONS:
        mine = {clients: runs[operation.name, clients] for clients in CLIENTS}
        found[f"{operation.name}_per_s"] = {
            str(n): median(run.per_s for run in those) for n, those in mine.items()
        }
        found[f"{operation.name}_ms"] = {
            str(n): median(ms for run in those for ms in run.latencies) for n, those in mine.items()
        }
        found[f"{operation.name}_cpu_ms"] = median(run.cpu_ms for run in mine[CLIENTS[0]])
    small, large = (median(spent) for spent in growth.values())
    return {
        **found,
        "port_list_1000_ms": median(listings),
        "cpu_ms_per_port_create": found["port_create_cpu_ms"],
        "growth": large / small,
    }


@click.command(help=__doc__)
@click.option("--requests", default=400, show_default=True, help="Of each kind in each run, by all clients.")
@click.option("--rounds", default=5, show_default=True, help="Runs with each number of clients.")
@click.option("--large", default=LARGE, show_default=True, help="Ports on the large network.")
@click.option("--quick", is_flag=True, help="40 requests, 1 round, 1,000 ports on the large network.")
def main(requests: int, rounds: int, large: int, *, quick: bool) -> None:
    size = (40, 1, 1000) if quick else (requests, rounds, large)
    sys.exit(isolated(lambda directory: bench(directory, *size)))


if __name__ == "__main__":
    main()
