"""A host in a namespace, an outside, guests; netwright's programs started in it, watched and killed."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from common import SOURCES, run

from netwright.kernel.netns import create
from netwright.model.ids import NamespaceName
from netwright.wire.unix_http import UnixConnection

HOST: Final = NamespaceName("host")
OUTSIDE: Final = NamespaceName("outside")
OUTSIDE_ADDRESS: Final = "192.0.2.1"
PATIENCE_S: Final = 60.0
_SETTLED_S: Final = 20.0
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


class Group(msgspec.Struct):
    id: str


class _Answer(msgspec.Struct):
    security_group: Group | None = None
    port: Port | None = None
    ports: list[Port] = []
    network: Network | None = None


class _Host(msgspec.Struct):
    generation: int


class _Status(msgspec.Struct):
    generation: int
    hosts: list[_Host]

    @property
    def in_step(self) -> bool:
        """Whether the agent has reported the newest generation."""
        return any(host.generation >= self.generation for host in self.hosts)


class Client(UnixConnection):
    """One kept-alive connection to the API, over its socket."""

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

    def create_group(self, ports: Iterable[int]) -> str:
        """A security group that opens these TCP ports to one prefix; its id."""
        said = self.ask("POST", "/v2.0/security-groups", {"security_group": {"name": "bench"}})
        made = msgspec.json.decode(said, type=_Answer).security_group
        if made is None:
            raise RuntimeError("no security group in the answer")
        rules = [
            {
                "security_group_id": made.id,
                "direction": "ingress",
                "protocol": "tcp",
                "port_range_min": port,
                "port_range_max": port,
                "remote_ip_prefix": "198.51.100.0/24",
            }
            for port in ports
        ]
        self.ask("POST", "/v2.0/security-group-rules", {"security_group_rules": rules})
        return made.id

    def create_ports(self, bodies: list[Mapping[str, object]]) -> list[Port]:
        said = self.ask("POST", "/v2.0/ports", {"ports": bodies})
        return msgspec.json.decode(said, type=_Answer).ports

    def create_port(self, body: Mapping[str, object]) -> Port:
        made = msgspec.json.decode(self.ask("POST", "/v2.0/ports", {"port": body}), type=_Answer).port
        if made is None:
            raise RuntimeError("no port in the answer")
        return made

    def ports(self, query: str = "") -> list[Port]:
        return msgspec.json.decode(self.ask("GET", f"/v2.0/ports{query}"), type=_Answer).ports

    def delete_port(self, port: Port) -> None:
        self.ask("DELETE", f"/v2.0/ports/{port.id}")

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels; 0 where there is none yet."""
        return sum(self.labelled(name).values())

    def labelled(self, name: str) -> Mapping[str, float]:
        """A metric's values by their labels, as Prometheus writes them."""
        lines = self.ask("GET", "/metrics").decode().splitlines()
        named = [line.rpartition(" ") for line in lines if line.startswith((f"{name} ", f"{name}{{"))]
        return {labels.removeprefix(name): float(value) for labels, _, value in named}

    def writes(self) -> float:
        """Objects in the kernel and files that the agent wrote or removed since it started.

        The metadata service's listening sockets are not among them: they are the process's own.
        """
        kinds = (self.labelled(f"netwright_agent_{verb}_total") for verb in ("written", "removed"))
        return sum(count for kind in kinds for stage, count in kind.items() if "metadata" not in stage)


def silence(namespace: str) -> None:
    """No IPv6 on links that come to the namespace."""
    run(["sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1"], where=namespace)


def port_in(network: Network, namespace: str, link: str, group: str = "") -> Mapping[str, object]:
    """The body of a port that is plugged into a namespace at once; without a group, in the default one."""
    place = {"kind": "namespace", "namespace": namespace, "link": link}
    groups = {"security_groups": [group]} if group else {}
    return {"network_id": network.id, "netwright:attachment": place, **groups}


