"""What DnsmasqDNS writes, asked of a real dnsmasq that is never restarted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from nova.dns_daemons import Dnsmasq, directory, dnsmasq

from netwright.model.errors import ConflictError, KernelRefusedError
from netwright.nova.dns_driver import DNSDriver
from netwright.nova.dns_drivers import dnsmasq_arguments, load_dns_driver
from netwright.nova.options import NetworkOptions
from netwright.testing.dns_client import reverse


@dataclass(frozen=True)
class Served:
    driver: DNSDriver
    names: Path
    server: Dnsmasq


@pytest.fixture
def served() -> Iterator[Served]:
    with directory() as path:
        options = NetworkOptions(state_path=path, floating_ip_dns_manager="dnsmasq")
        driver = load_dns_driver("dnsmasq", options)
        with dnsmasq(*dnsmasq_arguments(options)) as server:
            yield Served(driver, options.names_path, server)
            assert server.same()


def test_a_new_name_is_answered_at_once(served: Served) -> None:
    """Names of IPv4 and IPv6 addresses, and addresses' names, are answered without a restart or a signal."""
    served.driver.create_domain("example.org")
    served.driver.create_entry("www", "192.0.2.7", "A", "example.org")
    served.driver.create_entry("www", "2001:db8::7", "AAAA", "example.org")
    served.driver.create_entry("ftp", "192.0.2.8", "A", "example.org")
    assert served.driver.get_entries_by_name("www", "example.org") == ["192.0.2.7", "2001:db8::7"]
    assert served.driver.get_entries_by_address("2001:db8::7", "example.org") == ["www"]
    assert served.server.comes_to(
        {
            ("www.example.org", "A"): {"192.0.2.7"},
            ("www.example.org", "AAAA"): {"2001:db8::7"},
            ("ftp.example.org", "A"): {"192.0.2.8"},
            (reverse("192.0.2.7"), "PTR"): {"www.example.org"},
            (reverse("2001:db8::7"), "PTR"): {"www.example.org"},
            ("mail.example.org", "A"): set(),
        }
    )


def test_a_name_that_moved_or_went_is_forgotten_at_once(served: Served) -> None:
    """Old addresses of changed names, removed names and removed domains are answered no more, others still are."""
    for name, number in (("www", 1), ("ftp", 2), ("db", 3)):
        served.driver.create_entry(name, f"192.0.2.{number}", "A", "example.org")
    served.driver.create_entry("www", "192.0.2.4", "A", "example.net")
    assert served.server.comes_to({("db.example.org", "A"): {"192.0.2.3"}})
    served.driver.modify_address("www", "192.0.2.9", "example.org")
    served.driver.delete_entry("ftp", "example.org")
    assert served.server.comes_to(
        {
            ("www.example.org", "A"): {"192.0.2.9"},
            ("ftp.example.org", "A"): set(),
            ("db.example.org", "A"): {"192.0.2.3"},
            (reverse("192.0.2.1"), "PTR"): set(),
        }
    )
    served.driver.delete_domain("example.org")
    assert served.server.comes_to({("www.example.org", "A"): set(), ("www.example.net", "A"): {"192.0.2.4"}})


def test_many_changes_in_a_row_all_arrive(served: Served) -> None:
    """Of two hundred names made, and half of them removed again, dnsmasq knows just those that are left."""
    for number in range(200):
        served.driver.create_entry(f"n{number}", f"10.0.0.{number}", "A", "example.org")
    for number in range(0, 200, 2):
        served.driver.delete_entry(f"n{number}", "example.org")
    answers = {
        (f"n{number}.example.org", "A"): {f"10.0.0.{number}"} if number % 2 else set[str]()
        for number in range(200)
    }
    assert served.server.comes_to(answers)


def test_a_daemon_that_starts_later_knows_all(served: Served) -> None:
    """What was written before, names without a domain among it, a new daemon answers."""
    served.driver.create_entry("www", "192.0.2.7", "A", "example.org")
    served.driver.create_entry("bare", "192.0.2.8", "A", "")
    with dnsmasq(f"--hostsdir={served.names}") as later:
        assert later.comes_to({("www.example.org", "A"): {"192.0.2.7"}, ("bare", "A"): {"192.0.2.8"}})


def test_a_narrow_umask_hides_nothing() -> None:
    """What a process that lets nobody read its files writes, dnsmasq, which gave up root, answers all the same."""
    with directory() as path:
        options = NetworkOptions(state_path=path / "state", instance_dns_manager="dnsmasq")
        before = os.umask(0o077)
        try:
            driver = load_dns_driver("dnsmasq", options)
            driver.create_entry("www", "192.0.2.7", "A", "example.org")
        finally:
            os.umask(before)
        with dnsmasq(*dnsmasq_arguments(options)) as server:
            assert server.comes_to({("www.example.org", "A"): {"192.0.2.7"}})


def test_what_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A directory that cannot be is a refusal with its name."""
    (tmp_path / "file").touch()
    with pytest.raises(KernelRefusedError, match="file"):
        load_dns_driver("dnsmasq", NetworkOptions(dnsmasq_dns_directory=tmp_path / "file" / "names"))


def test_a_strangers_file_stays(served: Served) -> None:
    """A file without our mark is no domain of ours: it is neither listed, read, changed nor removed."""
    stranger = served.names / "example.org"
    stranger.write_text("192.0.2.66 www.example.org\n")
    assert served.driver.get_domains() == []
    for call in (
        lambda: served.driver.create_entry("ftp", "192.0.2.7", "A", "example.org"),
        lambda: served.driver.delete_entry("www", "example.org"),
        lambda: served.driver.create_domain("example.org"),
        lambda: served.driver.delete_domain("example.org"),
        lambda: served.driver.get_entries_by_name("www", "example.org"),
    ):
        with pytest.raises(ConflictError):
            call()
    assert stranger.read_text() == "192.0.2.66 www.example.org\n"


def test_lines_of_others_in_our_file_stay(served: Served) -> None:
    """Aliases and comments that somebody wrote beneath our mark outlive our changes."""
    served.driver.create_entry("www", "192.0.2.7", "A", "example.org")
    file = served.names / "example.org"
    assert file.read_text() == "# netwright:nova:dns example.org\n192.0.2.7 www.example.org\n"
    with file.open("a") as opened:
        opened.write("# theirs\n192.0.2.9 a.example.org b.example.org\n")
    served.driver.delete_entry("www", "example.org")
    assert file.read_text() == (
        "# netwright:nova:dns example.org\n# theirs\n192.0.2.9 a.example.org b.example.org\n"
    )
    assert served.server.comes_to({("b.example.org", "A"): {"192.0.2.9"}})


def test_only_our_own_driver_asks_for_a_directory(tmp_path: Path) -> None:
    """A dnsmasq is told of the names by whichever manager keeps them there, by any name of it, and else not."""
    options = NetworkOptions(state_path=tmp_path)
    assert dnsmasq_arguments(options) == ()
    told = (f"--hostsdir={tmp_path}/networks/names",)
    for name in ("dnsmasq", "netwright.nova.dnsmasq_dns.DnsmasqDNS"):
        assert dnsmasq_arguments(replace(options, instance_dns_manager=name)) == told
        assert dnsmasq_arguments(replace(options, floating_ip_dns_manager=name)) == told
