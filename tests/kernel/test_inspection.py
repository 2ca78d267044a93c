"""What `inspect` finds in a real kernel, and that it finds what is wrong there."""

from __future__ import annotations

import fcntl
import os
import signal
import struct
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from inspecting import GROUP, NETWORK, Scene, guest_scene

from netwright.agent.inspection import Inspection, Seen, State
from netwright.kernel import netns
from netwright.kernel.listening import Listening, listening
from netwright.kernel.vmm import tap_holder
from netwright.model.ids import bridge_name, port_link_name, shaper_link_name
from netwright.model.intent import HostTap
from netwright.model.plan import HostItem, PortQosItem
from netwright.model.qos import Bandwidth, PacketRate
from netwright.render.path_view import Part
from netwright.testing.namespaces import eventually, ip, namespace, run, unique_namespace
from netwright.testing.samples import sample_floating_ip, sample_port

BRIDGE = bridge_name(NETWORK.id)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with guest_scene(tmp_path) as made:
        yield made


def test_a_path_that_is_as_planned_is_all_right(scene: Scene) -> None:
    """Every hop of a freshly made port is found as the plan has it."""
    picture = scene.look()
    assert picture.ok, [one for one in picture.seen if one.state is not State.OK]


def test_the_counters_count_the_guests_packets(scene: Scene) -> None:
    """Packets that the guest sends are counted at its group's rule, by the rule's own text."""
    run(scene.guest, ["ping", "-c", "3", "-i", "0.1", "10.20.0.1"])
    (rule,) = (one for one in scene.at(Part.EGRESS).counts if one.rule.endswith("accept"))
    assert rule.rule == "ether type ip counter accept"
    assert rule.packets >= 1
    assert rule.bytes >= rule.packets * 84
    assert "1 tracked" in scene.at(Part.CONNECTIONS).facts


def test_looking_changes_nothing(scene: Scene) -> None:
    """A look at everything leaves nothing for the agent to write."""
    scene.look()
    assert scene.made.look().writes == 0


HARMS = {
    "tap off its bridge": (
        ["ip", "link", "set", port_link_name(sample_port().id), "nomaster"],
        Part.LINK,
        State.DIFFERENT,
    ),
    "bridge down": (["ip", "link", "set", BRIDGE, "down"], Part.BRIDGE, State.DIFFERENT),
    "gateway gone": (["ip", "address", "delete", "10.20.0.1/24", "dev", BRIDGE], Part.GATEWAY, State.MISSING),
    "route gone": (["ip", "route", "delete", "10.20.0.0/24"], Part.ROUTE, State.MISSING),
    "rule added": (
        ["nft", "add", "rule", "bridge", "netwright", f"out-{GROUP}", "drop"],
        Part.EGRESS,
        State.DIFFERENT,
    ),
    "chain emptied": (
        ["nft", "flush", "chain", "bridge", "netwright", "spoof_arp"],
        Part.SPOOF,
        State.DIFFERENT,
    ),
    "bindings gone": (["nft", "flush", "set", "bridge", "netwright", "bind_ip4"], Part.SPOOF, State.MISSING),
    "verdicts gone": (
        ["nft", "flush", "map", "bridge", "netwright", "ports_in"],
        Part.INGRESS,
        State.MISSING,
    ),
    "no NAT": (["nft", "flush", "set", "inet", "netwright", "nat4"], Part.NAT, State.MISSING),
}


@pytest.mark.parametrize(("argv", "part", "state"), HARMS.values(), ids=HARMS)
def test_what_is_not_as_planned_is_found_at_its_hop(
    scene: Scene, argv: list[str], part: Part, state: State
) -> None:
    """Each harm done behind the agent's back shows at the hop that it was done to, with words for it."""
    run(scene.made.host, argv)
    seen = scene.at(part)
    assert seen.state is state
    assert seen.problems
    assert not scene.look().ok


LIMITS = PortQosItem(
    sample_port().id,
    NETWORK.mtu,
    to_guest=Bandwidth(125_000),
    from_guest=Bandwidth(1_000_000),
    packets_from_guest=PacketRate(10, 5),
    dscp=46,
)
TAP = port_link_name(LIMITS.id)


def limited(scene: Scene, **floating: Bandwidth) -> Scene:
    """The same with limits, and a floating IP that has them, too."""
    mapped = replace(sample_floating_ip(scene.port, "203.0.113.50"), uplink=None, **floating)
    items = {**scene.plan.items, LIMITS.key: LIMITS, mapped.key: mapped}
    outcome = scene.made.plan(*(item for item in items.values() if not isinstance(item, HostItem)))
    assert not outcome.pending, outcome
    return replace(scene, plan=replace(scene.plan, items=items))


def limits_of(scene: Scene) -> list[Seen]:
    return [one for one in scene.look().seen if one.hop.part is Part.LIMITS]


