"""A host in a namespace, an outside, guests; netwright's programs started in it, watched and killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import msgspec

from common import SOURCES, run
from netwright.kernel.netns import create
from netwright.model.ids import NamespaceName

HOST: Final = NamespaceName("host")
OUTSIDE: Final = NamespaceName("outside")
OUTSIDE_ADDRESS: Final = "192.0.2.1"
PATIENCE_S: Final = 60.0
BULK: Final = 100
"""Ports made in one request."""


class FixedIp(msgspec.Struct):
    ip_address: str


class Port(msgspec.Struct):
    id: str
    mac_address: str
    status: str
    fixed_ips: list[FixedIp]

    @property
    def address(self) -> str:
        return self.fixed_ips[0].ip_address

    @property
    def link(self) -> str:
        return f"tap{self.id[:11]}"


class Network(msgspec.Struct):
    id: str

    @property
    def bridge(self) -> str:
        return f"brq{self.id[:11]}"


class _Answer(msgspec.Struct):
    port: Port | None = None
    ports: list[Port] = []
    network: Network | None = None


class Client(HTTPConnection):
    """One kept-alive connection to the API, over its socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("localhost", timeout=PATIENCE_S)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(str(self._path))

    def ask(self, method: str, path: str, body: object = None) -> bytes:
        """Raises RuntimeError unless the answer is a success."""
        text = None if body is None else json.dumps(body)
        try:
            self.request(method, path, text)
        except BrokenPipeError:  # the server ends idle connections after 5 s
            self.close()
            self.request(method, path, text)
        answer = self.getresponse()
        said = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{method} {path}: {answer.status} {said.decode()}")
        return said

    def create_network(self, cidr: str) -> Network:
        """A network whose gateway is on the host, with one subnet."""
        own: dict[str, object] = {"name": "bench", "netwright:gateway_place": "host"}
        made = msgspec.json.decode(self.ask("POST", "/v2.0/networks", {"network": own}), type=_Answer).network
        if made is None:
            raise RuntimeError("no network in the answer")
        subnet = {"network_id": made.id, "cidr": cidr, "ip_version": 4}
        self.ask("POST", "/v2.0/subnets", {"subnet": subnet})
        return made

    def create_ports(self, bodies: list[Mapping[str, object]]) -> list[Port]:
        said = self.ask("POST", "/v2.0/ports", {"ports": bodies})
        return msgspec.json.decode(said, type=_Answer).ports

    def create_port(self, body: Mapping[str, object]) -> Port:
        made = msgspec.json.decode(self.ask("POST", "/v2.0/ports", {"port": body}), type=_Answer).port
        if made is None:
            raise RuntimeError("no port in the answer")
        return made

    def ports(self) -> list[Port]:
        return msgspec.json.decode(self.ask("GET", "/v2.0/ports"), type=_Answer).ports

    def delete_port(self, port: Port) -> None:
        self.ask("DELETE", f"/v2.0/ports/{port.id}")

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels; 0 where there is none yet."""
        lines = self.ask("GET", "/metrics").decode().splitlines()
        named = [line for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
        return sum(float(line.rpartition(" ")[2]) for line in named)


def port_in(network: Network, namespace: str, link: str) -> Mapping[str, object]:
    """The body of a port that is plugged into a namespace at once."""
    place = {"kind": "namespace", "namespace": namespace, "link": link}
    return {"network_id": network.id, "netwright:attachment": place}


@dataclass(slots=True)
class Service:
    """One of netwright's programs, running."""

    process: subprocess.Popen[bytes]
    log: Path
    ready_s: float
    """Seconds from its start to READY=1 (sd_notify): for an agent, its first reconcile is done."""
    _from: int
    """Where its part of the log begins."""

    @property
    def pid(self) -> int:
        return self.process.pid

    def kill(self) -> None:
        """As a crash would."""
        self.process.kill()
        self.process.wait()

    def stop(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def events(self, name: str) -> list[Mapping[str, object]]:
        """What it logged under that name."""
        with self.log.open("rb") as file:
            file.seek(self._from)
            lines = [line for line in file.read().splitlines() if line.startswith(b"{") and b"}" in line]
        found = [msgspec.json.decode(line, type=dict[str, object]) for line in lines]
        return [event for event in found if event.get("event") == name]

    def writes(self) -> int:
        """Kernel objects that it wrote or removed since it started."""
        return sum(
            value
            for event in self.events("reconciled")
            for value in (event["written"], event["removed"])
            if isinstance(value, int)
        )

    def cpu_s(self) -> float:
        """User and system time of the process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Lab:
    """The host and what netwright keeps for it below one directory."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self.state, self.socket = directory / "state", directory / "api.sock"
        self.log = directory / "log"
        create(HOST)
        run(["ip", "link", "set", "lo", "up"], where=HOST)

    def client(self) -> Client:
        return Client(self.socket)

    def connect_outside(self) -> None:
        """An uplink with a default route, and a machine at its other end."""
        create(OUTSIDE)
        for words in (
            f"ip link add uplink type veth peer name eth0 netns /run/netns/{OUTSIDE}",
            "ip address add 192.0.2.2/24 dev uplink",
            "ip link set uplink up",
        ):
            run(words.split(), where=HOST)
        for words in (f"ip address add {OUTSIDE_ADDRESS}/24 dev eth0", "ip link set eth0 up", "ip link set lo up"):
            run(words.split(), where=OUTSIDE)
        run(f"ip route add default via {OUTSIDE_ADDRESS}".split(), where=HOST)

    def guest(self, name: str) -> NamespaceName:
        """A guest's namespace, made where it is not there yet."""
        made = NamespaceName(name)
        create(made)
        run(["ip", "link", "set", "lo", "up"], where=made)
        return made

    def up(self) -> Service:
        return self._start("up", "--listen", "none", "--run-dir", self._run, "--socket", str(self.socket))

    def api(self, listen: str = "none") -> Service:
        return self._start("api", "--listen", listen, "--socket", str(self.socket))

    def agent(self) -> Service:
        return self._start("agent", "--server-address", f"unix:{self.socket}", "--run-dir", self._run)

    @contextmanager
    def running_up(self) -> Iterator[Service]:
        service = self.up()
        try:
            yield service
        finally:
            service.stop()

    @property
    def _run(self) -> str:
        return str(self._directory / "run")

    def _start(self, program: str, *words: str) -> Service:
        argv = [sys.executable, "-m", "netwright", program, "--host", HOST, "--state-dir", str(self.state), *words]
        place = self._directory / "notify"
        place.unlink(missing_ok=True)
        offset = self.log.stat().st_size if self.log.exists() else 0
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, self.log.open("ab") as log:
            notified.bind(str(place))
            notified.settimeout(PATIENCE_S)
            begun = time.monotonic()
            process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{HOST}", *argv],
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(SOURCES), "NOTIFY_SOCKET": str(place)},
            )
            while notified.recv(4096) != b"READY=1":
                pass
            return Service(process, self.log, time.monotonic() - begun, offset)


def settle(client: Client, pause: float = 0.04) -> float:
    """Waits until the agent has been quiet for a while; the seconds it has reconciled in all its life."""
    name = "netwright_agent_reconcile_seconds"
    before = -1.0
    while (now := client.metric(f"{name}_count")) != before:
        before = now
        time.sleep(pause)
    return client.metric(f"{name}_sum")


def fill(lab: Lab, client: Client, network: Network, total: int, have: int = 0) -> list[Port]:
    """Brings the number of background ports to `total`, a hundred in each shared guest namespace."""
    made: list[Port] = []
    for start in range(have, total, BULK):
        stop = min(start - start % BULK + BULK, total)
        bodies: list[Mapping[str, object]] = []
        for number in range(start, stop):
            name = f"crowd{number // BULK}"
            if not Path(f"/run/netns/{name}").exists():
                lab.guest(name)
            bodies.append(port_in(network, name, f"n{number}"))
        made += client.create_ports(bodies)
    deadline = time.monotonic() + PATIENCE_S
    while any(port.status != "ACTIVE" for port in client.ports()):
        if time.monotonic() > deadline:
            raise RuntimeError("the background ports did not all come up")
        time.sleep(0.1)
    settle(client)
    return made
