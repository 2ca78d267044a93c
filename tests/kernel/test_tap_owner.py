"""Who may open a tap: its owner and its group, and nobody else who is not root."""

from __future__ import annotations

import fcntl
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from netwright.kernel.netns import path_of
from netwright.model.host import Stage
from netwright.model.ids import HOST_NAMESPACE, LAST_ID, port_link_name
from netwright.model.intent import HostTap, VmmTap
from netwright.model.plan import PortItem, Serving
from netwright.testing.namespaces import ip, run
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet

NETWORK = sample_network(sample_subnet("10.20.0.0/24", Serving.STATIC))
(SUBNET,) = NETWORK.subnets
PORT = sample_port(sample_address(SUBNET, "10.20.0.5"), network=NETWORK)
TAP = port_link_name(PORT.id)
OWNER, GROUP, OTHER = 64055, 64056, 64057
OPEN = """
import fcntl, os, struct, sys
device = os.open("/dev/net/tun", os.O_RDWR)
fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", sys.argv[1].encode(), 0x5002))
"""


@dataclass(frozen=True)
class Site:
    rig: Rig

    def plan(self, attachment: HostTap | VmmTap) -> PortItem:
        port = replace(PORT, attachment=attachment)
        outcome = self.rig.plan(NETWORK, port)
        assert not outcome.failures, outcome
        return port

    def may_open(self, user: int, group: int) -> bool:
        who = ["--reuid", str(user), "--regid", str(group), "--clear-groups", "--bounding-set", "-all"]
        argv = ["nsenter", f"--net={path_of(self.rig.host)}", "setpriv", *who, "--no-new-privs"]
        done = run(HOST_NAMESPACE, [*argv, "/usr/bin/python3", "-c", OPEN, TAP], check=False)
        assert done.returncode == 0 or "not permitted" in done.stderr, done
        return done.returncode == 0


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with rig(tmp_path_factory.mktemp("rig")) as made:
        yield Site(made)


def test_without_an_owner_everybody_may_open_it(site: Site) -> None:
    """As far as /dev/net/tun lets them."""
    site.plan(HostTap())
    assert site.may_open(OTHER, OTHER)


def test_only_the_owner_opens_it(site: Site) -> None:
    """Another user does not, though it has the owner's number as its group."""
    site.plan(HostTap(owner=OWNER))
    assert site.may_open(OWNER, OTHER)
    assert not site.may_open(OTHER, OWNER)


def test_only_who_is_in_the_group_opens_it(site: Site) -> None:
    """Whoever it is; root's group is none of them."""
    site.plan(HostTap(group=GROUP))
    assert site.may_open(OTHER, GROUP)
    assert not site.may_open(GROUP, OTHER)
    assert not site.may_open(OTHER, 0)


@pytest.mark.parametrize(
    "who", [HostTap(0, 0), HostTap(LAST_ID, LAST_ID), HostTap(1 << 31), HostTap(None, 7)]
)
def test_what_is_asked_is_what_is_there(site: Site, who: HostTap) -> None:
    """Root, the last number and those beyond 31 bits are told as they were put; a fresh agent has nothing to write."""
    site.plan(who)
    site.rig.restart()
    assert Stage.PORTS not in site.rig.plan(NETWORK, replace(PORT, attachment=who)).written
    assert site.rig.there() == site.rig.wanted()


def test_an_owner_is_changed_and_taken_away(site: Site) -> None:
    """Each plan's is the one that may open it; what strangers set is mended."""
    for who in (HostTap(OWNER), HostTap(OTHER, GROUP), HostTap(), HostTap(OTHER)):
        site.plan(who)
        assert site.rig.there() == site.rig.wanted()
    site.rig.do(lambda: _given_to(OWNER))
    assert site.rig.look().writes
    assert site.may_open(OTHER, OTHER)
    assert not site.may_open(OWNER, OWNER)


def test_who_has_it_open_keeps_it(site: Site) -> None:
    """A new owner waits until the tap is let go, and is told; then it comes with the next look."""
    site.plan(HostTap(OWNER))
    index = ip(site.rig.host, "-o", "link", "show", TAP).split(":")[0]
    device = site.rig.do(_opened)
    try:
        outcome = site.rig.plan(NETWORK, replace(PORT, attachment=HostTap(OTHER)))
        assert f"pid {os.getpid()}, has it open" in outcome.failures[Stage.PORTS].said
        assert ip(site.rig.host, "-o", "link", "show", TAP).split(":")[0] == index
    finally:
        os.close(device)
    assert not site.rig.look().failures
    assert site.may_open(OTHER, OTHER)


def test_a_vmms_own_tap_keeps_its_owner(site: Site) -> None:
    """Whatever the one who made it gave it is no affair of ours."""
    site.plan(HostTap())
    assert not site.rig.plan(NETWORK).failures
    device = site.rig.do(_opened)
    try:
        fcntl.ioctl(device, 0x400454CC, OWNER)
        site.plan(VmmTap())
        assert site.rig.there() == site.rig.wanted()
        assert not site.rig.look().writes
    finally:
        os.close(device)


def _opened() -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", TAP.encode(), 0x5002))
    return device


def _given_to(owner: int) -> None:
    device = _opened()
    fcntl.ioctl(device, 0x400454CC, owner)
    os.close(device)
