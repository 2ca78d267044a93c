"""The nwfilter engine against libvirt's own daemon: what is ours, what is not, what is shut until it is guarded."""

from __future__ import annotations

import signal
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest

from netwright.agent.reconcile import Outcome
from netwright.kernel.nwfilter import NwFilters
from netwright.kernel.nwfilter_bindings import NwBindings
from netwright.kernel.nwfilter_libvirt import Libvirt
from netwright.model.errors import KernelRefusedError
from netwright.model.host import NwFilter, PortBinding, Stage
from netwright.model.ids import GroupId, LinkName, Mac, NetworkId, bridge_name, port_link_name
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType, PortRange
from netwright.model.nwfilter import OURS, uuid_of
from netwright.model.plan import GroupItem, PortItem, RulePlan, Serving
from netwright.testing import frames
from netwright.testing.frames import End
from netwright.testing.libvirt_host import LibvirtHost
from netwright.testing.namespaces import eventually, namespace, run
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet
from netwright.testing.wires import silent_guests, stranger, wired

V4 = sample_subnet("10.33.0.0/24", Serving.STATIC)
NET = sample_network(V4)
GROUP = GroupId("00000001-6c0f-4000-8000-000000000000")
OUT = tuple(RulePlan(Direction.EGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType)
LINKS = tuple(port_link_name(sample_port(number=number).id) for number in (1, 2))
FOREIGN: Final = "<filter name='{name}' chain='root'><uuid>{uuid}</uuid></filter>"
STRANGE_UUID: Final = "11111111-2222-4333-8444-555555555556"


def group(*udp_ports: int) -> GroupItem:
    """A group that lets these UDP ports in, and everything out."""
    let_in = (
        RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(17, one, one), Anywhere()) for one in udp_ports
    )
    return GroupItem(GROUP, stateful=False, rules=(*OUT, *let_in))


@dataclass(frozen=True)
class Bench:
    rig: Rig
    ports: tuple[PortItem, ...]
    libvirt: LibvirtHost

    def plan(self, *udp_ports: int) -> Outcome:
        return self.rig.plan(NET, group(*udp_ports), *self.ports)

    def passes(self, port: int) -> bool:
        """Whether a UDP datagram to that port reaches the second guest from the first."""
        source, target = self.ends()
        return self.arrives(frames.udp(source, target, (7, port), b"probe"))

    def arrives(self, frame: bytes) -> bool:
        """Whether the second guest gets it from the first, both ports being open to ARP."""
        with wired(*self.ports) as guests:
            return guests.arrives(0, 1, frame)

    def is_shut(self, *sent: bytes) -> bool:
        """Whether the second guest hears nothing at all while the first sends these, and the host pings it."""
        with wired(*self.ports) as guests:
            for frame in sent:
                guests.wires[0].send(frame)
            self.run(f"ping -c 1 -W 1 {guests.end(1).address} || true")
            return not guests.wires[1].waiting()

    def ends(self) -> tuple[End, End]:
        """The first guest's and the second's."""
        first, second = (End(port.mac, port.addresses[0].address) for port in self.ports)
        return first, second

    def run(self, command: str) -> str:
        return run(self.rig.host, ["sh", "-ec", command]).stdout

    def bindings(self) -> Mapping[object, object]:
        return self.rig.there()[Stage.NWFILTER_BINDINGS]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bare = [
        replace(
            sample_port(sample_address(V4, f"10.33.0.{10 + one}"), number=one, network=NET), groups=(GROUP,)
        )
        for one in (1, 2)
    ]
    with ExitStack() as stack:
        ports = stack.enter_context(silent_guests(*bare))
        made = stack.enter_context(rig(tmp_path_factory.mktemp("rig"), "nwfilter"))
        assert not made.plan(NET, group(80), *ports).failures
        assert made.libvirt is not None
        yield Bench(made, ports, made.libvirt)


@pytest.fixture(autouse=True)
def settled(bench: Bench) -> None:
    """Every test finds the daemon running and the plan of one open port in place."""
    bench.libvirt.start()
    bench.plan(80)
    assert not bench.rig.look().failures


