"""Elements straight to nfnetlink: many in one transaction, in microseconds each.

libnftables parses a script and reads what there is before it writes; for a group's new member that takes
ten times what the kernel takes.
"""

from __future__ import annotations

import os
import socket
import struct
from bisect import bisect_right
from collections.abc import Collection, Iterator, Mapping
from typing import Final

from netwright.kernel.netlink import NETFILTER, NLM_F_CREATE, Netlink, Refusal, Request, nested
from netwright.kernel.nft_elements import wrap
from netwright.kernel.nft_messages import LIST_ELEMENTS, SUBSYSTEM, in_set
from netwright.model.errors import KernelRefusedError
from netwright.model.host import NftElement, NftKey

_NEW_ELEMENTS: Final = SUBSYSTEM << 8 | 12
_DELETE_ELEMENTS: Final = SUBSYSTEM << 8 | 14
_BEGIN, _END = (Request(kind, 0, struct.pack(">BBH", socket.AF_UNSPEC, 0, SUBSYSTEM)) for kind in (16, 17))
_MESSAGE: Final = 32768
"""Bytes of elements in one message: a list of them is an attribute, whose length has 16 bits."""
_NETLINK_HEADER: Final = 16
_LIST_HEADER: Final = 4


class NftWriter:
    """Bound to the network namespace in which it is made; used by one thread at a time.

    Plain interval sets, whose elements the kernel keeps as pairs, stay libnftables' business.
    """

    def __init__(self) -> None:
        self._netlink = Netlink(NETFILTER)

    def close(self) -> None:
        self._netlink.close()

    def write(self, gone: Collection[NftKey], put: Mapping[NftKey, NftElement]) -> None:
        """One transaction, all or nothing: what is gone goes before what is put comes.

        Raises KernelRefusedError, which names the first element that the kernel did not take.
        """
        lists = [
            *_lists(_DELETE_ELEMENTS, dict.fromkeys(gone, NftElement())),
            *_lists(_NEW_ELEMENTS, put),
        ]
        requests = [_BEGIN, *(one.request() for one in lists), _END]
        try:
            answers = self._netlink.exchange(requests)
        except OSError as error:
            raise KernelRefusedError("nftables", error.strerror or str(error)) from error
        for one, answer in zip((None, *lists, None), answers, strict=True):
            if isinstance(answer, Refusal):
                raise KernelRefusedError("nftables", _said(one, answer))


class _List:
    """One message: elements of one set, to be added or deleted."""

    def __init__(self, kind: int, family: str, name: str) -> None:
        self._kind, self._header, self.name = kind, in_set(family, name), name
        self._keys: list[NftKey] = []
        self._entries: list[bytes] = []
        self._starts: list[int] = []
        self._end = _NETLINK_HEADER + len(self._header) + _LIST_HEADER

    def add(self, key: NftKey, value: NftElement) -> None:
        entry = wrap(key.element, value.data)
        self._keys.append(key)
        self._entries.append(entry)
        self._starts.append(self._end)
        self._end += len(entry)

    @property
    def full(self) -> bool:
        return self._end > _MESSAGE

    def request(self) -> Request:
        flags = NLM_F_CREATE if self._kind == _NEW_ELEMENTS else 0
        return Request(self._kind, flags, self._header + nested(LIST_ELEMENTS, *self._entries))

    def element_at(self, offset: int) -> str:
        """The element whose attribute begins there; empty where the kernel named none."""
        index = bisect_right(self._starts, offset) - 1
        return self._keys[index].element if index >= 0 else ""


def _lists(kind: int, items: Mapping[NftKey, NftElement]) -> Iterator[_List]:
    filling: dict[tuple[str, str], _List] = {}
    for key, value in items.items():
        place = (key.family, key.name)
        if place not in filling:
            filling[place] = _List(kind, *place)
        filling[place].add(key, value)
        if filling[place].full:
            yield filling.pop(place)
    yield from filling.values()


def _said(one: _List | None, refusal: Refusal) -> str:
    words = os.strerror(refusal.error)
    if one is None:
        return words
    element = one.element_at(refusal.offset)
    return f"{one.name} {{ {element} }}: {words}" if element else f"{one.name}: {words}"
