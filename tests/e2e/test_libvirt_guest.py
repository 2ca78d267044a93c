"""A booted guest of libvirt's whose interface names its port's filter, as nova-network's guests did."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from netwright.kernel.nwfilter_libvirt import Libvirt
from netwright.model.host import Stage
from netwright.model.ids import GroupId, LinkName, NamespaceName, bridge_name, port_link_name
from netwright.model.intent import (
    AnyProtocol,
    Anywhere,
    Direction,
    EtherType,
    InNamespace,
    PortRange,
    VmmTap,
)
from netwright.model.nwfilter import OURS
from netwright.model.plan import GroupItem, PortItem, RulePlan, Serving
from netwright.testing.libvirt_guest import Interface, LibvirtGuest
from netwright.testing.namespaces import add_addresses, namespace, run
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet

V4 = sample_subnet("10.34.0.0/24", Serving.STATIC)
NET = sample_network(V4)
GROUP = GroupId("00000001-6c0f-4000-8000-000000000000")
OUT = tuple(RulePlan(Direction.EGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType)
HTTP = RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(6, 80, 80), Anywhere())
PEER, OWN, OTHERS = "10.34.0.11", "10.34.0.12", "10.34.0.99"


@dataclass(frozen=True)
class Bench:
    rig: Rig
    ports: tuple[PortItem, PortItem]
    peer: NamespaceName
    guest: LibvirtGuest

    def plan(self, *rules: RulePlan) -> None:
        outcome = self.rig.plan(NET, GroupItem(GROUP, stateful=True, rules=(*OUT, *rules)), *self.ports)
        assert not outcome.failures

    def pings(self, source: str = OWN) -> bool:
        """Whether the peer answers the guest when that speaks from the address."""
        return self.guest.line.run(f"ping -c 1 -W 2 -I {source} {PEER}").code == 0

    def serves(self) -> bool:
        """Whether the peer gets the guest's page."""
        asked = ["curl", "-s", "-m", "5", f"http://{OWN}/"]
        return run(self.peer, asked, check=False).returncode == 0


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as stack:
        peer = stack.enter_context(namespace("peer"))
        known = replace(
            sample_port(sample_address(V4, PEER), number=1, network=NET),
            attachment=InNamespace(peer, LinkName("eth0")),
            secured=False,
        )
        own = replace(
            sample_port(sample_address(V4, OWN), number=2, network=NET), attachment=VmmTap(), groups=(GROUP,)
        )
        host = stack.enter_context(rig(tmp_path_factory.mktemp("rig"), "nwfilter"))
        assert not host.plan(NET, GroupItem(GROUP, stateful=True, rules=OUT), known, own).failures
        add_addresses(peer, "eth0", f"{PEER}/24")
        guest = stack.enter_context(booted(host, own))
        assert not host.look().failures
        yield Bench(host, (known, own), peer, guest)


@contextmanager
def booted(host: Rig, port: PortItem) -> Iterator[LibvirtGuest]:
    """The port's guest, with its address, on its bridge, by the host's own daemon."""
    assert host.libvirt is not None
    interface = Interface(bridge_name(NET.id), port_link_name(port.id), port.mac, f"{OURS}instance-{port.id}")
    emulators = Libvirt(host.libvirt.uri("qemu"))
    # A socket's path has at most 107 characters, and tests' directories are deep.
    with TemporaryDirectory(prefix="nwt-guest-") as directory, emulators.connected() as connection:
        guest = LibvirtGuest(connection, interface.xml, Path(directory))
        try:
            guest.line.wait_booted()
            assert guest.line.run(f"ip address add {OWN}/24 dev eth0").code == 0
            yield guest
        finally:
            guest.close()
            emulators.close()


def test_libvirts_own_binding_opens_the_port(bench: Bench) -> None:
    """The guest reaches its neighbour as itself, through the binding that its interface's filterref made."""
    assert bench.pings()
    link = port_link_name(bench.ports[1].id)
    assert link in bench.rig.there()[Stage.NWFILTER_BINDINGS]


def test_a_guest_that_pretends_is_not_heard(bench: Bench) -> None:
    """Another's address or MAC gets no answer; its own does again once it is honest."""
    bench.plan()
    line, mac = bench.guest.line, bench.ports[1].mac
    assert line.run(f"ip address add {OTHERS}/24 dev eth0").code == 0
    assert not bench.pings(OTHERS)
    assert bench.pings()
    assert (
        line.run(
            "ip link set eth0 down; ip link set eth0 address fa:16:3e:00:00:77; ip link set eth0 up"
        ).code
        == 0
    )
    assert not bench.pings()
    assert line.run(f"ip link set eth0 down; ip link set eth0 address {mac}; ip link set eth0 up").code == 0
    assert bench.pings()


def test_rules_change_while_the_guest_runs(bench: Bench) -> None:
    """Its page is served while a rule of its group says so, and not before or after."""
    bench.plan()
    assert not bench.serves()
    bench.plan(HTTP)
    assert bench.serves()
    bench.plan()
    assert not bench.serves()
