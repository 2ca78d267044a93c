"""The DNS calls of managers whose instances have floating IPs: domains of zones and projects, and entries."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from netwright.nova.cloud import Cloud
from netwright.nova.dns_entries import InstanceDNS, instance_dns


class FloatingDNS:
    """Each raises what InstanceDNS raises."""

    _cloud: Cloud

    def get_dns_domains(self, context: object) -> list[Mapping[str, str | None]]:
        return self._names.get_dns_domains(context)

    def create_private_dns_domain(self, context: object, domain: str, av_zone: str | None = None) -> None:
        self._names.create_private_dns_domain(context, domain, av_zone)

    def create_public_dns_domain(self, context: object, domain: str, project: str | None = None) -> None:
        self._names.create_public_dns_domain(context, domain, project)

    def delete_dns_domain(self, context: object, domain: str) -> None:
        self._names.delete_dns_domain(context, domain)

    def add_dns_entry(self, context: object, address: str, name: str, dns_type: str, domain: str) -> None:
        self._names.add_dns_entry(context, address, name, dns_type, domain)

    def modify_dns_entry(self, context: object, address: str, name: str, domain: str) -> None:
        self._names.modify_dns_entry(context, address, name, domain)

    def delete_dns_entry(self, context: object, name: str, domain: str) -> None:
        self._names.delete_dns_entry(context, name, domain)

    def get_dns_entries_by_address(self, context: object, address: str, domain: str) -> list[str]:
        return self._names.get_dns_entries_by_address(context, address, domain)

    def get_dns_entries_by_name(self, context: object, name: str, domain: str) -> list[str]:
        return self._names.get_dns_entries_by_name(context, name, domain)

    @cached_property
    def _names(self) -> InstanceDNS:
        """The manager's own, or, where it was given something that knows instances only, the options'."""
        given = self._cloud.dns
        return (
            given if isinstance(given, InstanceDNS) else instance_dns(self._cloud.world, self._cloud.options)
        )
