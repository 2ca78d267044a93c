"""DNS that is not there."""

from __future__ import annotations

from netwright.nova.dns_driver import DNSDriver


class NoopDNSDriver(DNSDriver):
    """Takes every call, and knows nothing."""

    def __init__(self, *_: object) -> None: ...

    def get_domains(self) -> list[str]:
        return []

    def create_entry(self, name: str, address: str, type: str, domain: str) -> None:  # noqa: A002 - nova's
        del name, address, type, domain

    def delete_entry(self, name: str, domain: str) -> None:
        del name, domain

    def modify_address(self, name: str, address: str, domain: str) -> None:
        del name, address, domain

    def get_entries_by_address(self, address: str, domain: str) -> list[str]:
        del address, domain
        return []

    def get_entries_by_name(self, name: str, domain: str) -> list[str]:
        del name, domain
        return []

    def create_domain(self, fqdomain: str) -> None:
        del fqdomain

    def delete_domain(self, fqdomain: str) -> None:
        del fqdomain
