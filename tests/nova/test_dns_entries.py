"""What managers do with names when instances and floating IPs get and lose addresses; a real dnsmasq answers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from nova.dns_daemons import Dnsmasq, Slapd, directory, dnsmasq, slapd
from worlds import world

from netwright.control import dns_domains
from netwright.control.world import World
from netwright.kernel import netns
from netwright.model.dns_domains import PrivateDomain
from netwright.model.errors import InvalidError, KernelRefusedError, NotFoundError
from netwright.nova.dns_driver import FloatingIpDNSExists
from netwright.nova.dns_entries import InstanceDNS, instance_dns
from netwright.nova.dnsmasq_dns import DnsmasqDNS
from netwright.nova.minidns import MiniDNS
from netwright.nova.options import NetworkOptions

WEB, OTHER = "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "7ba7b810-9dad-11d1-80b4-00c04fd430c8"
ADMIN = {"is_admin": True, "project_id": "admin"}
ALICE, BOB = {"is_admin": False, "project_id": "alice"}, {"is_admin": False, "project_id": "bob"}


@dataclass(frozen=True)
class Cloud:
    """Instances' names are in one directory, floating IPs' in another; one daemon answers for both."""

    here: World
    dns: InstanceDNS
    server: Dnsmasq

    def answers(self, **names: str) -> bool:
        """Of names in instances' domain; an empty address: there is no such name."""
        return self.server.comes_to(
            {(f"{name}.guests.org", "A"): {address} - {""} for name, address in names.items()}
        )


@pytest.fixture
def cloud() -> Iterator[Cloud]:
    with world() as here, directory() as path:
        options = NetworkOptions(dnsmasq_dns_directory=path / "instances")
        floating = replace(options, dnsmasq_dns_directory=path / "floating")
        dns = InstanceDNS(here, DnsmasqDNS(options), DnsmasqDNS(floating), "guests.org")
        with dnsmasq(f"--hostsdir={path}/instances", f"--hostsdir={path}/floating") as server:
            yield Cloud(here, dns, server)


def _instance(uuid: str = WEB, name: str = "web", zone: str = "north") -> dict[str, str]:
    return {"uuid": uuid, "display_name": name, "availability_zone": zone}


def test_an_instance_has_two_names_while_it_has_its_address(cloud: Cloud) -> None:
    """Its display name and its UUID are answered from the allocation on, and none of both after the deallocation."""
    cloud.dns.add_instance(_instance(), "10.0.0.7")
    cloud.dns.add_instance(_instance(OTHER, "db"), "10.0.0.8")
    assert cloud.answers(**{"web": "10.0.0.7", WEB: "10.0.0.7", "db": "10.0.0.8"})
    cloud.dns.remove_instance(_instance(), "10.0.0.7")
    cloud.dns.remove_instance(_instance(), "10.0.0.7")
    assert cloud.answers(**{"web": "", WEB: "", "db": "10.0.0.8", OTHER: "10.0.0.8"})


def test_a_display_name_in_use_fails_no_allocation(cloud: Cloud) -> None:
    """The first instance of a name keeps it; the second has its UUID, and a second address changes nothing."""
    cloud.dns.add_instance(_instance(), "10.0.0.7")
    cloud.dns.add_instance(_instance(OTHER), "10.0.0.8")
    cloud.dns.add_instance(_instance(), "10.0.0.9")
    assert cloud.answers(**{"web": "10.0.0.7", WEB: "10.0.0.7", OTHER: "10.0.0.8"})
    cloud.dns.remove_instance(_instance(OTHER), "10.0.0.8")
    assert cloud.answers(**{"web": "10.0.0.7", OTHER: ""})


@pytest.mark.parametrize(
    ("name", "label"),
    [
        ("My Web_Server!", "my-web-server"),
        ("a\n10.0.0.66 evil", "a-10-0-0-66-evil"),
        ("www.example.org", "www-example-org"),
        ("x" * 80, "x" * 63),
        ("--", ""),
        ("\u65e5\u672c", ""),
        ("", ""),
    ],
)
def test_a_display_name_becomes_a_label(cloud: Cloud, name: str, label: str) -> None:
    """Whatever an instance is called, at most one name is made of it, and the allocation succeeds."""
    cloud.dns.add_instance(_instance(name=name), "10.0.0.7")
    driver = cloud.dns.instance_dns_manager
    assert set(driver.get_entries_by_address("10.0.0.7", "guests.org")) == {WEB, label} - {""}
    assert cloud.answers(**{label or WEB: "10.0.0.7"})


