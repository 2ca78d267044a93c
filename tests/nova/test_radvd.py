"""linux_net's radvd: a real daemon, and guests that hear it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from ipaddress import IPv6Network
from pathlib import Path

import pytest
from nova.dhcp_hosts import CONTEXT, DEV, DhcpHost, dhcp_host, network

from netwright.kernel.daemons import Daemon
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.model.ids import LinkName, NamespaceName
from netwright.nova.linux_net import kill_ra, update_ra, write_to_file
from netwright.nova.radvd import ra_daemon, ra_path, ra_text
from netwright.testing.namespaces import addresses_of, eventually, ip, run

FIRST, SECOND = "2001:db8:1::/64", "2001:db8:2::/64"


@pytest.fixture
def host() -> Iterator[DhcpHost]:
    directory = Path(tempfile.mkdtemp(prefix="nwt-"))
    try:
        with dhcp_host(directory) as made:
            run(made.net.name, ["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"])
            ip(made.net.name, "address", "add", "fe80::1/64", "dev", DEV, "nodad")
            yield made
    finally:
        shutil.rmtree(directory)


def daemon(host: DhcpHost) -> Daemon:
    return ra_daemon(host.on.options, LinkName(DEV))


def prefixes(guest: NamespaceName) -> set[str]:
    """Those in which a guest has made an address of its own."""
    return {
        address.split("::")[0] if "::" in address else ":".join(address.split(":")[:3])
        for address in addresses_of(guest, "eth0")
    }


def routers(guest: NamespaceName) -> str:
    return ip(guest, "-6", "route", "show", "default")


def test_guests_hear_the_prefix(host: DhcpHost) -> None:
    """A guest makes itself an address in the network's prefix, and its gateway is the device."""
    guest = host.guest(5).namespace
    update_ra(CONTEXT, DEV, network(cidr_v6=FIRST), on=host.on)
    assert eventually(lambda: prefixes(guest) == {"2001:db8:1"}, 20)
    assert "via fe80::1 " in routers(guest)


def test_an_update_is_heard_without_a_new_daemon(host: DhcpHost) -> None:
    """One more call changes nothing, another prefix is announced by the same process, and guests keep their router."""
    guest = host.guest(5).namespace
    update_ra(CONTEXT, DEV, network(cidr_v6=FIRST), on=host.on)
    assert eventually(lambda: prefixes(guest) == {"2001:db8:1"}, 20)
    before = daemon(host).pid()
    assert before
    update_ra(CONTEXT, DEV, network(cidr_v6=FIRST), on=host.on)
    update_ra(CONTEXT, DEV, network(cidr_v6=SECOND), on=host.on)
    assert eventually(lambda: "2001:db8:2" in prefixes(guest), 20)
    assert daemon(host).pid() == before
    assert "via fe80::1 " in routers(guest)


@pytest.mark.parametrize("pid_file", ["kept", "lost"])
def test_a_daemon_that_died_comes_back_at_the_next_call(host: DhcpHost, pid_file: str) -> None:
    """Crashed, or with its pid file gone: after the next call there is one that announces."""
    update_ra(CONTEXT, DEV, network(cidr_v6=FIRST), on=host.on)
    before = daemon(host).pid()
    assert before
    if pid_file == "kept":
        os.kill(before, signal.SIGKILL)
        assert eventually(lambda: daemon(host).pid() is None)
    else:
        daemon(host).pid_file.unlink()
    update_ra(CONTEXT, DEV, network(cidr_v6=FIRST), on=host.on)
    assert daemon(host).pid() not in {None, before}
    guest = host.guest(5).namespace
    assert eventually(lambda: prefixes(guest) == {"2001:db8:1"}, 20)


@pytest.mark.parametrize("how", ["kill_ra", "no prefix"])
def test_an_end_is_told(host: DhcpHost, how: str) -> None:
    """When it ends, or the network has no prefix any more, guests hear that the device is no router now."""
    guest = host.guest(5).namespace
    update_ra(CONTEXT, DEV, network(cidr_v6=FIRST), on=host.on)
    assert eventually(lambda: "via fe80::1 " in routers(guest), 20)
    for _ in range(2):
        if how == "kill_ra":
            kill_ra(DEV, on=host.on)
        else:
            update_ra(CONTEXT, DEV, network(), on=host.on)
    assert daemon(host).pid() is None
    assert eventually(lambda: not routers(guest), 20)


def test_an_update_that_was_interrupted_is_made_good(host: DhcpHost) -> None:
    """A file that was written by who was killed before it told the daemon is told by the next call."""
    guest = host.guest(5).namespace
    update_ra(CONTEXT, DEV, network(cidr_v6=FIRST), on=host.on)
    assert eventually(lambda: prefixes(guest) == {"2001:db8:1"}, 20)
    dev = LinkName(DEV)
    write_to_file(ra_path(host.on.options, dev, "conf"), ra_text(dev, IPv6Network(SECOND)))
    update_ra(CONTEXT, DEV, network(cidr_v6=SECOND), on=host.on)
    assert eventually(lambda: "2001:db8:2" in prefixes(guest), 20)


def test_who_looks_at_the_file_is_left_alone(host: DhcpHost) -> None:
    """An administrator's `tail -f` of the configuration outlives the daemon."""
    update_ra(CONTEXT, DEV, network(cidr_v6=FIRST), on=host.on)
    conf = ra_path(host.on.options, LinkName(DEV), "conf")
    looking = subprocess.Popen(["tail", "-f", conf], stdout=subprocess.PIPE)
    try:
        assert looking.stdout is not None
        assert looking.stdout.readline()
        kill_ra(DEV, on=host.on)
        assert looking.poll() is None
    finally:
        looking.kill()
        looking.communicate()


def test_what_cannot_be_announced_is_refused(host: DhcpHost) -> None:
    """A device that is not there, or text that is no prefix or device, is an error and leaves no daemon."""
    with pytest.raises(KernelRefusedError, match="br-none"):
        update_ra(CONTEXT, "br-none", network(cidr_v6=FIRST), on=host.on)
    for dev, prefix in ((DEV, "2001:db8::/64 {"), ("x;}", FIRST)):
        with pytest.raises(InvalidError):
            update_ra(CONTEXT, dev, network(cidr_v6=prefix), on=host.on)
    update_ra(CONTEXT, DEV, network(cidr_v6=FIRST), on=host.with_options(fake_network=True))
    assert daemon(host).pid() is None
