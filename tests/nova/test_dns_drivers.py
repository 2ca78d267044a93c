"""What every DNS driver does alike: over a file, over a real slapd, over files that dnsmasq reads."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from nova.dns_daemons import Slapd, directory, slapd

from netwright.kernel import netns
from netwright.model.errors import InvalidError, NotFoundError
from netwright.nova.dns_driver import DNSDriver, FloatingIpDNSExists
from netwright.nova.dns_drivers import load_dns_driver
from netwright.nova.noop_dns_driver import NoopDNSDriver
from netwright.nova.options import NetworkOptions

HOSTILE = (
    "",
    "-a",
    "a-",
    "a..b",
    ".",
    "a b",
    "a\nb",
    "a\n",
    "a\t10.0.0.1",
    "a,dc=b",
    "a*",
    "a)(dc=*",
    "a\\2c",
    "a/b",
    "../a",
    "#a",
    "a\0b",
    "\u00e9",
    "\u212a",  # the Kelvin sign, in lower case a plain k
    "\u0663",  # a decimal digit, to str.isdecimal
    "a_b",
    "x" * 64,
    ".".join(["x" * 60] * 5),
)


@dataclass(frozen=True)
class Opened:
    driver: DNSDriver
    again: Callable[[], DNSDriver]
    """As a new process would see it."""
    state: Callable[[], object]
    """All that is kept, as it is kept."""


@pytest.fixture(scope="module")
def ldap_server() -> Iterator[Slapd]:
    with slapd() as server:
        yield server


@pytest.fixture(params=["minidns", "ldapdns", "dnsmasq"])
def opened(request: pytest.FixtureRequest) -> Iterator[Opened]:
    kind: str = request.param
    with _opened(kind, request) as found:
        found.driver.create_domain("example.org")
        yield found


@contextmanager
def _opened(kind: str, request: pytest.FixtureRequest) -> Iterator[Opened]:
    if kind == "ldapdns":
        server: Slapd = request.getfixturevalue("ldap_server")
        options = server.options()
        with netns.inside(server.host):
            yield Opened(
                load_dns_driver(kind, options),
                lambda: load_dns_driver(kind, options),
                lambda: server.entries(options.ldap_dns_base_dn),
            )
        return
    with directory() as path:
        options = NetworkOptions(state_path=path)
        yield Opened(
            load_dns_driver(kind, options), lambda: load_dns_driver(kind, options), lambda: _texts(path)
        )


def _texts(path: Path) -> dict[Path, str]:
    return {one: one.read_text() for one in path.rglob("*") if one.is_file()}


def test_a_name_has_its_address_and_the_address_its_name(opened: Opened) -> None:
    """An entry is found by name and by address, in whatever case it is written, in its own domain only."""
    driver = opened.driver
    driver.create_domain("example.net")
    driver.create_entry("WWW", "192.0.2.7", "A", "Example.ORG")
    driver.create_entry("www.deep", "192.0.2.8", "a", "example.org.")
    assert driver.get_entries_by_name("www", "example.org") == ["192.0.2.7"]
    assert driver.get_entries_by_name("Www.Deep", "EXAMPLE.org") == ["192.0.2.8"]
    assert driver.get_entries_by_address("192.0.2.7", "example.org") == ["www"]
    assert driver.get_entries_by_address("192.0.2.8", "example.org") == ["www.deep"]
    assert driver.get_entries_by_name("www", "example.net") == []
    assert driver.get_entries_by_address("192.0.2.7", "example.net") == []
    assert driver.get_entries_by_address("192.0.2.9", "example.org") == []
    assert driver.get_entries_by_name("www", "nowhere.org") == []


def test_a_name_that_is_taken_stays_the_first_ones(opened: Opened) -> None:
    """A second entry of a name is refused, and changes nothing."""
    driver = opened.driver
    driver.create_entry("www", "192.0.2.7", "A", "example.org")
    before = opened.state()
    for address in ("192.0.2.8", "192.0.2.7"):
        with pytest.raises(FloatingIpDNSExists):
            driver.create_entry("WWW", address, "A", "example.org")
    assert opened.state() == before


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_one_of_several_names_goes_alone(opened: Opened, gone: int) -> None:
    """Of an address's names any can be removed, the others stay, and the name is free again."""
    driver, names = opened.driver, ["alpha", "beta", "gamma"]
    for name in names:
        driver.create_entry(name, "192.0.2.7", "A", "example.org")
    driver.delete_entry(names[gone], "example.org")
    left = {name for name in names if name != names[gone]}
    assert set(driver.get_entries_by_address("192.0.2.7", "example.org")) == left
    assert driver.get_entries_by_name(names[gone], "example.org") == []
    driver.create_entry(names[gone], "192.0.2.8", "A", "example.org")
    assert driver.get_entries_by_name(names[gone], "example.org") == ["192.0.2.8"]
    for name in sorted(left):
        driver.delete_entry(name, "example.org")
    assert driver.get_entries_by_address("192.0.2.7", "example.org") == []


