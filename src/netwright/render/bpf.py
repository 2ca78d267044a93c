"""IPv6 prefixes as classic BPF programs that find what a neighbour message is about.

iptables has no match for a neighbour message's target, and u32 has no way around extension headers.
"""

from __future__ import annotations

from ipaddress import IPv6Network
from typing import Final

_LD_B_ABS, _LD_B_IND, _LD_W_IND = 0x30, 0x50, 0x40
_LD_MEM, _ST, _LDX_IMM, _TAX = 0x60, 0x02, 0x01, 0x07
_ADD_K, _ADD_X, _LSH, _AND = 0x04, 0x0C, 0x64, 0x54
_JEQ, _JA, _RET = 0x15, 0x05, 0x06
_ICMPV6: Final = 58
_SKIPPED: Final = (0, 60)
"""Hop-by-hop and destination options (RFC 8200): what a neighbour message may come behind."""
_HEADERS: Final = 2
_TARGET: Final = 8
"""Where the target is in the message (RFC 4861, section 4.3)."""

_Instruction = tuple[int, int, int, int]


def neighbour_target(prefix: IPv6Network) -> str:
    """Bytecode for xt_bpf, which runs it at the IPv6 header: true where the target is in the prefix.

    Behind more than two extension headers nothing is found: a message like that is no guest's.
    """
    # Jumps to the two ends are written as distances from the end, as is known only there.
    body = [(_LDX_IMM, 0, 0, 40), (_LD_B_ABS, 0, 0, 6)]
    find = _find(_compare(prefix))
    lines = [*body, *find]
    return f"{len(lines)}," + ",".join(" ".join(map(str, line)) for line in lines)


def _find(compare: list[_Instruction]) -> list[_Instruction]:
    """With the next header's kind in A and its place in X, built from the innermost header outwards."""
    program = [(_JEQ, 0, len(compare) - 1, _ICMPV6), *compare]
    for _ in range(_HEADERS):
        skip = [
            (_LD_B_IND, 0, 0, 0),
            (_ST, 0, 0, 0),
            (_LD_B_IND, 0, 0, 1),
            (_LSH, 0, 0, 3),
            (_ADD_K, 0, 0, 8),
            (_ADD_X, 0, 0, 0),
            (_TAX, 0, 0, 0),
            (_LD_MEM, 0, 0, 0),
        ]
        # To the comparison, past this header's part and the inner ones' test; or to the refusal.
        past = len(program) - len(compare)
        program = [
            (_JEQ, len(skip) + past + 2, 0, _ICMPV6),
            (_JEQ, 1, 0, _SKIPPED[0]),
            (_JEQ, 0, len(skip) + len(program) - 1, _SKIPPED[1]),
            *skip,
            *program,
        ]
    return program


def _compare(prefix: IPv6Network) -> list[_Instruction]:
    """Word by word; the last two instructions say yes and no."""
    wanted, mask = int(prefix.network_address), int(prefix.netmask)
    tests: list[list[_Instruction]] = []
    for word in range(4):
        shift = 32 * (3 - word)
        value, bits = wanted >> shift & 0xFFFFFFFF, mask >> shift & 0xFFFFFFFF
        if bits:
            cut = [(_AND, 0, 0, bits)] if bits != 0xFFFFFFFF else []
            tests.append([(_LD_W_IND, 0, 0, _TARGET + 4 * word), *cut, (_JEQ, 0, 0, value)])
    left = sum(map(len, tests))
    program: list[_Instruction] = []
    for test in tests:
        program += test
        left -= len(test)
        # Not equal: over the tests that are left, and over the yes.
        code, _, _, value = program[-1]
        program[-1] = (code, 0, left + 1, value)
    return [*program, (_RET, 0, 0, 1), (_RET, 0, 0, 0)]
