"""A lab comes and goes without a trace, however it ends."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from netwright.kernel.netns import Namespaces, path_of
from netwright.model.errors import ConflictError, InvalidError
from netwright.model.ids import PortId, port_link_name
from netwright.testing import lab as labs
from netwright.testing.lab import Lab
from netwright.testing.namespaces import eventually, ip

SOURCE = Path(__file__).resolve().parents[2] / "src"


class Labs:
    """Runs `netwright lab` as a user does; `close` ends what is left of all of them."""

    def __init__(self) -> None:
        self.lab = Lab(f"t{uuid.uuid4().hex[:8]}")
        self._processes: list[subprocess.Popen[str]] = []

    def start(self, *words: str) -> subprocess.Popen[str]:
        """Returns when the lab says that it is ready."""
        process = subprocess.Popen(
            [sys.executable, "-m", "netwright", "lab", "--name", self.lab.name, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "PYTHONPATH": str(SOURCE)},
        )
        self._processes.append(process)
        assert process.stdout is not None
        for line in process.stdout:
            if line.startswith("Ctrl-C ends"):
                return process
        raise AssertionError(labs.tail(self.lab.log))

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.communicate()
        labs.sweep(self.lab)


@pytest.fixture
def started() -> Iterator[Labs]:
    made = Labs()
    yield made
    made.close()


@pytest.fixture
def lab(started: Labs) -> Lab:
    return started.lab


def finish(process: subprocess.Popen[str], number: signal.Signals) -> int:
    process.send_signal(number)
    process.communicate(timeout=30)
    return process.returncode


def machine() -> tuple[str, str]:
    """This machine's own links and routes."""
    return ip(labs.HOST_NAMESPACE, "-o", "link", "show"), ip(
        labs.HOST_NAMESPACE, "route", "show", "table", "all"
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_lab_that_is_told_to_end_leaves_nothing(started: Labs, lab: Lab, number: signal.Signals) -> None:
    """Ctrl-C and SIGTERM remove namespaces, DHCP namespaces, guests, processes, directories; the machine is as before."""
    before = machine()
    process = started.start()
    labs.netwright(lab, "network", "create", "blue", "--cidr", "10.20.0.0/24")
    labs.netwright(lab, "network", "create", "apart", "--router", "--cidr", "10.21.0.0/24")
    labs.add_guest(lab.guest("web1"))
    for network in ("blue", "apart"):
        labs.netwright(lab, "port", "create", f"p{network}", "--network", network)
        place = ["--netns", lab.guest("web1"), "--link", network]
        labs.netwright(lab, "port", "plug", f"p{network}", *place)
    apart = Namespaces(lab.run_directory).observe()
    assert len(apart) == 1
    assert finish(process, number) == 0
    assert labs.leftovers(lab) == []
    assert not [name for name in apart if path_of(name).exists()]
    assert eventually(lambda: machine() == before), (before, machine())


def test_a_lab_that_was_killed_is_removed_by_the_next_of_its_name(started: Labs, lab: Lab) -> None:
    """kill -9 leaves a lab running; the next start clears it away, its processes too, and works."""
    process = started.start()
    labs.netwright(lab, "network", "create", "blue", "--cidr", "10.20.0.0/24")
    (old,) = _service(lab)
    assert finish(process, signal.SIGKILL) == -signal.SIGKILL
    assert lab.host in labs.leftovers(lab)
    process = started.start()
    assert not runs(old)
    assert "blue" not in labs.netwright(lab, "network", "list").stdout
    assert finish(process, signal.SIGINT) == 0
    assert labs.leftovers(lab) == []


def test_a_kept_lab_goes_on_until_it_is_cleaned(started: Labs, lab: Lab) -> None:
    """--keep leaves netwright running; --clean removes it."""
    assert finish(started.start("--keep"), signal.SIGINT) == 0
    assert "public" in labs.netwright(lab, "network", "list").stdout
    clean = [sys.executable, "-m", "netwright", "lab", "--clean", lab.name]
    subprocess.run(clean, check=True, env={**os.environ, "PYTHONPATH": str(SOURCE)})
    assert labs.leftovers(lab) == []


def test_a_lab_that_ends_leaves_the_place_where_others_are_made(lab: Lab) -> None:
    """One that is about to be made there finds it."""
    labs.ROOT.mkdir(exist_ok=True)
    labs.sweep(lab)
    assert labs.ROOT.is_dir()


def test_a_running_lab_is_not_taken_over(lab: Lab) -> None:
    """A second lab of the same name, and --clean, are refused while the first runs."""
    with labs.claimed(lab), pytest.raises(ConflictError, match="is running"), labs.running(lab):
        pass


def test_a_lab_whose_netwright_ends_tells_why(started: Labs, lab: Lab) -> None:
    """The lab ends with exit code 1 and the end of the log when its netwright dies."""
    process = started.start()
    (service,) = _service(lab)
    os.kill(service, signal.SIGKILL)
    said, _ = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "netwright ended with exit code -9" in said
    assert eventually(lambda: labs.leftovers(lab) == [])


@pytest.mark.parametrize("name", ["", "a-b", "../x", "A", "x" * 21, "a\n"])
def test_hostile_lab_names_are_refused(name: str) -> None:
    """Only a-z and 0-9: a name becomes part of paths, and of patterns that are removed."""
    with pytest.raises(InvalidError):
        Lab(name)


def runs(pid: int) -> bool:
    """Whether there is such a process, and more of it than an exit code that nobody has asked for."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _service(lab: Lab) -> list[int]:
    """The process id of `netwright up`."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = path.read_bytes().split(b"\0")
        except OSError:
            continue
        if b"up" in words and str(lab.socket).encode() in words:
            found.append(int(path.parent.name))
    # What it forks has its command line, up to the exec.
    return [pid for pid in found if os.getsid(pid) == pid]


def test_the_lab_is_ready_when_it_says_so(started: Labs, lab: Lab) -> None:
    """The commands that the welcome names work at once: a guest has its lease, and is answered from outside."""
    process = started.start()
    guest = lab.guest("web1")
    labs.netwright(lab, "network", "create", "blue", "--cidr", "10.20.0.0/24")
    labs.add_guest(guest)
    labs.netwright(lab, "port", "create", "web1", "--network", "blue")
    labs.netwright(lab, "port", "plug", "web1", "--netns", guest)
    subprocess.run([str(lab.directory / "dhcp"), guest], check=True, timeout=30)
    subprocess.run(
        ["ip", "netns", "exec", guest, "ping", "-c", "1", labs.INTERNET], check=True, capture_output=True
    )
    inspect = [sys.executable, "-m", "netwright", "inspect", "web1"]
    environment = {**os.environ, **lab.environment, "PYTHONPATH": str(SOURCE)}
    there = ["nsenter", f"--net=/run/netns/{lab.host}"]
    said = subprocess.run(
        [*there, *inspect], check=True, capture_output=True, text=True, env=environment
    ).stdout
    assert "hops are as the plan says" in said
    assert finish(process, signal.SIGINT) == 0


@pytest.mark.slow
def test_a_port_that_is_plugged_elsewhere_is_there_when_the_command_returns(lab: Lab) -> None:
    """Between namespaces, taps and taps' owners `port plug` waits for the new place; then the port is ACTIVE."""
    here, there = lab.guest("here"), lab.guest("there")
    with labs.running(lab):
        labs.netwright(lab, "network", "create", "blue", "--cidr", "10.20.0.0/24")
        labs.add_guest(here)
        labs.add_guest(there)
        made = labs.netwright(lab, "port", "create", "p", "--network", "blue", "-f", "json")
        link = port_link_name(PortId(json.loads(made.stdout)["id"]))
        for place in (here, there, "", "7", "8", here, there):
            where = ["--netns", place] if place in {here, there} else ["--tap"]
            owner = ["--tap-owner", place] if place.isdecimal() else []
            said = labs.netwright(lab, "port", "plug", "p", *where, *owner, "-f", "json").stdout
            found = {name: "eth0" in ip(name, "-br", "link") for name in (here, there)}
            taps = ip(lab.host, "tuntap", "show")
            assert json.loads(said)["status"] == "ACTIVE"
            assert [name for name, is_there in found.items() if is_there] == [place] * (place in found)
            assert (link in taps) is (place not in found)
            assert not owner or f"user {place}" in taps
