"""linux_net's SNAT, its exemptions, and the way to metadata, on packets between guests, their host and the outside."""

from __future__ import annotations

import socket

import pytest
from nova.routed_hosts import (
    FAR,
    HOST,
    HOST6,
    NETWORK,
    ONE,
    ONE6,
    OUTSIDE,
    OUTSIDE6,
    RANGE,
    TWO,
    Routed,
    caller_of,
    listening,
)

from netwright.kernel import link_scope, rtnetlink
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.nova.linux_net import (
    add_snat_rule,
    ensure_floating_forward,
    ensure_metadata_ip,
    init_host,
    metadata_accept,
    metadata_forward,
)
from netwright.testing.namespaces import add_addresses, add_veth, ip, namespace, run
from netwright.testing.talk import Heard

RANGE6 = "fd00:a::/64"
METADATA, METADATA6 = "169.254.169.254", "fe80::a9fe:a9fe"


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({}, HOST),
        ({"routing_source_ip": "203.0.113.9"}, "203.0.113.9"),
        ({"routing_source_ip": ""}, ONE),
        ({"public_interface": "eth7"}, ONE),
        ({"public_interface": ""}, HOST),
        ({"dmz_cidr": ("192.0.2.0/24", "203.0.113.0/24", RANGE6)}, ONE),
        ({"force_snat_range": ("203.0.113.0/24",)}, HOST),
    ],
)
def test_what_leaves_has_the_routing_source_ip(
    routed_host: Routed, options: dict[str, object], seen: str
) -> None:
    """Through public_interface, if there is such an address, but for what goes to dmz_cidr."""
    init_host(RANGE, on=routed_host.life(**options))
    heard = routed_host.asks(routed_host.one, OUTSIDE, routed_host.outside)
    assert heard is not None
    assert heard.as_whom == seen
    assert (heard.from_whom is None) is (seen != HOST)


def test_the_rules_come_in_their_order_and_once(routed_host: Routed) -> None:
    """Exemptions for metadata, each dmz_cidr and the range itself; another call, and another life, change nothing."""
    options = {"metadata_host": OUTSIDE, "dmz_cidr": ("192.0.2.0/24", "198.51.100.0/24")}
    for host in (first := routed_host.life(**options), first, routed_host.life(**options)):
        init_host(RANGE, on=host)
        assert routed_host.rules("POSTROUTING") == [
            "-s 10.0.0.0/24 -d 203.0.113.1/32 -j ACCEPT",
            "-s 10.0.0.0/24 -d 192.0.2.0/24 -j ACCEPT",
            "-s 10.0.0.0/24 -d 198.51.100.0/24 -j ACCEPT",
            "-s 10.0.0.0/24 -d 10.0.0.0/24 -m conntrack ! --ctstate DNAT -j ACCEPT",
        ]
        assert routed_host.rules("snat") == [
            "-j netwright-float-snat",
            "-s 10.0.0.0/24 -o eth0 -j SNAT --to-source 203.0.113.2",
            "-s 10.0.0.0/24 -d 10.0.0.0/24 -m conntrack --ctstate DNAT -j MASQUERADE",
        ]


def test_add_snat_rule_is_about_the_source_alone(routed_host: Routed) -> None:
    """One rule; for a range whose gateway is another's one for each force_snat_range, and none without."""
    add_snat_rule(RANGE, on=routed_host.on)
    assert routed_host.rules("snat")[1:] == ["-s 10.0.0.0/24 -o eth0 -j SNAT --to-source 203.0.113.2"]
    assert routed_host.rules("POSTROUTING") == []
    add_snat_rule("10.1.0.0/24", True, on=routed_host.on)
    forced = routed_host.life(force_snat_range=("198.51.100.0/24", "192.0.2.0/24", "2001:db8:1::/64"))
    add_snat_rule("10.2.0.0/24", True, on=forced)
    assert [rule for rule in routed_host.rules("snat") if "10.1." in rule or "10.2." in rule] == [
        "-s 10.2.0.0/24 -d 198.51.100.0/24 -j SNAT --to-source 203.0.113.2",
        "-s 10.2.0.0/24 -d 192.0.2.0/24 -j SNAT --to-source 203.0.113.2",
    ]