@pytest.mark.parametrize(
    ("before", "name", "address"),
    [
        ({"www": "192.0.2.7"}, "www", "192.0.2.9"),
        ({"www": "192.0.2.7", "web": "192.0.2.7"}, "www", "192.0.2.9"),
        ({"www": "192.0.2.7", "web": "192.0.2.7"}, "web", "192.0.2.9"),
        ({"www": "192.0.2.7", "web": "192.0.2.9"}, "www", "192.0.2.9"),
        ({"www": "192.0.2.7", "web": "192.0.2.7", "db": "192.0.2.9"}, "www", "192.0.2.9"),
        ({"www": "192.0.2.7", "web": "192.0.2.7"}, "www", "192.0.2.7"),
    ],
)
def test_a_new_address_moves_its_name_only(
    opened: Opened, before: dict[str, str], name: str, address: str
) -> None:
    """After a change of address each other name is where it was."""
    driver = opened.driver
    for one, at in before.items():
        driver.create_entry(one, at, "A", "example.org")
    driver.modify_address(name, address, "example.org")
    _same_as(driver, {**before, name: address})


def test_what_is_not_there_is_not_found(opened: Opened) -> None:
    """Entries and domains that do not exist can be neither changed nor removed."""
    driver = opened.driver
    driver.create_entry("www", "192.0.2.7", "A", "example.org")
    before = opened.state()
    for call in (
        lambda: driver.delete_entry("ftp", "example.org"),
        lambda: driver.delete_entry("www", "example.net"),
        lambda: driver.modify_address("ftp", "192.0.2.7", "example.org"),
        lambda: driver.modify_address("www", "192.0.2.7", "example.net"),
        lambda: driver.delete_domain("example.net"),
        lambda: driver.delete_domain("org"),
    ):
        with pytest.raises(NotFoundError):
            call()
    assert opened.state() == before


def test_a_domain_goes_with_its_own_entries(opened: Opened) -> None:
    """Domains within the deleted one, around it, or that end in the same letters keep theirs."""
    driver, others = opened.driver, ["sub.example.org", "org", "badexample.org"]
    for domain in others:
        driver.create_domain(domain)
    with pytest.raises(FloatingIpDNSExists):
        driver.create_domain("Example.Org")
    for domain in ["example.org", *others]:
        driver.create_entry("www", "192.0.2.7", "A", domain)
        driver.create_entry("ftp", "192.0.2.8", "A", domain)
        assert driver.get_entries_by_address("192.0.2.7", domain) == ["www"]
    assert set(driver.get_domains()) == {"example.org", *others}
    driver.delete_domain("example.org")
    assert set(driver.get_domains()) == set(others)
    assert driver.get_entries_by_name("www", "example.org") == []
    for domain in others:
        assert driver.get_entries_by_address("192.0.2.7", domain) == ["www"]
        assert driver.get_entries_by_name("ftp", domain) == ["192.0.2.8"]
    driver.create_domain("example.org")
    assert driver.get_entries_by_address("192.0.2.7", "example.org") == []


