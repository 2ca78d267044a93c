"""dnsmasq's script and the files that it writes: nothing is lost, nothing of a guest's gets in."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from netwright.agent.lease_events import LeaseEvents
from netwright.kernel import lease_spool
from netwright.kernel.inotify import DirectoryWatch
from netwright.kernel.lease_spool import SCRIPT, HeldLease, LeaseSpool
from netwright.model.errors import KernelRefusedError, ServerGoneError
from netwright.model.ids import Mac
from netwright.model.leases import LeaseChange, LeaseEvent
from netwright.testing.namespaces import eventually

NET = "6f6e6574-0000-4000-8000-000000000001"
MAC = "fa:16:3e:00:00:01"


def bridge(
    directory: Path, *words: str, network: str = NET, **environment: str
) -> subprocess.CompletedProcess[str]:
    told = {"PATH": os.environ["PATH"], "NETWRIGHT_LEASES": str(directory), "NETWORK_ID": network}
    told["CONFIG_FILE"] = '["/etc/nova/nova-dhcpbridge.conf"]'
    return subprocess.run(
        [SCRIPT, *words], capture_output=True, text=True, env=told | environment, check=False
    )


def leased(directory: Path, network: str = NET) -> list[list[str]]:
    """What init prints, its moments left out, by address."""
    done = bridge(directory, "init", network=network)
    assert (done.returncode, done.stderr) == (0, "")
    return sorted(line.split()[1:] for line in done.stdout.splitlines())


def all_of(spool: LeaseSpool) -> list[LeaseEvent]:
    found: list[LeaseEvent] = []
    while (taken := spool.take()).lines:
        found += taken.events
        spool.done(taken)
    return found


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    return tmp_path / "leases"


def test_an_event_is_a_line_that_is_taken_once(directory: Path) -> None:
    """What the script was told comes out as events, in order, and no second time once it is done with."""
    bridge(directory, "add", MAC, "10.0.0.5", "web")
    bridge(directory, "old", MAC, "10.0.0.5", "web")
    bridge(directory, "del", MAC, "10.0.0.5")
    spool = LeaseSpool(directory)
    assert spool.take() == spool.take()
    assert [(event.change, str(event.address), event.mac, event.network) for event in all_of(spool)] == [
        (change, "10.0.0.5", MAC, NET)
        for change in (LeaseChange.TAKEN, LeaseChange.TAKEN, LeaseChange.RELEASED)
    ]
    assert all_of(LeaseSpool(directory)) == []


def test_a_daemon_without_network_id_tells_all_the_same(directory: Path) -> None:
    """Its events name no network; whoever takes them finds it by the address."""
    bridge(directory, "add", MAC, "10.0.0.5", network="")
    assert [(event.network, str(event.address)) for event in all_of(LeaseSpool(directory))] == [
        ("", "10.0.0.5")
    ]


def test_dhcpv6_leases_are_told_by_mac(directory: Path) -> None:
    """For a DHCPv6 lease the MAC is the one that dnsmasq has seen, not the DUID; or none."""
    bridge(directory, "add", "00:01:00:01", "fd00::5", DNSMASQ_MAC=MAC)
    bridge(directory, "add", "00:01:00:01", "fd00::6")
    assert [(str(event.address), event.mac) for event in all_of(LeaseSpool(directory))] == [
        ("fd00::5", MAC),
        ("fd00::6", None),
    ]


@pytest.mark.parametrize(
    "name",
    [
        "a b",
        "x\ndel n fa:16:3e:00:00:09 10.0.0.9 0 *",
        "$(touch /tmp/pwned)",
        "`id`",
        "-n",
        "%s%n",
        "*",
        "\\",
        "é",
    ],
)
def test_a_guests_name_is_never_more_than_a_name(directory: Path, name: str) -> None:
    """Whatever a guest calls itself, there is one line, for its own lease."""
    bridge(directory, "add", MAC, "10.0.0.5", name)
    text = (directory / "events").read_text()
    assert text.count("\n") == 1
    assert text.startswith(f"add {NET} {MAC} 10.0.0.5 0 ")
    assert text.split()[-1] in {"*", "-n"}
    assert len(all_of(LeaseSpool(directory))) == 1
    assert [line[:2] for line in leased(directory)] == [[MAC, "10.0.0.5"]]


@pytest.mark.parametrize(
    ("words", "network"),
    [
        (("add", "x\ny", "10.0.0.5"), NET),
        (("add", MAC, "10.0.0.5 9"), NET),
        (("add",), NET),
        (("add", MAC, "10.0.0.5"), "a/../b"),
        (("add", MAC, "10.0.0.5"), "a b"),
        (("init",), "$(id)"),
        (("init",), ""),
    ],
)
def test_what_is_no_lease_is_refused(directory: Path, words: Sequence[str], network: str) -> None:
    """Words that dnsmasq would never say are an error, and nothing is written."""
    done = bridge(directory, *words, network=network)
    assert done.returncode == 1
    assert done.stderr.startswith("netwright-dhcpbridge: ")
    assert not (directory / "events").exists()


def test_damaged_lines_are_passed_over(directory: Path) -> None:
    """Half a line, or a stranger's, costs no other event; a line that is still being written waits."""
    spool = LeaseSpool(directory)
    events = directory / "events"
    events.write_bytes(b"add n fa:16:3e\nhello\n\xff\xfe\nadd n zz 10.0.0.1 0 *\nadd n - 10.0.0 0 *\n")
    bridge(directory, "add", MAC, "10.0.0.5")
    whole = f"add {NET} {MAC} 10.0.0.6 0 *\n"
    with events.open("a") as file:
        file.write(whole[:20])
    taken = spool.take()
    assert ([str(event.address) for event in taken.events], taken.refused) == (["10.0.0.5"], 5)
    spool.done(taken)
    assert spool.take().lines == 0
    with events.open("a") as file:
        file.write(whole[20:])
    assert [str(event.address) for event in all_of(spool)] == ["10.0.0.6"]