def test_a_rule_is_changed_on_a_running_port(bench: Bench) -> None:
    """What a group's rules open is open, what they no longer open is closed, and the port's binding stays."""
    assert bench.passes(80)
    assert not bench.passes(81)
    assert not bench.plan(81).failures
    assert bench.passes(81)
    assert not bench.passes(80)


def test_libvirts_rules_alone_hold_what_they_have_words_for(bench: Bench) -> None:
    """With the groups' nftables chains taken out of the way, spoofed MACs and closed ports still do not pass."""
    bench.run("nft flush map bridge netwright ports_in; nft flush map bridge netwright ports_out")
    source, target = bench.ends()
    assert bench.passes(80)
    assert not bench.passes(81)
    other = replace(source, address=V4.cidr[200])
    for spoofed in (replace(source, mac=stranger(1)), other):
        assert not bench.arrives(frames.udp(spoofed, target, (7, 80), b"x"))
    assert not bench.arrives(frames.arp(source.mac, 2, other, target))
    assert not bench.arrives(frames.udp(source, target, (67, 68), b"x"))


def test_a_fresh_agent_knows_filters_and_bindings_as_its_own(bench: Bench) -> None:
    """With the same plan it writes none of them anew."""
    bench.rig.restart()
    outcome = bench.plan(80)
    assert not outcome.failures
    assert not {Stage.NWFILTER, Stage.NWFILTER_BINDINGS, Stage.FIREWALL} & outcome.written.keys()
    assert bench.rig.there() == bench.rig.wanted()


def test_a_fresh_agent_sweeps_its_predecessors_and_no_one_elses(bench: Bench) -> None:
    """Filters whose name and UUID agree go with the plan that had them; a name alone, or another name, stays."""
    strange = {f"{OURS}odd": STRANGE_UUID, "odd": uuid_of("odd")}
    with Libvirt(bench.libvirt.uri()).connected() as connection:
        for name, uuid in strange.items():
            connection.nwfilterDefineXML(FOREIGN.format(name=name, uuid=uuid))
    bench.rig.restart()
    bench.rig.plan()
    bench.rig.look()
    left = filter_names(bench)
    assert strange.keys() <= left
    assert not [name for name in left if name.startswith((f"{OURS}instance", f"{OURS}secgroup"))]
    assert not bench.bindings()
    with Libvirt(bench.libvirt.uri()).connected() as connection:
        assert not connection.listAllNWFilterBindings()
        for name in strange:
            connection.nwfilterLookupByName(name).undefine()


def test_a_strangers_filter_by_our_name_is_refused_and_kept(bench: Bench) -> None:
    """A filter that is called as ours would be but has another UUID is not overwritten, and is named."""
    name = f"{OURS}secgroup-of-a-stranger"
    with Libvirt(bench.libvirt.uri()).connected() as connection:
        connection.nwfilterDefineXML(FOREIGN.format(name=name, uuid=STRANGE_UUID))
        driver = NwFilters(Libvirt(bench.libvirt.uri()))
        wanted = NwFilter("f0", uuid_of(name), FOREIGN.format(name=name, uuid=uuid_of(name)))
        with pytest.raises(KernelRefusedError, match=f"{name} exists with UUID {STRANGE_UUID}"):
            driver.put({name: wanted})
        driver.remove([name])
        assert connection.nwfilterLookupByName(name).UUIDString() == STRANGE_UUID
        connection.nwfilterLookupByName(name).undefine()
        driver.close()


def test_a_filter_that_libvirt_does_not_keep_whole_is_refused(bench: Bench) -> None:
    """libvirt forgets what it does not know of a rule, which would then let through more: that is an error."""
    name = f"{OURS}with-a-set"
    rule = "<rule action='accept' direction='in'><tcp ipset='members' ipsetflags='src' comment='f0'/></rule>"
    xml = f"<filter name='{name}' chain='root'><uuid>{uuid_of(name)}</uuid>{rule}</filter>"
    driver = NwFilters(Libvirt(bench.libvirt.uri()))
    with pytest.raises(KernelRefusedError, match="does not keep"):
        driver.put({name: NwFilter("f0", uuid_of(name), xml)})
    assert driver.observe([name])[name].mark != "f0"
    driver.remove([name])
    driver.close()


