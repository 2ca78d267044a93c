"""The life of rules as a user sees it, from the command to packets and back."""

from __future__ import annotations

import json
import signal
import socket
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from subprocess import Popen

import pytest

from netwright.kernel import netns
from netwright.model.ids import NamespaceName
from netwright.testing import lab as labs
from netwright.testing.lab import Lab
from netwright.testing.namespaces import add_addresses, eventually, run
from netwright.testing.talk import tell

GUESTS = {"one": "10.20.0.11", "two": "10.20.0.12"}


@pytest.fixture(scope="module")
def services() -> Iterator[list[Popen[bytes]]]:
    """The lives of netwright in the lab, the running one last."""
    lives: list[Popen[bytes]] = []
    yield lives
    for one in lives:
        one.wait(30)


@pytest.fixture(scope="module")
def lab(services: list[Popen[bytes]]) -> Iterator[Lab]:
    """Two guests on one host network: `one` in the default group, `two` in the group web."""
    made = Lab(f"t{uuid.uuid4().hex[:8]}")
    with labs.running(made) as service:
        services.append(service)
        labs.netwright(made, "network", "create", "blue", "--cidr", "10.20.0.0/24")
        labs.netwright(made, "security-group", "create", "web")
        for (name, address), group in zip(GUESTS.items(), ("default", "web"), strict=True):
            asked = ["--network", "blue", "--fixed-ip", f"ip-address={address}", "--security-group", group]
            labs.netwright(made, "port", "create", name, *asked)
            labs.add_guest(made.guest(name))
            labs.netwright(made, "port", "plug", name, "--netns", made.guest(name))
            add_addresses(made.guest(name), "eth0", f"{address}/24")
        labs.wait_ready(made, service)
        yield made


def said(lab: Lab, *words: str):
    """What a command says as JSON."""
    return json.loads(labs.netwright(lab, *words, "--format", "json").stdout)


def allow(lab: Lab, *words: str) -> str:
    """A rule of the group web; its id."""
    return said(lab, "security-group", "rule", "create", "web", *words)["id"]


def ping(where: NamespaceName, address: str, count: int = 1) -> bool:
    words = ["ping", "-c", str(count), "-i", "0.02", "-W", "1", address]
    return run(where, words, check=False).returncode == 0


def test_rules_tell_how_often_they_were_met(lab: Lab) -> None:
    """Right after packets, the command shows the rule that let them in with its count and moment, others without."""
    icmp, ssh = allow(lab, "--protocol", "icmp"), allow(lab, "--protocol", "tcp", "--dst-port", "22")
    for _ in range(3):
        assert ping(lab.guest("one"), GUESTS["two"])
    found = {one["security_group_rule_id"]: one for one in counters(lab, "web")}
    # A stateful group's rule counts the packets that begin connections: each ping is one.
    assert found[icmp]["packets"] == 3
    assert found[icmp]["bytes"] == 3 * 84
    assert found[icmp]["last_hit"] is not None
    assert found[icmp]["hosts"] == [lab.name]
    assert (found[ssh]["packets"], found[ssh]["last_hit"]) == (0, None)
    (alone,) = counters(lab, icmp)
    assert alone["packets"] == 3
    table = labs.netwright(lab, "security-group", "rule", "counters", "web").stdout
    assert [line.split()[:3] for line in table.splitlines() if icmp in line] == [[icmp, "ingress", "IPv4"]]
    assert labs.netwright(lab, "security-group", "rule", "counters", "nobody", check=False).returncode == 3


def counters(lab: Lab, reference: str):
    return said(lab, "security-group", "rule", "counters", reference)


def test_a_log_writes_down_what_was_refused(lab: Lab) -> None:
    """From the command that makes a log to a line that tells of a refused connection, its port and its group."""
    group = said(lab, "security-group", "show", "web")["id"]
    made = said(lab, "log", "create", "refused", "--security-group", "web", "--event", "drop")
    file = lab.directory / "state" / "packets.log"
    connect = ["bash", "-c", f"exec 3<>/dev/tcp/{GUESTS['two']}/4444"]

    def refused() -> list[dict]:
        run(lab.guest("one"), ["timeout", "0.3", *connect], check=False)
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [line for line in lines if line.get("destination_port") == 4444]

    assert eventually(lambda: bool(refused()))
    line = refused()[0]
    assert (line["log_id"], line["security_group_ids"]) == (made["id"], [group])
    assert line["port_id"] == said(lab, "port", "show", "two")["id"]
    assert labs.netwright(lab, "log", "delete", "refused").returncode == 0


