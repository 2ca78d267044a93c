"""netwright-cni beside a server or an agent that is away, and after what would be a boot."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field

import pytest
from cni_runtime import Answer, Container, Runtime, finish, nameless

from netwright.cli import cni_port
from netwright.kernel import netns
from netwright.model.ids import NamespaceName
from netwright.testing import lab as labs
from netwright.testing.lab import Lab
from netwright.testing.namespaces import eventually, ip

pytestmark = pytest.mark.slow


@dataclass
class Apart:
    """A lab whose server and agent are processes of their own."""

    lab: Lab
    server: subprocess.Popen[bytes] = field(init=False)
    agent: subprocess.Popen[bytes] = field(init=False)

    @property
    def runtime(self) -> Runtime:
        conf = {"cniVersion": "1.1.0", "name": f"cni-{self.lab.name}", "network": "blue", "wait": 10}
        return Runtime(self.lab, {**conf, "type": "netwright-cni", "socket": str(self.lab.socket)})

    def start_server(self) -> None:
        self.server = self._start(
            "api", "--socket", str(self.lab.socket), "--listen", "none", "--host", self.lab.name
        )
        assert eventually(self._answers, 20)

    def start_agent(self) -> None:
        place = ["--server-address", f"unix:{self.lab.socket}", "--run-dir", str(self.lab.run_directory)]
        self.agent = self._start("agent", *place, "--host", self.lab.name, "--report-every", "0.5")

    def boot(self) -> None:
        """Both start again."""
        self.start_server()
        self.start_agent()

    def stop(self) -> None:
        for process in (self.agent, self.server):
            process.kill()
            process.wait()

    def pause(self, number: signal.Signals) -> None:
        os.kill(self.agent.pid, number)

    def links(self) -> list[str]:
        return [line for line in ip(self.lab.host, "-o", "link", "show").splitlines() if ": tap" in line]

    def _start(self, *words: str) -> subprocess.Popen[bytes]:
        state = ["--state-dir", str(self.lab.directory / "state")]
        return labs.start(self.lab.host, [sys.executable, "-m", "netwright", *words, *state], self.lab.log)

    def _answers(self) -> bool:
        try:
            return bool(labs.ask(self.lab, "/v1/status"))
        except (OSError, ValueError):
            return False


@pytest.fixture
def apart() -> Iterator[Apart]:
    made = Apart(Lab(f"t{uuid.uuid4().hex[:8]}"))
    with labs.claimed(made.lab):
        internet = labs.build(made.lab)
        try:
            made.boot()
            labs.wait_ready(made.lab, made.agent)
            labs.netwright(made.lab, "network", "create", "blue", "--cidr", "10.20.0.0/24")
            yield made
        finally:
            labs.sweep(made.lab)
            internet.wait()
            made.stop()


@pytest.fixture
def container(apart: Apart) -> Container:
    labs.add_guest(apart.lab.guest("c1"))
    return Container(apart.lab.guest("c1"))


def test_status_says_what_is_missing(apart: Apart) -> None:
    """Content while all is there; 50 without the network or the server, 51 while the agent is silent."""
    runtime = apart.runtime
    assert eventually(lambda: runtime.run("STATUS") == Answer(0, None))
    assert runtime.run("STATUS", network="nowhere").code == 50
    apart.stop()
    assert runtime.run("STATUS").code == 50
    with closing(sqlite3.connect(apart.lab.directory / "state" / "netwright.db")) as database, database:
        database.execute("UPDATE hosts SET last_seen = '2020-01-01 00:00:00.000000'")
    apart.start_server()
    assert runtime.run("STATUS").code == 51


def test_an_agent_that_is_away_fails_the_add(apart: Apart, container: Container) -> None:
    """Code 11, to be tried again, and no port; once the agent is back, the same ADD succeeds."""
    apart.pause(signal.SIGSTOP)
    assert apart.runtime.run("ADD", container, wait=0.5).code == 11
    assert apart.runtime.ports() == []
    apart.pause(signal.SIGCONT)
    apart.runtime.add(container)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_an_add_that_is_ended_leaves_nothing(
    apart: Apart, container: Container, number: signal.Signals
) -> None:
    """SIGTERM undoes what was begun; after SIGKILL the next ADD does, and makes one port."""
    apart.pause(signal.SIGSTOP)
    process = apart.runtime.start("ADD", container)
    assert eventually(lambda: len(apart.runtime.ports()) == 1)
    process.send_signal(number)
    if number is signal.SIGTERM:
        assert finish(process).code == 11
    else:
        process.communicate()
    assert len(apart.runtime.ports()) == (1 if number is signal.SIGKILL else 0)
    apart.pause(signal.SIGCONT)
    apart.runtime.add(container)
    assert len(apart.runtime.ports()) == 1
    assert apart.runtime.run("DEL", container) == Answer(0, None)
    assert apart.links() == []


def test_del_without_an_agent_removes_the_link_itself(apart: Apart, container: Container) -> None:
    """The agent finds nothing to do when it comes back, and makes nothing again."""
    result = apart.runtime.add(container)
    apart.pause(signal.SIGSTOP)
    assert apart.runtime.run("DEL", container, prevResult=result) == Answer(0, None)
    assert "eth0" not in ip(container.namespace, "link", "show")
    assert apart.links() == []
    apart.pause(signal.SIGCONT)
    assert eventually(lambda: "converged" in labs.netwright(apart.lab, "status", "--format", "json").stdout)
    assert apart.links() == []


def test_del_without_a_server_is_to_be_tried_again(apart: Apart, container: Container) -> None:
    """Code 11, for a port would be left, as for an ADD, which leaves nothing; with the server there again it goes."""
    apart.runtime.add(container)
    apart.stop()
    assert apart.runtime.run("DEL", container).code == 11
    with nameless() as process:
        bare = Container(NamespaceName(""), path=f"/proc/{process.pid}/ns/net")
        assert apart.runtime.run("ADD", bare).code == 11
        assert apart.runtime.pins() == []
    apart.boot()
    assert apart.runtime.run("DEL", container) == Answer(0, None)
    assert apart.runtime.ports() == []
    assert eventually(lambda: apart.links() == [])


@pytest.mark.parametrize("way", ["GC", "DEL"])
def test_after_a_boot_gc_or_del_leaves_nothing(apart: Apart, container: Container, way: str) -> None:
    """Containers, links and names in /run went with the machine; the ports go with GC, or with a DEL each."""
    with nameless() as process:
        bare = Container(NamespaceName(""), path=f"/proc/{process.pid}/ns/net")
        for each in (container, bare):
            apart.runtime.add(each)
        names = [cni_port.namespace_of(port) for port in apart.runtime.ports()]
        apart.stop()
    for name in names:
        netns.delete(name)
    assert eventually(lambda: apart.links() == [])
    apart.boot()
    assert len(apart.runtime.ports()) == 2
    if way == "GC":
        assert apart.runtime.run("GC", **{"cni.dev/valid-attachments": []}) == Answer(0, None)
    else:
        for each in (container, bare):
            assert apart.runtime.run("DEL", each) == Answer(0, None)
    assert apart.runtime.ports() == []
    assert apart.links() == []
    labs.wait_ready(apart.lab, apart.agent)
