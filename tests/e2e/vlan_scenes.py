"""VLANs of one wire between two hosts: for a kernel that makes VLAN devices (tests/e2e/test_vlans.py boots one)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass, replace
from ipaddress import IPv4Address
from pathlib import Path

import pytest

from netwright.model.host import Stage
from netwright.model.ids import LinkName, NetworkId
from netwright.model.plan import NetworkItem, PortItem
from netwright.model.plan_parts import VlanPlan
from netwright.testing import frames
from netwright.testing.frames import End
from netwright.testing.namespaces import add_addresses, add_veth, ip, run
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet
from netwright.testing.wires import Wire, Wired, silent_guests, wired

PARENT = LinkName("eth1")
RED, BLUE = (NetworkId(f"{number}0000000-0000-4000-8000-00000000000a") for number in (1, 2))
NOBODY = End(frames.NOBODY, IPv4Address("10.9.9.9"))


@dataclass(frozen=True)
class Bench:
    """Two hosts; on the first a guest of the red and one of the blue VLAN, then the same on the other."""

    rigs: tuple[Rig, ...]
    ports: tuple[PortItem, ...]
    wired: Wired
    between: Wire
    """What the second host's link hears."""

    def have(self, *networks: NetworkItem) -> None:
        for at, made in enumerate(self.rigs):
            outcome = made.plan(*networks, *self.ports[2 * at : 2 * at + 2])
            assert not outcome.pending, outcome

    def passes(self, sender: int, receiver: int) -> bytes | None:
        """A datagram to the other guest's very MAC and address, whatever VLAN that is on."""
        wires = self.wired.wires
        for guest in (sender, receiver):
            # Once both have been heard of, no bridge floods what is for them.
            wires[guest].send(frames.arp(self.ports[guest].mac, 1, self.wired.end(guest), NOBODY))
        frame = frames.udp(self.wired.end(sender), self.wired.end(receiver), (4000, 4000), b"hello")
        run(self.rigs[0].host, ["sleep", "0.2"])
        wires[receiver].waiting()
        wires[sender].send(frame)
        run(self.rigs[0].host, ["sleep", "0.5"])
        return frame if frame in wires[receiver].waiting() else None


def vlan(identity: NetworkId, number: int) -> NetworkItem:
    subnet = replace(sample_subnet(f"10.{number}.0.0/24", number=number), held=None)
    bare = replace(sample_network(subnet, identity=identity), zone=number, uplink=LinkName(f"vlan{number}"))
    return replace(bare, vlan=VlanPlan(PARENT, number))


NETS = vlan(RED, 100), vlan(BLUE, 200)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as stack:
        rigs = tuple(stack.enter_context(rig(tmp_path / name)) for name in ("here", "there"))
        add_veth(rigs[0].host, PARENT, rigs[1].host, PARENT)
        for at, made in enumerate(rigs, 1):
            add_addresses(made.host, PARENT, f"192.0.2.{at}/24")
        ports = stack.enter_context(silent_guests(*(_port(number) for number in range(4))))
        between = stack.enter_context(closing(Wire(rigs[1].host, PARENT)))
        early = Bench(rigs, ports, Wired((), ()), between)
        early.have(*NETS)
        yield replace(early, wired=stack.enter_context(wired(*ports)))


def _port(number: int) -> PortItem:
    net = NETS[number % 2]
    held = sample_address(net.subnets[0], str(net.subnets[0].cidr[10 + number]))
    return replace(sample_port(held, number=number + 1, network=net), secured=False)


def test_a_vlan_is_a_wire_of_its_own(bench: Bench) -> None:
    """Guests of one VLAN hear each other across hosts, those of the other nothing; every frame between is tagged."""
    bench.between.waiting()
    assert bench.passes(0, 2)
    assert bench.passes(1, 3)
    seen = [frame for frame in bench.between.waiting() if b"hello" in frame]
    tags = [(frame[12:14], int.from_bytes(frame[14:16]) & 0xFFF) for frame in seen]
    assert tags == [(b"\x81\x00", 100), (b"\x81\x00", 200)]
    assert not bench.passes(0, 3)
    assert not bench.passes(1, 2)


def test_the_link_below_is_left_alone(bench: Bench) -> None:
    """It is on no bridge, and what the hosts themselves say over it goes on untagged."""
    here = bench.rigs[0].host
    assert "master" not in ip(here, "-o", "link", "show", PARENT)
    run(here, ["ping", "-c1", "-W5", "192.0.2.2"])
    bench.rigs[0].plan()
    assert "vlan" not in ip(here, "-o", "link")
    assert ",UP" in ip(here, "-o", "link", "show", PARENT)


def test_a_flat_network_and_a_vlan_share_a_link(bench: Bench) -> None:
    """The untagged frames are the flat network's, the tagged ones the VLAN's."""
    bench.have(replace(NETS[0], vlan=None, uplink=PARENT), NETS[1])
    assert bench.passes(0, 2)
    assert bench.passes(1, 3)
    assert not bench.passes(0, 3)
    bench.have(*NETS)
    assert bench.passes(0, 2)


def test_what_is_done_to_the_device_is_mended(bench: Bench) -> None:
    """Deleted, taken off the bridge, shut or changed: the next look makes it as it was, and writes no more."""
    here = bench.rigs[0]
    for deed in (
        ("delete", "vlan100"),
        ("set", "vlan100", "nomaster"),
        ("set", "vlan100", "down"),
        ("set", "vlan100", "mtu", "1400"),
    ):
        ip(here.host, "link", *deed)
        assert here.look().written.get(Stage.VLANS) == 1, deed
        assert here.look().writes == 0
    bench.have(vlan(RED, 101), NETS[1])
    assert here.there() == here.wanted()
    here.restart()
    here.plan()
    here.look()
    assert "vlan" not in ip(here.host, "-o", "link")


def test_what_cannot_be_made_is_said_in_a_line(bench: Bench) -> None:
    """More than the link carries, no such link, a stranger's device for the VLAN, a stranger's link of the name."""
    here = bench.rigs[0]
    here.plan()
    for network, expected in (
        (replace(NETS[0], mtu=9000), "an MTU of 9000 is more than the 1500 of eth1"),
        (replace(NETS[0], vlan=VlanPlan(LinkName("eth9"), 100)), "eth9: no such link"),
    ):
        assert expected in here.plan(network).failures[Stage.VLANS].said
        here.plan()
    ip(here.host, "link", "add", "link", PARENT, "name", "their", "type", "vlan", "id", "100")
    assert "eth1 has a device for VLAN 100 already" in here.plan(NETS[0]).failures[Stage.VLANS].said
    ip(here.host, "link", "set", "their", "name", "vlan100", "alias", "their own")
    assert "vlan100 exists and is not netwright's" in here.look().failures[Stage.VLANS].said
    assert "their own" in ip(here.host, "link", "show", "vlan100")


def test_a_link_that_is_down_is_brought_up(bench: Bench) -> None:
    """For a new device; one that is there already does not overrule who shut the link."""
    here = bench.rigs[0]
    here.plan()
    ip(here.host, "link", "set", PARENT, "down")
    assert not here.plan(NETS[0]).pending
    assert ",UP" in ip(here.host, "-o", "link", "show", PARENT)
    ip(here.host, "link", "set", PARENT, "down")
    assert here.look().pending
    assert ",UP" not in ip(here.host, "-o", "link", "show", PARENT)
