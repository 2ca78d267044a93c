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
from host import Lab, Port, fill, port_in, settle

GATEWAY, MASK = "10.20.0.1", "255.255.0.0"


@dataclass(slots=True)
class Samples:
    """Milliseconds by number of ports."""

    first_ping: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    lease: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    kernel: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    removal: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))
    classic: dict[int, list[float]] = field(default_factory=lambda: defaultdict(list))


class Host:
    """A host of netwright's with some ports on it, and one of nova-network's with as many."""

    def __init__(self, directory: Path, ports: int, samples: Samples) -> None:
        self._lab, self._ports, self._samples = Lab(directory / str(ports), str(ports)), ports, samples
        self._guest = self._lab.guest(f"guest{ports}")
        self._service = self._lab.up()
        self._client = self._lab.client()
        self._network = self._client.create_network("10.20.0.0/16")
        self._group = self._client.create_group(GROUP)
        fill(self._lab, self._client, self._network, range(ports), self._group)
        self._classic = Classic(ports)
        self.iptables = self._classic.iptables

    def stop(self) -> None:
        self._service.stop()

    def measure(self) -> None:
        """One round."""
        self.first_ping()
        self.silent()
        self._samples.classic[self._ports].append(self._classic.add())
        self.lease()

    def first_ping(self) -> None:
        with self._new_port(self._samples.first_ping) as (guest, port):
            guest.await_link()
            guest.set_address(port.address, MASK)
            guest.ping(GATEWAY)

    def lease(self) -> None:
        with self._new_port(self._samples.lease) as (guest, port):
            guest.await_link()
            if (got := guest.lease(port.mac_address)) != port.address:
                raise RuntimeError(f"leased {got}, not {port.address}")

    def silent(self) -> None:
        """The agent's part, with nothing from the guest that a thousand ports would be flooded with."""
        client, ports, samples = self._client, self._ports, self._samples
        before = settle(client)
        port = client.create_port(self._body)
        between = settle(client)
        client.delete_port(port)
        samples.kernel[ports].append((between - before) * 1000)
        samples.removal[ports].append((settle(client) - between) * 1000)

    @property
    def _body(self) -> Mapping[str, object]:
        return port_in(self._network, self._guest, "eth0", self._group)

    @contextmanager
    def _new_port(self, into: Mapping[int, list[float]]) -> Iterator[tuple[Guest, Port]]:
        """Times the block from the request on; the port is removed again."""
        guest = Guest(self._guest, "eth0")
        settle(self._client)
        begun = time.perf_counter()
        port = self._client.create_port(self._body)
        try:
            yield guest, port
            into[self._ports].append((time.perf_counter() - begun) * 1000)
        finally:
            guest.close()
            settle(self._client)
            self._client.delete_port(port)


def bench(directory: Path, counts: Sequence[int], rounds: int) -> int:
    """All hosts are there all the time and take turns: the same load of the machine is behind all figures."""
    samples, hosts = Samples(), []
    for ports in counts:
        say(f"plug: a host with {ports} ports; {machine()}")
        hosts.append(Host(directory, ports, samples))
    for number in range(rounds + 1):
        say(f"plug: round {number} of {rounds}; {machine()}")
        for host in hosts:
            host.measure()
        if number == 0:
            samples = _forget(samples)
    for host in hosts:
        host.stop()
    _report(samples, counts, rounds, hosts[0].iptables)
    return finish(_result(samples, counts))


def _forget(samples: Samples) -> Samples:
    """The first round warms caches up and does not count."""
    for kind in (samples.first_ping, samples.lease, samples.kernel, samples.removal, samples.classic):
        kind.clear()
    return samples


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
    low, high = counts[1 if len(counts) > 2 else 0], counts[-1]
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
@click.option("--rounds", default=21, show_default=True, help="Rounds at each number of ports.")
@click.option("--quick", is_flag=True, help="1, 5 and 20 ports, 3 rounds.")
def main(ports: str, rounds: int, *, quick: bool) -> None:
    counts = [1, 5, 20] if quick else sorted(int(count) for count in ports.split(","))
    sys.exit(isolated(lambda directory: bench(directory, counts, 3 if quick else rounds)))


if __name__ == "__main__":
    main()
