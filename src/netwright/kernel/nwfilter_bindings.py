"""Filters in force on links: libvirt's bindings, and the door that nftables keeps shut without them.

Ours: the elements of the set `bound` of the table `bridge netwright`, and the bindings whose owner is called
netwright. A binding that libvirt made because a domain's own interface names the port's filter does as well,
and is left to it. A link is in the set only while the kernel has been seen to have its rules.
"""

from __future__ import annotations

import socket
from collections.abc import Collection, Mapping
from typing import Final
from uuid import UUID, uuid5
from xml.etree import ElementTree as ET
from xml.sax.saxutils import quoteattr

from netwright.kernel.netlink import NETFILTER, Netlink, string
from netwright.kernel.nft_elements import unwrap
from netwright.kernel.nft_messages import GET_ELEMENTS, GET_SET, entries, in_set
from netwright.kernel.nft_writing import NftWriter
from netwright.kernel.nwfilter_libvirt import DRIVER, Connection, Libvirt
from netwright.kernel.nwfilter_rules import KernelRules, LinkRules, read_rules
from netwright.model.errors import KernelRefusedError
from netwright.model.host import NftElement, NftKey, NftKind, PortBinding
from netwright.model.ids import LinkName, Mac
from netwright.model.nwfilter import BOUND

_OWNER: Final = "netwright"
_OWNERS: Final = UUID("0d4c9e0e-5e0b-4c1b-9d43-7f0f2b1a6c55")
_FAMILY: Final = "bridge"


class NwBindings:
    """Driver of the bindings. Bound to the network namespace in which it is made."""

    def __init__(self, libvirt: Libvirt) -> None:
        self._libvirt = libvirt
        self._netlink = Netlink(NETFILTER)
        self._writer = NftWriter()
        self._whole: dict[LinkName, LinkRules] = {}
        """Rules as they were when they were last found to be whole."""

    def observe(self, keys: Collection[LinkName] | None = None) -> Mapping[LinkName, PortBinding]:
        """A link whose rules are gone, or not those of one filter, has a binding without a mark."""
        bound = self._bound()
        links = set(bound) if keys is None else bound & set(keys)
        # With the daemon away, which the filters' stage tells, links without their rules can still be shut.
        if keys is None and self._libvirt.may_hold_ours() and self._libvirt.answers():
            with self._libvirt.connected() as connection:
                links |= {
                    LinkName(one.portDev()) for one in connection.listAllNWFilterBindings() if _is_ours(one)
                }
        if not links:
            return {}
        rules = read_rules()
        there = {link for link in bound if _is_there(link)}
        return {
            link: PortBinding(self._mark(rules, link) if link in there else "", "", Mac("")) for link in links
        }

    def put(self, items: Mapping[LinkName, PortBinding]) -> None:
        """A link that is gone, its VMM's, is shut and let go: its filter comes back with it."""
        gone = [link for link in items if not _is_there(link)]
        self.remove(gone)
        here = {link: value for link, value in items.items() if link not in gone}
        rules = read_rules()
        wrong = [link for link, value in here.items() if self._mark(rules, link) != value.mark]
        self._shut(wrong)
        failed = self._bind_all({link: here[link] for link in wrong})
        rules = read_rules() if wrong else rules
        held = [link for link, value in here.items() if self._mark(rules, link) == value.mark]
        if held:
            self._writer.write((), dict.fromkeys(map(_element, held), NftElement()))
        missing = ", ".join(sorted(here.keys() - set(held)))
        if missing:
            failed.append(f"libvirt took the binding, but its rules are not there: {missing}")
        if failed:
            raise KernelRefusedError(DRIVER, failed[0])

    def remove(self, keys: Collection[LinkName]) -> None:
        self._shut(keys)
        if not self._libvirt.may_hold_ours():
            return
        with self._libvirt.connected() as connection:
            for one in connection.listAllNWFilterBindings():
                if one.portDev() in keys and _is_ours(one):
                    one.delete()

    def owner(self, link: LinkName) -> str:
        """Who had libvirt bind a filter to the link: `netwright`, or a domain's name; empty for nobody."""
        with self._libvirt.connected() as connection:
            found = [one for one in connection.listAllNWFilterBindings() if one.portDev() == link]
            return _owner(found[0]) if found else ""

    def close(self) -> None:
        self._netlink.close()
        self._writer.close()
        self._libvirt.close()

    def _bind_all(self, items: Mapping[LinkName, PortBinding]) -> list[str]:
        """What was said of those that failed."""
        failed: list[str] = []
        for link, value in items.items():
            try:
                with self._libvirt.connected() as connection:
                    _bind(connection, link, value)
            except KernelRefusedError as refused:
                failed.append(refused.said)
        return failed

    def _mark(self, rules: KernelRules, link: LinkName) -> str:
        """The mark of the filter in force; empty where rules are missing, or strangers changed them."""
        now, mark = rules.of(link), rules.mark(link)
        if not mark or (link in self._whole and now.tampered(self._whole[link])):
            return ""
        self._whole[link] = now
        return mark

    def _bound(self) -> set[LinkName]:
        if self._netlink.get(GET_SET, in_set(_FAMILY, BOUND)) is None:
            return set()
        listed = self._netlink.dump(GET_ELEMENTS, in_set(_FAMILY, BOUND))
        return {LinkName(string(unwrap(entry)[0].first)) for message in listed for entry in entries(message)}

    def _shut(self, links: Collection[LinkName]) -> None:
        for link in links:
            self._whole.pop(link, None)
        if there := self._bound() & set(links):
            self._writer.write([_element(link) for link in there], {})


def _element(link: LinkName) -> NftKey:
    return NftKey(NftKind.ELEMENT, _FAMILY, BOUND, link)


def _bind(connection: Connection, link: LinkName, value: PortBinding) -> None:
    """Makes the binding, or makes it again as it was: libvirt then writes all of its rules anew."""
    xml = _binding_xml(link, value)
    for one in connection.listAllNWFilterBindings():
        if one.portDev() == link:
            if not _is_ours(one):
                if one.filterName() != value.filter:
                    said = f"{link} has its domain's filter {one.filterName()}: the filterref must name"
                    raise KernelRefusedError(DRIVER, f"{said} {value.filter}, or not be there")
                xml = one.XMLDesc()
            one.delete()
    connection.nwfilterBindingCreateXML(xml)


def _is_there(link: LinkName) -> bool:
    try:
        socket.if_nametoindex(link)
    except OSError:
        return False
    return True


def _is_ours(binding: Connection) -> bool:
    return _owner(binding) == _OWNER


def _owner(binding: Connection) -> str:
    return ET.fromstring(binding.XMLDesc()).findtext("owner/name") or ""  # noqa: S314 - libvirt's own


def _binding_xml(link: LinkName, value: PortBinding) -> str:
    return (
        f"<filterbinding><owner><name>{_OWNER}</name><uuid>{uuid5(_OWNERS, link)}</uuid></owner>"
        f"<portdev name={quoteattr(link)}/><mac address={quoteattr(value.mac)}/>"
        f"<filterref filter={quoteattr(value.filter)}/></filterbinding>"
    )
