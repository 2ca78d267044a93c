"""nova's DNS calls by a manager's name, as its FloatingIP had them; dns_entries.py does what they say."""

from __future__ import annotations

from collections.abc import Mapping

from netwright.model.errors import InvalidError
from netwright.nova.cloud import Cloud
from netwright.nova.dns_entries import InstanceDNS


class DnsCalls:
    """Each raises what InstanceDNS's call of that name raises, and InvalidError where the manager was made
    with a `dns` of its caller's that has no such calls."""

    _cloud: Cloud

    def get_dns_domains(self, context: object) -> list[Mapping[str, str | None]]:
        """The declared domains that a driver knows, by name."""
        return self._names.get_dns_domains(context)

    def create_private_dns_domain(self, context: object, domain: str, av_zone: str | None = None) -> None:
        """For instances of that zone."""
        self._names.create_private_dns_domain(context, domain, av_zone)

    def create_public_dns_domain(self, context: object, domain: str, project: str | None = None) -> None:
        """For that project's floating IPs."""
        self._names.create_public_dns_domain(context, domain, project)

    def delete_dns_domain(self, context: object, domain: str) -> None:
        """With its entries."""
        self._names.delete_dns_domain(context, domain)

    def add_dns_entry(self, context: object, address: str, name: str, dns_type: str, domain: str) -> None:
        """A name of a floating IP's."""
        self._names.add_dns_entry(context, address, name, dns_type, domain)

    def modify_dns_entry(self, context: object, address: str, name: str, domain: str) -> None:
        """The name is another address's."""
        self._names.modify_dns_entry(context, address, name, domain)

    def delete_dns_entry(self, context: object, name: str, domain: str) -> None:
        """The name is nobody's."""
        self._names.delete_dns_entry(context, name, domain)

    def get_dns_entries_by_address(self, context: object, address: str, domain: str) -> list[str]:
        """Names."""
        return self._names.get_dns_entries_by_address(context, address, domain)

    def get_dns_entries_by_name(self, context: object, name: str, domain: str) -> list[str]:
        """Addresses."""
        return self._names.get_dns_entries_by_name(context, name, domain)

    @property
    def _names(self) -> InstanceDNS:
        if not isinstance(self._cloud.dns, InstanceDNS):
            raise InvalidError("this manager's names are kept by its caller", "dns")
        return self._cloud.dns
