"""Hosts with guests on wires, of any engine, on which packets are put and compared with the reference."""

from __future__ import annotations

import socket
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Final

from oracle import HOST, NOT_IP, Packet, Scene, answers, packet_told, passes, smaller, told
from packet_space import OTHERS, PORTED, answer_to, error_about, packets
from shapes import Said, frames_of, heard, said, stray

from netwright.kernel import netns
from netwright.kernel.conntrack import Conntrack
from netwright.model.ids import LinkName, bridge_mac, bridge_name
from netwright.model.intent import Address
from netwright.model.plan import MemberItem, NetworkItem, PortItem, Serving
from netwright.testing.frames import End
from netwright.testing.namespaces import add_veth, ip
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import NETWORK, sample_guest, sample_network, sample_subnet
from netwright.testing.wires import Wired, one_cpu, silent_guests, wired

V4 = sample_subnet("10.31.0.0/24", Serving.STATIC)
V6 = sample_subnet("fd31::/64", Serving.STATIC, number=2)
NET: Final = sample_network(V4, V6)
UPLINK: Final = LinkName("up0")
FLAT: Final = replace(sample_network(replace(V4, held=None), replace(V6, held=None)), uplink=UPLINK)
HERE: Final = tuple(End(bridge_mac(NETWORK), subnet.cidr[1]) for subnet in (V4, V6))
"""The host's own ends where the gateway is on the bridge."""
COMPARED: Final[Counter[tuple[str, bool]]] = Counter()
"""Packets whose verdicts were compared, by engine and by whether they arrived."""
_BATCH: Final = 400
_SO_RCVBUFFORCE: Final = 33
_SHOWN: Final = 5


class HostVoice:
    """What the host's own programs get and say: raw sockets, past all that guards the host."""

    def __init__(self, where: Rig) -> None:
        numbers = {4: (1, *PORTED, *OTHERS), 6: (58, *PORTED, *OTHERS)}
        with netns.inside(where.host):
            self._ears = [
                (_raw(version, number), version, number) for version in (4, 6) for number in numbers[version]
            ]
            self._mouths = {version: _raw(version, socket.IPPROTO_RAW) for version in (4, 6)}

    def say(self, frame: bytes, target: Address) -> None:
        """The packet of a frame that the kernel itself is to make. What is dropped on its way out is an error to it."""
        with suppress(PermissionError):
            self._mouths[target.version].sendto(frame[14:], (str(target), 0))

    def heard(self) -> set[Said]:
        found: set[Said] = set()
        for ear, version, number in self._ears:
            with suppress(BlockingIOError):
                while True:
                    content, sender = ear.recvfrom(1 << 16)
                    if version == 4:
                        source, content = IPv4Address(content[12:16]), content[(content[0] & 15) * 4 :]
                        found.add((source, number, content))
                    else:
                        found.add((IPv6Address(sender[0].partition("%")[0]), number, content))
        return found

    def close(self) -> None:
        for ear, *_ in self._ears:
            ear.close()
        for mouth in self._mouths.values():
            mouth.close()


def _raw(version: int, number: int) -> socket.socket:
    family = socket.AF_INET if version == 4 else socket.AF_INET6
    made = socket.socket(family, socket.SOCK_RAW | socket.SOCK_CLOEXEC, number)
    made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 1 << 22)
    made.setblocking(False)
    return made