def test_a_domain_of_another_zone_takes_no_names(cloud: Cloud) -> None:
    """Instances outside the domain's availability zone are passed over, when they come and when they go."""
    cloud.dns.create_private_dns_domain(ADMIN, "guests.org", "north")
    cloud.dns.add_instance(_instance(zone="south"), "10.0.0.7")
    cloud.dns.add_instance(_instance(OTHER, "db", "north"), "10.0.0.8")
    cloud.dns.remove_instance(_instance(OTHER, "db", "south"), "10.0.0.8")
    assert cloud.answers(**{"web": "", WEB: "", "db": "10.0.0.8"})
    cloud.dns.create_private_dns_domain(ADMIN, "guests.org", None)
    cloud.dns.add_instance(_instance(zone="south"), "10.0.0.7")
    assert cloud.answers(web="10.0.0.7")


def test_ipv6_addresses_have_names_too(cloud: Cloud) -> None:
    """Beside its IPv4 address an instance's IPv6 address is answered for the same names."""
    cloud.dns.add_instance(_instance(), "10.0.0.7")
    cloud.dns.add_instance(_instance(), "2001:db8::7")
    names = {("web.guests.org", "A"): {"10.0.0.7"}, ("web.guests.org", "AAAA"): {"2001:db8::7"}}
    assert cloud.server.comes_to(names)


@pytest.mark.parametrize("address", ["", "10.0.0", "fe80::1%eth0", "10.0.0.7 evil"])
def test_an_instance_has_no_name_without_an_address(cloud: Cloud, address: str) -> None:
    """What is no address is refused by its field's name, and no name is made."""
    with pytest.raises(InvalidError, match="address"):
        cloud.dns.add_instance(_instance(), address)
    assert cloud.answers(**{"web": "", WEB: ""})


def test_floating_entries_come_move_and_go(cloud: Cloud) -> None:
    """Names that users add, modify and delete are answered so, and found by name and by address."""
    dns = cloud.dns
    dns.create_public_dns_domain(ADMIN, "example.org", "alice")
    dns.add_dns_entry(ALICE, "192.0.2.7", "www", "A", "example.org")
    dns.add_dns_entry(ALICE, "192.0.2.7", "ftp", "A", "example.org")
    with pytest.raises(FloatingIpDNSExists):
        dns.add_dns_entry(ALICE, "192.0.2.8", "www", "A", "example.org")
    dns.modify_dns_entry(ALICE, "192.0.2.9", "ftp", "example.org")
    assert dns.get_dns_entries_by_address(ALICE, "192.0.2.7", "example.org") == ["www"]
    assert dns.get_dns_entries_by_name(ALICE, "ftp", "example.org") == ["192.0.2.9"]
    assert cloud.server.comes_to(
        {("www.example.org", "A"): {"192.0.2.7"}, ("ftp.example.org", "A"): {"192.0.2.9"}}
    )
    dns.delete_dns_entry(ALICE, "www", "example.org")
    with pytest.raises(NotFoundError):
        dns.delete_dns_entry(ALICE, "www", "example.org")
    assert cloud.server.comes_to({("www.example.org", "A"): set()})


def test_a_floating_ip_given_back_has_no_names(cloud: Cloud) -> None:
    """All its names in all domains go, and nobody else's."""
    for domain in ("example.org", "example.net"):
        cloud.dns.create_public_dns_domain(ADMIN, domain)
        cloud.dns.add_dns_entry(ALICE, "192.0.2.7", "www", "A", domain)
        cloud.dns.add_dns_entry(ALICE, "192.0.2.7", "web", "A", domain)
        cloud.dns.add_dns_entry(ALICE, "192.0.2.8", "db", "A", domain)
    cloud.dns.delete_all_entries_for_ip(ALICE, "192.0.2.7")
    for domain in ("example.org", "example.net"):
        gone = {(f"{name}.{domain}", "A"): set[str]() for name in ("www", "web")}
        assert cloud.server.comes_to({**gone, (f"db.{domain}", "A"): {"192.0.2.8"}})


def test_a_project_writes_in_its_own_domains_only(cloud: Cloud) -> None:
    """Others' domains, instances' domains and undeclared ones are not there for it; everybody's and its own are."""
    dns = cloud.dns
    dns.create_public_dns_domain(ADMIN, "alice.org", "alice")
    dns.create_public_dns_domain(ADMIN, "all.org")
    dns.create_private_dns_domain(ADMIN, "guests.org")
    dns.add_dns_entry(ALICE, "192.0.2.7", "www", "A", "alice.org")
    for domain in ("alice.org", "guests.org", "nowhere.org"):
        for call in (
            lambda: dns.add_dns_entry(BOB, "192.0.2.8", "mail", "A", domain),  # noqa: B023 - called here
            lambda: dns.modify_dns_entry(BOB, "192.0.2.8", "www", domain),  # noqa: B023
            lambda: dns.delete_dns_entry(BOB, "www", domain),  # noqa: B023
        ):
            with pytest.raises(NotFoundError, match="DNS domain"):
                call()
    with pytest.raises(InvalidError):
        dns.add_dns_entry(BOB, "192.0.2.8", "www", "A", "")
    dns.add_dns_entry(BOB, "192.0.2.8", "www", "A", "all.org")
    for context in (ADMIN, None):
        dns.modify_dns_entry(context, "192.0.2.9", "www", "alice.org")
    assert dns.get_dns_entries_by_name(BOB, "www", "alice.org") == ["192.0.2.9"]


