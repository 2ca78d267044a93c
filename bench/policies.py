"""What one address more in a large address group costs, and a changed QoS policy, with many ports."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import msgspec
from common import finish, isolated, machine, median, say, show, spread
from host import Client, Lab, fill, settle

_PORTS: Final = (10, 1000)
_SAID: Final = {
    "address": "one address more",
    "no_address": "one address less",
    "policy": "both rates of the policy",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one change."""

    request_ms: float
    agent_ms: float
    """What the agent's reconcile runs took because of it, looks at its own events among them."""
    writes: float
    """Objects in the kernel that were written or removed."""


class Site:
    """A host whose ports are all in one group, with a rule of the address group, and under one policy."""

    def __init__(self, directory: Path, ports: int, addresses: int) -> None:
        self._lab, self.ports = Lab(directory, str(ports)), ports
        self._service = self._lab.up()
        self._client = self._lab.client()
        network = self._client.create_network("10.20.0.0/16")
        self._addresses, group = self._grouped(addresses)
        self._rules = self._limited(network.id)
        fill(self._lab, self._client, network, range(ports), group)
        self._rates = iter(range(100_000, 1_000_000, 1000))

    def close(self) -> None:
        self._client.close()
        self._service.stop()

    def costs(self) -> Iterator[tuple[str, Cost]]:
        """Each kind of change, one after the other."""
        body = {"addresses": ["198.51.100.77/32"]}
        path = f"/v2.0/address-groups/{self._addresses}"
        yield "address", self._cost(lambda: self._client.ask("PUT", f"{path}/add_addresses", body))
        yield "no_address", self._cost(lambda: self._client.ask("PUT", f"{path}/remove_addresses", body))
        yield "policy", self._cost(self._change_rates)

    def _cost(self, act: Callable[[], object]) -> Cost:
        worked, written = settle(self._client), self._client.writes()
        begun = time.perf_counter()
        act()
        asked = time.perf_counter() - begun
        took = settle(self._client) - worked
        return Cost(asked * 1000, took * 1000, self._client.writes() - written)

    def _change_rates(self) -> None:
        rate = next(self._rates)
        for rule in self._rules:
            self._client.ask("PUT", rule, {"bandwidth_limit_rule": {"max_kbps": rate}})

    def _grouped(self, addresses: int) -> tuple[str, str]:
        """The address group, and the security group whose rule names it."""
        prefixes = [f"203.{at >> 8}.{at & 255}.0/24" for at in range(addresses)]
        named = _id(self._client, "/v2.0/address-groups", "address_group", addresses=prefixes)
        group = self._client.create_group(range(8000, 8010))
        _id(
            self._client,
            "/v2.0/security-group-rules",
            "security_group_rule",
            security_group_id=group,
            direction="ingress",
            remote_address_group_id=named,
        )
        return named, group

    def _limited(self, network: str) -> list[str]:
        """The paths of the policy's rules; the policy is the network's."""
        policy = _id(self._client, "/v2.0/qos/policies", "policy", name="bench")
        path = f"/v2.0/qos/policies/{policy}/bandwidth_limit_rules"
        ways = ("ingress", "egress")
        rules = [
            _id(self._client, path, "bandwidth_limit_rule", max_kbps=50_000, direction=way) for way in ways
        ]
        self._client.ask("PUT", f"/v2.0/networks/{network}", {"network": {"qos_policy_id": policy}})
        return [f"{path}/{rule}" for rule in rules]


class _Made(msgspec.Struct):
    id: str


def _id(client: Client, path: str, singular: str, **attributes: object) -> str:
    said = client.ask("POST", path, {singular: attributes})
    return msgspec.json.decode(said, type=dict[str, _Made])[singular].id


_FIGURES: Final[Mapping[str, Callable[[Cost], float]]] = {
    "request_ms": lambda cost: cost.request_ms,
    "agent_ms": lambda cost: cost.agent_ms,
    "writes": lambda cost: cost.writes,
}
Found = Mapping[str, Mapping[int, Sequence[Cost]]]


def bench(directory: Path, sizes: Sequence[int], addresses: int, rounds: int) -> int:
    found: dict[str, dict[int, list[Cost]]] = {kind: {size: [] for size in sizes} for kind in _SAID}
    with ExitStack() as stack:
        sites = []
        for size in sizes:
            say(f"policies: {size} ports; {machine()}")
            site = Site(directory / str(size), size, addresses)
            stack.callback(site.close)
            sites.append(site)
        for number in range(rounds + 1):
            say(f"policies: round {number} of {rounds}; {machine()}")
            for site in sites:
                for kind, cost in site.costs():
                    if number:  # round 0 warms up
                        found[kind][site.ports].append(cost)
    _report(found, addresses)
    return finish(_result(found))


def _report(found: Found, addresses: int) -> None:
    show(
        f"An address group of {addresses}; a policy with a limit each way. {machine()}",
        ("change", "ports", "request, ms", "agent, ms", "objects written"),
        [
            (
                _SAID[kind],
                size,
                spread([cost.request_ms for cost in costs]),
                spread([cost.agent_ms for cost in costs]),
                median(cost.writes for cost in costs),
            )
            for kind, sizes in found.items()
            for size, costs in sizes.items()
        ],
    )


def _result(found: Found) -> Mapping[str, object]:
    figures: dict[str, object] = {}
    for kind, sizes in found.items():
        for name, take in _FIGURES.items():
            figures[f"{kind}_{name}"] = {str(size): median(map(take, costs)) for size, costs in sizes.items()}
    return figures


@click.command(help=__doc__)
@click.option("--ports", multiple=True, type=int, default=_PORTS, show_default=True, help="Hosts' sizes.")
@click.option("--addresses", default=1000, show_default=True, help="Prefixes in the address group.")
@click.option("--rounds", default=7, show_default=True, help="Changes of each kind.")
@click.option("--quick", is_flag=True, help="2 ports, 10 addresses, 1 round.")
def main(ports: tuple[int, ...], addresses: int, rounds: int, *, quick: bool) -> None:
    given = ((2,), 10, 1) if quick else (ports, addresses, rounds)
    sys.exit(isolated(lambda directory: bench(directory, *given)))


if __name__ == "__main__":
    main()