@dataclass(frozen=True)
class Bench:
    """`rigs`: the guests are spread over them in turn."""

    engine: str
    network: NetworkItem
    rigs: tuple[Rig, ...]
    wired: Wired
    voice: HostVoice | None = None

    def __repr__(self) -> str:
        return f"{len(self.rigs)} host(s) with {self.engine}"

    @property
    def bare(self) -> tuple[PortItem, ...]:
        return self.wired.ports

    def take(self, scene: Scene) -> None:
        """Every host as the scene says, with no connection remembered."""
        for number, made in enumerate(self.rigs):
            here = [port for at, port in enumerate(scene.ports) if at % len(self.rigs) == number]
            beyond = [
                MemberItem(port.id, port.groups, port.prefixes) for port in scene.ports if port not in here
            ]
            outcome = made.plan(self.network, *scene.groups, *scene.address_groups, *here, *beyond)
            assert not outcome.failures, outcome
            made.do(forget_connections)

    def judge(self, scene: Scene, *, turned: bool = False) -> list[str]:
        """Sends the scene's packets, then the answers to those that arrived; complains if a verdict differs."""
        self.take(scene)
        sent = packets(scene, HERE if self.voice else (), turned=turned)
        arrived = self._compared(sent)
        complaints = self._complaints(scene, sent, arrived, passes)
        for reaction in (error_about, answer_to):
            backs = [back for packet in sent if packet in arrived and (back := reaction(packet))]
            backs = [back for back in backs if back.sender != HOST]
            if not complaints:
                complaints = self._complaints(scene, backs, self._compared(backs), answers)
        return complaints

    def _compared(self, sent: Sequence[Packet]) -> AbstractSet[Packet]:
        arrived: set[Packet] = set()
        for start in range(0, len(sent), _BATCH):
            arrived |= self.arrived(sent[start : start + _BATCH])
        COMPARED[self.engine, True] += len(arrived)
        COMPARED[self.engine, False] += len(sent) - len(arrived)
        return arrived

    def _complaints(
        self,
        scene: Scene,
        sent: Sequence[Packet],
        arrived: AbstractSet[Packet],
        verdict: Callable[[Scene, Packet], bool],
    ) -> list[str]:
        wrong = [packet for packet in sent if (packet in arrived) is not verdict(scene, packet)]
        return [self._complaint(scene, wrong, arrived)] if wrong else []

    def _complaint(self, scene: Scene, wrong: Sequence[Packet], arrived: AbstractSet[Packet]) -> str:
        """The packets, and of the scene what the first of them needs to go wrong by itself."""
        lines = [
            f"{self.engine} {_verdicts(packet in arrived)}: {packet_told(packet)}"
            for packet in wrong[:_SHOWN]
        ]
        alone = self._is_wrong(scene, wrong[0])
        small = smaller(scene, lambda less: self._is_wrong(less, wrong[0])) if alone else scene
        why = "The first needs no more than this" if alone else "None of it by itself; all of it among others"
        return "\n".join(["", f"{len(wrong)} wrong:", *lines, f"{why}:", told(small)])

    def _is_wrong(self, scene: Scene, packet: Packet) -> bool:
        self.take(scene)
        if packet.about is None:
            return (packet in self.arrived([packet])) is not passes(scene, packet)
        began = packet.about in self.arrived([packet.about])
        return began and (packet in self.arrived([packet])) is not answers(scene, packet)

    def arrived(self, sent: Sequence[Packet]) -> set[Packet]:
        """Those that reach their receivers. A part of a datagram counts as all of it: none may arrive."""
        guests = [
            (packet.sender, frame) for packet in sent if packet.sender != HOST for frame in frames_of(packet)
        ]
        with one_cpu():
            for packet in sent:
                if packet.sender == HOST:
                    assert self.voice
                    self.voice.say(frames_of(packet)[0], packet.target.address)
            seen = self.wired.exchange(guests)
        told_ = {guest: heard(frames) for guest, frames in seen.items()}
        if self.voice:
            told_[HOST] = self.voice.heard()
        return {packet for packet in sent if not told_[packet.receiver].isdisjoint(_traces(packet))}


def _verdicts(arrives: bool) -> str:
    return "passes, and the reference drops" if arrives else "drops, and the reference passes"


def _traces(packet: Packet) -> set[Said]:
    if packet.receiver == HOST:
        source, _, protocol, body = said(packet)
        return {(source, protocol, body)}
    return {said(packet)} if packet.form in NOT_IP else {said(packet), stray(packet)}


def forget_connections() -> None:
    tracked = Conntrack()
    tracked.end(list(tracked.flows()))
    tracked.close()


@contextmanager
def one_host(engine: str, directory: Path, guests: int = 4) -> Iterator[Bench]:
    """A network whose gateway is on the bridge: guests, and the host itself among them."""
    with ExitStack() as stack:
        made = stack.enter_context(rig(directory, engine))
        bench = _bench(engine, NET, (made,), guests, stack)
        know_guests(made, bench.bare)
        voice = HostVoice(made)
        stack.callback(voice.close)
        yield replace(bench, voice=voice)


def know_guests(made: Rig, ports: Iterable[PortItem]) -> None:
    """The host knows where the guests are: they are too silent to be asked."""
    for port in ports:
        for held in port.addresses:
            words = ["neighbour", "replace", str(held.address), "lladdr", port.mac]
            ip(made.host, *words, "dev", bridge_name(NETWORK))


@contextmanager
def two_hosts(engine: str, directory: Path, guests: int = 4) -> Iterator[Bench]:
    """One flat network over two hosts that are joined by a cable."""
    with ExitStack() as stack:
        rigs = tuple(stack.enter_context(rig(directory / name, engine)) for name in ("here", "there"))
        add_veth(rigs[0].host, UPLINK, rigs[1].host, UPLINK)
        yield _bench(engine, FLAT, rigs, guests, stack)


def _bench(engine: str, network: NetworkItem, rigs: tuple[Rig, ...], guests: int, stack: ExitStack) -> Bench:
    ports = stack.enter_context(silent_guests(*(sample_guest(number, NET) for number in range(guests))))
    for number, made in enumerate(rigs):
        outcome = made.plan(network, *ports[number :: len(rigs)])
        assert not outcome.pending, outcome
    return Bench(engine, network, rigs, stack.enter_context(wired(*ports)))
