"""What nova asks of a DNS driver: entries, each a name of a domain and an address, and domains."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

from netwright.model.errors import ConflictError


class FloatingIpDNSExists(ConflictError):  # noqa: N818 - nova's name
    """The name is taken in that domain, or the domain is there."""

    code: ClassVar = 409

    def __init__(self, name: str, domain: str = "") -> None:
        within = f" in domain {domain}" if domain else ""
        super().__init__(f"The DNS entry {name} already exists{within}.", "name")
        self.name, self.domain = name, domain


class DNSDriver(ABC):
    """Every call raises InvalidError for what cannot be a name, domain, address or type.

    Names are relative to their domain. A driver raises KernelRefusedError where its means fail.
    """

    @abstractmethod
    def get_domains(self) -> list[str]:
        """Those that were created."""

    @abstractmethod
    def create_entry(self, name: str, address: str, type: str, domain: str) -> None:  # noqa: A002 - nova's
        """Raises FloatingIpDNSExists if the name has such a record."""

    @abstractmethod
    def delete_entry(self, name: str, domain: str) -> None:
        """Raises NotFoundError."""

    @abstractmethod
    def modify_address(self, name: str, address: str, domain: str) -> None:
        """The name is that address's from now on. Raises NotFoundError."""

    @abstractmethod
    def get_entries_by_address(self, address: str, domain: str) -> list[str]:
        """The address's names."""

    @abstractmethod
    def get_entries_by_name(self, name: str, domain: str) -> list[str]:
        """The name's addresses."""

    @abstractmethod
    def create_domain(self, fqdomain: str) -> None:
        """Raises FloatingIpDNSExists if it is there."""

    @abstractmethod
    def delete_domain(self, fqdomain: str) -> None:
        """With its entries. Raises NotFoundError."""