def test_an_ipv6_range_is_translated_only_to_an_ipv6_address(routed_host: Routed) -> None:
    """With an IPv4 routing_source_ip guests keep their own; neighbours do so in any case."""
    init_host(RANGE6, on=routed_host.on)
    assert routed_host.asks(routed_host.one, OUTSIDE6, routed_host.outside) == Heard(ONE6, None)
    init_host(RANGE6, on=routed_host.life(routing_source_ip=HOST6))
    assert routed_host.asks(routed_host.one, OUTSIDE6, routed_host.outside) == Heard(HOST6, OUTSIDE6)
    assert routed_host.asks(routed_host.one, "fd00:a::4", routed_host.two) == Heard(ONE6, "fd00:a::4")


def test_force_snat_range_goes_through_the_host_though_the_gateway_is_anothers(routed_host: Routed) -> None:
    """ebtables takes it from the other router, and it has the host's address; what goes elsewhere does not come here."""
    with namespace("router") as router:
        add_veth(routed_host.xt.name, "tap9", router, "eth0")
        ip(routed_host.xt.name, "link", "set", "tap9", "master", "br100")
        add_addresses(router, "eth0", "10.0.0.254/24")
        ip(routed_host.one, "route", "replace", "default", "via", "10.0.0.254")
        host = routed_host.life(force_snat_range=("198.51.100.0/24",))
        init_host(RANGE, True, on=host)
        assert routed_host.asks(routed_host.one, OUTSIDE, routed_host.outside) is None
        assert routed_host.forced() == 0
        heard = routed_host.asks(routed_host.one, FAR, routed_host.outside)
        assert heard is not None
        assert heard.as_whom == HOST
        assert routed_host.forced() > 0


@pytest.mark.parametrize("server", ["127.0.0.1", HOST, "::1"])
def test_metadata_is_found_on_the_host(routed_host: Routed, server: str) -> None:
    """At the well-known address of the server's family, by guests' own addresses; where INPUT drops, metadata_accept lets it in."""
    six = ":" in server
    family, asked = (socket.AF_INET6, METADATA6) if six else (socket.AF_INET, METADATA)
    host = routed_host.life(metadata_host=server)
    routed_host.xt.do("-P INPUT DROP", "ip6" if six else "ip")
    if six:
        routed_host.xt.do("-A INPUT -p ipv6-icmp -j ACCEPT", "ip6")
    ensure_metadata_ip(on=host)
    ensure_metadata_ip("br100", on=host)
    init_host(RANGE, on=host)
    with listening(routed_host.xt.name, 8775, family) as listener:
        assert caller_of(listener, routed_host.one, asked, 80) is None
        metadata_forward(on=host)
        assert caller_of(listener, routed_host.one, asked, 80) is None
        metadata_accept(on=host)
        caller = caller_of(listener, routed_host.one, asked, 80)
        assert caller == ONE or (six and caller is not None and caller.startswith("fe80::f816:3eff:fe00:0"))
    with listening(routed_host.xt.name, 8776, family) as other:
        assert caller_of(other, routed_host.one, HOST6 if six else HOST, 8776) is None


def test_metadata_elsewhere_knows_its_caller(routed_host: Routed) -> None:
    """A metadata_host outside sees guests' own addresses, also of those with a floating IP: it tells them by these."""
    ip(routed_host.outside, "route", "add", RANGE, "via", HOST)
    host = routed_host.life(metadata_host=OUTSIDE, metadata_port=9000)
    init_host(RANGE, on=host)
    metadata_forward(on=host)
    ensure_floating_forward("203.0.113.50", TWO, "eth0", NETWORK, on=host)
    with listening(routed_host.outside, 9000) as listener:
        assert caller_of(listener, routed_host.one, METADATA, 80) == ONE
        assert caller_of(listener, routed_host.two, METADATA, 80) == TWO
        assert caller_of(listener, routed_host.one, METADATA, 81) is None