FLUSHES = {
    "IPv4 packets": "iptables -F FO-{link}",
    "IPv6 packets": "ip6tables -F FI-{link}",
    "the way to them": "iptables -F libvirt-out",
    "the forward chain": "iptables -F FORWARD",
    "frames": "ebtables -t nat -F PREROUTING",
    "a chain of frames": "ebtables -t nat -F I-{link}-mac",
    "everything": "nft flush ruleset",
    "a rule in the midst": "iptables -D FO-{link} 2",
    "a stranger's rule in the midst": "iptables -I FO-{link} 1 -j ACCEPT",
    "a frame's rule in the midst": "ebtables -t nat -D I-{link}-mac 1:1",
}


@pytest.mark.parametrize("flush", FLUSHES.values(), ids=FLUSHES.keys())
def test_rules_that_others_flushed_come_back(bench: Bench, flush: str) -> None:
    """A look finds out that a link's rules are not whole, has libvirt write them again, and all is as before."""
    bench.run(flush.format(link=LINKS[1]))
    assert bench.rig.there()[Stage.NWFILTER_BINDINGS] != bench.rig.wanted()[Stage.NWFILTER_BINDINGS]
    assert not bench.rig.look().failures
    assert bench.rig.there() == bench.rig.wanted()
    assert bench.passes(80)
    assert not bench.passes(81)


def test_a_restart_of_libvirts_daemon_changes_nothing(bench: Bench) -> None:
    """Rules stay while it is away, the agent speaks to the new one, and changes go on."""
    bench.libvirt.stop()
    assert bench.passes(80)
    assert not bench.passes(81)
    bench.libvirt.start()
    assert not bench.rig.look().failures
    assert bench.rig.there() == bench.rig.wanted()
    assert not bench.plan(81).failures
    assert bench.passes(81)


def test_without_libvirts_daemon_a_port_without_rules_is_shut(bench: Bench) -> None:
    """Flushed rules that cannot be written again close the port, and the agent says whom it cannot reach."""
    bench.libvirt.stop()
    bench.run("iptables -F; ebtables -t nat -F")
    failures = bench.rig.look().failures
    assert str(bench.libvirt.socket) in failures[Stage.NWFILTER].said
    assert bench.is_shut(frames.udp(*bench.ends(), (7, 80), b"x"))
    bench.libvirt.start()
    assert not bench.rig.look().failures
    assert bench.passes(80)


@pytest.mark.slow
def test_a_daemon_that_hangs_holds_nothing_else_up(bench: Bench) -> None:
    """What libvirt was to do fails and says so, the other stages go on, and all is done once the daemon moves again."""
    identity = NetworkId("00000002-6c0f-4000-8000-000000000000")
    other = sample_network(sample_subnet("10.34.0.0/24", Serving.STATIC), identity=identity)
    bench.libvirt.signal(signal.SIGSTOP)
    try:
        outcome = bench.rig.plan(NET, other, group(81), *bench.ports)
        assert "libvirt's daemon hangs" in outcome.failures[Stage.NWFILTER].said
        assert str(bench.libvirt.socket) in outcome.failures[Stage.NWFILTER].said
        assert outcome.failures.keys() <= {Stage.NWFILTER, Stage.NWFILTER_BINDINGS}
        assert not bench.passes(81)
        bench.rig.restart()
        outcome = bench.rig.plan(NET, other, group(81), *bench.ports)
        assert "no word within" in outcome.failures[Stage.NWFILTER].said
        bench.run(f"ip link show {bridge_name(other.id)}")
    finally:
        bench.libvirt.signal(signal.SIGCONT)
    assert eventually(lambda: not bench.rig.look().failures, seconds=60)
    assert bench.passes(81)


