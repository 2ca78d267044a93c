"""What the demo's steps share: the lab, its guests, and how things are typed, shown and checked."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from typing import Final, Protocol

from netwright.model.errors import NetwrightError
from netwright.model.ids import LinkName, Mac, PortId, port_link_name
from netwright.testing import lab as labs
from netwright.testing.guest_vm import GuestVm
from netwright.testing.lab import Lab
from netwright.testing.namespaces import eventually

COMMAND_SECONDS: Final = 30.0


class StepFailedError(NetwrightError):
    """What a step promised did not happen; `evidence` is what was seen instead."""

    def __init__(self, message: str, evidence: str = "") -> None:
        super().__init__(message)
        self.evidence = evidence


class Screen(Protocol):
    """Where the demo is shown."""

    def typed(self, command: str, prompt: str = "$") -> None:
        """A command that a user could have typed."""

    def said(self, text: str) -> None:
        """What came of it."""


class World:
    """One run of the demo. What it opens goes with `stack`."""

    def __init__(self, lab: Lab, service: subprocess.Popen[bytes], screen: Screen, stack: ExitStack) -> None:
        self.lab, self.screen, self.stack = lab, screen, stack
        self._service = service
        self._vms: dict[str, GuestVm] = {}
        self._ports: dict[str, Mapping[str, object]] = {}

    def shell(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Shows and runs a command. Raises StepFailedError with what it printed where it fails."""
        return self._run((), words, check=check)

    def netwright(self, *words: str) -> str:
        """The `netwright` command; what it printed."""
        return self.shell("netwright", *words).stdout

    def in_guest(self, guest: str, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command in a guest's namespace."""
        return self._run(("ip", "netns", "exec", self.lab.guest(guest)), words, check=check)

    def on_host(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """A command in the namespace that plays the host."""
        return self._run(("nsenter", f"--net=/run/netns/{self.lab.host}"), words, check=check)

    def _run(
        self, where: Sequence[str], words: Sequence[str], *, check: bool
    ) -> subprocess.CompletedProcess[str]:
        self.screen.typed(shlex.join([*where, *words]))
        program = [sys.executable, "-m", "netwright"] if words[0] == "netwright" else words[:1]
        done = subprocess.run(
            [*where, *program, *words[1:]],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=COMMAND_SECONDS,
            check=False,
            env={**os.environ, **self.lab.environment},
        )
        if check and done.returncode != 0:
            raise StepFailedError(f"{words[0]}: exit code {done.returncode}", done.stdout + done.stderr)
        return done

    def ask(self, target: str) -> Mapping[str, object]:
        """What the server says of an object, unseen: the demo's own look."""
        answer = labs.ask(self.lab, target)
        if not isinstance(answer, Mapping):
            raise StepFailedError(f"{target} was not answered with an object", str(answer))
        return answer

    def port(self, name: str) -> Mapping[str, object]:
        """The port of that name, as the server has it."""
        if name not in self._ports:
            found = self.ask(f"/v2.0/ports?name={name}")["ports"]
            check(isinstance(found, list) and len(found) == 1, f"there is one port called {name}", str(found))
            assert isinstance(found, list)
            self._ports[name] = found[0]
        return self._ports[name]

    def address(self, name: str) -> str:
        """The port's first address."""
        fixed = self.port(name)["fixed_ips"]
        assert isinstance(fixed, list)
        return str(fixed[0]["ip_address"])

    def link(self, name: str) -> LinkName:
        """The port's link on the host."""
        return port_link_name(PortId(str(self.port(name)["id"])))

    def boot(self, name: str) -> GuestVm:
        """Starts a virtual machine on the port's tap."""
        directory = self.lab.directory / name
        directory.mkdir()
        vm = GuestVm(self.lab.host, self.link(name), Mac(str(self.port(name)["mac_address"])), directory)
        self.stack.callback(vm.close)
        self._vms[name] = vm
        return vm

    def in_vm(self, name: str, command: str) -> str:
        """A command in a virtual machine, over its serial port. Raises StepFailedError where it fails."""
        self.screen.typed(command, f"{name} #")
        answer = self._vms[name].run(command)
        if answer.code != 0:
            raise StepFailedError(f"{name}: exit code {answer.code}", answer.text)
        return answer.text

    def kill_service(self) -> None:
        """SIGKILL for `netwright up`."""
        self.screen.typed(f"kill -9 {self._service.pid}    # netwright up")
        self._service.send_signal(signal.SIGKILL)
        self._service.wait()

    def restart_service(self) -> None:
        """Starts it again and waits until the host is as it should be."""
        self.screen.typed("netwright up …")
        self._service = labs.start_service(self.lab)
        self.stack.callback(_end, self._service)
        labs.wait_ready(self.lab, self._service)

    def evidence(self) -> str:
        """What helps to find out why a step failed."""
        said = labs.netwright(self.lab, "status", check=False)
        pieces = {
            "netwright status": said.stdout + said.stderr,
            str(self.lab.log): labs.tail(self.lab.log, 25),
            **{str(path): labs.tail(path) for path in sorted(self.lab.directory.glob("*/console"))},
        }
        return "\n".join(f"── {name}\n{text.strip()}" for name, text in pieces.items())


def _end(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


def check(holds: object, promise: str, evidence: str = "") -> None:
    """Raises StepFailedError where the promise is not kept."""
    if not holds:
        raise StepFailedError(f"it does not hold that {promise}", evidence)


def check_soon(holds: Callable[[], bool], promise: str, seconds: float = 5.0) -> float:
    """Milliseconds until it holds. Raises StepFailedError where it does not in time."""
    begun = time.monotonic()
    check(eventually(holds, seconds, pause=0.002), f"{promise} within {seconds:g} s")
    return (time.monotonic() - begun) * 1000


def json_of(text: str) -> Mapping[str, object]:
    """A JSON object that a command printed."""
    found: object = json.loads(text)
    if not isinstance(found, Mapping):
        raise StepFailedError("that is no JSON object", text)
    return found


def pings(said: str) -> Sequence[int]:
    """Packets sent and received, of what ping(8) printed."""
    line = next((line for line in said.splitlines() if "packets transmitted" in line), "")
    words = line.replace(",", "").split()
    return (int(words[0]), int(words[3])) if words else (0, 0)
