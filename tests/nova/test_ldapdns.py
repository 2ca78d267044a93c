"""LdapDNS's entries in a real slapd, as PowerDNS wants them, and a server that goes away."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from nova.dns_daemons import SIZE_LIMIT, Slapd, powerdns, slapd

from netwright.kernel import netns
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.nova.ldapdns import LdapDNS
from netwright.nova.options import NetworkOptions
from netwright.testing.dns_client import reverse
from netwright.testing.namespaces import eventually

NOW = datetime(2026, 1, 1, tzinfo=UTC)
CLASSES = {"domainRelatedObject", "dNSDomain", "domain", "dcObject", "top"}


@pytest.fixture(scope="module")
def server() -> Iterator[Slapd]:
    with slapd() as made:
        yield made


@pytest.fixture
def options(server: Slapd) -> NetworkOptions:
    return server.options()


@pytest.fixture
def driver(server: Slapd, options: NetworkOptions) -> Iterator[LdapDNS]:
    with _opened(server, options) as made:
        made.create_domain("example.org")
        yield made


@contextmanager
def _opened(server: Slapd, options: NetworkOptions) -> Iterator[LdapDNS]:
    with netns.inside(server.host):
        yield LdapDNS(options, clock=lambda: NOW)


def test_a_domain_is_an_entry_with_its_soa_record(
    server: Slapd, options: NetworkOptions, driver: LdapDNS
) -> None:
    """It has nova's object classes and name, every server, and an SOA record whose serial is a number of 32 bits."""
    dn = f"dc=example.org,{options.ldap_dns_base_dn}"
    assert server.entries(dn) == {
        dn: {
            "objectClass": CLASSES,
            "dc": {"example.org"},
            "associatedDomain": {"example.org"},
            "nSRecord": {"ns1.example.org", "ns2.example.org"},
            "sOARecord": {
                f"ns1.example.org hostmaster.example.org {int(NOW.timestamp())} 1800 3600 86400 7200"
            },
        }
    }


def test_names_of_one_address_share_an_entry(server: Slapd, options: NetworkOptions, driver: LdapDNS) -> None:
    """The second name joins the first one's entry; when the name that the entry bears goes, it takes another."""
    zone = f"dc=example.org,{options.ldap_dns_base_dn}"
    driver.create_entry("www", "192.0.2.7", "A", "example.org")
    driver.create_entry("ftp", "192.0.2.7", "A", "example.org")
    entry = {"objectClass": CLASSES, "dc": {"www"}, "aRecord": {"192.0.2.7"}}
    names = {"associatedDomain": {"www.example.org", "ftp.example.org"}}
    assert _hosts(server, zone) == {f"dc=www,{zone}": {**entry, **names}}
    driver.delete_entry("www", "example.org")
    entry["dc"], names["associatedDomain"] = {"ftp"}, {"ftp.example.org"}
    assert _hosts(server, zone) == {f"dc=ftp,{zone}": {**entry, **names}}
    driver.delete_entry("ftp", "example.org")
    assert _hosts(server, zone) == {}


def test_a_name_moves_to_the_entry_of_its_new_address(
    server: Slapd, options: NetworkOptions, driver: LdapDNS
) -> None:
    """No address ever has two entries, and a name that is alone keeps its own entry."""
    zone = f"dc=example.org,{options.ldap_dns_base_dn}"
    driver.create_entry("www", "192.0.2.7", "A", "example.org")
    driver.create_entry("ftp", "192.0.2.8", "A", "example.org")
    driver.modify_address("www", "192.0.2.9", "example.org")
    assert set(_hosts(server, zone)) == {f"dc=www,{zone}", f"dc=ftp,{zone}"}
    driver.modify_address("www", "192.0.2.8", "example.org")
    (host,) = _hosts(server, zone).values()
    assert host["associatedDomain"] == {"www.example.org", "ftp.example.org"}


def test_every_change_counts_the_serial_up(server: Slapd, options: NetworkOptions, driver: LdapDNS) -> None:
    """Adding, changing and removing each raise it, also within one second; reading does not."""
    seen = [_serial(server, options)]
    for change in (
        lambda: driver.create_entry("www", "192.0.2.7", "A", "example.org"),
        lambda: driver.create_entry("ftp", "192.0.2.7", "A", "example.org"),
        lambda: driver.modify_address("www", "192.0.2.8", "example.org"),
        lambda: driver.delete_entry("www", "example.org"),
    ):
        change()
        seen.append(_serial(server, options))
    assert seen == list(range(seen[0], seen[0] + 5))
    driver.get_entries_by_name("ftp", "example.org")
    assert _serial(server, options) == seen[-1]


def test_a_directory_of_novas_is_gone_on_with(server: Slapd, options: NetworkOptions) -> None:
    """Entries in nova's layout are known, and its serial of fourteen digits becomes one that fits."""
    zone = f"dc=example.net,{options.ldap_dns_base_dn}"
    old = "ns1.example.org hostmaster@example.org 20151231235959 1800 3600 86400 7200"
    classes = ["domainrelatedobject", "dnsdomain", "domain", "dcobject", "top"]
    server.add(
        zone, objectClass=classes, dc=["example.net"], associatedDomain=["example.net"], sOARecord=[old]
    )
    host = {"objectClass": classes, "dc": ["www"], "associatedDomain": ["WWW.example.net", "web.example.net"]}
    server.add(f"dc=www,{zone}", **host, aRecord=["192.0.2.7"])
    with _opened(server, options) as driver:
        assert driver.get_domains() == ["example.net"]
        assert sorted(driver.get_entries_by_address("192.0.2.7", "example.net")) == ["web", "www"]
        driver.delete_entry("www", "example.net")
        assert driver.get_entries_by_address("192.0.2.7", "example.net") == ["web"]
    assert _serial(server, options, "example.net") == int(NOW.timestamp())