def test_a_port_is_shut_both_ways_until_its_filter_is_in_force(bench: Bench) -> None:
    """A link that is up and on its bridge, all but its binding in place, carries no frame, not even ARP."""
    bench.rig.plan(NET, group(80))
    rows = bench.rig.rows
    bench.rig.rows = tuple(row for row in rows if row.stage is not Stage.NWFILTER_BINDINGS)
    bench.plan(80)
    bench.rig.rows = rows
    source, target = bench.ends()
    datagram = frames.udp(source, target, (7, 80), b"x")
    assert bench.is_shut(frames.arp(source.mac, 1, source, target), datagram)
    assert not bench.rig.look().failures
    assert bench.arrives(datagram)


def test_a_domains_own_binding_is_left_to_libvirt(bench: Bench) -> None:
    """A binding that a domain's filterref brought opens the port if it names the port's filter, and outlives our sweep."""
    link = LINKS[0]
    driver, daemon = (
        bench.rig.do(lambda: NwBindings(Libvirt(bench.libvirt.uri()))),
        Libvirt(bench.libvirt.uri()),
    )
    wanted = wanted_binding(bench, link)
    with daemon.connected() as connection:
        connection.nwfilterBindingLookupByPortDev(link).delete()
        connection.nwfilterBindingCreateXML(domains_binding(link, wanted.filter))
        assert not bench.rig.look().failures
        assert bench.bindings() == bench.rig.wanted()[Stage.NWFILTER_BINDINGS]
        bench.rig.do(lambda: driver.remove([link]))
        assert connection.nwfilterBindingLookupByPortDev(link).filterName() == wanted.filter
        assert link not in bench.bindings()

        connection.nwfilterBindingLookupByPortDev(link).delete()
        connection.nwfilterDefineXML(FOREIGN.format(name="elsewhere", uuid=STRANGE_UUID))
        connection.nwfilterBindingCreateXML(domains_binding(link, "elsewhere"))
        failures = bench.rig.look().failures
        assert "elsewhere" in failures[Stage.NWFILTER_BINDINGS].said
        assert link not in bench.bindings()
        connection.nwfilterBindingLookupByPortDev(link).delete()
        connection.nwfilterLookupByName("elsewhere").undefine()
    bench.rig.do(driver.close)
    daemon.close()


def test_another_engine_takes_over_and_gives_back(bench: Bench) -> None:
    """After a change to nftables nothing of libvirt's is left, and the same packets pass; so it is on the way back."""
    assert not bench.rig.switch("nftables").failures
    assert not bench.bindings()
    assert not [name for name in filter_names(bench) if name.startswith(OURS)]
    assert bench.passes(80)
    assert not bench.passes(81)
    assert not bench.rig.switch("nwfilter").failures
    assert bench.passes(80)
    assert not bench.passes(81)


def test_an_engine_that_is_not_chosen_asks_no_daemon(tmp_path: Path) -> None:
    """Where libvirt keeps nothing of ours, both drivers look without it, and there it need not even be installed."""
    with namespace("host") as host, pytest.MonkeyPatch.context() as patch:
        patch.setattr("netwright.kernel.nwfilter_libvirt._FILTERS", tmp_path)
        assert host
        nowhere = Libvirt("nwfilter:///system")
        assert not NwFilters(nowhere).observe()
        assert not NwFilters(nowhere).observe(["netwright-base"])


def filter_names(bench: Bench) -> set[str]:
    with Libvirt(bench.libvirt.uri()).connected() as connection:
        return {one.name() for one in connection.listAllNWFilters()}


def wanted_binding(bench: Bench, link: LinkName) -> PortBinding:
    wanted = bench.rig.wanted()[Stage.NWFILTER_BINDINGS][link]
    assert isinstance(wanted, PortBinding)
    return wanted


def domains_binding(link: LinkName, name: str) -> str:
    owner = f"<owner><name>guest</name><uuid>{STRANGE_UUID}</uuid></owner>"
    mac = Mac("fa:16:3e:00:00:01")
    return f"<filterbinding>{owner}<portdev name='{link}'/><mac address='{mac}'/><filterref filter='{name}'/></filterbinding>"
