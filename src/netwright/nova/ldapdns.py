"""DNS entries in an LDAP directory, in the layout that PowerDNS reads in its `strict` mode.

    dc=<domain>,<ldap_dns_base_dn>   a domain: its SOA record, name and name servers
    dc=<name>,dc=<domain>,…          an address of it (aRecord), and all of its names (associatedDomain)

The entry of an address is called as the first of its names is.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Address
from typing import Final

from netwright.model.dns_names import domain_name, qualified, relative_name
from netwright.model.errors import InvalidError, NotFoundError
from netwright.nova.dns_driver import DNSDriver, FloatingIpDNSExists
from netwright.nova.dns_table import a_record, any_address
from netwright.nova.ldap_directory import Directory, LdapEntry, Session
from netwright.nova.options import NetworkOptions

_CLASSES: Final = ("domainRelatedObject", "dNSDomain", "domain", "dcObject", "top")
_NAME, _ADDRESS, _SOA, _SERVER = "associatedDomain", "aRecord", "sOARecord", "nSRecord"
_MAIL: Final = re.compile(r"[A-Za-z0-9_.+-]+(@[A-Za-z0-9.-]+)?")
_SERIALS: Final = 1 << 32
"""RFC 1035 3.3.13."""


def _now() -> datetime:
    return datetime.now(UTC)


class LdapDNS(DNSDriver):
    """A records only, as the schema has no others. Raises ImportError where python-ldap is not installed.

    Writers in one process take turns. Raises InvalidError for options that make no SOA record.
    """

    def __init__(self, options: NetworkOptions | None = None, clock: Callable[[], datetime] = _now) -> None:
        self._options, self._clock = options or NetworkOptions(), clock
        self._servers = [domain_name(one, "ldap_dns_servers") for one in self._options.ldap_dns_servers]
        self._mailbox = _mailbox(self._options.ldap_dns_soa_hostmaster)
        if not self._servers:
            raise InvalidError("ldap_dns_servers: a domain has at least one server.", "ldap_dns_servers")
        self._directory = Directory(self._options)
        self._writer = threading.Lock()

    def get_domains(self) -> list[str]:
        with self._directory.session() as session:
            found = session.within(self._options.ldap_dns_base_dn, f"({_SOA}=*)")
        return [name for entry in found for name in entry.all(_NAME)[:1]]

    def create_entry(self, name: str, address: str, type: str, domain: str) -> None:  # noqa: A002 - nova's
        found, own, zone_name = a_record(address, type), relative_name(name), domain_name(domain)
        with self._writer, self._directory.session() as session:
            zone = self._zone(session, zone_name)
            if self._host(session, zone, qualified(own, zone_name)):
                raise FloatingIpDNSExists(own, zone_name)
            self._add(session, zone, own, found)
            self._count_up(session, zone)

    def delete_entry(self, name: str, domain: str) -> None:
        own, zone_name = relative_name(name), domain_name(domain)
        with self._writer, self._directory.session() as session:
            zone = self._zone(session, zone_name)
            self._remove(session, zone, self._known(session, zone, own), own)
            self._count_up(session, zone)

    def modify_address(self, name: str, address: str, domain: str) -> None:
        found, own, zone_name = a_record(address, "A"), relative_name(name), domain_name(domain)
        with self._writer, self._directory.session() as session:
            zone = self._zone(session, zone_name)
            host = self._known(session, zone, own)
            if str(found) in host.all(_ADDRESS):
                return
            if len(host.all(_NAME)) == 1 and not self._hosts(session, zone, _ADDRESS, str(found)):
                session.set_value(host.dn, _ADDRESS, str(found))
            else:
                self._remove(session, zone, host, own)
                self._add(session, zone, own, found)
            self._count_up(session, zone)

    def get_entries_by_address(self, address: str, domain: str) -> list[str]:
        found, zone_name = any_address(address), domain_name(domain)
        with self._directory.session() as session:
            zone = self._find(session, zone_name)
            hosts = self._hosts(session, zone, _ADDRESS, str(found)) if zone else []
        return [name for host in hosts for name in _relative(host, zone_name)]

    def get_entries_by_name(self, name: str, domain: str) -> list[str]:
        whole, zone_name = qualified(name, domain), domain_name(domain)
        with self._directory.session() as session:
            zone = self._find(session, zone_name)
            hosts = self._hosts(session, zone, _NAME, whole) if zone else []
        return [address for host in hosts for address in host.all(_ADDRESS)]

    def create_domain(self, fqdomain: str) -> None:
        name = domain_name(fqdomain)
        attributes = {
            "objectClass": _CLASSES,
            "dc": (name,),
            _NAME: (name,),
            _SOA: (self._soa(0),),
            _SERVER: self._servers,
        }
        dn = f"{self._directory.rdn(name)},{self._options.ldap_dns_base_dn}"
        with self._writer, self._directory.session() as session:
            if self._find(session, name) or not session.add(dn, attributes):
                raise FloatingIpDNSExists(name)

    def delete_domain(self, fqdomain: str) -> None:
        with self._writer, self._directory.session() as session:
            zone = self._zone(session, domain_name(fqdomain))
            session.delete_below(zone.dn)
            session.delete(zone.dn)

    def _find(self, session: Session, domain: str) -> LdapEntry | None:
        condition = f"(&({_SOA}=*){self._directory.equal(_NAME, domain)})"
        return next(iter(session.within(self._options.ldap_dns_base_dn, condition)), None)

    def _zone(self, session: Session, domain: str) -> LdapEntry:
        if zone := self._find(session, domain):
            return zone
        raise NotFoundError("DNS domain", domain)

    def _hosts(self, session: Session, zone: LdapEntry, attribute: str, value: str) -> list[LdapEntry]:
        return session.below(zone.dn, self._directory.equal(attribute, value))

    def _host(self, session: Session, zone: LdapEntry, whole: str) -> LdapEntry | None:
        return next(iter(self._hosts(session, zone, _NAME, whole)), None)

    def _known(self, session: Session, zone: LdapEntry, name: str) -> LdapEntry:
        whole = qualified(name, zone.all(_NAME)[0])
        if host := self._host(session, zone, whole):
            return host
        raise NotFoundError("DNS entry", whole)

    def _add(self, session: Session, zone: LdapEntry, name: str, address: IPv4Address) -> None:
        whole = qualified(name, zone.all(_NAME)[0])
        if hosts := self._hosts(session, zone, _ADDRESS, str(address)):
            session.add_value(hosts[0].dn, _NAME, whole)
            return
        attributes = {"objectClass": _CLASSES, "dc": (name,), _NAME: (whole,), _ADDRESS: (str(address),)}
        if not session.add(f"{self._directory.rdn(name)},{zone.dn}", attributes):
            raise FloatingIpDNSExists(name, zone.all(_NAME)[0])

    def _remove(self, session: Session, zone: LdapEntry, host: LdapEntry, name: str) -> None:
        """The entry is called anew before its name goes: killed in between, the name can be removed again."""
        domain, dn = zone.all(_NAME)[0], host.dn
        whole = qualified(name, domain)
        kept = [one for one in host.all(_NAME) if one.lower() != whole]
        if not kept:
            session.delete(dn)
            return
        if name in {value.lower() for value in host.all("dc")}:
            dn = session.rename(dn, self._directory.rdn(kept[0].removesuffix(f".{domain}")))
        session.remove_value(dn, _NAME, next(one for one in host.all(_NAME) if one.lower() == whole))

    def _count_up(self, session: Session, zone: LdapEntry) -> None:
        """Secondaries take a zone anew when its serial has grown."""
        words = "".join(zone.all(_SOA)[:1]).split()
        serial = int(words[2]) if len(words) > 2 and words[2].isdecimal() else 0
        session.set_value(zone.dn, _SOA, self._soa(serial))

    def _soa(self, before: int) -> str:
        """Serials are seconds; nova's, of fourteen digits, did not fit their 32 bits."""
        serial = max(int(self._clock().timestamp()), before + 1 if before + 1 < _SERIALS else 0)
        options = self._options
        words = (
            self._servers[0],
            self._mailbox,
            serial,
            options.ldap_dns_soa_refresh,
            options.ldap_dns_soa_retry,
            options.ldap_dns_soa_expiry,
            options.ldap_dns_soa_minimum,
        )
        return " ".join(map(str, words))


def _mailbox(address: str) -> str:
    """A mail address as the name that an SOA record has for it (RFC 1035 8). Raises InvalidError."""
    if not _MAIL.fullmatch(address):
        raise InvalidError(f"{address[:80]!r} is no mail address.", "ldap_dns_soa_hostmaster")
    user, at, domain = address.rpartition("@")
    local = user.replace(".", r"\.")
    return f"{local}.{domain}" if at else address


def _relative(host: LdapEntry, domain: str) -> list[str]:
    ending = f".{domain}"
    return [name.lower().removesuffix(ending) for name in host.all(_NAME) if name.lower().endswith(ending)]
