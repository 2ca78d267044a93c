"""A container runtime's side of CNI: the plugin run as a program, by environment and standard input."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from netwright.cli import cni_port, cni_request
from netwright.kernel import pins
from netwright.kernel.netns import path_of
from netwright.model.ids import NamespaceName
from netwright.testing import lab as labs
from netwright.testing.lab import Lab

SOURCE = Path(__file__).resolve().parents[1] / "src"


@dataclass(frozen=True)
class Answer:
    """What the plugin printed, as JSON; None where it printed nothing."""

    status: int
    said: Mapping[str, object] | None

    @property
    def code(self) -> object:
        return self.said and self.said.get("code")


@dataclass(frozen=True)
class Runtime:
    """Runs `netwright-cni` on the lab's host for one network configuration."""

    lab: Lab
    conf: Mapping[str, object]

    def run(self, command: str, container: Container | None = None, **fields: object) -> Answer:
        process = self.start(command, container, **fields)
        return finish(process)

    def start(
        self, command: str, container: Container | None = None, **fields: object
    ) -> subprocess.Popen[str]:
        """Fields join the configuration; one that is None leaves it."""
        given = {key: value for key, value in {**self.conf, **fields}.items() if value is not None}
        return self.start_with(command, container.environment if container else {}, json.dumps(given))

    def start_with(self, command: str, environment: Mapping[str, str], text: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            ["nsenter", f"--net={path_of(self.lab.host)}", sys.executable, "-m", "netwright.cli.cni"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={
                "PATH": os.environ["PATH"],
                "PYTHONPATH": str(SOURCE),
                "CNI_COMMAND": command,
                **environment,
            },
        )
        assert process.stdin is not None
        process.stdin.write(text)
        process.stdin.close()
        process.stdin = None
        return process

    def add(self, container: Container, **fields: object) -> Mapping[str, object]:
        """The result of an ADD that must not fail."""
        answer = self.run("ADD", container, **fields)
        assert answer.status == 0, answer
        assert answer.said is not None
        return answer.said

    def pins(self) -> list[NamespaceName]:
        """The names that namespaces have from this configuration."""
        return pins.every(cni_port.scope_of(cni_request.leaving(self.conf)))

    def ports(self) -> list[Mapping[str, object]]:
        """The ports that stand for containers."""
        answer = labs.ask(self.lab, "/v2.0/ports")
        assert isinstance(answer, Mapping)
        return [port for port in answer["ports"] if port["device_owner"].startswith("compute:cni:")]


def finish(process: subprocess.Popen[str]) -> Answer:
    out, err = process.communicate(timeout=60)
    assert "Traceback" not in err, err
    return Answer(process.returncode, json.loads(out) if out else None)


@dataclass(frozen=True)
class Container:
    """A namespace, and what a runtime calls it."""

    namespace: NamespaceName
    id: str = field(default_factory=lambda: uuid.uuid4().hex * 2)
    link: str = "eth0"
    path: str = ""
    args: str = ""

    @property
    def environment(self) -> dict[str, str]:
        return {
            "CNI_CONTAINERID": self.id,
            "CNI_NETNS": self.path or str(path_of(self.namespace)),
            "CNI_IFNAME": self.link,
            "CNI_PATH": "/opt/cni/bin",
            **({"CNI_ARGS": self.args} if self.args else {}),
        }


@contextmanager
def nameless() -> Iterator[subprocess.Popen[bytes]]:
    """A process in a network namespace of its own that has no name, as containers' often are."""
    process = subprocess.Popen(
        ["unshare", "--net", "sh", "-c", "ip link set lo up; echo; exec sleep 1000"], stdout=subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        process.stdout.read(1)
        yield process
    finally:
        process.kill()
        process.communicate()
