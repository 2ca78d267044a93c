"""One server and two hosts with real agents: gateways that one host holds for all, or each at its own address."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from served import Answer, Client, client_of, serving

from netwright.api.server import Settings
from netwright.model.ids import NamespaceName, NetworkId, bridge_name
from netwright.testing.dhcp_client import DhcpClient
from netwright.testing.namespaces import add_addresses, add_veth, eventually, ip, namespace, run

PATIENCE = timedelta(seconds=5)
HOSTS = ("a", "b")
OUTSIDE = {"a": "192.0.2.11", "b": "192.0.2.12"}
CIDR = "10.42.0.0/24"
GATEWAY = "10.42.0.1"
LONG = 40.0
"""Seconds for what takes a dead host's time, on a machine that has other things to do."""

pytestmark = pytest.mark.timeout(300)


class Brief(Client):
    """One request a connection: the server ends those that are silent for some seconds."""

    def send(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return super().send(method, path, body, {**(headers or {}), "Connection": "close"})


@dataclass
class Deployment:
    """`world` has two switches: `lan`, on which hosts' eth0 are, and `wire`, on which their eth1 are."""

    client: Client
    directory: Path
    world: NamespaceName
    hosts: dict[str, NamespaceName]
    guests: dict[str, NamespaceName]
    agents: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)
    ports: dict[str, dict] = field(default_factory=dict)

    def start(self, name: str) -> None:
        home = self.directory / name
        home.mkdir(exist_ok=True)
        words = [
            "--server-address",
            f"unix:{self.directory}/api.sock",
            "--host",
            name,
            "--report-every",
            "0.5",
        ]
        words += ["--run-dir", str(home / "run"), "--state-dir", str(home / "state")]
        argv = ["ip", "netns", "exec", self.hosts[name], sys.executable, "-m", "netwright", "agent", *words]
        with (home / "log").open("ab") as log:
            self.agents[name] = subprocess.Popen(argv, stdout=log, stderr=log)

    def wait(self) -> None:
        """Until both hosts have said what links they have, and have made what is planned."""
        assert eventually(self._are_there, LONG), self.logs()

    def _are_there(self) -> bool:
        status = self.client.get("/v1/status")
        hosts = [one for one in status["hosts"] if one["name"] in HOSTS and "eth1" in one["facts"]["links"]]
        done = [one["converged"] and one["generation"] == status["generation"] for one in hosts]
        return len(done) == len(self.agents) and all(done)

    def logs(self) -> str:
        return "\n".join((self.directory / name / "log").read_text() for name in self.hosts)

    def crash(self, name: str) -> None:
        """As when its power is cut: nothing runs there, and its links are dead."""
        agent = self.agents.pop(name)
        agent.kill()
        agent.wait()
        for link in ("eth0", "eth1"):
            ip(self.world, "link", "set", f"{name}-{link}", "down")

    def come_back(self, name: str) -> None:
        for link in ("eth0", "eth1"):
            ip(self.world, "link", "set", f"{name}-{link}", "up")
        self.start(name)

    def network(self, **attributes: object) -> dict:
        wire = {"provider:network_type": "flat", "provider:physical_network": "eth1"}
        return self.client.host_network(CIDR, **wire, **attributes)

    def plug(self, network: dict, name: str) -> None:
        """A guest on that host, which lets pings in."""
        plugged = {"kind": "namespace", "namespace": self.guests[name], "link": "eth0"}
        binding = {"binding:host_id": name, "netwright:attachment": plugged}
        self.ports[name] = self.client.make("port", network_id=network["id"], name=f"on-{name}", **binding)

    def address(self, name: str) -> str:
        return self.ports[name]["fixed_ips"][0]["ip_address"]

    def lease(self, name: str) -> str:
        """A real client's lease there: the router that it is told of, which the guest then uses."""
        home = self.directory / f"guest-{name}"
        home.mkdir(exist_ok=True)
        told: dict[str, str] = {}
        assert eventually(lambda: bool(told.update(DhcpClient(self.guests[name], home).ask()) or told), LONG)
        assert told["new_ip_address"] == self.address(name)
        ip(self.guests[name], "route", "replace", "default", "via", told["new_routers"])
        return told["new_routers"]

    def reaches(self, where: NamespaceName, target: str, seconds: float = 15) -> bool:
        ping = ["ping", "-c1", "-W1", target]
        return eventually(lambda: run(where, ping, check=False).returncode == 0, seconds)

    def gateways(self, network: dict) -> dict[str, list[str]]:
        found = self.client.get(f"/v2.0/networks/{network['id']}")["network"]["netwright:gateways"]
        return {one["host"]: one["addresses"] for one in found}

    def holds(self, name: str, address: str) -> bool:
        return f" {address}/" in ip(self.hosts[name], "-o", "address")