def test_limits_are_shown_where_they_act(scene: Scene) -> None:
    """What is asked for and what is there, each way and of the floating IP; packets that were too many are counted."""
    there = limited(scene, comes=Bandwidth(250_000))
    run(scene.guest, ["ping", "-c", "40", "-i", "0.005", "-W", "1", "10.20.0.1"], check=False)
    picture = there.look()
    assert picture.ok, [one for one in picture.seen if one.state is not State.OK]
    sent, floating, got = limits_of(there)
    assert sent.hop.name == f"{shaper_link_name(TAP)} and bridge netwright-qos"
    assert sent.hop.note == (
        "what the guest sends: at most 8000 kbit/s, at most 10 packets/s in bursts of 5, marked DSCP 46"
    )
    assert sent.facts[0].startswith("found: 8000 kbit/s, burst ")
    assert [count.packets > 0 for count in sent.counts] == [True]
    assert (got.hop.name, got.hop.note) == (TAP, "what the guest gets: at most 1000 kbit/s")
    assert got.facts[0].startswith("found: 1000 kbit/s, burst ")
    assert floating.hop.note == "in at most 2000 kbit/s"


def test_without_limits_there_is_no_hop_for_them(scene: Scene) -> None:
    """A port without a policy has a path without them."""
    assert limits_of(scene) == []


WEAKENED = {
    "queue gone": (f"tc qdisc del dev {TAP} root", 2, State.MISSING, f"shapers {TAP} ingress"),
    "queue wider": (f"tc qdisc change dev {TAP} root tbf rate 2mbit burst 16384 limit 49152", 2, State.DIFFERENT,
                    "planned 1000 kbit/s"),
    "not led there": (f"tc filter del dev {TAP} ingress", 0, State.DIFFERENT, "found half of it"),
    "mark gone": ("nft flush chain bridge netwright-qos dscp-46", 0, State.DIFFERENT, "chain bridge netwright-qos dscp-46"),
    "rate gone": ("nft flush map bridge netwright-qos rates_out", 0, State.MISSING, f"{TAP} in bridge netwright-qos"),
    "floating rate gone": ("nft flush map inet netwright-qos floating_in", 1, State.MISSING,
                           "203.0.113.50 in inet netwright-qos"),
}  # fmt: skip


@pytest.mark.parametrize(("deed", "at", "state", "said"), WEAKENED.values(), ids=WEAKENED)
def test_a_limit_that_is_not_as_planned_is_told(
    scene: Scene, deed: str, at: int, state: State, said: str
) -> None:
    """Each weakening shows at its own hop, with what was planned and what is there, and at no other."""
    there = limited(scene, comes=Bandwidth(250_000))
    run(scene.made.host, deed.split(" "))
    seen = limits_of(there)
    assert [one.state for one in seen] == [state if number == at else State.OK for number in range(3)]
    assert said in seen[at].problems[0]


def test_a_dead_dnsmasq_and_a_lost_reservation_are_found(scene: Scene) -> None:
    """The DHCP hop tells the daemon's process and lease while it lives, and that it is missing when it does not."""
    home = scene.directory / "dnsmasq" / NETWORK.id
    pid = int((home / "pid").read_text())
    assert f"dnsmasq, pid {pid}" in scene.at(Part.DHCP).facts
    os.kill(pid, signal.SIGKILL)
    assert eventually(lambda: scene.at(Part.DHCP).state is State.MISSING), (
        "a killed process takes a while to end"
    )
    assert "dnsmasq, pid none" in scene.at(Part.DHCP).facts


def test_a_guest_that_went_away_is_found_missing(scene: Scene) -> None:
    """The guest's end is looked for in its own namespace; without it, it and the link are missing."""
    ip(scene.guest, "link", "delete", "eth0")
    assert scene.at(Part.GUEST).state is State.MISSING
    assert scene.at(Part.LINK).state is State.MISSING


def test_the_process_that_has_a_tap_open_is_named(scene: Scene) -> None:
    """A tap's guest end is whoever has it open: nobody at first, then this very process."""
    port = replace(scene.port, attachment=HostTap())
    other = replace(scene, port=port, plan=replace(scene.plan, items={**scene.plan.items, port.key: port}))
    items = [item for item in other.plan.items.values() if not isinstance(item, HostItem)]
    assert not scene.made.plan(*items).failures
    seen = other.at(Part.GUEST)
    assert (seen.state, seen.facts) == (State.MISSING, ())
    tap = port_link_name(port.id)
    opened = scene.made.do(lambda: open_tap(tap))
    try:
        assert other.at(Part.GUEST).facts == (
            f"open in {Path('/proc/self/comm').read_text().strip()}, pid {os.getpid()}",
        )
    finally:
        os.close(opened)
    assert tap_holder(tap) is None


def test_listening_sockets_are_known_by_their_links(scene: Scene) -> None:
    """A socket bound to a link is listed with that link's index, in its own namespace only."""
    index = int(ip(scene.made.host, "-o", "link", "show", BRIDGE).split(":")[0])
    assert Listening(8775, index) in listening(scene.made.host)
    assert not listening(scene.guest)


def test_a_namespace_without_netwright_is_not_a_host() -> None:
    """Run in the wrong namespace, the inspection can tell."""
    with namespace("empty", unique_namespace("empty")) as empty:

        def act() -> bool:
            with closing(Inspection(Path("/run/none"))) as inspection:
                return inspection.is_host()

        with ThreadPoolExecutor(1, initializer=netns.enter, initargs=(empty,)) as thread:
            assert not thread.submit(act).result()


def open_tap(name: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR)
    fcntl.ioctl(device, 0x400454CA, struct.pack("16sH22x", name.encode(), 0x5002))
    return device
