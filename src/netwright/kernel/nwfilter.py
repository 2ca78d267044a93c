"""libvirt's network filters.

Ours: those whose name starts with `netwright-` and whose UUID is the one made from that name. A filter is
known to be as it was written by the mark in its rules' comments.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import Final
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

from netwright.kernel.attempts import attempt_all
from netwright.kernel.nwfilter_libvirt import DRIVER, Connection, Libvirt
from netwright.model.errors import KernelRefusedError
from netwright.model.host import NwFilter
from netwright.model.nwfilter import OURS, is_ours

_ORDER: Final = (f"{OURS}instance-", f"{OURS}secgroup-")
"""Filters that take in others come after them, and go before them."""
_CLOSED: Final = """<filter name={name} chain='root'><uuid>{uuid}</uuid>
<rule action='drop' direction='inout' priority='-1000'><all/></rule>
<rule action='drop' direction='inout' priority='-1000'><all-ipv6/></rule></filter>"""


class NwFilters:
    """Driver of the filters' definitions. A filter that is in force is changed in force."""

    def __init__(self, libvirt: Libvirt) -> None:
        self._libvirt = libvirt

    def observe(self, keys: Collection[str] | None = None) -> Mapping[str, NwFilter]:
        if not self._libvirt.may_hold_ours():
            return {}
        with self._libvirt.connected() as connection:
            found = {one.name(): one for one in connection.listAllNWFilters()}
            names = found.keys() if keys is None else found.keys() & set(keys)
            return {
                name: NwFilter(_mark_in(found[name].XMLDesc()), found[name].UUIDString(), "")
                for name in names
                if is_ours(name, found[name].UUIDString())
            }

    def put(self, items: Mapping[str, NwFilter]) -> None:
        with self._libvirt.connected() as connection:
            there = {one.name(): one.UUIDString() for one in connection.listAllNWFilters()}
        attempt_all(
            DRIVER,
            sorted(items, key=_rank, reverse=True),
            lambda name: self._define(name, items[name], there.get(name, items[name].uuid)),
        )

    def _define(self, name: str, value: NwFilter, there: str) -> None:
        if there != value.uuid:
            said = f"filter {name} exists with UUID {there} and is not netwright's; undefine it"
            raise KernelRefusedError(DRIVER, said)
        with self._libvirt.connected() as connection:
            _define(connection, name, value)

    def remove(self, keys: Collection[str]) -> None:
        with self._libvirt.connected() as connection:
            found = {one.name(): one for one in connection.listAllNWFilters()}
            for name in sorted(keys, key=_rank):
                if name in found and is_ours(name, found[name].UUIDString()):
                    found[name].undefine()

    def close(self) -> None:
        self._libvirt.close()


def _rank(name: str) -> int:
    return next((rank for rank, start in enumerate(_ORDER) if name.startswith(start)), len(_ORDER))


def _define(connection: Connection, name: str, value: NwFilter) -> None:
    """Refuses a filter of which libvirt forgets a part: it drops attributes that it does not know.

    What it took of it would let more through, and bear the mark; closed and without a mark it stays wanted.
    """
    kept = connection.nwfilterDefineXML(value.xml).XMLDesc()
    if lost := _fields(value.xml) - _fields(kept):
        connection.nwfilterDefineXML(_CLOSED.format(name=quoteattr(name), uuid=value.uuid))
        raise KernelRefusedError(DRIVER, f"libvirt does not keep {sorted(lost)} of filter {name}")


def _fields(xml: str) -> Counter[str]:
    return Counter(
        f"{element.tag} {field}"
        for element in ET.fromstring(xml).iter()  # noqa: S314 - ours, or libvirt's own
        for field in element.attrib
    )


def _mark_in(xml: str) -> str:
    found = re.search(r"comment='([a-z][0-9a-f]+)'", xml)
    return found[1] if found else ""