@contextmanager
def deployed() -> Iterator[Deployment]:
    with ExitStack() as stack:
        # A socket's path has at most 107 characters, and dnsmasq must be able to read below it.
        directory = Path(stack.enter_context(TemporaryDirectory(prefix="nwt-")))
        directory.chmod(0o755)
        server = stack.enter_context(serving(directory, settings=Settings(patience=PATIENCE)))
        world = stack.enter_context(namespace("world"))
        hosts = {name: stack.enter_context(namespace(f"host{name}")) for name in HOSTS}
        guests = {name: stack.enter_context(namespace(f"guest{name}")) for name in HOSTS}
        for switch in ("lan", "wire"):
            ip(world, "link", "add", switch, "up", "type", "bridge")
        add_addresses(world, "lan", "192.0.2.1/24", "203.0.113.1/24")
        for name in HOSTS:
            for link, switch in (("eth0", "lan"), ("eth1", "wire")):
                add_veth(hosts[name], link, world, f"{name}-{link}")
                ip(world, "link", "set", f"{name}-{link}", "master", switch)
            add_addresses(hosts[name], "eth0", f"{OUTSIDE[name]}/24")
            ip(hosts[name], "route", "add", "default", "via", "192.0.2.1")
        made = Deployment(Brief(client_of(server).connection), directory, world, hosts, guests)
        for name in HOSTS:
            made.start(name)
        try:
            made.wait()
            yield made
        finally:
            made.client.connection.close()
            for agent in made.agents.values():
                agent.kill()
                agent.wait()


def test_when_the_host_of_a_gateway_dies_another_takes_it() -> None:
    """The guests of the one that lives keep address, router, way out, metadata and floating IP; who comes back lets go."""
    with deployed() as made:
        net = made.network(**{"netwright:gateway_hosts": "one"})
        for name in HOSTS:
            made.plug(net, name)
        made.wait()
        assert made.gateways(net) == {"a": [GATEWAY]}
        outside = made.client.make(
            "network", **{"router:external": True, "provider:physical_network": "eth0"}
        )
        made.client.make("subnet", network_id=outside["id"], cidr="203.0.113.0/24", enable_dhcp=False)
        floating = made.client.make(
            "floatingip", floating_network_id=outside["id"], port_id=made.ports["b"]["id"]
        )["floating_ip_address"]
        group = made.ports["b"]["security_groups"][0]
        made.client.make("security_group_rule", security_group_id=group, direction="ingress", protocol="icmp")
        for name in HOSTS:
            assert made.lease(name) == GATEWAY
        check(made, "b", holder="a", floating=floating)
        made.crash("a")
        assert eventually(lambda: made.gateways(net) == {"b": [GATEWAY]}, LONG), made.logs()
        check(made, "b", holder="b", floating=floating)
        assert made.lease("b") == GATEWAY
        assert made.holds("a", GATEWAY)
        made.come_back("a")
        assert eventually(lambda: not made.holds("a", GATEWAY), LONG), made.logs()
        made.wait()
        assert made.gateways(net) == {"b": [GATEWAY]}
        for name in HOSTS:
            assert made.lease(name) == GATEWAY
            check(made, name, holder="b", floating=floating)
        shown = ip(made.hosts["a"], "-o", "address", "show", "dev", bridge_name(NetworkId(net["id"])))
        assert "10.42.0." not in shown
        assert "a9fe" not in shown


