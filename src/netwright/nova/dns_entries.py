"""DNS of instances and floating IPs, as nova's managers do it: domains in the store, entries in drivers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

import structlog

from netwright.control import dns_domains
from netwright.control.world import World
from netwright.model.dns_domains import DnsDomain, PrivateDomain, PublicDomain
from netwright.model.dns_names import domain_name
from netwright.model.errors import NotFoundError
from netwright.nova.dns_driver import DNSDriver, FloatingIpDNSExists
from netwright.nova.dns_drivers import load_dns_driver
from netwright.nova.dns_table import any_address
from netwright.nova.given import part, text_of
from netwright.nova.options import NetworkOptions
from netwright.render.names import label

_LOG: Final = structlog.get_logger("netwright.nova")


class InstanceDNS:
    """The DNS calls of nova's managers, context first, and what they do when an address comes and goes.

    Every call raises InvalidError for what cannot be a name, domain or address, and KernelRefusedError where
    a driver's means fail. A domain that is a project's is for others, who are no administrators, not there.
    """

    def __init__(self, world: World, instance: DNSDriver, floating: DNSDriver, instance_domain: str) -> None:
        self.instance_dns_manager, self.floating_dns_manager = instance, floating
        self.instance_dns_domain = domain_name(instance_domain) if instance_domain else ""
        self._world = world

    def add_instance(self, instance: object, address: str) -> None:
        """The address under the instance's display name, made a label, and under its UUID.

        A name that is taken stays the first one's: no allocation fails for it.
        """
        if not self._is_in_zone(instance):
            return
        kind = "AAAA" if any_address(address).version == 6 else "A"
        names = (label(text_of(instance, "display_name", "instance")), _uuid(instance))
        for name in dict.fromkeys(filter(None, names)):
            try:
                self.instance_dns_manager.create_entry(name, str(address), kind, self.instance_dns_domain)
            except FloatingIpDNSExists:
                _LOG.warning("dns_name_taken", name=name, address=str(address), instance=_uuid(instance))

    def remove_instance(self, instance: object, address: str) -> None:
        """Every name of the address in the domain of instances."""
        if self._is_in_zone(instance):
            _forget(self.instance_dns_manager, str(address), self.instance_dns_domain)

    def delete_all_entries_for_ip(self, context: object, address: str) -> None:
        """Every name of a floating IP that is given back, in every domain."""
        del context
        for domain in self.floating_dns_manager.get_domains():
            _forget(self.floating_dns_manager, str(address), domain)

    def get_dns_domains(self, context: object) -> list[Mapping[str, str | None]]:
        """The declared domains that a driver knows, by name."""
        del context
        known = {*self.instance_dns_manager.get_domains(), *self.floating_dns_manager.get_domains()}
        found = [record.value for record in dns_domains.find(self._world, {})]
        for domain in found:
            if domain.name not in known:
                _LOG.warning("dns_domain_unknown_to_drivers", domain=domain.name)
        return [_shown(domain) for domain in found if domain.name in known]

    def create_private_dns_domain(self, context: object, domain: str, av_zone: str | None = None) -> None:
        """For instances of that zone; one that is there is the zone's from then on."""
        del context
        _declare(self.instance_dns_manager, domain)
        dns_domains.create_private(self._world, domain, av_zone)

    def create_public_dns_domain(self, context: object, domain: str, project: str | None = None) -> None:
        """For that project's floating IPs; one that is there is the project's from then on."""
        del context
        _declare(self.floating_dns_manager, domain)
        dns_domains.create_public(self._world, domain, project)

    def delete_dns_domain(self, context: object, domain: str) -> None:
        """With its entries, in both drivers. Raises NotFoundError if nobody knows it."""
        del context
        name = domain_name(domain)
        # The row goes last: where a driver refuses, the domain is still listed, and can be deleted again.
        calls: tuple[Callable[[], None], ...] = (
            lambda: self.instance_dns_manager.delete_domain(name),
            lambda: self.floating_dns_manager.delete_domain(name),
            lambda: dns_domains.delete(self._world, name),
        )
        missing = 0
        for call in calls:
            try:
                call()
            except NotFoundError:
                missing += 1
        if missing == len(calls):
            raise NotFoundError("DNS domain", name)

    def add_dns_entry(self, context: object, address: str, name: str, dns_type: str, domain: str) -> None:
        """Raises FloatingIpDNSExists, NotFoundError."""
        self._refuse_stranger(context, domain)
        self.floating_dns_manager.create_entry(name, address, dns_type, domain)

    def modify_dns_entry(self, context: object, address: str, name: str, domain: str) -> None:
        """Raises NotFoundError."""
        self._refuse_stranger(context, domain)
        self.floating_dns_manager.modify_address(name, address, domain)

    def delete_dns_entry(self, context: object, name: str, domain: str) -> None:
        """Raises NotFoundError."""
        self._refuse_stranger(context, domain)
        self.floating_dns_manager.delete_entry(name, domain)

    def get_dns_entries_by_address(self, context: object, address: str, domain: str) -> list[str]:
        """Names."""
        del context
        return self.floating_dns_manager.get_entries_by_address(address, domain)

    def get_dns_entries_by_name(self, context: object, name: str, domain: str) -> list[str]:
        """Addresses."""
        del context
        return self.floating_dns_manager.get_entries_by_name(name, domain)

    def _is_in_zone(self, instance: object) -> bool:
        """A domain that is one availability zone's has no names of others' instances."""
        zone = None
        if self.instance_dns_domain:
            zone = _zone_of(self._world, self.instance_dns_domain)
        theirs = text_of(instance, "availability_zone", "instance")
        if zone is None or zone == theirs:
            return True
        _LOG.warning(
            "dns_domain_of_other_zone",
            domain=self.instance_dns_domain,
            zone=zone,
            instance=_uuid(instance),
            instance_zone=theirs,
        )
        return False

    def _refuse_stranger(self, context: object, domain: str) -> None:
        """Callers without a context are the house's own."""
        if context is None or part(context, "is_admin"):
            return
        with suppress(NotFoundError):
            found = dns_domains.get(self._world, domain).value
            if isinstance(found, PublicDomain) and found.project_id in {None, part(context, "project_id")}:
                return
        raise NotFoundError("DNS domain", domain)


