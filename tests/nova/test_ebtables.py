"""linux_net's ebtables functions, on the kernel and on frames between a host, its guest and the wire."""

from __future__ import annotations

import socket
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from netwright.kernel import netns
from netwright.kernel.addresses import Addresses
from netwright.kernel.netns import Namespaces
from netwright.kernel.tools import find_tool
from netwright.kernel.turns import turn
from netwright.kernel.xt_chains import XtChains
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.model.ids import NamespaceName
from netwright.nova.linux_host import LinuxHost, linux_host
from netwright.nova.linux_net import (
    ensure_ebtables_rules,
    ensure_metadata_ip,
    isolate_dhcp_address,
    remove_ebtables_rules,
    remove_isolate_dhcp_address,
)
from netwright.nova.options import NetworkOptions
from netwright.testing.namespaces import add_addresses, add_bridge, add_veth, namespace, namespaces, plug, run
from netwright.testing.packets import Catcher

ONE = "FORWARD -p ipv4 --ip-src 10.0.0.3 ! --ip-dst 10.0.0.0/24 -j DROP"
TWO = "FORWARD -p ipv4 --ip-src 10.0.0.4 ! --ip-dst 10.0.0.0/24 -j DROP"
RACE = "Unable to update the kernel. Two possible causes:\n1. Multiple ebtables programs were executing simultaneously."


@pytest.fixture
def host() -> Iterator[NamespaceName]:
    with namespace("ebt") as name, netns.inside(name):
        yield name


def rules_of(where: NamespaceName, table: str = "filter") -> list[str]:
    """The table's rules as ebtables-save prints them."""
    saved = run(where, ["ebtables-save", "-t", table]).stdout
    return [line.strip() for line in saved.splitlines() if line.startswith(("-", ":nova"))]


def test_rules_are_there_once_however_often_they_are_asked_for(host: NamespaceName) -> None:
    """Each call leaves one copy of each rule, the last first, in a chain of ours at the end of the built-in one."""
    run(host, ["ebtables", "-A", "FORWARD", "-p", "arp", "-j", "ACCEPT"])
    for _ in range(3):
        ensure_ebtables_rules([ONE, TWO])
    ensure_ebtables_rules([ONE, ONE])
    assert rules_of(host) == [
        ":nova-FORWARD RETURN",
        "-A FORWARD -p ARP -j ACCEPT",
        "-A FORWARD -j nova-FORWARD",
        "-A nova-FORWARD -p IPv4 --ip-src 10.0.0.4 --ip-dst ! 10.0.0.0/24 -j DROP",
        "-A nova-FORWARD -p IPv4 --ip-src 10.0.0.3 --ip-dst ! 10.0.0.0/24 -j DROP",
    ]


def test_copies_that_an_interrupted_call_left_go(host: NamespaceName) -> None:
    """Who was killed, or refused, between two steps leaves a rule twice; the next call leaves it once."""
    ensure_ebtables_rules([ONE])
    for _ in range(2):
        with pytest.raises(KernelRefusedError):
            ensure_ebtables_rules([ONE, "FORWARD -j nowhere"])
    ensure_ebtables_rules([ONE])
    assert len(rules_of(host)) == 3


def test_a_chain_of_another_table_is_refused(host: NamespaceName) -> None:
    """PREROUTING in the table filter is an InvalidError that names the table, and leaves no chain."""
    before = rules_of(host)
    with pytest.raises(InvalidError, match="filter"):
        ensure_ebtables_rules(["PREROUTING -j DROP"])
    assert rules_of(host) == before


def test_rules_go_with_all_their_copies_and_others_stay(host: NamespaceName) -> None:
    """What is removed is gone, strangers' rules stay, the last rule takes our chain along, and absent ones are no error."""
    run(host, ["ebtables", "-A", "FORWARD", "-p", "arp", "-j", "ACCEPT"])
    before = rules_of(host)
    remove_ebtables_rules([ONE])
    assert rules_of(host) == before
    ensure_ebtables_rules([ONE, TWO])
    run(host, ["ebtables", "-A", "nova-FORWARD", *ONE.split()[1:]])
    remove_ebtables_rules([ONE])
    assert rules_of(host)[-1] == "-A nova-FORWARD -p IPv4 --ip-src 10.0.0.4 --ip-dst ! 10.0.0.0/24 -j DROP"
    assert len(rules_of(host)) == 4
    remove_ebtables_rules([ONE, TWO])
    assert rules_of(host) == before


