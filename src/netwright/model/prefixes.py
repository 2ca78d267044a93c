"""Arithmetic of prefixes: what is free of them, and which of the free ones is taken next."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Network, IPv6Network, collapse_addresses

from netwright.model.intent import Prefix


def joined(prefixes: Iterable[Prefix]) -> list[Prefix]:
    """In order, without overlaps; those that make up a shorter one are that. All are of one IP version."""
    found = list(prefixes)
    fours = [prefix for prefix in found if isinstance(prefix, IPv4Network)]
    sixes = [prefix for prefix in found if isinstance(prefix, IPv6Network)]
    return [*collapse_addresses(fours), *collapse_addresses(sixes)]


def covers(prefixes: Iterable[Prefix], wanted: Prefix) -> bool:
    """Whether one of them holds all of it."""
    return any(holds(prefix, wanted) for prefix in prefixes)


def holds(outer: Prefix, inner: Prefix) -> bool:
    if isinstance(outer, IPv4Network):
        return isinstance(inner, IPv4Network) and inner.subnet_of(outer)
    return isinstance(inner, IPv6Network) and inner.subnet_of(outer)


def overlap(ones: Iterable[Prefix], others: Iterable[Prefix]) -> bool:
    """Whether one of the ones and one of the others share addresses."""
    theirs = list(others)
    return any(one.version == other.version and one.overlaps(other) for one in ones for other in theirs)


def free(prefixes: Iterable[Prefix], used: Iterable[Prefix]) -> Iterator[Prefix]:
    """What is left of the prefixes, as few as they can be."""
    taken = joined(used)
    for prefix in joined(prefixes):
        yield from _without(prefix, [one for one in taken if overlap([prefix], [one])])


def best(prefixes: Iterable[Prefix], length: int) -> Prefix | None:
    """The first of that length, out of the smallest of the prefixes that has room for it."""
    roomy = [prefix for prefix in prefixes if prefix.prefixlen <= length]
    if not roomy:
        return None
    chosen = min(roomy, key=lambda prefix: (-prefix.prefixlen, int(prefix.network_address)))
    return type(chosen)((int(chosen.network_address), length))


def without(prefixes: Iterable[Prefix], gone: Iterable[Prefix]) -> list[Prefix]:
    """The prefixes less others, whether or not those were among them."""
    return joined(free(prefixes, gone))


def _without(prefix: Prefix, taken: list[Prefix]) -> Iterator[Prefix]:
    if not taken:
        yield prefix
    elif not any(holds(one, prefix) for one in taken):
        for half in prefix.subnets():
            yield from _without(half, [one for one in taken if overlap([half], [one])])
