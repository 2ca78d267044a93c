"""Ranges of IPv4 addresses, joined, cut, and covered by prefixes. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from ipaddress import IPv4Address, IPv4Network

from netwright.control.fixed_ips import is_usable
from netwright.model.intent import Pool

Run = tuple[int, int]
"""The first address and the last, as numbers."""
Cover = tuple[IPv4Network, tuple[Run, ...]]
"""A prefix, and ranges within it."""


def joined(runs: Iterable[Run]) -> list[Run]:
    """In order; those that overlap or touch are one."""
    found: list[Run] = []
    for first, last in sorted(runs):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def without(runs: Iterable[Run], cut: Run) -> list[Run]:
    """What is left of them."""
    left = []
    for first, last in runs:
        left += [(first, min(last, cut[0] - 1)), (max(first, cut[1] + 1), last)]
    return joined((first, last) for first, last in left if first <= last)


def overlap(one: Run, other: Run) -> bool:
    return one[0] <= other[1] and other[0] <= one[1]


def covered(runs: Iterable[Run]) -> list[Cover]:
    """Prefixes that do not overlap, each as small as can be, in which all the ranges are usable addresses."""
    found: list[Cover] = [(_smallest(run), (run,)) for run in joined(runs)]
    while (merged := _merged(found)) != found:
        found = merged
    return found


def run_of(pool: Pool) -> Run:
    return int(pool.start), int(pool.end)


def pool_of(run: Run) -> Pool:
    return Pool(IPv4Address(run[0]), IPv4Address(run[1]))


def addresses_of(runs: Iterable[Run]) -> Iterator[IPv4Address]:
    """Each of them, in order."""
    return (IPv4Address(number) for first, last in runs for number in range(first, last + 1))


def hosts_of(prefix: IPv4Network) -> Run:
    """The addresses of a prefix that hosts can have."""
    first, last = int(prefix.network_address), int(prefix.broadcast_address)
    return (first, last) if first == last else (first + 1, last - 1)


def _smallest(run: Run) -> IPv4Network:
    length = 32 - (run[0] ^ run[1]).bit_length()
    prefix = IPv4Network((run[0], length), strict=False)
    while not all(is_usable(prefix, IPv4Address(end)) for end in run):
        prefix = prefix.supernet()
    return prefix


def _merged(covers: list[Cover]) -> list[Cover]:
    """Of two prefixes that overlap the first in order holds the other."""
    found: list[Cover] = []
    for prefix, runs in sorted(covers, key=lambda one: (int(one[0].network_address), one[0].prefixlen)):
        if found and found[-1][0].overlaps(prefix):
            _, before = found.pop()
            both = tuple(joined((*before, *runs)))
            found.append((_smallest((both[0][0], both[-1][1])), both))
        else:
            found.append((prefix, runs))
    return found
