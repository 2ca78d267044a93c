"""DNS entries as files that dnsmasq watches (`--hostsdir`): it answers what changes at once, unrestarted.

One file a domain, called as the domain is. Ours: those whose first line is our mark; of others none is
changed, and no entry read. Any number of daemons may watch the directory.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Final

from netwright.model.dns_names import domain_name, qualified, relative_name
from netwright.model.errors import ConflictError, InvalidError, NotFoundError
from netwright.nova import dns_files, dns_table
from netwright.nova.dns_driver import DNSDriver, FloatingIpDNSExists
from netwright.nova.dns_table import Domain, Entry, Line, Lines, Other
from netwright.nova.options import NetworkOptions

_MARK: Final = "# netwright:nova:dns"
_NO_DOMAIN: Final = "_"
"""The file of names without a domain. dnsmasq passes over names that begin with a dot: the lock is such."""


class DnsmasqDNS(DNSDriver):
    """A and AAAA records. A domain that has an entry is there, created or not."""

    def __init__(self, options: NetworkOptions | None = None) -> None:
        self.directory = (options or NetworkOptions()).names_path
        self._lock = self.directory / ".lock"
        dns_files.make_readable(self.directory)

    def get_domains(self) -> list[str]:
        return [name for name in self._domains() if (self._read(name) or "").startswith(_head(name))]

    def create_entry(self, name: str, address: str, type: str, domain: str) -> None:  # noqa: A002 - nova's
        found = dns_table.record_address(address, type)
        self._change(name, domain, partial(dns_table.created, name=name, address=found, domain=domain))

    def delete_entry(self, name: str, domain: str) -> None:
        self._change(name, domain, partial(dns_table.deleted, name=name, domain=domain))

    def modify_address(self, name: str, address: str, domain: str) -> None:
        found = dns_table.any_address(address)
        self._change(name, domain, partial(dns_table.modified, name=name, address=found, domain=domain))

    def get_entries_by_address(self, address: str, domain: str) -> list[str]:
        found = dns_table.any_address(address)
        return dns_table.names_of(self._lines(domain, str(found)), found, domain)

    def get_entries_by_name(self, name: str, domain: str) -> list[str]:
        return dns_table.addresses_of(self._lines(domain, qualified(name, domain)), name, domain)

    def create_domain(self, fqdomain: str) -> None:
        name = domain_name(fqdomain)
        with dns_files.alone(self._lock):
            if self._read(name) is not None:
                raise FloatingIpDNSExists(name)
            self._write(name, ())

    def delete_domain(self, fqdomain: str) -> None:
        name = domain_name(fqdomain)
        with dns_files.alone(self._lock):
            if self._ours(name) is None:
                raise NotFoundError("DNS domain", name)
            self._path(name).unlink()
            dns_files.settle(self.directory)

    def _change(self, name: str, domain: str, decide: Callable[[Lines], Lines]) -> None:
        """Raises ConflictError where a stranger's file is in the way."""
        about = qualified(name, domain)
        with dns_files.alone(self._lock):
            after = decide(self._lines(domain, about))
            self._write(domain_name(domain) if domain else "", after)

    def _lines(self, domain: str, about: str) -> Lines:
        """The domain's entries, and all domains there are."""
        text = self._ours(domain_name(domain) if domain else "") or ""
        entries = text.partition("\n")[2].removesuffix("\n")
        return (
            *map(Domain, self._domains()),
            *(dns_table.lines_of(entries, _line, about) if entries else ()),
        )

    def _domains(self) -> Iterator[str]:
        for path in sorted(self.directory.iterdir()):
            with suppress(InvalidError):
                if domain_name(path.name) == path.name and path.is_file():
                    yield path.name

    def _path(self, name: str) -> Path:
        return self.directory / (name or _NO_DOMAIN)

    def _read(self, name: str) -> str | None:
        return dns_files.read(self._path(name))

    def _ours(self, name: str) -> str | None:
        text = self._read(name)
        if text is not None and not text.startswith(_head(name)):
            raise ConflictError(f"{self._path(name)} is not netwright's: its first line is another.")
        return text

    def _write(self, name: str, lines: Lines) -> None:
        dns_files.replace(
            self._path(name), "".join([_head(name), *map(_text, lines)]), self.directory / ".new"
        )


def _head(name: str) -> str:
    return f"{_MARK} {name or '.'}\n"


def _line(text: str) -> Entry | Other:
    """What somebody else wrote into our file stays: dnsmasq knows what it means."""
    with suppress(ValueError, InvalidError):
        address, name = text.split()
        return Entry(dns_table.any_address(address), relative_name(name))
    return Other(text)


def _text(line: Line) -> str:
    match line:
        case Entry(address, name):
            return f"{address} {name}\n"
        case Other(text):
            return f"{text}\n"
        case Domain():
            return ""