class Chat:
    """A TCP connection from guest `one` to guest `two`."""

    def __init__(self, lab: Lab, port: int) -> None:
        with netns.inside(lab.guest("two")):
            self._door = socket.create_server((GUESTS["two"], port))
        with netns.inside(lab.guest("one")):
            self._near = socket.create_connection((GUESTS["two"], port), timeout=2)
        self._far, _ = self._door.accept()

    def goes_on(self) -> bool:
        """Whether words still get there, and back."""
        return all(_hears(*ends) for ends in ((self._far, self._near), (self._near, self._far)))

    def close(self) -> None:
        for one in (self._near, self._far, self._door):
            one.close()


def _hears(ear: socket.socket, mouth: socket.socket) -> bool:
    ear.settimeout(1)
    try:
        tell(mouth, ear)
    except TimeoutError:
        return False
    return True


def takes(lab: Lab, port: int) -> bool:
    """Whether a new connection to a door of guest `two` comes about."""
    words = ["timeout", "0.5", "bash", "-c", f"exec 3<>/dev/tcp/{GUESTS['two']}/{port}"]
    return run(lab.guest("one"), words, check=False).returncode == 0


def open_door(lab: Lab, choice: str, port: int) -> str:
    """A rule of the group web, which chooses so, for that TCP port; its id, once it holds."""
    labs.netwright(lab, "security-group", "set", "web", "--on-revoke", choice)
    rule = allow(lab, "--protocol", "tcp", "--dst-port", str(port))
    with netns.inside(lab.guest("two")), closing(socket.create_server((GUESTS["two"], port))):
        assert eventually(lambda: takes(lab, port))
    return rule


def test_a_group_chooses_what_becomes_of_revoked_connections(lab: Lab) -> None:
    """With --on-revoke a running connection ends with its rule, or goes on; a new one begins in neither case."""
    for choice, port in (("cut", 5001), ("keep", 5002)):
        rule = open_door(lab, choice, port)
        assert said(lab, "security-group", "show", "web")["netwright:revocation"] == choice
        with closing(Chat(lab, port)) as chat:
            assert chat.goes_on()
            labs.netwright(lab, "security-group", "rule", "delete", rule)
            assert eventually(lambda port=port: not takes(lab, port))
            assert chat.goes_on() == (choice == "keep")


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_what_was_revoked_while_no_agent_ran_is_settled_when_it_starts(
    lab: Lab, services: list[Popen[bytes]], end: signal.Signals
) -> None:
    """The next agent ends a connection whose rule went meanwhile, and lets it be where its group keeps."""
    for choice, port in (("cut", 5003), ("keep", 5004)):
        rule = open_door(lab, choice, port)
        with closing(Chat(lab, port)) as chat:
            stop(services, end)
            places = [
                "--state-dir",
                str(lab.directory / "state"),
                "--socket",
                str(lab.socket),
                "--listen",
                "none",
            ]
            services.append(
                labs.start(lab.host, [sys.executable, "-m", "netwright", "api", *places], lab.log)
            )
            assert eventually(lambda: asks(lab), seconds=20)
            labs.netwright(lab, "security-group", "rule", "delete", rule)
            assert chat.goes_on()
            stop(services, signal.SIGTERM)
            services.append(labs.start_service(lab))
            labs.wait_ready(lab, services[-1])
            assert eventually(lambda port=port: not takes(lab, port))
            assert eventually(lambda chat=chat, kept=choice == "keep": chat.goes_on() == kept)


def stop(services: list[Popen[bytes]], end: signal.Signals) -> None:
    services[-1].send_signal(end)
    services[-1].wait(30)


def asks(lab: Lab) -> bool:
    """Whether the server answers."""
    return labs.netwright(lab, "security-group", "list", check=False).returncode == 0
