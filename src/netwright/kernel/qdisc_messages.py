"""The words of rtnetlink that speak of queueing disciplines and filters (linux/pkt_sched.h, pkt_cls.h)."""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

from netwright.kernel.netlink import (
    Attributes,
    attribute,
    attributes,
    children,
    nested,
    string,
    text_attribute,
)
from netwright.model.host import SHAPER_STEP, Shaper

NEW_QDISC, DELETE_QDISC, GET_QDISC = 36, 37, 38
NEW_FILTER, DELETE_FILTER, GET_FILTER = 44, 45, 46
TC_EVENTS: Final = frozenset({NEW_QDISC, DELETE_QDISC, NEW_FILTER, DELETE_FILTER})
HANDLE: Final = 0x4E570000
"""The handle of the queues that are ours: "NW", a number that nobody else has a reason to choose."""
PREFERENCE: Final = 0x4E57
"""And of our filter among a link's."""
ROOT: Final = 0xFFFFFFFF
_CLSACT: Final = 0xFFFFFFF1
_CLSACT_HANDLE: Final = 0xFFFF0000
_CLSACT_INGRESS, _CLSACT_EGRESS = 0xFFFFFFF2, 0xFFFFFFF3
_ALL_PROTOCOLS: Final = 0x0300
"""ETH_P_ALL in network order."""
_TCMSG: Final = struct.Struct("=BxxxiIII")
"""struct tcmsg: family, link's index, handle, parent, a filter's preference and protocol."""
_KIND, _OPTIONS = 1, 2
_TBF_PARMS, _TBF_RATE64, _TBF_BURST = 1, 4, 6
_RATE: Final = struct.Struct("=BBHhHI")
"""struct tc_ratespec: the last is the rate, as far as 32 bits go."""
_TBF: Final = struct.Struct("=12s12sIII")
"""struct tc_tbf_qopt: rate, peak rate, limit in octets, burst in ticks of 64 ns, MTU."""
_ETHERNET: Final = 1
_TICK: Final = 64e-9
_NARROW: Final = 0xFFFFFFFF
_U32_SEL, _U32_ACT = 5, 7
_SELECTOR: Final = struct.Struct("=BBBxHHhhI")
_KEY: Final = struct.Struct("=IIii")
_TERMINAL: Final = 1
_ACT_KIND, _ACT_OPTIONS, _MIRRED_PARMS = 1, 2, 2
_MIRRED: Final = struct.Struct("=IIiiiiI")
"""struct tc_mirred: index, capabilities, verdict, two counts of references, what is done, to which link."""
_STOLEN: Final = 4
_REDIRECT: Final = 1


class Qdisc(NamedTuple):
    """One queueing discipline as the kernel lists it."""

    link: int
    """Its index."""
    handle: int
    parent: int
    kind: str
    options: bytes

    @property
    def is_ours(self) -> bool:
        """A queue that we put at a link's root."""
        return self.handle == HANDLE and self.parent == ROOT and self.kind == "tbf"

    @property
    def is_hook(self) -> bool:
        """Whether it is where filters of what comes in from a link stand."""
        return self.handle == _CLSACT_HANDLE


def root_of(index: int) -> bytes:
    """Asks for what is at a link's root, or, to delete it, names ours."""
    return _TCMSG.pack(0, index, 0, ROOT, 0)


def our_root_of(index: int) -> bytes:
    return _TCMSG.pack(0, index, HANDLE, ROOT, 0)


def all_qdiscs() -> bytes:
    return _TCMSG.pack(0, 0, 0, 0, 0)


def queue(index: int, value: Shaper) -> bytes:
    """A token bucket with those values at the link's root."""
    rate = _RATE.pack(0, _ETHERNET, 0, 0, 0, min(value.rate, _NARROW))
    options = attribute(_TBF_PARMS, _TBF.pack(rate, bytes(12), value.limit, 0, 0))
    if value.rate >= _NARROW:
        options += attribute(_TBF_RATE64, struct.pack("=Q", value.rate))
    options += attribute(_TBF_BURST, struct.pack("=I", value.burst))
    return our_root_of(index) + text_attribute(_KIND, "tbf") + nested(_OPTIONS, options)


