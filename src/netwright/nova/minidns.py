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

from netwright.model.dns_names import domain_name, relative_name
from netwright.model.errors import InvalidError
from netwright.nova import dns_files, dns_table
from netwright.nova.dns_driver import DNSDriver
from netwright.nova.dns_table import Domain, Entry, Lines, Other
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
        self._change(partial(dns_table.created, name=name, address=found, domain=domain))

    def delete_entry(self, name: str, domain: str) -> None:
        self._change(partial(dns_table.deleted, name=name, domain=domain))

    def modify_address(self, name: str, address: str, domain: str) -> None:
        found = dns_table.a_record(address, "A")
        self._change(partial(dns_table.modified, name=name, address=found, domain=domain))

    def get_entries_by_address(self, address: str, domain: str) -> list[str]:
        return dns_table.names_of(self._lines(), dns_table.any_address(address), domain)

    def get_entries_by_name(self, name: str, domain: str) -> list[str]:
        return dns_table.addresses_of(self._lines(), name, domain)

    def create_domain(self, fqdomain: str) -> None:
        self._change(partial(dns_table.with_domain, domain=fqdomain))

    def delete_domain(self, fqdomain: str) -> None:
        self._change(partial(dns_table.without_domain, domain=fqdomain))

    def delete_dns_file(self) -> None:
        """All is forgotten."""
        with dns_files.alone(self._lock):
            self.filename.unlink(missing_ok=True)

    def _change(self, decide: Callable[[Lines], Lines]) -> None:
        with dns_files.alone(self._lock):
            self._write("\n".join(map(_text, decide(self._lines()))) + "\n")

    def _lines(self) -> Lines:
        text = dns_files.read(self.filename)
        return tuple(map(_line, (_HEADER if text is None else text).removesuffix("\n").split("\n")))

    def _write(self, text: str) -> None:
        dns_files.replace(self.filename, text, self.filename.with_name(f".{self.filename.name}.new"))


def _line(text: str) -> Entry | Domain | Other:
    with suppress(ValueError, InvalidError):
        first, name, kind = text.split()
        if first == "domain" == kind:
            return Domain(domain_name(name))
        if kind.upper() == "A":
            return Entry(IPv4Address(first), relative_name(name))
    return Other(text)


def _text(line: Entry | Domain | Other) -> str:
    match line:
        case Entry(address, name):
            return f"{address}   {name}   A"
        case Domain(name):
            return f"domain   {name}   domain"
        case Other(text):
            return text