@pytest.mark.parametrize("text", HOSTILE)
def test_what_is_no_name_goes_nowhere(opened: Opened, text: str) -> None:
    """What is not DNS labels is refused as a name and as a domain, by every call, and nothing is written."""
    driver = opened.driver
    driver.create_entry("www", "192.0.2.7", "A", "example.org")
    before = opened.state()
    calls: list[Callable[[], object]] = [
        lambda: driver.create_entry(text, "192.0.2.8", "A", "example.org"),
        lambda: driver.modify_address(text, "192.0.2.8", "example.org"),
        lambda: driver.delete_entry(text, "example.org"),
        lambda: driver.get_entries_by_name(text, "example.org"),
        lambda: driver.create_domain(text),
        lambda: driver.delete_domain(text),
    ]
    if text:  # without a domain some drivers take names
        calls += [
            lambda: driver.create_entry("ftp", "192.0.2.8", "A", text),
            lambda: driver.delete_entry("www", text),
            lambda: driver.modify_address("www", "192.0.2.8", text),
            lambda: driver.get_entries_by_address("192.0.2.7", text),
            lambda: driver.get_entries_by_name("www", text),
        ]
    for call in calls:
        with pytest.raises(InvalidError):
            call()
    assert opened.state() == before


@pytest.mark.parametrize(
    ("address", "kind"),
    [
        ("192.0.2.7\n10.0.0.1 evil", "A"),
        ("192.0.2.7/24", "A"),
        ("192.0.2", "A"),
        ("", "A"),
        ("*", "A"),
        ("\u0663.0.0.1", "A"),
        ("2001:db8::1", "A"),
        ("192.0.2.7", "AAAA"),
        ("fe80::1%\nevil", "AAAA"),
        ("fe80::1%eth0", "AAAA"),
        ("mail.example.org", "MX"),
        ("192.0.2.7", ""),
        ("192.0.2.7", "A\n"),
    ],
)
def test_what_is_no_address_goes_nowhere(opened: Opened, address: str, kind: str) -> None:
    """What is not an address of the record's type is refused, and nothing is written."""
    before = opened.state()
    with pytest.raises(InvalidError):
        opened.driver.create_entry("www", address, kind, "example.org")
    assert opened.state() == before


def test_no_name_is_an_invalid_name(opened: Opened) -> None:
    """None, which untyped callers hand over, is refused as nova did."""
    none: str = None  # type: ignore[assignment] # what untyped callers do
    with pytest.raises(InvalidError, match="Invalid name"):
        opened.driver.create_entry(none, "192.0.2.7", "A", "example.org")


def test_a_new_process_knows_what_the_last_one_left(opened: Opened) -> None:
    """Entries and domains are the same to a driver that was made later."""
    opened.driver.create_entry("www", "192.0.2.7", "A", "example.org")
    again = opened.again()
    assert again.get_domains() == ["example.org"]
    assert again.get_entries_by_name("www", "example.org") == ["192.0.2.7"]
    again.delete_entry("www", "example.org")
    assert opened.driver.get_entries_by_name("www", "example.org") == []


def test_any_calls_in_any_order_end_in_what_a_table_would_hold(opened: Opened) -> None:
    """A hundred random changes, refused ones among them, leave the names and addresses that a dict has."""
    rng, table = random.Random(7), dict[str, str]()
    names, addresses = ["a", "b", "c", "d.e"], ["192.0.2.1", "192.0.2.2", "192.0.2.3"]
    for _ in range(100):
        name, address = rng.choice(names), rng.choice(addresses)
        match rng.randrange(3):
            case 0 if name in table:
                with pytest.raises(FloatingIpDNSExists):
                    opened.driver.create_entry(name, address, "A", "example.org")
            case 0:
                opened.driver.create_entry(name, address, "A", "example.org")
                table[name] = address
            case 1 if name in table:
                opened.driver.modify_address(name, address, "example.org")
                table[name] = address
            case 2 if name in table:
                opened.driver.delete_entry(name, "example.org")
                del table[name]
            case _:
                with pytest.raises(NotFoundError):
                    opened.driver.delete_entry(name, "example.org")
        _same_as(opened.driver, table)