@dataclass(slots=True)
class Service:
    """One of netwright's programs, running."""

    process: subprocess.Popen[bytes]
    ready_s: float
    """Seconds from its start to READY=1 (sd_notify): for an agent, its first reconcile is done."""

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

    def cpu_s(self) -> float:
        """User and system time of the process so far."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Lab:
    """The host and what netwright keeps for it below one directory."""

    def __init__(self, directory: Path, name: str = "") -> None:
        """`name` tells several hosts of one bench apart."""
        self.name, self.host = name, NamespaceName(f"{HOST}{name}")
        self._directory = directory
        directory.mkdir(exist_ok=True)
        self.state, self.run, self.socket = directory / "state", directory / "run", directory / "api.sock"
        self.log = directory / "log"
        create(self.host)
        run(["ip", "link", "set", "lo", "up"], where=self.host)

    def client(self) -> Client:
        return Client(self.socket, PATIENCE_S)

    def connect_outside(self) -> None:
        """An uplink with a default route, and a machine at its other end."""
        create(OUTSIDE)
        for words in (
            f"ip link add uplink type veth peer name eth0 netns /run/netns/{OUTSIDE}",
            "ip address add 192.0.2.2/24 dev uplink",
            "ip link set uplink up",
        ):
            run(words.split(), where=self.host)
        for words in (
            f"ip address add {OUTSIDE_ADDRESS}/24 dev eth0",
            "ip link set eth0 up",
            "ip link set lo up",
        ):
            run(words.split(), where=OUTSIDE)
        run(f"ip route add default via {OUTSIDE_ADDRESS}".split(), where=self.host)

    def guest(self, name: str) -> NamespaceName:
        """A guest's namespace, made where it is not there yet.

        IPv6 is off there: each new link would solicit, and the bridge flood a thousand ports with it.
        """
        made = NamespaceName(name)
        create(made)
        run(["ip", "link", "set", "lo", "up"], where=made)
        silence(made)
        return made

    def up(self, *, awaited: bool = True) -> Service:
        words = ("--listen", "none", "--run-dir", str(self.run), "--socket", str(self.socket))
        return self._start("up", *words, awaited=awaited)

    def api(self) -> Service:
        return self._start("api", "--listen", "none", "--socket", str(self.socket))

    def agent(self, *, awaited: bool = True) -> Service:
        words = ("--server-address", f"unix:{self.socket}", "--run-dir", str(self.run))
        return self._start("agent", *words, awaited=awaited)

    @contextmanager
    def running_up(self) -> Iterator[Service]:
        service = self.up()
        try:
            yield service
        finally:
            service.stop()

    def _start(self, program: str, *words: str, awaited: bool = True) -> Service:
        """`awaited`: returns when it says that it is ready, else at once."""
        argv = [
            sys.executable,
            "-m",
            "netwright",
            program,
            "--host",
            self.host,
            "--state-dir",
            str(self.state),
            *words,
        ]
        place = self._directory / "notify"
        place.unlink(missing_ok=True)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notified, self.log.open("ab") as log:
            notified.bind(str(place))
            notified.settimeout(PATIENCE_S)
            begun = time.monotonic()
            process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.host}", *argv],
                stderr=log,
                env={**os.environ, "PYTHONPATH": str(SOURCES), "NOTIFY_SOCKET": str(place)},
            )
            while awaited and notified.recv(4096) != b"READY=1":
                pass
            return Service(process, time.monotonic() - begun)


def settle(client: Client, pause: float = 0.04) -> float:
    """Waits until the agent has the newest plan and is quiet; the seconds it has reconciled so far."""
    name = "netwright_agent_reconcile_seconds"
    before, deadline = -1.0, time.monotonic() + _SETTLED_S
    while time.monotonic() < deadline:
        time.sleep(pause)  # first: asking takes time from the agent, which shares the process
        status = msgspec.json.decode(client.ask("GET", "/v1/status"), type=_Status)
        now = client.metric(f"{name}_count")
        if now == before and status.in_step:
            break
        before = now
    return client.metric(f"{name}_sum")


def fill(lab: Lab, client: Client, network: Network, wanted: range, group: str = "") -> list[Port]:
    """Makes the background ports of these numbers, a hundred in each shared guest namespace."""
    made: list[Port] = []
    for start in range(wanted.start, wanted.stop, BULK):
        stop = min(start + BULK, wanted.stop)
        bodies: list[Mapping[str, object]] = []
        for number in range(start, stop):
            name = f"crowd{lab.name}-{number // BULK}"
            if not Path(f"/run/netns/{name}").exists():
                lab.guest(name)
            bodies.append(port_in(network, name, f"n{number}", group))
        made += client.create_ports(bodies)
    deadline = time.monotonic() + PATIENCE_S
    while any(port.status != "ACTIVE" for port in client.ports()):
        if time.monotonic() > deadline:
            raise RuntimeError("the background ports did not all come up")
        time.sleep(0.1)
    settle(client)
    return made
