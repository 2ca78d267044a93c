"""DNS entries as the lines of a file: what each call of a driver makes of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address

from netwright.model.dns_names import domain_name, qualified
from netwright.model.errors import InvalidError, NotFoundError
from netwright.model.intent import Address
from netwright.nova.dns_driver import FloatingIpDNSExists


@dataclass(frozen=True, slots=True)
class Entry:
    """`name` is the whole one."""

    address: Address
    name: str


@dataclass(frozen=True, slots=True)
class Domain:
    name: str


@dataclass(frozen=True, slots=True)
class Other:
    """A line that is no entry, and stays: a comment, say."""

    text: str


Line = Entry | Domain | Other
Lines = tuple[Line, ...]


def lines_of(text: str, parse: Callable[[str], Line], about: str = "") -> Lines:
    """Of a text without its last line break.

    Only lines that may be about that name or address, or about domains, are looked into, and the others
    stay as they are: a change of one name does not cost a look at each of ten thousand.
    """
    lowered = text.lower().split("\n")
    return tuple(
        parse(line) if about in low or "domain" in low else Other(line)
        for line, low in zip(text.split("\n"), lowered, strict=True)
    )


def a_record(address: str, kind: str) -> IPv4Address:
    """For drivers that have no others. Raises InvalidError."""
    found = record_address(address, kind)
    if isinstance(found, IPv6Address):
        raise InvalidError("type: This driver only supports type 'a'", "type")
    return found


def record_address(address: str, kind: str) -> Address:
    """Of an A or AAAA record, whichever case its type is written in. Raises InvalidError."""
    if kind.upper() not in {"A", "AAAA"}:
        raise InvalidError(f"type: {kind[:16]!r} is not supported; there are A and AAAA.", "type")
    try:
        found = IPv4Address(str(address)) if kind.upper() == "A" else IPv6Address(str(address))
    except ValueError as error:
        raise InvalidError(f"address: {error}", "address") from error
    # A zone, as in fe80::1%eth0, may hold any text, and means something on one host only.
    if isinstance(found, IPv6Address) and found.scope_id is not None:
        raise InvalidError("address: an IPv6 address in DNS has no zone.", "address")
    return found


def any_address(address: str) -> Address:
    """Of either family. Raises InvalidError."""
    return record_address(address, "AAAA" if ":" in str(address) else "A")


def domains(lines: Lines) -> tuple[str, ...]:
    return tuple(line.name for line in lines if isinstance(line, Domain))


def created(lines: Lines, name: str, address: Address, domain: str) -> Lines:
    """Raises InvalidError, FloatingIpDNSExists."""
    whole = _own(lines, name, domain)
    taken = (entry for entry in _entries(lines) if entry.name == whole)
    if any(entry.address.version == address.version for entry in taken):
        raise FloatingIpDNSExists(name, domain)
    return (*lines, Entry(address, whole))


def deleted(lines: Lines, name: str, domain: str) -> Lines:
    """Without the name, whatever its addresses. Raises InvalidError, NotFoundError."""
    whole = _own(lines, name, domain)
    kept = tuple(line for line in lines if not (isinstance(line, Entry) and line.name == whole))
    return _fewer(lines, kept, whole)


def modified(lines: Lines, name: str, address: Address, domain: str) -> Lines:
    """The name's record of that family, changed in its place. Raises InvalidError, NotFoundError."""
    new = Entry(address, _own(lines, name, domain))
    old = [
        line for line in _entries(lines) if line.name == new.name and line.address.version == address.version
    ]
    if not old:
        raise NotFoundError("DNS entry", new.name)
    return tuple(new if line in old else line for line in lines)


def names_of(lines: Lines, address: Address, domain: str) -> list[str]:
    """The address's names in the domain, relative to it. Raises InvalidError."""
    wanted = domain_name(domain) if domain else ""
    ending = f".{wanted}" if wanted else ""
    of_address = (entry.name for entry in _entries(lines) if entry.address == address)
    return [
        name.removesuffix(ending)
        for name in of_address
        if name.endswith(ending) and len(_home(lines, name)) <= len(wanted)
    ]


def addresses_of(lines: Lines, name: str, domain: str) -> list[str]:
    """Raises InvalidError."""
    whole = qualified(name, domain)
    return [str(entry.address) for entry in _entries(lines) if entry.name == whole]


def with_domain(lines: Lines, domain: str) -> Lines:
    """Raises InvalidError, FloatingIpDNSExists."""
    new = domain_name(domain)
    if new in domains(lines):
        raise FloatingIpDNSExists(new)
    return (*lines, Domain(new))


def without_domain(lines: Lines, domain: str) -> Lines:
    """And without its entries; those of a domain within it stay. Raises InvalidError, NotFoundError."""
    old = domain_name(domain)
    if old not in domains(lines):
        raise NotFoundError("DNS domain", old)
    return tuple(
        line
        for line in lines
        if line != Domain(old) and not (isinstance(line, Entry) and _home(lines, line.name) == old)
    )


def _own(lines: Lines, name: str, domain: str) -> str:
    """The whole name, which is of that domain and not of one within it."""
    whole = qualified(name, domain)
    home = _home(lines, whole)
    if len(home) > len((domain or "").removesuffix(".")):
        raise InvalidError(f"name: {whole} is in the domain {home}.", "name")
    return whole


def _home(lines: Lines, whole: str) -> str:
    """The longest of the domains that the name is in; empty if it is in none."""
    return max((domain for domain in domains(lines) if whole.endswith(f".{domain}")), key=len, default="")


def _entries(lines: Lines) -> Iterator[Entry]:
    return (line for line in lines if isinstance(line, Entry))


def _fewer(before: Lines, after: Lines, name: str) -> Lines:
    if len(before) == len(after):
        raise NotFoundError("DNS entry", name)
    return after
