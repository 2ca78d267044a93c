"""The program that finds a neighbour message's target, run by an interpreter of classic BPF."""

from __future__ import annotations

from ipaddress import IPv6Address, IPv6Network

from hypothesis import given
from hypothesis import strategies as st

from netwright.render.bpf import neighbour_target

LONGEST = 64
"""Instructions that xt_bpf takes (linux/netfilter/xt_bpf.h)."""
EXTENSIONS = st.lists(st.tuples(st.sampled_from([0, 60]), st.integers(0, 3)), max_size=4)
ADDRESSES = st.integers(0, 2**128 - 1).map(IPv6Address)


class Machine:
    """Classic BPF's registers (linux/filter.h), as much of them as the programs use."""

    def __init__(self, packet: bytes) -> None:
        self.packet, self.a, self.x, self.memory = packet, 0, 0, [0] * 16

    def load(self, start: int, size: int) -> None:
        if start + size > len(self.packet):
            raise IndexError
        self.a = int.from_bytes(self.packet[start : start + size], "big")

    def set(self, name: str, value: int) -> None:
        setattr(self, name, value & 0xFFFFFFFF)


STEPS = {
    0x30: lambda on, k: on.load(k, 1),
    0x50: lambda on, k: on.load(on.x + k, 1),
    0x40: lambda on, k: on.load(on.x + k, 4),
    0x60: lambda on, k: on.set("a", on.memory[k]),
    0x02: lambda on, k: on.memory.__setitem__(k, on.a),
    0x01: lambda on, k: on.set("x", k),
    0x07: lambda on, _: on.set("x", on.a),
    0x04: lambda on, k: on.set("a", on.a + k),
    0x0C: lambda on, _: on.set("a", on.a + on.x),
    0x64: lambda on, k: on.set("a", on.a << k),
    0x54: lambda on, k: on.set("a", on.a & k),
}


def run(bytecode: str, packet: bytes) -> bool:
    """What the kernel does with it: a load from beyond the packet ends it with no."""
    program = [tuple(map(int, line.split())) for line in bytecode.split(",")[1:]]
    machine, at = Machine(packet), 0
    while True:
        code, yes, no, k = program[at]
        at += 1
        if code == 0x06:
            return bool(k)
        if code == 0x15:
            at += yes if machine.a == k else no
            continue
        try:
            STEPS[code](machine, k)
        except IndexError:
            return False


def advertisement(target: IPv6Address, extensions: list[tuple[int, int]]) -> bytes:
    kinds = [*(kind for kind, _ in extensions), 58]
    headers = b"".join(
        bytes([following, length]) + bytes(6 + 8 * length)
        for following, (_, length) in zip(kinds[1:], extensions, strict=True)
    )
    return bytes(6) + bytes([kinds[0]]) + bytes(33) + headers + b"\x88" + bytes(7) + target.packed


@given(ADDRESSES, st.integers(0, 128), ADDRESSES, st.booleans(), EXTENSIONS)
def test_a_target_is_found_behind_two_headers_and_not_behind_more(
    base: IPv6Address, length: int, other: IPv6Address, own: bool, extensions: list[tuple[int, int]]
) -> None:
    """True exactly where the target is in the prefix and at most two extension headers are before the message."""
    prefix = IPv6Network((base, length), strict=False)
    target = base if own else other
    found = run(neighbour_target(prefix), advertisement(target, extensions))
    assert found == (target in prefix and len(extensions) <= 2)


@given(ADDRESSES, st.integers(1, 128), st.binary(max_size=80))
def test_what_is_not_such_a_message_is_no(base: IPv6Address, length: int, packet: bytes) -> None:
    """Cut packets and other headers end with no, and never beyond the program."""
    prefix = IPv6Network((base, length), strict=False)
    if len(packet) < 64 or packet[6] not in (0, 58, 60):
        assert not run(neighbour_target(prefix), packet)


@given(ADDRESSES, st.integers(0, 128))
def test_the_program_is_short_enough(base: IPv6Address, length: int) -> None:
    """The kernel takes programs of at most 64 instructions, and says how long it is at its head."""
    bytecode = neighbour_target(IPv6Network((base, length), strict=False))
    count, *lines = bytecode.split(",")
    assert int(count) == len(lines) <= LONGEST