def instance_dns(world: World, options: NetworkOptions) -> InstanceDNS:
    """With the drivers that the options name. Raises InvalidError, ImportError."""
    return InstanceDNS(
        world,
        load_dns_driver(options.instance_dns_manager, options),
        load_dns_driver(options.floating_ip_dns_manager, options),
        options.instance_dns_domain,
    )


def _zone_of(world: World, domain: str) -> str | None:
    try:
        found = dns_domains.get(world, domain).value
    except NotFoundError:
        _LOG.warning("instance_dns_domain_not_declared", domain=domain)
        return None
    return found.availability_zone if isinstance(found, PrivateDomain) else None


def _forget(driver: DNSDriver, address: str, domain: str) -> None:
    for name in driver.get_entries_by_address(address, domain):
        with suppress(NotFoundError):
            driver.delete_entry(name, domain)


def _declare(driver: DNSDriver, domain: str) -> None:
    try:
        driver.create_domain(domain)
    except FloatingIpDNSExists:
        _LOG.warning("dns_domain_exists", domain=domain)


def _shown(domain: DnsDomain) -> Mapping[str, str | None]:
    match domain:
        case PrivateDomain(name, zone):
            return {"domain": name, "scope": "private", "availability_zone": zone}
        case PublicDomain(name, project):
            return {"domain": name, "scope": "public", "project": project}


def _uuid(instance: object) -> str:
    return text_of(instance, "uuid", "instance")