def test_domains_are_listed_that_a_driver_knows(cloud: Cloud) -> None:
    """Each with its scope and owner, by name; one that was only declared is left out."""
    cloud.dns.create_public_dns_domain(ADMIN, "Example.org", "alice")
    cloud.dns.create_private_dns_domain(ADMIN, "guests.org", "north")
    dns_domains.create_public(cloud.here, "unknown.org")
    assert cloud.dns.get_dns_domains(ADMIN) == [
        {"domain": "example.org", "scope": "public", "project": "alice"},
        {"domain": "guests.org", "scope": "private", "availability_zone": "north"},
    ]


def test_a_domain_that_is_there_only_changes_its_owner(cloud: Cloud) -> None:
    """Made again, for another project or as a private one, it keeps its entries."""
    cloud.dns.create_public_dns_domain(ADMIN, "example.org", "alice")
    cloud.dns.add_dns_entry(ALICE, "192.0.2.7", "www", "A", "example.org")
    cloud.dns.create_public_dns_domain(ADMIN, "example.org", "bob")
    cloud.dns.modify_dns_entry(BOB, "192.0.2.8", "www", "example.org")
    cloud.dns.create_private_dns_domain(ADMIN, "example.org", "north")
    assert cloud.dns.get_dns_entries_by_name(ADMIN, "www", "example.org") == ["192.0.2.8"]
    assert dns_domains.get(cloud.here, "example.org").value == PrivateDomain("example.org", "north")


def test_a_deleted_domain_is_gone_from_both_drivers(cloud: Cloud) -> None:
    """A private one's names are answered no more, a public one's neither, and deleting again finds nothing."""
    dns = cloud.dns
    dns.create_private_dns_domain(ADMIN, "guests.org")
    dns.add_instance(_instance(), "10.0.0.7")
    dns.create_public_dns_domain(ADMIN, "example.org")
    dns.add_dns_entry(ADMIN, "192.0.2.7", "www", "A", "example.org")
    assert cloud.answers(web="10.0.0.7")
    for domain in ("guests.org", "example.org"):
        dns.delete_dns_domain(ADMIN, domain)
        with pytest.raises(NotFoundError):
            dns.delete_dns_domain(ADMIN, domain)
    assert cloud.answers(**{"web": "", WEB: ""})
    assert cloud.server.comes_to({("www.example.org", "A"): set()})
    assert dns.get_dns_domains(ADMIN) == dns_domains.find(cloud.here, {}) == []


@pytest.fixture(scope="module")
def ldap_server() -> Iterator[Slapd]:
    with slapd() as server:
        yield server


def test_a_deletion_that_failed_can_be_made_again(ldap_server: Slapd, tmp_path: Path) -> None:
    """While a driver's server is away the domain stays listed; afterwards it goes."""
    options = replace(
        ldap_server.options(),
        state_path=tmp_path,
        instance_dns_manager="nova.network.minidns.MiniDNS",
        floating_ip_dns_manager="nova.network.ldapdns.LdapDNS",
    )
    with world() as here, netns.inside(ldap_server.host):
        dns = instance_dns(here, options)
        assert isinstance(dns.instance_dns_manager, MiniDNS)
        dns.create_public_dns_domain(ADMIN, "example.org")
        dns.add_dns_entry(ADMIN, "192.0.2.7", "www", "A", "example.org")
        ldap_server.end()
        with pytest.raises(KernelRefusedError):
            dns.delete_dns_domain(ADMIN, "example.org")
        ldap_server.begin()
        assert [shown["domain"] for shown in dns.get_dns_domains(ADMIN)] == ["example.org"]
        dns.delete_dns_domain(ADMIN, "example.org")
        assert dns.get_dns_domains(ADMIN) == []


def test_without_options_there_is_no_dns(tmp_path: Path) -> None:
    """nova's defaults take every call and keep nothing; a wrong domain is refused when the drivers are made."""
    options = NetworkOptions(state_path=tmp_path)
    with world() as here:
        dns = instance_dns(here, options)
        dns.add_instance(_instance(), "10.0.0.7")
        dns.remove_instance(_instance(), "10.0.0.7")
        dns.create_public_dns_domain(ADMIN, "example.org")
        assert dns.get_dns_domains(ADMIN) == []
        dns.delete_dns_domain(ADMIN, "example.org")
        with pytest.raises(InvalidError):
            instance_dns(here, replace(options, instance_dns_domain="a b"))
    assert list(tmp_path.iterdir()) == []
