"""Many clients at once: addresses are nobody's twice, and all are free again at the end."""

from __future__ import annotations

import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from served import Client

from netwright.wire.unix_http import UnixConnection

CLIENTS = 64
AT_ONCE = 8
"""Ports that one client has at most: all of them together fit into the network."""
CIDR = "10.0.0.0/22"
PATIENCE_S = 60.0


@contextmanager
def process(directory: Path) -> Iterator[Path]:
    """A server of its own; gives its socket."""
    door = directory / "api.sock"
    words = ["api", "--state-dir", str(directory), "--socket", str(door), "--listen", "none"]
    with (directory / "log").open("wb") as log:
        server = subprocess.Popen([sys.executable, "-m", "netwright", *words], stdout=log, stderr=log)
        try:
            while not door.exists():
                assert server.poll() is None, (directory / "log").read_text()
                time.sleep(0.05)
            yield door
        finally:
            server.terminate()
            server.wait()


class Crowd:
    """What its clients have, and what they were answered."""

    def __init__(self, door: Path, network: str) -> None:
        self.door, self.network = door, network
        self.answers: Counter[tuple[str, int]] = Counter()
        self.twice: list[str] = []
        self._held: set[str] = set()
        self._lock = threading.Lock()

    def run(self, go_on: Callable[[int], bool]) -> None:
        """Until each client was told, before one of its rounds, not to go on."""
        clients = [threading.Thread(target=self._client, args=(number, go_on)) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()

    def _client(self, number: int, go_on: Callable[[int], bool]) -> None:
        rng, mine, rounds = random.Random(number), dict[str, str](), 0
        client = Client(UnixConnection(self.door, PATIENCE_S))
        while go_on(rounds):
            rounds += 1
            if mine and (len(mine) == AT_ONCE or rng.random() < 0.5):
                self._delete(client, mine, rng.choice(list(mine)))
            else:
                self._create(client, mine)
        for port in list(mine):
            self._delete(client, mine, port)
        client.connection.close()

    def _create(self, client: Client, mine: dict[str, str]) -> None:
        answer = client.send("POST", "/v2.0/ports", {"port": {"network_id": self.network}})
        with self._lock:
            self.answers["POST", answer.status] += 1
            if answer.status != 201:
                return
            port = answer.body["port"]
            address = port["fixed_ips"][0]["ip_address"]
            if address in self._held:
                self.twice.append(address)
            self._held.add(address)
        mine[port["id"]] = address

    def _delete(self, client: Client, mine: dict[str, str], port: str) -> None:
        with self._lock:  # before it is asked for: once it is done the address may be another's
            self._held.discard(mine.pop(port))
        answer = client.send("DELETE", f"/v2.0/ports/{port}")
        with self._lock:
            self.answers["DELETE", answer.status] += 1


def crowded(directory: Path, go_on: Callable[[int], bool]) -> None:
    with process(directory) as door:
        with asking(door) as client:
            network = client.host_network(CIDR)["id"]
        crowd = Crowd(door, network)
        crowd.run(go_on)
        assert set(crowd.answers) == {("POST", 201), ("DELETE", 204)}, crowd.answers
        assert crowd.answers["POST", 201] == crowd.answers["DELETE", 204]
        assert crowd.twice == []
        with asking(door) as client:
            assert client.get(f"/v2.0/ports?network_id={network}")["ports"] == []
            all_are_free(client, network)


@contextmanager
def asking(door: Path) -> Iterator[Client]:
    with closing(UnixConnection(door, PATIENCE_S)) as connection:
        yield Client(connection)


def all_are_free(client: Client, network: str) -> None:
    """The network's addresses can all be taken, each once, and no more."""
    free = ip_network(CIDR).num_addresses - 3  # the network's own, the gateway's, the broadcast address
    addresses = {address for size in parts(free) for address in filled(client, network, size)}
    assert len(addresses) == free
    last = client.send("POST", "/v2.0/ports", {"port": {"network_id": network}})
    assert (last.status, last.kind) == (409, "IpAddressGenerationFailure")


def parts(number: int, most: int = 100) -> Iterator[int]:
    for begun in range(0, number, most):
        yield min(most, number - begun)


def filled(client: Client, network: str, size: int) -> Iterator[str]:
    answer = client.send("POST", "/v2.0/ports", {"ports": [{"network_id": network}] * size})
    assert answer.status == 201, answer
    for port in answer.body["ports"]:
        yield port["fixed_ips"][0]["ip_address"]


def test_a_crowd_shares_a_network(tmp_path: Path) -> None:
    """64 clients make and delete ports: each gets what it asked for, no address is two's, and none is lost."""
    crowded(tmp_path, lambda rounds: rounds < 8)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_a_crowd_shares_a_network_for_a_minute(tmp_path: Path) -> None:
    """The same for 60 seconds."""
    end = time.monotonic() + 60
    crowded(tmp_path, lambda _: time.monotonic() < end)
