"""Sets of addresses, and of addresses on links: straight from and to nfnetlink, but made by ipset.

Ours: those whose names are `netwright-` and what netwright's renderers make of ids.
"""

from __future__ import annotations

import errno
import os
import re
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
    name_of,
    number_of,
    spec_of,
)
from netwright.kernel.netlink import NETFILTER, NLM_F_ACK, Message, Netlink, Refusal
from netwright.kernel.tools import find_tool, run_tool
from netwright.model.errors import KernelRefusedError
from netwright.model.xtables import XtElement, XtKey, XtKind, XtSet, XtValue

PACKAGE: Final = "ipset"
FAMILY: Final = "set"
_PROGRAM: Final = "ipset"
_OURS: Final = re.compile(r"netwright-([amp][46]-[\w-]+|inside[46]|free[46])")
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
            found: dict[XtKey, XtValue] = {}
            for name in {key.name for key in keys}:
                found.update(_listed(netlink, name))
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
            _restore([*(f"destroy {key.name}" for key in stale), *lines])
        _write(ADD, [key for key in items if key.kind is XtKind.ELEMENT])

    def remove(self, keys: Collection[XtKey]) -> None:
        _write(DELETE, [key for key in keys if key.kind is XtKind.ELEMENT])
        sets = [key for key in keys if key.kind is XtKind.SET]
        there = self.observe(sets)
        _restore([f"destroy {key.name}" for key in sets if key in there])


def set_sizes() -> Mapping[str, int]:
    """How many elements each of our sets has. Raises KernelRefusedError."""
    with closing(Netlink(NETFILTER)) as netlink:
        headers = {name_of(one): number_of(one) for one in netlink.dump(LIST, about(headers=True))}
    return {name: number for name, number in headers.items() if _OURS.fullmatch(name)}


def _listed(netlink: Netlink, name: str) -> Iterator[tuple[XtKey, XtValue]]:
    """Nothing where there is no such set."""
    try:
        yield from _ours(netlink.dump(LIST, about(name)))
    except FileNotFoundError:
        return


def _ours(messages: Iterable[Message]) -> Iterator[tuple[XtKey, XtValue]]:
    for message in messages:
        name = name_of(message)
        if not _OURS.fullmatch(name):
            continue
        if spec := spec_of(message):
            yield XtKey(XtKind.SET, "", FAMILY, "", name), XtSet(spec)
        for item in elements_of(message):
            yield XtKey(XtKind.ELEMENT, "", FAMILY, "", name, item), XtElement()


def _write(kind: int, keys: list[XtKey]) -> None:
    """What is there already, or not there any more, is no refusal."""
    with closing(Netlink(NETFILTER)) as netlink:
        for first in range(0, len(keys), _TOGETHER):
            some = keys[first : first + _TOGETHER]
            asked = [element_request(kind, NLM_F_ACK, key.name, key.item) for key in some]
            for key, answer in zip(some, netlink.exchange(asked), strict=True):
                if isinstance(answer, Refusal) and answer.error not in NOT_NEWS[kind]:
                    raise KernelRefusedError("ipset", f"{key.name} {key.item}: {_said(answer.error)}")


def _said(error: int) -> str:
    return os.strerror(error) if error in errno.errorcode else f"error {error} of ipset"


def _restore(lines: Iterable[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    if text:
        run_tool(_PROGRAM, ["-exist", "restore"], text, package=PACKAGE)