def hook(index: int) -> bytes:
    """Where filters of what comes in from a link stand."""
    return _TCMSG.pack(0, index, _CLSACT_HANDLE, _CLSACT, 0) + text_attribute(_KIND, "clsact")


def redirect(index: int, target: int) -> bytes:
    """All that comes in from a link goes to another link's queue, and on as if it had come in only then."""
    everything = _SELECTOR.pack(_TERMINAL, 0, 1, 0, 0, 0, 0, 0) + _KEY.pack(0, 0, 0, 0)
    done = _MIRRED.pack(0, 0, _STOLEN, 0, 0, _REDIRECT, target)
    action = text_attribute(_ACT_KIND, "mirred") + nested(_ACT_OPTIONS, attribute(_MIRRED_PARMS, done))
    options = attribute(_U32_SEL, everything) + nested(_U32_ACT, nested(1, action))
    return our_filters_of(index) + text_attribute(_KIND, "u32") + nested(_OPTIONS, options)


def our_filters_of(index: int) -> bytes:
    """Names all filters of our preference."""
    return _TCMSG.pack(0, index, 0, _CLSACT_INGRESS, PREFERENCE << 16 | _ALL_PROTOCOLS)


def filters_of(index: int) -> tuple[bytes, bytes]:
    """Asks for all filters of what comes in from a link, and of what goes out."""
    return tuple(_TCMSG.pack(0, index, 0, parent, 0) for parent in (_CLSACT_INGRESS, _CLSACT_EGRESS))  # type: ignore[return-value]  # two


def read_qdisc(body: bytes) -> Qdisc:
    """An answer's, a dump's or an event's."""
    _, index, handle, parent, _ = _TCMSG.unpack_from(body)
    found = attributes(body, _TCMSG.size)
    return Qdisc(index, handle, parent, string(found.get(_KIND, b"")), found.get(_OPTIONS, b""))


def link_of(body: bytes) -> int:
    """The index of the link that a message is about."""
    index: int = _TCMSG.unpack_from(body)[1]
    return index


def read_queue(options: bytes) -> Shaper:
    """What a token bucket's options say."""
    found = attributes(options)
    packed, _, limit, ticks, _ = _TBF.unpack_from(found[_TBF_PARMS])
    rate: int = _RATE.unpack(packed)[-1]
    if _TBF_RATE64 in found:
        (rate,) = struct.unpack_from("=Q", found[_TBF_RATE64])
    steps = round(ticks * _TICK * rate / SHAPER_STEP)
    return Shaper(rate, steps * SHAPER_STEP, limit)


def preference_of(body: bytes) -> int:
    """A filter's place among its link's."""
    info: int = _TCMSG.unpack_from(body)[4]
    return info >> 16


def target_of(body: bytes) -> int | None:
    """Where one of our filters sends all to: 0 if not all, or to no link; None for what is no filter."""
    options = attributes(attributes(body, _TCMSG.size).get(_OPTIONS, b""))
    if _U32_SEL not in options:
        return None
    key = options[_U32_SEL][_SELECTOR.size :]
    actions = [attributes(one) for one in children(options.get(_U32_ACT, b""))]
    if len(actions) != 1 or key[: _KEY.size] != bytes(_KEY.size):
        return 0
    return _target(actions[0])


def _target(action: Attributes) -> int:
    parms = attributes(action.get(_ACT_OPTIONS, b"")).get(_MIRRED_PARMS, b"")
    if string(action.get(_ACT_KIND, b"")) != "mirred" or len(parms) < _MIRRED.size:
        return 0
    *_, done, target = _MIRRED.unpack_from(parms)
    return target if done == _REDIRECT else 0