def test_init_prints_what_is_leased(directory: Path) -> None:
    """Of the network asked for, as dnsmasq's lease file has it; released leases are not there."""
    bridge(directory, "add", MAC, "10.0.0.5", "web", DNSMASQ_TIME_REMAINING="120")
    bridge(directory, "add", "fa:16:3e:00:00:02", "10.0.0.6")
    bridge(directory, "add", "fa:16:3e:00:00:03", "10.0.0.7")
    bridge(directory, "del", "fa:16:3e:00:00:03", "10.0.0.7")
    bridge(directory, "add", "fa:16:3e:00:00:04", "10.0.0.5", network="other")
    assert leased(directory) == [
        [MAC, "10.0.0.5", "web", "*"],
        ["fa:16:3e:00:00:02", "10.0.0.6", "*", "*"],
    ]
    until = {line.split()[2]: int(line.split()[0]) for line in bridge(directory, "init").stdout.splitlines()}
    assert until["10.0.0.6"] == 0  # for ever
    assert until["10.0.0.5"] > 120
    assert leased(directory, "unknown") == []


def test_a_seed_is_all_that_init_knows(directory: Path) -> None:
    """A network that is seeded has these leases, those told later, and none from before; others keep theirs."""
    spool = LeaseSpool(directory)
    bridge(directory, "add", MAC, "10.0.0.5")
    bridge(directory, "add", MAC, "10.9.0.5", network="other")
    spool.seed(NET, [HeldLease(IPv4Address("10.0.0.8"), Mac("fa:16:3e:00:00:08"), 60, "bad name")])
    bridge(directory, "add", "fa:16:3e:00:00:09", "10.0.0.9")
    assert [line[1] for line in leased(directory)] == ["10.0.0.8", "10.0.0.9"]
    assert [line[1] for line in leased(directory, "other")] == ["10.9.0.5"]
    assert [str(event.address) for event in spool.pending(NET)] == ["10.0.0.5", "10.0.0.9"]


def test_files_move_on_without_losing_anything(directory: Path) -> None:
    """However often the files change, and whoever takes is made anew, every event comes once and init knows all leases."""
    addresses = [f"10.0.0.{number}" for number in range(1, 41)]
    came: list[str] = []
    for number, address in enumerate(addresses):
        bridge(directory, "add", f"fa:16:3e:00:00:{number:02x}", address)
        if number % 3 == 0:
            came += [str(event.address) for event in all_of(LeaseSpool(directory, segment=200))]
        if number % 4 == 0:
            bridge(directory, "del", f"fa:16:3e:00:00:{number:02x}", address)
    came += [str(event.address) for event in all_of(LeaseSpool(directory, segment=200))]
    assert list(dict.fromkeys(came)) == addresses
    assert len(came) == len(addresses) + 10
    assert (directory / "events.1").stat().st_size < 400
    assert {line[1] for line in leased(directory)} == {
        address for number, address in enumerate(addresses) if number % 4
    }


