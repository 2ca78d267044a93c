"""Which instances have addresses that a filter names: exact, or by a regular expression of bounded cost."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, ip_address
from typing import Final

import sqlalchemy as sa

from netwright.control.world import World
from netwright.model.classic import Life
from netwright.model.errors import InvalidError
from netwright.model.intent import Address
from netwright.nova.given import text_of
from netwright.store import classic_fixed_ips, floating_ips, ports

_LONGEST: Final = 100
_MOST_REPEATS: Final = 4
_ATOM: Final = r"(?:\\[.:d]|[0-9a-fA-F.:]|\[\^?[0-9a-fA-F.:-]+\])"
_SAFE: Final = re.compile(rf"(?:{_ATOM}(?:[*+?]|\{{[0-9]{{1,2}}(?:,[0-9]{{0,2}})?\}})?|[|^$()])*")
"""Groups are not repeated: what is left costs at most a power of the address's 39 characters."""
_LITERAL: Final = re.compile(r"\^?((?:[0-9]+\\?\.){0,3})([0-9]+)?(.*)")


@dataclass(frozen=True, slots=True)
class Range:
    """IPv4 addresses from one to another, both included."""

    first: IPv4Address
    last: IPv4Address


def find(world: World, filters: object) -> list[dict[str, str]]:
    """The instances' uuids, each with the address that fits `fixed_ip`, `ip` or `ip6`.

    The regular expressions `ip` and `ip6` are matched from the address's beginning, `ip` against floating
    IPs as well. Raises InvalidError for one that is none, or that could take long.
    """
    exact, four, six = (text_of(filters, name, "filters") for name in ("fixed_ip", "ip", "ip6"))
    with world.look() as connection:
        found = [
            *(_exact(connection, exact) if exact else ()),
            *(_fours(connection, four) if four else ()),
            *(_sixes(connection, six) if six else ()),
        ]
    return [{"instance_uuid": uuid, "ip": ip} for uuid, ip in dict.fromkeys(found)]


def compiled(pattern: str, field: str) -> re.Pattern[str]:
    """Raises InvalidError."""
    repeats = sum(pattern.count(mark) for mark in "*+?{")
    if len(pattern) > _LONGEST or repeats > _MOST_REPEATS or not _SAFE.fullmatch(pattern):
        raise InvalidError(
            f"{field}: a pattern has at most {_LONGEST} characters of an address, '.', '|', brackets and"
            f" {_MOST_REPEATS} repeats of single characters",
            field,
        )
    try:
        return re.compile(pattern)
    except re.error as error:
        raise InvalidError(f"{field}: {error}", field) from error


def range_of(pattern: str) -> Range:
    """The addresses among which all that fit are: those that begin with the whole octets at its front."""
    fits = None if "|" in pattern else _LITERAL.fullmatch(pattern)
    octets = [int(one) for one in re.findall(r"[0-9]+", fits[1])] if fits else []
    if fits and not fits[2] and fits[3].startswith(("*", "?", "{")):
        # The dot behind the last octet may be missing, and more digits stand there.
        octets = octets[:-1]
    if fits and len(octets) == 3 and fits[2] and fits[3] == "$":
        octets.append(int(fits[2]))
    # A dot that is not escaped fits any character: 1.2.3 might be the beginning of 102.3…
    if re.search(r"(?<!\\)\.", fits[1] if fits else "") or any(one > 255 for one in octets):
        octets = []
    low = bytes([*octets, *[0] * (4 - len(octets))])
    high = bytes([*octets, *[255] * (4 - len(octets))])
    return Range(IPv4Address(low), IPv4Address(high))


def _exact(connection: sa.Connection, text: str) -> Iterator[tuple[str, str]]:
    try:
        address: Address = ip_address(text)
    except ValueError as error:
        raise InvalidError(str(error), "filters.fixed_ip") from error
    found = classic_fixed_ips.with_address(connection, address)
    if found is not None and found.instance_uuid is not None and found.life is Life.ALLOCATED:
        yield found.instance_uuid, str(address)


def _fours(connection: sa.Connection, pattern: str) -> Iterator[tuple[str, str]]:
    fits, within = compiled(pattern, "filters.ip"), range_of(pattern)
    for fixed in classic_fixed_ips.between(connection, within.first, within.last):
        if fixed.instance_uuid is not None and fits.match(str(fixed.address)):
            yield fixed.instance_uuid, str(fixed.address)
    yield from _floating(connection, fits)


def _floating(connection: sa.Connection, fits: re.Pattern[str]) -> Iterator[tuple[str, str]]:
    matching: dict[str, list[str]] = {}
    for record in floating_ips.find(connection, {}):
        held = record.value.association
        if held is not None and fits.match(str(record.value.address)):
            matching.setdefault(held.port_id, []).append(str(record.value.address))
    owners: Mapping[str, str] = _devices(connection, list(matching))
    for port, addresses in matching.items():
        yield from ((owners[port], address) for address in addresses if port in owners)


def _devices(connection: sa.Connection, wanted: list[str]) -> Mapping[str, str]:
    found = ports.find(connection, {"id": wanted}) if wanted else []
    return {one.value.id: one.value.device_id for one in found if one.value.device_id}


def _sixes(connection: sa.Connection, pattern: str) -> Iterator[tuple[str, str]]:
    fits = compiled(pattern, "filters.ip6")
    for uuid, address in classic_fixed_ips.sixes(connection):
        if fits.match(str(address)):
            yield uuid, str(address)
