"""All that is in our tables, as keys and values, straight from nfnetlink.

Chains are known by their rules' comments, sets by their own: the kernel never gives text back as it was
written, but it keeps comments. nft's own listing, as text or as JSON, differs from version to version.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from netwright.kernel.netlink import Message, Netlink, string
from netwright.kernel.nft_elements import PackedKey, key_type, unwrap, unwrap_ranges
from netwright.kernel.nft_messages import (
    CHAIN_NAME,
    GET_CHAIN,
    GET_ELEMENTS,
    GET_OBJECT,
    GET_RULE,
    GET_SET,
    GET_TABLE,
    LAYOUT,
    OBJECT_NAME,
    RULE_CHAIN,
    SET_FLAGS,
    SET_KEY_TYPE,
    SET_NAME,
    entries,
    hook_of,
    in_set,
    in_table,
    is_ours,
    limits,
    parsed,
    tag_of_rule,
    tag_of_set,
)
from netwright.model.host import (
    NftChain,
    NftElement,
    NftKey,
    NftKind,
    NftLimit,
    NftSet,
    NftTable,
    NftValue,
    settled,
)
from netwright.model.nwfilter import BOUND

_ANONYMOUS, _INTERVAL, _MAP = 1, 4, 8
Parsed = dict[int, bytes]


def listing(netlink: Netlink, family: str) -> Iterator[tuple[NftKey, NftValue]]:
    """Everything in the family's table; nothing where there is none."""
    if netlink.get(GET_TABLE, in_table(family)) is None:
        return
    about = in_table(family)
    chains = {string(chain[CHAIN_NAME]): hook_of(chain) for chain in ours(netlink, family, GET_CHAIN, about)}
    yield NftKey(NftKind.TABLE, family, ""), table_of(chains)
    tags: dict[str, list[str]] = {}
    for rule in ours(netlink, family, GET_RULE, about):
        tags.setdefault(string(rule[RULE_CHAIN]), []).append(tag_of_rule(rule))
    for name, hook in chains.items():
        if not name.startswith(LAYOUT):
            yield NftKey(NftKind.CHAIN, family, name), NftChain(hook, settled(tags.get(name, ())), ())
    for found in ours(netlink, family, GET_OBJECT, limits(family)):
        yield NftKey(NftKind.LIMIT, family, string(found[OBJECT_NAME])), NftLimit("")
    for declared in ours(netlink, family, GET_SET, about):
        yield from _set(netlink, family, declared)


def ours(netlink: Netlink, family: str, kind: int, body: bytes) -> Iterator[Parsed]:
    """The attributes of each thing of ours that matches."""
    return (found for found in map(parsed, _there(netlink, kind, body)) if is_ours(found, family))


def table_of(chains: Iterable[str]) -> NftTable:
    """The table that has chains of these names."""
    layouts = (name.removeprefix(LAYOUT) for name in chains if name.startswith(LAYOUT))
    return NftTable(next(layouts, ""))


def elements_of(netlink: Netlink, family: str, name: str, *, plain: bool) -> dict[PackedKey, str]:
    """What is in a set or map; `plain` for an interval set whose keys have one field."""
    answers = _there(netlink, GET_ELEMENTS, in_set(family, name))
    listed = (entry for message in answers for entry in entries(message))
    return unwrap_ranges(listed) if plain else dict(map(unwrap, listed))


def _there(netlink: Netlink, kind: int, body: bytes) -> list[Message]:
    """Nothing where a stranger has deleted the table, the chain or the set since it was named."""
    try:
        return list(netlink.dump(kind, body))
    except FileNotFoundError:
        return []


def _set(netlink: Netlink, family: str, declared: Parsed) -> Iterator[tuple[NftKey, NftValue]]:
    flags, name = int.from_bytes(declared.get(SET_FLAGS, b""), "big"), string(declared[SET_NAME])
    if flags & _ANONYMOUS:
        return
    kind = NftKind.MAP if flags & _MAP else NftKind.SET
    tag = tag_of_set(declared)
    yield NftKey(kind, family, name), NftSet(tag, "")
    if not tag or name == BOUND:
        return  # not one of ours, or another driver's: it goes with all that is in it
    yield from elements_in(netlink, family, name, declared)


def has_ranges(declared: Parsed) -> bool:
    """Whether it is an interval set."""
    return bool(int.from_bytes(declared.get(SET_FLAGS, b""), "big") & _INTERVAL)


def elements_in(
    netlink: Netlink, family: str, name: str, declared: Parsed
) -> Iterator[tuple[NftKey, NftElement]]:
    """What is in a set or map that is declared so; nothing where a field of a key is of no type of ours."""
    fields = key_type(int.from_bytes(declared.get(SET_KEY_TYPE, b""), "big"))
    if fields is None:
        return
    plain = has_ranges(declared) and len(fields) == 1
    for packed, data in elements_of(netlink, family, name, plain=plain).items():
        yield NftKey(NftKind.ELEMENT, family, name, fields.text(packed, plain=plain)), NftElement(data)