@pytest.mark.parametrize("gone", ["unlinked", "held", "marked"])
def test_a_kill_while_files_move_on_changes_nothing(directory: Path, gone: str) -> None:
    """Ended at any point of the move, the next one comes to the same leases and events."""
    spool = LeaseSpool(directory, segment=1)
    for number in range(3):
        bridge(directory, "add", f"fa:16:3e:00:00:0{number}", f"10.0.0.{number}")
        assert len(all_of(spool)) == 1
    bridge(directory, "del", "fa:16:3e:00:00:01", "10.0.0.1")
    saved = {name: (directory / name).read_bytes() for name in ("events.1", "held", "taken")}
    if gone == "held":  # what held was made of is still there
        (directory / "held").write_bytes(saved["held"] + saved["events.1"])
    elif gone == "unlinked":
        (directory / "held").write_bytes(saved["held"] + saved["events.1"])
        (directory / "events.1").unlink()
    else:
        (directory / "taken").write_bytes(saved["taken"] + b"12345 99\n")
    assert [event.change for event in all_of(LeaseSpool(directory, segment=1))] == [LeaseChange.RELEASED]
    assert [line[1] for line in leased(directory)] == ["10.0.0.0", "10.0.0.2"]


def taken_by_mortals(directory: Path, more: Callable[[], bool]) -> Iterator[LeaseEvent]:
    """Every other one is killed when it has taken something, before it said that it is done."""
    for life in itertools.count():
        spool, goes_on = LeaseSpool(directory, segment=4096), more()
        while (taken := spool.take(37)).lines:
            yield from taken.events
            if life % 2:
                break
            spool.done(taken)
        if not goes_on and not taken.lines:
            return


def test_many_daemons_at_once_lose_nothing(directory: Path) -> None:
    """A thousand events of four daemons, told while the files move on and who takes them dies twice, all come, in order."""
    told = [f"10.{daemon}.{number // 250}.{number % 250}" for daemon in range(4) for number in range(250)]

    def tell(daemon: int) -> None:
        for address in told[daemon * 250 : daemon * 250 + 250]:
            assert bridge(directory, "add", MAC, address, network=f"net{daemon}").returncode == 0

    daemons = [threading.Thread(target=tell, args=(number,)) for number in range(4)]
    for daemon in daemons:
        daemon.start()
    came = list(taken_by_mortals(directory, lambda: any(daemon.is_alive() for daemon in daemons)))
    for daemon in range(4):
        theirs = [str(event.address) for event in came if event.network == f"net{daemon}"]
        assert list(dict.fromkeys(theirs)) == told[daemon * 250 : daemon * 250 + 250]
        assert len(leased(directory, f"net{daemon}")) == 250


BLIND = """
import sys, threading
from pathlib import Path
from netwright.agent.lease_events import LeaseEvents
from netwright.kernel.inotify import DirectoryWatch
from netwright.kernel.lease_spool import LeaseSpool
directory, told = Path(sys.argv[1]), threading.Event()
passing = LeaseEvents(LeaseSpool(directory), DirectoryWatch(directory), lambda events: told.set())
passing.start()
(directory / "events").write_text("add n fa:16:3e:00:00:01 10.0.0.5 0 *\\n")
print(told.wait(60))
passing.stop()
"""


def test_events_are_seen_without_inotify(directory: Path) -> None:
    """Where the kernel gives no inotify instance, events are seen all the same."""
    none_left = f'echo 0 >/proc/sys/user/max_inotify_instances && exec "{sys.executable}" -c "$0" "$1"'
    argv = ["unshare", "--user", "--map-root-user", "sh", "-c", none_left, BLIND, str(directory)]
    source = str(Path(lease_spool.__file__).parents[2])
    done = subprocess.run(
        argv, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": source}, check=False
    )
    assert done.stdout == "True\n", done.stderr


def test_a_directory_that_is_not_there_cannot_be_watched(directory: Path) -> None:
    """It is an error that names the directory."""
    with pytest.raises(KernelRefusedError, match=str(directory)):
        DirectoryWatch(directory)


def test_what_cannot_be_delivered_waits(directory: Path) -> None:
    """While the server is gone events stay, in order; when it is back they come, with those of meanwhile."""
    came: list[str] = []
    gone = threading.Event()
    gone.set()
    tried = threading.Event()

    def deliver(events: Sequence[LeaseEvent]) -> None:
        if gone.is_set():
            tried.set()
            raise ServerGoneError("not there")
        came.extend(str(event.address) for event in events)

    spool = LeaseSpool(directory)
    passing = LeaseEvents(spool, DirectoryWatch(directory), deliver)
    passing.start()
    bridge(directory, "add", MAC, "10.0.0.5")
    assert tried.wait(10)
    bridge(directory, "add", MAC, "10.0.0.6")
    gone.clear()
    assert eventually(lambda: came == ["10.0.0.5", "10.0.0.6"])
    passing.stop()
    bridge(directory, "add", MAC, "10.0.0.7")
    again = LeaseEvents(spool, DirectoryWatch(directory), deliver)
    again.start()
    assert eventually(lambda: came[2:] == ["10.0.0.7"])
    again.stop()
