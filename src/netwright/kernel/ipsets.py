"""Sets of addresses, and of addresses on links: straight from and to nfnetlink, but made by ipset.

Ours: those whose names are `netwright-` and what netwright's renderers make of ids.
"""

from __future__ import annotations

import errno
import os
import re
import threading
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import closing
from typing import Final

from netwright.kernel.ipset_messages import (
    ADD,
    DELETE,
    LIST,
    NOT_NEWS,
    about,
    element_request,
    elements_of,
    name_and_number,
    name_of,
    spec_of,
)
from netwright.kernel.netlink import NETFILTER, NLM_F_ACK, NLM_F_EXCL, Message, Netlink, Refusal
from netwright.kernel.tools import find_tool, run_tool
from netwright.model.errors import KernelRefusedError
from netwright.model.xtables import XtElement, XtKey, XtKind, XtSet, XtValue

PACKAGE: Final = "ipset"
FAMILY: Final = "set"
_PROGRAM: Final = "ipset"
_OURS: Final = re.compile(r"netwright-([amnp][46]-[\w-]+|inside[46]|free[46])")
_SIZES: Final = "hashsize 64 maxelem 1048576"
_TOGETHER: Final = 500
"""Elements in one datagram."""


class Ipsets:
    """Driver of sets and their elements. Runs in the namespace of the thread that calls."""

    def observe(self, keys: Collection[XtKey] | None = None) -> Mapping[XtKey, XtValue]:
        if find_tool(_PROGRAM) is None or (keys is not None and not keys):
            return {}
        with closing(Netlink(NETFILTER)) as netlink:
            if keys is None:
                return dict(_ours(netlink.dump(LIST, about())))
            items: dict[str, set[str]] = {}
            for key in keys:
                items.setdefault(key.name, set()).add(key.item)
            found = {
                key: value for name, some in items.items() for key, value in _listed(netlink, name, some)
            }
        return {key: found[key] for key in keys if key in found}

    def put(self, items: Mapping[XtKey, XtValue]) -> None:
        """A set whose kind is another must be free to be made anew."""
        sets = {key: value for key, value in items.items() if isinstance(value, XtSet)}
        lines = [f"create {key.name} {value.spec} {_SIZES}" for key, value in sets.items()]
        try:
            _restore(lines)
        except KernelRefusedError:
            there = self.observe(sets)
            stale = [key for key in sets if key in there and there[key] != sets[key]]
            if not stale:
                raise
            _destroyed.update(key.name for key in stale)
            _restore([*(f"destroy {key.name}" for key in stale), *lines])
        _write(ADD, [key for key in items if key.kind is XtKind.ELEMENT])

    def remove(self, keys: Collection[XtKey]) -> None:
        _write(DELETE, [key for key in keys if key.kind is XtKind.ELEMENT])
        sets = [key for key in keys if key.kind is XtKind.SET]
        there = self.observe(sets)
        _destroyed.update(key.name for key in there)
        _restore([f"destroy {key.name}" for key in there])


class SetSizes:
    """Tells whether others changed our sets: by how many elements each has, and how many we added."""

    def __init__(self) -> None:
        self._known: Mapping[str, int] = {}

    def changed(self) -> bool:
        """Since it was last asked. Runs in the calling thread's namespace; raises KernelRefusedError."""
        with _lock, closing(Netlink(NETFILTER)) as netlink:
            headers = (name_and_number(one.body) for one in netlink.dump(LIST, about(headers=True)))
            found = {name: number for name, number in headers if _OURS.fullmatch(name)}
            expected = {name: number + _added[name] for name, number in self._known.items()}
            gone = set(_destroyed)
            _added.clear()
            _destroyed.clear()
        self._known = found
        return any(found.get(name) != number for name, number in expected.items() if name not in gone)


_lock: Final = threading.Lock()
"""Held while we write: who asks sees either none of it, or all."""
_added: Final[Counter[str]] = Counter()
"""By set, since the sizes were last asked for."""
_destroyed: Final[set[str]] = set()


def _listed(netlink: Netlink, name: str, items: set[str]) -> Iterator[tuple[XtKey, XtValue]]:
    """A set and those of its elements; nothing where there is no such set."""
    try:
        yield from _ours(netlink.dump(LIST, about(name)), items)
    except FileNotFoundError:
        return


def _ours(messages: Iterable[Message], items: set[str] | None = None) -> Iterator[tuple[XtKey, XtValue]]:
    for message in messages:
        name = name_of(message)
        if not _OURS.fullmatch(name):
            continue
        if spec := spec_of(message):
            yield XtKey(XtKind.SET, "", FAMILY, "", name), XtSet(spec)
        there = elements_of(message)
        for item in there if items is None else items.intersection(there):
            yield XtKey(XtKind.ELEMENT, "", FAMILY, "", name, item), XtElement()


def _write(kind: int, keys: list[XtKey]) -> None:
    """What is there already, or not there any more, is no refusal."""
    with _lock, closing(Netlink(NETFILTER)) as netlink:
        for first in range(0, len(keys), _TOGETHER):
            some = keys[first : first + _TOGETHER]
            asked = [element_request(kind, NLM_F_ACK | NLM_F_EXCL, key.name, key.item) for key in some]
            for key, answer in zip(some, netlink.exchange(asked), strict=True):
                if answer is None:
                    _added[key.name] += 1 if kind == ADD else -1
                elif isinstance(answer, Refusal) and answer.error not in NOT_NEWS[kind]:
                    raise KernelRefusedError("ipset", f"{key.name} {key.item}: {_said(answer.error)}")


def _said(error: int) -> str:
    return os.strerror(error) if error in errno.errorcode else f"error {error} of ipset"


def _restore(lines: Iterable[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    if text:
        run_tool(_PROGRAM, ["-exist", "restore"], text, package=PACKAGE)
