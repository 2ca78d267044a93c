"""What a guest may put on its wire: its own addresses, and nothing that speaks for another, with any engine."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from ipaddress import ip_network
from itertools import count

import pytest
from claims import BEYOND_PAIRS, BY_PAIR, OWN, PAIRS
from conforming import HERE, NET, V4, V6, HostVoice, forget_connections, know_guests
from hostile import METADATA, Cast, Make, Place, own4
from packet_space import GROUPS
from shapes import Said, heard
from spoofs import ATTACKS, STRANGE

from netwright.model.ids import bridge_name
from netwright.model.intent import (
    AddressPair,
    AnyProtocol,
    Anywhere,
    Direction,
    EtherType,
    Icmp,
    IpProtocol,
    PortRange,
)
from netwright.model.plan import GroupItem, PortItem, RulePlan
from netwright.testing import frames
from netwright.testing.frames import IPV4
from netwright.testing.namespaces import add_addresses
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import NETWORK, sample_address, sample_port
from netwright.testing.wires import Wire, Wired, silent_guests, wired

HONEST, GUARDED, PAIRED, TRUSTED, VICTIM, SECOND, EVERYDAY = range(7)
"""TRUSTED and VICTIM have no port security; SECOND is HONEST's other port."""
INWARD = [RulePlan(Direction.INGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType]
OPEN = GroupItem(
    GROUPS[0],
    stateful=True,
    rules=(*INWARD, *(RulePlan(Direction.EGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType)),
)
USUAL = GroupItem(
    GROUPS[1],
    stateful=True,
    rules=(
        *INWARD,
        *(
            RulePlan(Direction.EGRESS, kind, match, Anywhere())
            for kind in EtherType
            for match in (IpProtocol(6), Icmp(), PortRange(17, 1024, 65535))
        ),
    ),
)
TOKENS = count(20000)


@dataclass(frozen=True)
class Bench:
    rig: Rig
    wired: Wired
    bridge: Wire
    voice: HostVoice

    def cast(self, sender: int, victim: int = VICTIM) -> Cast:
        at = [self.wired.end(guest, version) for guest in (sender, victim) for version in (4, 6)]
        seconds = (self.wired.end(SECOND, version) for version in (4, 6))
        return Cast(*at, *HERE, *seconds, token=next(TOKENS))

    def felt(self, sender: int, make: Make, place: Place = Place.LINK) -> set[object]:
        """Whatever arrives there of what the guest sends: frames as they are, but of the host's own words none."""
        cast = self.cast(sender)
        made = make(cast)
        sent = [made] if isinstance(made, bytes) else list(made)
        self.rig.do(forget_connections)
        self.bridge.waiting()
        self.voice.heard()
        seen = self._exchange(sender, sent)
        if place is Place.METADATA:
            return {frame for got in seen.values() for frame in got if _is_metadata_answer(frame, cast.token)}
        if place is Place.HOST:
            wanted = {(source, protocol, body) for source, _, protocol, body in _whole(heard(sent))}
            forwarded = _whole(set().union(*(heard(got) for got in seen.values())))
            return wanted & {
                *self.voice.heard(),
                *((source, protocol, body) for source, _, protocol, body in forwarded),
            }
        others = [frame for guest, got in seen.items() if guest != sender for frame in got]
        host = frames.octets(HERE[0].mac)
        return {frame for frame in others if frame[6:12] != host or frame in sent} | set(
            self.bridge.waiting()
        )

    def arrives(self, sender: int, make: Make, place: Place = Place.LINK) -> bool:
        return bool(self.felt(sender, make, place))

    def heard_by_secured(self, sender: int, make: Make) -> list[bytes]:
        """What the guests with port security get of a frame that another sends to one of them, or to all."""
        made = make(self.cast(sender, GUARDED))
        assert isinstance(made, bytes)
        seen = self._exchange(sender, [made])
        secured = (HONEST, GUARDED, PAIRED, SECOND, EVERYDAY)
        return [frame for guest in secured for frame in seen[guest] if frame[6:12] == made[6:12]]

    def _exchange(self, sender: int, sent: Sequence[bytes]) -> dict[int, list[bytes]]:
        """Afterwards everyone speaks to itself: forged sources have taught the bridge what is not so."""
        ends = [self.wired.end(guest) for guest in range(len(self.wired.ports))]
        taught = [(guest, frames.arp(end.mac, 2, end, end)) for guest, end in enumerate(ends)]
        return dict(self.wired.exchange([*((sender, frame) for frame in sent), *taught]))


def _whole(said: set[Said]) -> list[Said]:
    return [one for one in said if len(one) == 4 and one[0] != "fragment"]


def _is_metadata_answer(frame: bytes, port: int) -> bool:
    is_answer = frame[12:14] == struct.pack(">H", IPV4) and frame[26:30] == METADATA.packed
    return is_answer and frame[34:38] == struct.pack(">HH", 80, port)


@pytest.fixture(scope="module")
def bench(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    bare = [_port(number) for number in range(7)]
    for number in (TRUSTED, VICTIM):
        bare[number] = replace(bare[number], secured=False, groups=())
    bare[EVERYDAY] = replace(bare[EVERYDAY], groups=(USUAL.id,))
    bare[SECOND] = replace(bare[SECOND], device_id=bare[HONEST].device_id)
    pairs = tuple(AddressPair(ip_network(prefix), mac or bare[PAIRED].mac) for prefix, mac in PAIRS)
    bare[PAIRED] = replace(bare[PAIRED], pairs=pairs)
    with ExitStack() as stack:
        ports = stack.enter_context(silent_guests(*bare))
        made = stack.enter_context(rig(tmp_path_factory.mktemp("rig"), engine))
        add_addresses(made.host, "lo", "203.0.113.2/32")
        outcome = made.plan(NET, OPEN, USUAL, *ports)
        assert not outcome.pending, outcome
        know_guests(made, ports)
        bridge, voice = Wire(made.host, bridge_name(NETWORK)), HostVoice(made)
        stack.callback(bridge.close)
        stack.callback(voice.close)
        yield Bench(made, stack.enter_context(wired(*ports)), bridge, voice)


def _port(guest: int) -> PortItem:
    held = sample_address(V4, f"10.31.0.{10 + guest}"), sample_address(V6, f"fd31::{10 + guest}")
    return replace(sample_port(*held, number=guest + 1, network=NET), groups=(OPEN.id,))


@pytest.mark.parametrize("name", ATTACKS)
def test_no_attack_is_felt_anywhere(bench: Bench, name: str) -> None:
    """A secured port's guest cannot do it, whatever its groups allow; nothing whatever arrives."""
    attack = ATTACKS[name]
    assert not bench.felt(EVERYDAY if attack.everyday else HONEST, attack.forged, attack.place)


@pytest.mark.parametrize("name", ATTACKS)
def test_the_honest_counterpart_of_an_attack_passes(bench: Bench, name: str) -> None:
    """What the same guest says in its own name arrives in the same place."""
    attack = ATTACKS[name]
    assert bench.arrives(EVERYDAY if attack.everyday else HONEST, attack.honest, attack.place)


@pytest.mark.parametrize("name", [name for name, attack in ATTACKS.items() if attack.works])
def test_without_port_security_an_attack_works(bench: Bench, name: str) -> None:
    """The same frames from a port whose security is off are felt: it is the filter that stops them elsewhere."""
    assert bench.arrives(TRUSTED, ATTACKS[name].forged, ATTACKS[name].place)


@pytest.mark.parametrize("name", STRANGE)
def test_nothing_strange_reaches_a_secured_port(bench: Bench, name: str) -> None:
    """What is not IPv4, IPv6 or ARP reaches no secured port, even from one whose own security is off."""
    assert not bench.heard_by_secured(TRUSTED, STRANGE[name])
    assert bench.heard_by_secured(TRUSTED, own4)


@pytest.mark.parametrize("what", OWN)
def test_a_port_may_send_what_is_its_own(bench: Bench, what: str) -> None:
    """What a guest needs to have and use its own addresses passes."""
    assert bench.arrives(HONEST, OWN[what])


@pytest.mark.parametrize("what", BY_PAIR)
def test_allowed_address_pairs_may_be_sent_from(bench: Bench, what: str) -> None:
    """Addresses, prefixes and MACs of the port's pairs pass, and are another's where there are no pairs."""
    assert bench.arrives(PAIRED, BY_PAIR[what])
    assert not bench.felt(HONEST, BY_PAIR[what])


@pytest.mark.parametrize("what", BEYOND_PAIRS)
def test_pairs_allow_no_more_than_they_say(bench: Bench, what: str) -> None:
    """A pair's MAC goes with its own prefix only, and a prefix ends where it ends."""
    assert not bench.felt(PAIRED, BEYOND_PAIRS[what])