def test_writers_lose_nothing_of_each_others(opened: Opened) -> None:
    """Eight at once each get their own names in, and of one name that all want there is one."""

    def write(number: int) -> int:
        for one in range(4):
            opened.driver.create_entry(f"n{number}-{one}", f"192.0.2.{number}", "A", "example.org")
        try:
            opened.driver.create_entry("wanted", f"192.0.2.{number}", "A", "example.org")
        except FloatingIpDNSExists:
            return 0
        return 1

    # Each thread is in the namespace of the one that starts it.
    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(write, range(8))) == 1
    for number in range(8):
        found = set(opened.driver.get_entries_by_address(f"192.0.2.{number}", "example.org"))
        assert found - {"wanted"} == {f"n{number}-{one}" for one in range(4)}
    assert len(opened.driver.get_entries_by_name("wanted", "example.org")) == 1


@pytest.mark.parametrize("kind", ["minidns", "dnsmasq"])
def test_files_take_names_of_a_domain_nobody_created(kind: str, tmp_path: Path) -> None:
    """Where the domain is unknown, or there is none, the entry is made all the same."""
    driver = load_dns_driver(kind, NetworkOptions(state_path=tmp_path))
    for domain in ("example.org", ""):
        driver.create_entry("www", "192.0.2.7", "A", domain)
        assert driver.get_entries_by_name("www", domain) == ["192.0.2.7"]
        assert "www" in driver.get_entries_by_address("192.0.2.7", domain)
        driver.modify_address("www", "192.0.2.8", domain)
        driver.delete_entry("www", domain)
        assert driver.get_entries_by_name("www", domain) == []


def test_noop_takes_every_call() -> None:
    """The driver that is none refuses nothing and knows nothing."""
    driver = load_dns_driver("nova.network.noop_dns_driver.NoopDNSDriver")
    driver.create_domain("example.org")
    driver.create_entry("www", "192.0.2.7", "A", "example.org")
    driver.modify_address("www", "192.0.2.7", "example.org")
    driver.delete_entry("www", "example.org")
    driver.delete_domain("example.org")
    assert driver.get_domains() == driver.get_entries_by_name("www", "example.org") == []
    assert driver.get_entries_by_address("192.0.2.7", "example.org") == []


@pytest.mark.parametrize(
    ("names", "made"),
    [
        (("noop", "nova.network.noop_dns_driver.NoopDNSDriver"), "NoopDNSDriver"),
        (("minidns", "nova.network.minidns.MiniDNS", "netwright.nova.minidns.MiniDNS"), "MiniDNS"),
        (("ldapdns", "nova.network.ldapdns.LdapDNS", "netwright.nova.ldapdns.LdapDNS"), "LdapDNS"),
        (("dnsmasq", "netwright.nova.dnsmasq_dns.DnsmasqDNS"), "DnsmasqDNS"),
    ],
)
def test_a_driver_is_loaded_by_its_names(names: tuple[str, ...], made: str, tmp_path: Path) -> None:
    """Nova's class paths, ours and short names make the same drivers; other names import nothing."""
    for name in names:
        assert type(load_dns_driver(name, NetworkOptions(state_path=tmp_path))).__name__ == made
    with pytest.raises(InvalidError, match="no DNS driver is called"):
        load_dns_driver("os.system")
    assert issubclass(NoopDNSDriver, DNSDriver)


def _same_as(driver: DNSDriver, table: dict[str, str]) -> None:
    for name, address in table.items():
        assert driver.get_entries_by_name(name, "example.org") == [address]
    for address in {*table.values(), "192.0.2.7", "192.0.2.1"}:
        names = {name for name, at in table.items() if at == address}
        found = driver.get_entries_by_address(address, "example.org")
        assert (set(found), len(found)) == (names, len(names))