def test_a_large_domain_goes_whole(server: Slapd, options: NetworkOptions, driver: LdapDNS) -> None:
    """More entries than the server tells at once are all removed, and nobody else's."""
    driver.create_domain("example.net")
    driver.create_entry("www", "192.0.2.7", "A", "example.net")
    for number in range(2 * SIZE_LIMIT + 5):
        driver.create_entry(f"n{number}", f"192.0.2.{number + 1}", "A", "example.org")
    driver.delete_domain("example.org")
    base = options.ldap_dns_base_dn
    zone = f"dc=example.net,{base}"
    assert set(server.entries(base)) == {base, zone, f"dc=www,{zone}"}


def test_a_list_that_the_server_cuts_is_refused(server: Slapd, options: NetworkOptions) -> None:
    """Domains beyond the server's limit on an answer are an error, and not silently left out."""
    with _opened(server, options) as driver:
        for number in range(SIZE_LIMIT + 1):
            driver.create_domain(f"d{number}.org")
        with pytest.raises(KernelRefusedError, match="size limit"):
            driver.get_domains()


def test_a_server_that_comes_back_is_used_again(server: Slapd, driver: LdapDNS) -> None:
    """While it is gone calls say so; afterwards the same driver goes on."""
    driver.create_entry("www", "192.0.2.7", "A", "example.org")
    server.end()
    with pytest.raises(KernelRefusedError, match="Can't contact LDAP server"):
        driver.get_entries_by_name("www", "example.org")
    server.begin()
    assert driver.get_entries_by_name("www", "example.org") == ["192.0.2.7"]


def test_a_refused_password_is_not_repeated(server: Slapd, options: NetworkOptions) -> None:
    """A wrong one is an error that says so; neither it nor the options' text holds the password."""
    wrong_one = "t0psecret"
    wrong = replace(options, ldap_dns_password=wrong_one)
    assert wrong_one not in repr(wrong)
    with _opened(server, wrong) as driver, pytest.raises(KernelRefusedError) as refused:
        driver.get_domains()
    assert "Invalid credentials" in str(refused.value)
    assert wrong_one not in str(refused.value)


def test_a_base_that_is_not_there_is_said(server: Slapd, options: NetworkOptions) -> None:
    """Making a domain below it fails with the server's words."""
    nowhere = replace(options, ldap_dns_base_dn="ou=nowhere,dc=example,dc=org")
    with _opened(server, nowhere) as driver, pytest.raises(KernelRefusedError, match="No such object"):
        driver.create_domain("example.org")


def test_ipv4_only_and_never_without_a_domain(driver: LdapDNS) -> None:
    """AAAA records, for which the schema has no attribute, and names without a domain are refused."""
    with pytest.raises(InvalidError, match="only supports type 'a'"):
        driver.create_entry("www", "2001:db8::7", "AAAA", "example.org")
    with pytest.raises(InvalidError):
        driver.create_entry("www", "192.0.2.7", "A", "")


def test_powerdns_answers_from_the_directory(server: Slapd, options: NetworkOptions, driver: LdapDNS) -> None:
    """A real PowerDNS in strict mode reads the SOA record and every name, and addresses' names of a reverse zone."""
    driver.create_domain("2.0.192.in-addr.arpa")
    driver.create_entry("www", "192.0.2.7", "A", "example.org")
    driver.create_entry("ftp", "192.0.2.7", "A", "example.org")
    with powerdns(server, options) as asked:
        assert eventually(lambda: asked("www.example.org") == ("192.0.2.7",), 20)
        assert asked("ftp.example.org") == ("192.0.2.7",)
        assert asked("mail.example.org") == ()
        assert set(asked(reverse("192.0.2.7"), "PTR")) == {"www.example.org", "ftp.example.org"}
        driver.delete_entry("www", "example.org")
        driver.modify_address("ftp", "192.0.2.8", "example.org")
        assert asked("www.example.org") == ()
        assert asked("ftp.example.org") == ("192.0.2.8",)


@pytest.mark.parametrize(
    "wrong",
    [
        {"ldap_dns_servers": ()},
        {"ldap_dns_servers": ("ns1.example.org evil 1",)},
        {"ldap_dns_soa_hostmaster": "host master@example.org"},
        {"ldap_dns_soa_hostmaster": ""},
    ],
)
def test_options_that_make_no_soa_record_are_refused(wrong: dict[str, Any]) -> None:
    """Without a server, or with blanks in what are words of the record, no driver is made."""
    with pytest.raises(InvalidError):
        LdapDNS(NetworkOptions(**wrong))


def test_without_the_library_there_is_no_driver() -> None:
    """Where python-ldap is not installed the module is imported all the same, and making a driver is an ImportError."""
    code = (
        "import sys; sys.modules['ldap'] = None\n"
        "from netwright.nova.dns_drivers import load_dns_driver\n"
        "load_dns_driver('noop')\n"
        "try: load_dns_driver('ldapdns')\n"
        "except ImportError: sys.exit(7)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 7


def _hosts(server: Slapd, zone: str) -> dict[str, dict[str, set[str]]]:
    return {dn: values for dn, values in server.entries(zone).items() if dn != zone}


def _serial(server: Slapd, options: NetworkOptions, domain: str = "example.org") -> int:
    zone = f"dc={domain},{options.ldap_dns_base_dn}"
    (soa,) = server.entries(zone)[zone]["sOARecord"]
    return int(soa.split()[2])
