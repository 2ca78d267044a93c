"""What one more port costs: from the request to the guest's first answered ping and to its DHCP lease."""

from __future__ import annotations

import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import click
from classic import GROUP, Classic
from common import finish, isolated, machine, median, say, show, spread
from guest import Guest
from host import Client, Lab, Network, Port, fill, port_in, settle

GATEWAY, MASK = "10.20.0.1", "255.255.0.0"


@dataclass(slots=True)
class Samples:
    """Milliseconds by number of ports."""

    first_ping: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    lease: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    kernel: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    removal: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    classic: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))


@dataclass(frozen=True, slots=True)
class Bench:
    lab: Lab
    client: Client
    network: Network
    group: str
    samples: Samples

    def first_ping(self, ports: int) -> None:
        with self._new_port(ports, self.samples.first_ping) as (guest, port):
            guest.await_link()
            guest.set_address(port.address, MASK)
            guest.ping(GATEWAY)

    def lease(self, ports: int) -> None:
        with self._new_port(ports, self.samples.lease) as (guest, port):
            guest.await_link()
            if (got := guest.lease(port.mac_address)) != port.address:
                raise RuntimeError(f"leased {got}, not {port.address}")

    @contextmanager
    def _new_port(self, ports: int, into: Mapping[int, list[float]]) -> Iterator[tuple[Guest, Port]]:
        """Times the block from the request on, and the agent's part of it; the port is removed again."""
        guest = Guest(self.lab.guest("guest"), "eth0")
        before = settle(self.client)
        begun = time.perf_counter()
        port = self.client.create_port(port_in(self.network, "guest", "eth0", self.group))
        try:
            yield guest, port
            into[ports].append((time.perf_counter() - begun) * 1000)
            self.samples.kernel[ports].append((settle(self.client) - before) * 1000)
        finally:
            guest.close()
            before = settle(self.client)
            self.client.delete_port(port)
        self.samples.removal[ports].append((settle(self.client) - before) * 1000)


def bench(directory: Path, counts: Sequence[int], rounds: int) -> int:
    lab, classic, samples = Lab(directory), Classic(), Samples()
    with lab.running_up():
        client = lab.client()
        network = client.create_network("10.20.0.0/16")
        one = Bench(lab, client, network, client.create_group(GROUP), samples)
        have = 0
        for ports in counts:
            say(f"plug: {ports} ports on the host; {machine()}")
            fill(lab, client, network, range(have, ports), one.group)
            classic.fill(ports)
            have = ports
            for number in range(rounds + 1):
                one.first_ping(ports)
                samples.classic[ports].append(classic.add())
                one.lease(ports)
                if number == 0:
                    _forget(samples, ports)
    _report(samples, counts, rounds, classic.iptables)
    return finish(_result(samples, counts))


def _forget(samples: Samples, ports: int) -> None:
    """The first round warms caches up and does not count."""
    for kind in (samples.first_ping, samples.lease, samples.kernel, samples.removal, samples.classic):
        kind[ports].clear()


def _report(samples: Samples, counts: Sequence[int], rounds: int, iptables: str) -> None:
    show(
        f"One more port, ms: median [least .. most] of {rounds} rounds, interleaved with the nova-network way"
        f" ({iptables}). {machine()}",
        ("ports there", "first ping", "DHCP lease", "agent's part", "of its removal", "nova-network"),
        [
            (
                ports,
                spread(samples.first_ping[ports]),
                spread(samples.lease[ports]),
                spread(samples.kernel[ports]),
                spread(samples.removal[ports]),
                spread(samples.classic[ports]),
            )
            for ports in counts
        ],
    )


def _result(samples: Samples, counts: Sequence[int]) -> Mapping[str, object]:
    kernel = {ports: median(samples.kernel[ports]) for ports in counts}
    low, high = counts[min(1, len(counts) - 1)], counts[-1]
    return {
        "first_ping_ms": {str(ports): median(samples.first_ping[ports]) for ports in counts},
        "lease_ms": {str(ports): median(samples.lease[ports]) for ports in counts},
        "kernel_ms": {str(ports): value for ports, value in kernel.items()},
        "classic_ms": {str(ports): median(samples.classic[ports]) for ports in counts},
        "growth": round(kernel[high] / kernel[low], 2),
        "speedup_vs_classic": round(median(samples.classic[high]) / kernel[high], 1),
    }


@click.command(help=__doc__)
@click.option("--ports", default="1,10,100,1000", show_default=True, help="Ports already on the host.")
@click.option("--rounds", default=11, show_default=True, help="Rounds at each number of ports.")
@click.option("--quick", is_flag=True, help="1, 5 and 20 ports, 3 rounds.")
def main(ports: str, rounds: int, *, quick: bool) -> None:
    counts = [1, 5, 20] if quick else sorted(int(count) for count in ports.split(","))
    sys.exit(isolated(lambda directory: bench(directory, counts, 3 if quick else rounds)))


if __name__ == "__main__":
    main()