@pytest.mark.parametrize(
    ("server", "family", "forward", "accept"),
    [
        (
            "127.0.0.1",
            "ip",
            "-d 169.254.169.254/32 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8775",
            "-p tcp -m tcp --dport 8775 -m addrtype --dst-type LOCAL -j ACCEPT",
        ),
        (
            HOST,
            "ip",
            "-d 169.254.169.254/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 203.0.113.2:8775",
            "-d 203.0.113.2/32 -p tcp -m tcp --dport 8775 -j ACCEPT",
        ),
        (
            "::1",
            "ip6",
            "-d fe80::a9fe:a9fe/128 -p tcp -m tcp --dport 80 -j REDIRECT --to-ports 8775",
            "-p tcp -m tcp --dport 8775 -m addrtype --dst-type LOCAL -j ACCEPT",
        ),
    ],
)
def test_metadata_rules_are_of_the_servers_family(
    routed_host: Routed, server: str, family: str, forward: str, accept: str
) -> None:
    """A loopback is a redirect and any local target; another address is a translation and that target; the other family has none."""
    host = routed_host.life(metadata_host=server)
    for _ in range(2):
        metadata_forward(on=host)
        metadata_accept(on=host)
    other = "ip" if family == "ip6" else "ip6"
    assert routed_host.rules("PREROUTING", "nat", family) == [forward]
    assert routed_host.rules("INPUT", "filter", family) == [accept]
    assert routed_host.rules("PREROUTING", "nat", other) == routed_host.rules("INPUT", "filter", other) == []


def test_metadata_by_ipv6_is_this_hosts(routed_host: Routed) -> None:
    """Another address than ::1 can be let in, and is refused where guests would have to find it."""
    host = routed_host.life(metadata_host=HOST6)
    metadata_accept(on=host)
    assert routed_host.rules("INPUT", "filter", "ip6") == [
        "-d 2001:db8::2/128 -p tcp -m tcp --dport 8775 -j ACCEPT"
    ]
    with pytest.raises(InvalidError, match="::1"):
        metadata_forward(on=host)
    assert routed_host.rules("PREROUTING", "nat", "ip6") == []


@pytest.mark.parametrize(
    "options",
    [
        {"metadata_host": "metadata.example.org"},
        {"metadata_host": "0.0.0.0"},
        {"metadata_port": 0},
        {"metadata_port": 65536},
        {"metadata_host": "::1", "use_ipv6": False},
    ],
)
def test_a_metadata_server_is_an_address_and_a_port(routed_host: Routed, options: dict[str, object]) -> None:
    """Anything else, and IPv6 without use_ipv6, is refused before a rule is written."""
    host = routed_host.life(**options)
    for call in (metadata_forward, metadata_accept):
        with pytest.raises(InvalidError):
            call(on=host)
    assert "8775" not in routed_host.xt.dump("nat") + routed_host.xt.dump()


@pytest.mark.parametrize(
    ("ip_range", "options"),
    [
        ("10.0.0.0/24 -j ACCEPT", {}),
        ("", {}),
        (RANGE, {"routing_source_ip": "nowhere"}),
        (RANGE, {"public_interface": "eth0 -j ACCEPT"}),
        (RANGE, {"dmz_cidr": ("here",)}),
    ],
)
def test_text_that_is_no_address_is_refused(
    routed_host: Routed, ip_range: str, options: dict[str, object]
) -> None:
    """None of it becomes a rule."""
    host = routed_host.life(**options)
    with pytest.raises(InvalidError):
        init_host(ip_range, on=host)
    host.iptables_manager.apply()
    assert routed_host.rules("snat") == ["-j netwright-float-snat"]
    assert routed_host.rules("POSTROUTING") == []


def test_the_metadata_address_is_the_hosts_and_marked(routed_host: Routed) -> None:
    """On lo with link scope, so that nothing is sent from it; twice is once; one that somebody else put there stays."""
    for _ in range(2):
        ensure_metadata_ip(on=routed_host.on)
        ensure_metadata_ip("br100", on=routed_host.on)
    with rtnetlink.writer() as route:
        told = [one for one in route.get_addr() if one.get("address") in {METADATA, METADATA6}]
    held = {(one.get("address"), one["prefixlen"], one["scope"], one.get("proto")) for one in told}
    assert held == {(METADATA, 32, 253, link_scope.PROTOCOL), (METADATA6, 128, 253, link_scope.PROTOCOL)}
    assert METADATA in ip(routed_host.xt.name, "address", "show", "lo")
    assert METADATA6 in ip(routed_host.xt.name, "address", "show", "br100")
    with pytest.raises(KernelRefusedError, match="no such link"):
        ensure_metadata_ip("br7", on=routed_host.on)


def test_a_metadata_address_that_is_there_stays(routed_host: Routed) -> None:
    """An administrator's own is not taken over."""
    run(routed_host.xt.name, ["ip", "address", "add", f"{METADATA}/32", "dev", "lo"])
    before = ip(routed_host.xt.name, "-d", "address", "show", "lo")
    ensure_metadata_ip(on=routed_host.on)
    assert ip(routed_host.xt.name, "-d", "address", "show", "lo") == before
