"""Queues on ports' links that let no more through than a rate: what a guest gets, and what it sends.

What a guest gets waits at its link's root. What it sends is redirected, as it comes in, to a link of kind
ifb, waits there and then goes on as if it had come in from the port only now.

Ours: token buckets with the handle 4e57: at the root of links called tap…; links of kind ifb whose alias
starts with `netwright:qos:`; on a port's link the filter with preference 20055. The hook where that stands
may be anybody's: it goes when nothing is left in it. A root that somebody else put there stays, and is told.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Collection, Mapping
from contextlib import suppress
from typing import Final

from netwright.kernel import qdisc_messages as words
from netwright.kernel import rtnetlink
from netwright.kernel.attempts import attempt_all
from netwright.kernel.links import silence
from netwright.kernel.netlink import (
    NLM_F_CREATE,
    NLM_F_EXCL,
    Message,
    Request,
    attribute,
    nested,
    text_attribute,
)
from netwright.kernel.rtnetlink import IFINFO, LinkState
from netwright.model.errors import KernelRefusedError
from netwright.model.host import Shaper, ShaperKey
from netwright.model.ids import PORT_PREFIX, SHAPER_PREFIX, LinkName, shaper_link_name
from netwright.model.intent import Direction

MARK: Final = "netwright:qos:"
_STAGE: Final = "shapers"
_NEW_LINK, _DELETE_LINK = 16, 17
_REPLACE, _ECHO = 0x100, 0x8
_UP: Final = 1
_IFNAME, _LINKINFO, _IFALIAS, _INFO_KIND = 3, 18, 20, 1
_OF_PORT: Final = re.compile(rf"(?:{PORT_PREFIX}|{SHAPER_PREFIX})([0-9a-f]{{8}}-[0-9a-f]{{2}})")
_NEEDED: Final = (
    "it has gone, or this kernel lacks one of sch_tbf, sch_ingress, cls_u32, act_mirred, ifb: modprobe them"
)
_HALF_DONE: Final = Shaper(0, 0, 0)


class Shapers:
    """Driver of the queues in the namespace of the thread that makes it."""

    def __init__(self) -> None:
        self._netlink = rtnetlink.open_reader()

    def observe(self, keys: Collection[ShaperKey] | None = None) -> Mapping[ShaperKey, Shaper]:
        wanted = self._all() if keys is None else keys
        found = ((key, self._look(key)) for key in wanted)
        return {key: value for key, value in found if value}

    def put(self, items: Mapping[ShaperKey, Shaper]) -> None:
        attempt_all(_STAGE, items, lambda key: self._try(key, items[key]))

    def remove(self, keys: Collection[ShaperKey]) -> None:
        attempt_all(_STAGE, keys, self._remove)

    def close(self) -> None:
        self._netlink.close()

    def _all(self) -> set[ShaperKey]:
        """Wherever there is a part of ours."""
        ifbs = {state.name for state in rtnetlink.links(self._netlink, "ifb") if _is_ours(state)}
        found = {ShaperKey(port, Direction.EGRESS) for name in ifbs if (port := port_of(name))}
        listed = list(self._netlink.dump(words.GET_QDISC, words.all_qdiscs()))
        for qdisc in (words.read_qdisc(message.body) for message in listed):
            name = _name_of(qdisc.link)
            if port_of(name) != name:
                continue
            if qdisc.is_ours:
                found.add(ShaperKey(name, Direction.INGRESS))
            elif qdisc.is_hook and self._targets(qdisc.link):
                found.add(ShaperKey(name, Direction.EGRESS))
        return found

    def _look(self, key: ShaperKey) -> Shaper | None:
        index = _index_of(key.link)
        if key.direction is Direction.INGRESS:
            return self._queue(index) if index else None
        ifb = self._ifb(key.link)
        targets = self._targets(index) if index else None
        if ifb is None:
            return _HALF_DONE if targets else None
        led_there = targets in {None, (ifb.index,)}
        return (self._queue(ifb.index) if led_there and ifb.up else None) or _HALF_DONE

    def _queue(self, index: int) -> Shaper | None:
        root = self._root(index)
        return words.read_queue(root.options) if root and root.is_ours else None

    def _root(self, index: int) -> words.Qdisc | None:
        # The answer is a notification, which the asker gets only as an echo.
        (answer,) = self._netlink.exchange([Request(words.GET_QDISC, _ECHO, words.root_of(index))])
        return words.read_qdisc(answer.body) if isinstance(answer, Message) else None

    def _ifb(self, port: LinkName) -> LinkState | None:
        state = rtnetlink.link(self._netlink, name=shaper_link_name(port))
        return state if state and _is_ours(state) else None

    def _targets(self, index: int) -> tuple[int, ...]:
        """Where our filters lead what comes in from the link; empty where there is none."""
        listed = self._filters(words.filters_of(index)[0])
        ours = (one for one in listed if words.preference_of(one) == words.PREFERENCE)
        return tuple(target for one in ours if (target := words.target_of(one)) is not None)

    def _filters(self, about: bytes) -> list[bytes]:
        """None where there is no place for any."""
        try:
            return [one.body for one in self._netlink.dump(words.GET_FILTER, about)]
        except (KernelRefusedError, FileNotFoundError):
            return []

    def _try(self, key: ShaperKey, value: Shaper) -> None:
        try:
            self._put(key, value)
        except FileNotFoundError as error:
            raise KernelRefusedError(_STAGE, f"{key.link}: {_NEEDED}") from error

    def _put(self, key: ShaperKey, value: Shaper) -> None:
        index = _index_of(key.link)
        if key.direction is Direction.INGRESS:
            if not index:
                raise KernelRefusedError(_STAGE, f"{key.link}: no such link")
            self._put_queue(key.link, index, value)
            return
        ifb = self._put_ifb(key.link)
        self._put_queue(shaper_link_name(key.link), ifb, value)
        if index and self._targets(index) != (ifb,):
            self._lead(index, ifb)

    def _put_queue(self, name: LinkName, index: int, value: Shaper) -> None:
        root = self._root(index)
        if root and root.handle and not root.is_ours:
            whose = f"{name} has a queueing discipline that is not netwright's ({root.kind})"
            raise KernelRefusedError(_STAGE, f"{whose}: tc qdisc del dev {name} root")
        self._netlink.ask(words.NEW_QDISC, NLM_F_CREATE | _REPLACE, words.queue(index, value))

    def _put_ifb(self, port: LinkName) -> int:
        """The index of the link where what the port's guest sends waits."""
        name = shaper_link_name(port)
        state = rtnetlink.link(self._netlink, name=name)
        if state is None:
            kind = nested(_LINKINFO, text_attribute(_INFO_KIND, "ifb"))
            self._netlink.ask(_NEW_LINK, NLM_F_CREATE | NLM_F_EXCL, _link(0, name) + kind)
            silence(name)
        elif state.kind != "ifb" or not (_is_ours(state) or not state.alias):
            raise KernelRefusedError(_STAGE, f"{name} exists and is not netwright's; rename or delete it")
        index = _index_of(name)
        alias = attribute(_IFALIAS, f"{MARK}{port}".encode())
        self._netlink.ask(_NEW_LINK, 0, IFINFO.pack(0, 0, index, _UP, _UP) + alias)
        return index

    def _lead(self, index: int, ifb: int) -> None:
        """In place of what of ours led elsewhere."""
        with suppress(KernelRefusedError):
            # There is one already, a stranger's or ours.
            self._netlink.ask(words.NEW_QDISC, NLM_F_CREATE | NLM_F_EXCL, words.hook(index))
        if self._targets(index):
            self._netlink.ask(words.DELETE_FILTER, 0, words.our_filters_of(index))
        self._netlink.ask(words.NEW_FILTER, NLM_F_CREATE | NLM_F_EXCL, words.redirect(index, ifb))

    def _remove(self, key: ShaperKey) -> None:
        index = _index_of(key.link)
        if key.direction is Direction.INGRESS:
            if index and self._queue(index):
                self._netlink.ask(words.DELETE_QDISC, 0, words.our_root_of(index))
            return
        if index:
            self._lead_no_more(index)
        if ifb := self._ifb(key.link):
            self._netlink.ask(_DELETE_LINK, 0, IFINFO.pack(0, 0, ifb.index, 0, 0))

    def _lead_no_more(self, index: int) -> None:
        if self._targets(index):
            self._netlink.ask(words.DELETE_FILTER, 0, words.our_filters_of(index))
            if not any(map(self._filters, words.filters_of(index))):
                self._netlink.ask(words.DELETE_QDISC, 0, words.hook(index))


def _is_ours(state: LinkState) -> bool:
    return state.kind == "ifb" and state.alias.startswith(MARK)


def port_of(name: LinkName) -> LinkName | None:
    """The port's link, of itself and of the one where what its guest sends waits; None for other links."""
    found = _OF_PORT.fullmatch(name)
    return LinkName(f"{PORT_PREFIX}{found[1]}") if found else None


def _link(index: int, name: LinkName) -> bytes:
    return IFINFO.pack(0, 0, index, 0, 0) + text_attribute(_IFNAME, name)


def _index_of(name: LinkName) -> int:
    """0 where there is no such link."""
    with suppress(OSError):
        return socket.if_nametoindex(name)
    return 0


def _name_of(index: int) -> LinkName:
    with suppress(OSError):
        return LinkName(socket.if_indextoname(index))
    return LinkName("")
