"""DNS entries in a text file, as nova's MiniDNS keeps them: nobody answers from it, people and tests read it.

#  minidns
domain   example.org   domain
192.0.2.7   www.example.org   A
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from ipaddress import IPv4Address
from typing import Final

from netwright.model.dns_names import domain_name, qualified, relative_name
from netwright.model.errors import InvalidError
from netwright.nova import dns_files, dns_table
from netwright.nova.dns_driver import DNSDriver
from netwright.nova.dns_table import Domain, Entry, Line, Lines, Other
from netwright.nova.options import NetworkOptions

_HEADER: Final = "#  minidns\n\n\n"


class MiniDNS(DNSDriver):
    """All domains in one file, which outlives the process. A records only."""

    def __init__(self, options: NetworkOptions | None = None) -> None:
        self.filename = (options or NetworkOptions()).minidns_path
        self._lock = self.filename.with_name(f".{self.filename.name}.lock")
        with dns_files.alone(self._lock):
            if not self.filename.exists():
                self._write(_HEADER)

    def get_domains(self) -> list[str]:
        return list(dns_table.domains(self._lines()))

    def create_entry(self, name: str, address: str, type: str, domain: str) -> None:  # noqa: A002 - nova's
        found = dns_table.a_record(address, type)
        decide = partial(dns_table.created, name=name, address=found, domain=domain)
        self._change(decide, qualified(name, domain))

    def delete_entry(self, name: str, domain: str) -> None:
        self._change(partial(dns_table.deleted, name=name, domain=domain), qualified(name, domain))

    def modify_address(self, name: str, address: str, domain: str) -> None:
        found = dns_table.a_record(address, "A")
        decide = partial(dns_table.modified, name=name, address=found, domain=domain)
        self._change(decide, qualified(name, domain))

    def get_entries_by_address(self, address: str, domain: str) -> list[str]:
        found = dns_table.any_address(address)
        return dns_table.names_of(self._lines(str(found)), found, domain)

    def get_entries_by_name(self, name: str, domain: str) -> list[str]:
        return dns_table.addresses_of(self._lines(qualified(name, domain)), name, domain)

    def create_domain(self, fqdomain: str) -> None:
        self._change(partial(dns_table.with_domain, domain=fqdomain))

    def delete_domain(self, fqdomain: str) -> None:
        self._change(partial(dns_table.without_domain, domain=fqdomain))

    def delete_dns_file(self) -> None:
        """All is forgotten."""
        with dns_files.alone(self._lock):
            self.filename.unlink(missing_ok=True)

    def _change(self, decide: Callable[[Lines], Lines], about: str = "") -> None:
        with dns_files.alone(self._lock):
            self._write("\n".join(map(_text, decide(self._lines(about)))) + "\n")

    def _lines(self, about: str = "") -> Lines:
        text = dns_files.read(self.filename)
        return dns_table.lines_of((_HEADER if text is None else text).removesuffix("\n"), _line, about)

    def _write(self, text: str) -> None:
        dns_files.replace(self.filename, text, self.filename.with_name(f".{self.filename.name}.new"))


def _line(text: str) -> Line:
    with suppress(ValueError, InvalidError):
        first, name, kind = text.split()
        if first == "domain" == kind:
            return Domain(domain_name(name))
        if kind.upper() == "A":
            return Entry(IPv4Address(first), relative_name(name))
    return Other(text)


def _text(line: Line) -> str:
    match line:
        case Entry(address, name):
            return f"{address}   {name}   A"
        case Domain(name):
            return f"domain   {name}   domain"
        case Other(text):
            return text
