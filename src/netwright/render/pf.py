"""The words of pf.conf(5) that every renderer of FreeBSD's rules uses: anchors, tables, labels."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from netwright.model.ids import AddressGroupId, GroupId, NetworkId, PortId
from netwright.model.intent import EtherType, Prefix
from netwright.model.pf import PREFIX, TABLES, TEXT_LABEL, PfAnchor, PfKey, PfKind, PfTable, PfValue
from netwright.render.tags import digest_of

Pf = dict[PfKey, PfValue]

INTERFACE_GROUP: Final = PREFIX
"""Guests' interfaces are in it (ifconfig(8), `group`): those without an anchor yet pass nothing."""
FAMILY: Final = {EtherType.IPV4: "inet", EtherType.IPV6: "inet6"}
VERSION: Final = {EtherType.IPV4: 4, EtherType.IPV6: 6}
_OWN: Final = {EtherType.IPV4: "own4", EtherType.IPV6: "own6"}
_UNSAFE: Final = re.compile(r"[^A-Za-z0-9_.-]")


def port_anchor(port: PortId) -> PfKey:
    return PfKey(PfKind.ANCHOR, f"{PREFIX}/ports/{_component(port)}")


def network_anchor(network: NetworkId) -> PfKey:
    return PfKey(PfKind.ANCHOR, f"{PREFIX}/networks/{_component(network)}")


def translation_anchor(network: NetworkId) -> PfKey:
    return PfKey(PfKind.ANCHOR, f"{PREFIX}/nat/{_component(network)}")


def floating_anchor(floating: str) -> PfKey:
    return PfKey(PfKind.ANCHOR, f"{PREFIX}/floating/{_component(floating)}")


HOST_ANCHOR: Final = PfKey(PfKind.ANCHOR, f"{PREFIX}/host")


def _component(identity: str) -> str:
    """Ids are UUIDs; any other text becomes its digest, for a slash or `..` would lead elsewhere."""
    safe = len(identity) <= 63 and not _UNSAFE.search(identity) and identity.strip(".")
    return identity if safe else digest_of([identity])


def members_table(ethertype: EtherType, group: GroupId | AddressGroupId) -> str:
    """In the main ruleset, where the rules of every anchor find it; pf takes 31 characters."""
    return f"{TABLES[ethertype is EtherType.IPV6]}{digest_of([group])}"


def own_table(ethertype: EtherType) -> str:
    """The name of the table inside a port's anchor."""
    return _OWN[ethertype]


def table_rule(name: str, prefixes: Iterable[Prefix]) -> str:
    return f"table <{name}> const {{ {' '.join(map(address_text, prefixes))} }}"


def members(name: str, prefixes: Iterable[Prefix]) -> Pf:
    return {PfKey(PfKind.TABLE, name): PfTable(tuple(sorted({address_text(one) for one in prefixes})))}


def address_text(prefix: Prefix) -> str:
    """As pf prints it: a single address without its length."""
    single = prefix.prefixlen == prefix.max_prefixlen
    return str(prefix.network_address) if single else str(prefix)


def anchor(key: PfKey, lines: Sequence[str], labels: Iterable[str] = ()) -> Pf:
    """The last line, a filter rule, bears the digest of all."""
    digest = digest_of([f"{at} {line}" for at, line in enumerate(lines)])
    text = "".join(f"{line}\n" for line in (*lines[:-1], f"{lines[-1]} label {TEXT_LABEL}{digest}"))
    return {key: PfAnchor(digest, text, frozenset(labels))}
