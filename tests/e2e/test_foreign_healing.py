"""A running agent beside strangers who flush, reload and rewrite packet filters: its own are put right, theirs left."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from foreign_programs import firewalld
from lab_host import LabHost, guest_lab

from netwright.kernel import netns
from netwright.kernel.libnftables import Nftables
from netwright.testing import lab as labs
from netwright.testing.host_state import HostState, State
from netwright.testing.namespaces import eventually

SOURCE = Path(__file__).resolve().parents[2] / "src"
STORM = 0.01
"""Seconds between two of a stranger's changes."""


@pytest.fixture(scope="module")
def host() -> Iterator[LabHost]:
    """A lab with a guest on a host network, as it is once all is in place."""
    with guest_lab() as (lab, service):
        labs.netwright(lab, "floating-ip", "create", "public", "--port", "web")
        labs.wait_ready(lab, service)
        eyes = HostState(lab.host, lab.run_directory)
        yield LabHost(lab, service, eyes.look, settled(eyes))


def settled(eyes: HostState) -> State:
    """What there is once nothing more is done: the plan's last change arrives a moment after it was asked for."""
    before = eyes.look()
    while (after := _later(eyes)) != before:
        before = after
    return after


def _later(eyes: HostState) -> State:
    time.sleep(1)
    return eyes.look()


DEEDS: dict[str, Callable[[LabHost], object]] = {
    "nft flush ruleset": lambda host: host.run("nft flush ruleset"),
    "our tables deleted": lambda host: host.run("nft 'delete table inet netwright; delete table bridge netwright'"),
    "nft -f with a flush at its head": lambda host: host.run("nft -f -", "flush ruleset\ntable inet own { }\n"),
    "a chain of ours flushed": lambda host: host.run("nft flush chain bridge netwright antispoof"),
    "a set of ours flushed": lambda host: host.run("nft flush set bridge netwright secured"),
}  # fmt: skip


@pytest.mark.parametrize("deed", DEEDS)
def test_what_strangers_take_away_is_put_back(host: LabHost, deed: str) -> None:
    """After the deed everything of netwright's is soon as it was."""
    assert eventually(host.is_right)
    DEEDS[deed](host)
    assert eventually(host.is_right)


@pytest.mark.parametrize("backend", ["iptables-nft", "iptables-legacy", "ip6tables-nft"])
def test_a_foreign_restore_and_flush_leave_netwright_as_it_is(host: LabHost, backend: str) -> None:
    """iptables-restore and iptables -F by others touch nothing of ours, and theirs stays as they wrote it."""
    text = "*filter\n:INPUT ACCEPT [0:0]\n:FORWARD ACCEPT [0:0]\n:OUTPUT ACCEPT [0:0]\n:netwright-antispoof - [0:0]\n"
    host.run(
        f"{backend}-restore",
        f'{text}-A FORWARD -m comment --comment "netwright" -j netwright-antispoof\nCOMMIT\n',
    )
    assert eventually(host.is_right)
    assert "netwright-antispoof" in host.run(f"{backend}-save")
    host.run(f"{backend} -F; {backend} -X")
    assert eventually(host.is_right)


@pytest.mark.parametrize("backend", ["nftables", "iptables"])
def test_firewalld_comes_reloads_and_goes(host: LabHost, tmp_path: Path, backend: str) -> None:
    """Starting, reloading and ending the real firewalld leaves all of netwright's in place."""
    with firewalld(host.lab.host, tmp_path, backend) as program:
        assert eventually(host.is_right)
        for _ in range(3):
            program.run("firewall-cmd --reload")
            assert eventually(host.is_right)
        program.run("firewall-cmd --complete-reload")
        assert eventually(host.is_right)
    assert eventually(host.is_right)


@contextmanager
def storm(host: LabHost) -> Iterator[list[int]]:
    """A hundred changes a second to tables of a stranger's, in chains that are called like ours."""
    over, done = threading.Event(), [0]

    def blow() -> None:
        netns.enter(host.lab.host)
        nft = Nftables()
        nft.write("add table inet storm; add chain inet storm antispoof; add table ip netwright")
        while not over.wait(STORM):
            nft.write('add rule inet storm antispoof counter comment "netwright"')
            nft.write(f"add chain ip netwright c{done[0]}")
            done[0] += 1
        nft.close()

    with ThreadPoolExecutor(1) as thread:
        blowing = thread.submit(blow)
        try:
            yield done
        finally:
            over.set()
            blowing.result()


def test_a_storm_of_foreign_changes_neither_starves_nor_ends_the_agent(host: LabHost) -> None:
    """While strangers change their rules all the time, ours are put back, plans are followed, theirs are left."""
    with storm(host) as done:
        assert eventually(lambda: done[0] > 100, 20)
        for deed in ("a chain of ours flushed", "a set of ours flushed"):
            DEEDS[deed](host)
            assert eventually(host.is_right, 20)
        labs.netwright(host.lab, "port", "set", "web", "--name", "web2")
        assert eventually(lambda: done[0] > 300, 30)
    assert host.service.poll() is None
    assert host.run("nft list chain inet storm antispoof").count("counter") >= 300
    assert eventually(host.is_right)
    host.run("nft 'delete table inet storm; delete table ip netwright'")


def test_the_doctor_as_a_user_runs_it(host: LabHost) -> None:
    """It needs no server, prints JSON and commands, and its exit code tells whether something is in the way."""

    def doctor(*words: str) -> subprocess.CompletedProcess[str]:
        argv = ["nsenter", f"--net=/run/netns/{host.lab.host}", sys.executable, "-m", "netwright"]
        environment = {**os.environ, "PYTHONPATH": str(SOURCE)}
        nowhere = ["--server", "/nowhere", "doctor"]
        return subprocess.run(
            [*argv, *nowhere, *words], capture_output=True, text=True, check=False, env=environment
        )

    well = doctor()
    assert (well.returncode, well.stderr) == (0, ""), well.stdout
    assert "is dropped" not in well.stdout
    host.run("iptables-nft -P FORWARD DROP")
    ill = doctor("--format", "json")
    assert ill.returncode == 1
    assert json.loads(ill.stdout)["ok"] is False
    assert "iptables-nft ip filter FORWARD: policy drop" in doctor().stdout
    commands = doctor("--fix-commands").stdout
    host.run(commands)
    assert doctor("--fix-commands").stdout == ""
    assert doctor().returncode == 0
    host.run("iptables-nft -P FORWARD ACCEPT; iptables-nft -F")