def test_a_rule_in_the_nat_table_is_put_there(host: NamespaceName) -> None:
    """The table is the caller's choice, and one that ebtables does not have is refused by name."""
    ensure_ebtables_rules(["PREROUTING -p ipv4 --ip-src 10.0.0.3 -j redirect"], "nat")
    assert rules_of(host) == []
    assert rules_of(host, "nat")[-1] == "-A nova-PREROUTING -p IPv4 --ip-src 10.0.0.3 -j redirect"
    with pytest.raises(InvalidError, match="table"):
        ensure_ebtables_rules([ONE], "mangle")


@pytest.mark.parametrize("rule", ["", "-F", "FORWARD -j DROP\nINPUT -j DROP", "FORWARD/x -j DROP"])
def test_a_rule_is_a_chain_and_one_line(host: NamespaceName, rule: str) -> None:
    """Anything else is refused before a program is run."""
    with pytest.raises(InvalidError):
        ensure_ebtables_rules([rule])
    with pytest.raises(InvalidError):
        remove_ebtables_rules([rule])
    assert rules_of(host) == []


def test_what_ebtables_does_not_take_is_told(host: NamespaceName) -> None:
    """Its own words are in the error, for rules to put and for rules to remove."""
    with pytest.raises(KernelRefusedError, match=r"bogus|Unknown argument"):
        ensure_ebtables_rules(["FORWARD --bogus -j DROP"])
    with pytest.raises(KernelRefusedError, match=r"bogus|Unknown argument"):
        remove_ebtables_rules(["FORWARD --bogus -j DROP"])