def check(made: Deployment, guest: str, *, holder: str, floating: str) -> None:
    """The holder has it all, for that guest and those outside, and the other host nothing."""
    other = next(name for name in HOSTS if name != holder)
    assert made.reaches(made.guests[guest], GATEWAY)
    assert made.reaches(made.guests[guest], "192.0.2.1")
    assert made.reaches(made.world, floating)
    assert made.holds(holder, floating)
    if other in made.agents:
        assert not made.holds(other, GATEWAY)
        assert not made.holds(other, floating)
    asked = [
        "curl",
        "-sf",
        "--retry",
        "5",
        "--max-time",
        "5",
        "http://169.254.169.254/latest/meta-data/local-ipv4",
    ]
    assert run(made.guests[guest], asked).stdout == made.address(guest)


def test_a_named_host_is_the_gateway_until_another_is_named() -> None:
    """Whoever is named holds the gateway, on the bridge that is named; with other names it moves, and so does the bridge."""
    with deployed() as made:
        named = {"netwright:gateway_hosts": "one", "netwright:gateway_host": "b"}
        net = made.network(**named, **{"netwright:bridge": "br100"})
        made.plug(net, "a")
        made.wait()
        assert made.gateways(net) == {"b": [GATEWAY]}
        assert made.lease("a") == GATEWAY
        for holder in ("a", "b"):
            made.client.change("network", net["id"], **{"netwright:gateway_host": holder})
            assert made.gateways(net) == {holder: [GATEWAY]}
            made.wait()
            assert made.reaches(made.guests["a"], "192.0.2.1")
            assert [made.holds(name, GATEWAY) for name in HOSTS] == [name == holder for name in HOSTS]
            assert all("br100" in ip(made.hosts[name], "-o", "link") for name in {"a", holder})
        made.client.drop("port", made.ports["a"]["id"])
        made.client.change("network", net["id"], **{"netwright:bridge": "br101"})
        made.wait()
        links = {name: ip(made.hosts[name], "-o", "link") for name in HOSTS}
        assert [("br100" in links[name], "br101" in links[name]) for name in HOSTS] == [
            (False, False),
            (False, True),
        ]
        assert "dev br101" in ip(made.hosts["b"], "route", "get", "10.42.0.77")


def test_hosts_have_gateways_of_their_own_while_they_have_guests() -> None:
    """Each host's address comes with its first port and goes with its last; its guests know only it as a router."""
    with deployed() as made:
        net = made.network(**{"netwright:gateway_hosts": "own"})
        made.wait()
        assert made.gateways(net) == {}
        assert "brq" not in ip(made.hosts["a"], "-o", "link")
        for name in HOSTS:
            made.plug(net, name)
        made.wait()
        own = {host: address for host, (address,) in made.gateways(net).items()}
        assert own.keys() == set(HOSTS)
        assert len({*own.values(), GATEWAY, *map(made.address, HOSTS)}) == 5
        for name in HOSTS:
            assert made.lease(name) == own[name]
            assert made.reaches(made.guests[name], "192.0.2.1")
            assert [made.holds(host, own[name]) for host in HOSTS] == [host == name for host in HOSTS]
        assert made.reaches(made.guests["a"], made.address("b"))
        made.client.drop("port", made.ports["a"]["id"])
        assert made.gateways(net) == {"b": [own["b"]]}
        assert eventually(lambda: not made.holds("a", own["a"]), LONG)
        made.crash("a")
        assert made.lease("b") == own["b"]