def test_many_at_once_leave_one_copy_each(host: NamespaceName) -> None:
    """Six threads that ensure the same two rules in one namespace leave two rules and one jump."""
    failed: list[BaseException] = []

    def ensure() -> None:
        try:
            with netns.inside(host):
                ensure_ebtables_rules([ONE, TWO])
        except BaseException as error:  # noqa: BLE001 - told to the test
            failed.append(error)

    threads = [threading.Thread(target=ensure) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert len(rules_of(host)) == 4


def test_a_turn_ends_with_its_holder(host: NamespaceName) -> None:
    """While one has the turn another waits as long as it has patience; in another namespace, and afterwards, it is free."""
    with turn("ebtables"):
        with pytest.raises(KernelRefusedError, match="someone else"), turn("ebtables", patience=0.05):
            pass
        with turn("other"), namespace("trn") as other, netns.inside(other), turn("ebtables"):
            pass
    with turn("ebtables", patience=0):
        pass


def test_a_turn_ends_with_a_killed_process(host: NamespaceName) -> None:
    """Who is killed in the middle keeps nobody else out."""
    held = "from netwright.kernel.turns import turn; t = turn('ebtables'); t.__enter__(); print(flush=True); input()"
    with subprocess.Popen(
        [sys.executable, "-c", held], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        assert holder.stdout is not None
        holder.stdout.readline()
        with pytest.raises(KernelRefusedError), turn("ebtables", patience=0):
            pass
        holder.kill()
        holder.wait()
        ensure_ebtables_rules([ONE])
    assert len(rules_of(host)) == 3


@dataclass(frozen=True)
class Racing:
    """An `ebtables` before the real one on the path, which loses a race so many times and notes each run."""

    notes: Path

    @property
    def runs(self) -> int:
        return len(self.notes.read_text().splitlines()) if self.notes.exists() else 0


@pytest.fixture
def racing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Racing:
    notes, program, real = tmp_path / "notes", tmp_path / "ebtables", find_tool("ebtables")
    assert real, "ebtables is missing (Debian package iptables)"
    program.write_text(
        f'#!/bin/sh\necho "$*" >> {notes}\n'
        f"[ $(wc -l < {notes}) -gt {request.param} ] || {{ echo '{RACE}' >&2; exit 255; }}\n"
        f'exec {real} "$@"\n'
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    return Racing(notes)


def impatient(attempts: int) -> LinuxHost:
    return linux_host(NetworkOptions(ebtables_exec_attempts=attempts, ebtables_retry_interval=0.001))


@pytest.mark.parametrize("racing", [1], indirect=True)
def test_a_lost_race_is_run_again(host: NamespaceName, racing: Racing) -> None:
    """One race costs one more execution of that command, and the rule is there."""
    ensure_ebtables_rules([ONE], on=impatient(2))
    assert len(rules_of(host)) == 3
    assert racing.notes.read_text().splitlines()[:2] == ["--concurrent -t filter -L"] * 2
    assert racing.runs == 6


@pytest.mark.parametrize("racing", [99], indirect=True)
@pytest.mark.parametrize("attempts", [1, 3])
def test_races_on_all_tries_are_told(host: NamespaceName, racing: Racing, attempts: int) -> None:
    """After `ebtables_exec_attempts` executions, no more, putting and removing raise."""
    for deed in (ensure_ebtables_rules, remove_ebtables_rules):
        before = racing.runs
        with pytest.raises(KernelRefusedError, match="Multiple ebtables programs"):
            deed([ONE], on=impatient(attempts))
        assert racing.runs - before == attempts


@pytest.mark.parametrize("racing", [0], indirect=True)
def test_another_fault_is_not_tried_again(host: NamespaceName, racing: Racing) -> None:
    """A chain that does not exist is told after one execution."""
    with pytest.raises(KernelRefusedError):
        ensure_ebtables_rules(["nowhere -j DROP"], on=impatient(3))
    assert racing.runs == 1


@dataclass(frozen=True)
class Wire:
    """A host whose bridge holds 10.0.0.1, its guest, and a machine on the wire behind the bridge's port `up0`."""

    host: NamespaceName
    guest: NamespaceName
    far: NamespaceName

    def hears_dhcp(self, sender: NamespaceName, listener: NamespaceName, port: int) -> bool:
        catcher = Catcher(listener, port)
        try:
            with netns.inside(sender), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as line:
                line.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
                line.sendto(b"discover", ("10.0.0.255", port))
            return bool(catcher.caught())
        finally:
            catcher.close()

    def knows(self, asker: NamespaceName, address: str) -> bool:
        """Whether somebody answers ARP for the address."""
        run(asker, ["ip", "neighbour", "flush", "dev", "eth0"])
        run(asker, ["ping", "-c", "1", "-W", "0.5", address], check=False)
        return "lladdr" in run(asker, ["ip", "neighbour", "show", address, "dev", "eth0"]).stdout


@pytest.fixture
def wire() -> Iterator[Wire]:
    with namespaces("host", "guest", "far") as (host, guest, far):
        add_bridge(host, "br100", "10.0.0.1/24")
        plug(host, "br100", "tap1", guest, "fa:16:3e:00:00:01")
        add_veth(host, "up0", far, "eth0")
        run(host, ["ip", "link", "set", "up0", "master", "br100"])
        add_addresses(guest, "eth0", "10.0.0.10/24")
        add_addresses(far, "eth0", "10.0.0.20/24")
        with netns.inside(host):
            yield Wire(host, guest, far)


def test_a_shared_dhcp_address_stays_at_home(wire: Wire) -> None:
    """The wire learns nothing of the address and hears no DHCP, the guest does; afterwards all is as before."""
    assert wire.knows(wire.far, "10.0.0.1")
    assert wire.hears_dhcp(wire.guest, wire.far, 67)
    before = rules_of(wire.host)
    isolate_dhcp_address("up0", "10.0.0.1")
    isolate_dhcp_address("up0", "10.0.0.1")
    assert not wire.knows(wire.far, "10.0.0.1")
    assert wire.knows(wire.guest, "10.0.0.1")
    assert wire.knows(wire.guest, "10.0.0.20")
    for port in (67, 68):
        assert not wire.hears_dhcp(wire.guest, wire.far, port)
        assert not wire.hears_dhcp(wire.far, wire.guest, port)
    assert wire.hears_dhcp(wire.guest, wire.host, 67)
    assert wire.hears_dhcp(wire.guest, wire.far, 69)
    remove_isolate_dhcp_address("up0", "10.0.0.1")
    assert rules_of(wire.host) == before
    assert wire.knows(wire.far, "10.0.0.1")


def test_isolation_is_four_rules(host: NamespaceName) -> None:
    """ARP for the address, ARP from it, and DHCP both ways; a name or address that is none is refused."""
    isolate_dhcp_address("up0", "10.0.0.1")
    assert [line for line in rules_of(host) if "up0" in line] == [
        "-A nova-FORWARD -p IPv4 -o up0 --ip-proto udp --ip-dport 67:68 -j DROP",
        "-A nova-FORWARD -p IPv4 -i up0 --ip-proto udp --ip-dport 67:68 -j DROP",
        "-A nova-INPUT -p ARP -i up0 --arp-ip-dst 10.0.0.1 -j DROP",
        "-A nova-OUTPUT -p ARP -o up0 --arp-ip-src 10.0.0.1 -j DROP",
    ]
    for interface, address in (
        ("up0 -j ACCEPT", "10.0.0.1"),
        ("up0", "10.0.0.1 -j ACCEPT"),
        ("up0", "fe80::1"),
    ):
        with pytest.raises(InvalidError):
            isolate_dhcp_address(interface, address)


def test_the_agent_takes_none_of_it_for_its_own(host: NamespaceName) -> None:
    """Its look at everything finds neither our chains and jumps nor the metadata address, and so sweeps none."""
    ensure_ebtables_rules([ONE])
    ensure_metadata_ip()
    assert XtChains().observe() == {}
    assert Addresses(Namespaces(Path("/nonexistent"))).observe() == {}
