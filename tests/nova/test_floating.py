"""Floating IPs of linux_net, on packets between guests, their host and the outside."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

import pytest
from nova.routed_hosts import (
    GATEWAY,
    HOST,
    HOST6,
    NETWORK,
    ONE,
    ONE6,
    OUTSIDE,
    OUTSIDE6,
    PORT,
    RANGE,
    TWO,
    Routed,
)

from netwright.kernel.conntrack import Conntrack
from netwright.kernel.ebtables import tells_bridges
from netwright.model.errors import InvalidError
from netwright.model.ids import NamespaceName
from netwright.nova.linux_net import (
    bind_floating_ip,
    clean_conntrack,
    ensure_floating_forward,
    floating_ebtables_rules,
    floating_forward_rules,
    init_host,
    remove_floating_forward,
    unbind_floating_ip,
)
from netwright.testing.namespaces import add_addresses, add_veth, ip, namespace, run
from netwright.testing.talk import Heard, ask, speaker

FLOATING, OTHER = "203.0.113.50", "203.0.113.5"
FLOATING6 = "2001:db8::50"


def float_(routed: Routed, floating: str = FLOATING, fixed: str = ONE) -> None:
    ensure_floating_forward(floating, fixed, "eth0", NETWORK, on=routed.on)
    bind_floating_ip(floating, "eth0", on=routed.on)
    if ":" in floating:
        # The kernel joins the group by which neighbours find the address a moment later.
        run(routed.outside, ["ping", "-c", "1", "-W", "5", floating])


def test_a_floating_ip_leads_to_its_guest_and_is_the_guests_face(routed_host: Routed) -> None:
    """From outside it reaches the guest, who sees the caller; what the guest sends is seen as from it; so does the host."""
    init_host(RANGE, on=routed_host.on)
    assert routed_host.asks(routed_host.one, OUTSIDE, routed_host.outside) == Heard(HOST, OUTSIDE)
    float_(routed_host)
    assert routed_host.asks(routed_host.outside, FLOATING, routed_host.one) == Heard(OUTSIDE, FLOATING)
    assert routed_host.asks(routed_host.one, OUTSIDE, routed_host.outside) == Heard(FLOATING, OUTSIDE)
    assert routed_host.asks(routed_host.two, OUTSIDE, routed_host.outside) == Heard(HOST, OUTSIDE)
    assert routed_host.asks(routed_host.xt.name, FLOATING, routed_host.one) is not None


def test_an_ipv6_floating_ip_works_alike(routed_host: Routed) -> None:
    """Both directions are translated, the host goes on speaking from its own; without use_ipv6 it is refused, as nobody would write its rules."""
    float_(routed_host, FLOATING6, ONE6)
    assert routed_host.asks(routed_host.outside, FLOATING6, routed_host.one) == Heard(OUTSIDE6, FLOATING6)
    assert routed_host.asks(routed_host.one, OUTSIDE6, routed_host.outside) == Heard(FLOATING6, OUTSIDE6)
    assert routed_host.asks(routed_host.xt.name, OUTSIDE6, routed_host.outside) == Heard(HOST6, OUTSIDE6)
    with pytest.raises(InvalidError, match="use_ipv6"):
        ensure_floating_forward(FLOATING6, ONE6, "eth0", NETWORK, on=routed_host.life(use_ipv6=False))


@pytest.mark.parametrize("bridge_nf", [0, 1])
def test_a_guest_reaches_its_own_floating_ip(routed_host: Routed, bridge_nf: int) -> None:
    """It hears itself as its floating IP; where br_netfilter sends the packet back over the bridge, its port must return frames."""
    init_host(RANGE, on=routed_host.on)
    float_(routed_host)
    routed_host.bridge_nf(bridge_nf)
    if bridge_nf:
        run(routed_host.xt.name, ["bridge", "link", "set", "dev", "tap0", "hairpin", "on"])
    assert routed_host.asks(routed_host.one, FLOATING, routed_host.one) == Heard(FLOATING, FLOATING)


@pytest.mark.parametrize("bridge_nf", [0, 1])
def test_a_guest_reaches_its_neighbours_floating_ip(routed_host: Routed, bridge_nf: int) -> None:
    """The neighbour sees the caller's floating IP or, if it has none, the host; the answer comes from whom was asked."""
    init_host(RANGE, on=routed_host.on)
    float_(routed_host)
    routed_host.bridge_nf(bridge_nf)
    assert routed_host.asks(routed_host.two, FLOATING, routed_host.one) == Heard(GATEWAY, FLOATING)
    float_(routed_host, OTHER, TWO)
    assert routed_host.asks(routed_host.two, FLOATING, routed_host.one) == Heard(OTHER, FLOATING)
    assert routed_host.asks(routed_host.two, ONE, routed_host.one) == Heard(TWO, ONE)


def test_rules_are_five_and_in_order(routed_host: Routed) -> None:
    """Without a device one rule translates what leaves; addresses of two families, and names that are none, are refused."""
    tail = [
        ("PREROUTING", "-d 192.0.2.7 -j DNAT --to 10.0.0.3"),
        ("OUTPUT", "-d 192.0.2.7 -j DNAT --to 10.0.0.3"),
        ("POSTROUTING", "-s 10.0.0.3 -m conntrack --ctstate DNAT -j SNAT --to-source 192.0.2.7"),
    ]
    assert floating_forward_rules("192.0.2.7", ONE, "eth0") == [
        ("float-snat", "-s 10.0.0.3 -j SNAT --to 192.0.2.7 -d 10.0.0.3"),
        ("float-snat", "-s 10.0.0.3 -j SNAT --to 192.0.2.7 -o eth0"),
        *tail,
    ]
    assert floating_forward_rules("192.0.2.7", ONE, None) == [
        ("float-snat", "-s 10.0.0.3 -j SNAT --to 192.0.2.7"),
        *tail,
    ]
    for given in (
        ("192.0.2.7", ONE6, "eth0"),
        ("192.0.2.7 -j ACCEPT", ONE, "eth0"),
        ("192.0.2.7", ONE, "eth0 -j ACCEPT"),
    ):
        with pytest.raises(InvalidError):
            floating_forward_rules(*given)
    ensure_floating_forward("192.0.2.7", ONE, None, None, on=routed_host.on)
    assert routed_host.rules("float-snat") == ["-s 10.0.0.3/32 -j SNAT --to-source 192.0.2.7"]
    assert routed_host.asks(routed_host.one, OUTSIDE, routed_host.outside) == Heard("192.0.2.7", None)


@pytest.mark.parametrize("same_life", [True, False])
def test_a_floating_ip_has_one_fixed_ip(routed_host: Routed, same_life: bool) -> None:
    """Given to another guest the number of rules stays, the first one's are gone, also those of an earlier life; others' stay."""
    float_(routed_host, OTHER, "10.0.0.5")
    float_(routed_host)
    chains = ("float-snat", "PREROUTING", "OUTPUT", "POSTROUTING")
    before = {chain: len(routed_host.rules(chain)) for chain in chains}
    if not same_life:
        routed_host.on = routed_host.life()
    float_(routed_host, FLOATING, TWO)
    assert {chain: len(routed_host.rules(chain)) for chain in chains} == before
    left = [rule for chain in chains for rule in routed_host.rules(chain)]
    assert not [rule for rule in left if ONE in rule]
    assert len([rule for rule in left if TWO in rule]) == 5
    assert len([rule for rule in left if "10.0.0.5" in rule]) == 5
    assert routed_host.asks(routed_host.outside, FLOATING, routed_host.two) == Heard(OUTSIDE, FLOATING)
    assert routed_host.asks(routed_host.one, OUTSIDE, routed_host.outside) == Heard(ONE, None)


@pytest.mark.parametrize("same_life", [True, False])
def test_removing_one_floating_ip_leaves_its_namesakes(routed_host: Routed, same_life: bool) -> None:
    """10.10.10.10 goes with its five rules, whichever life made them; 10.10.10.11 and 10.10.10.1 stay."""
    for last, fixed in (("10", ONE), ("11", TWO), ("1", "10.0.0.5")):
        ensure_floating_forward(f"10.10.10.{last}", fixed, "eth0", NETWORK, on=routed_host.on)
    before = routed_host.xt.plain("nat").splitlines()
    if not same_life:
        routed_host.on = routed_host.life()
    remove_floating_forward("10.10.10.10", TWO, "eth0", NETWORK, on=routed_host.on)
    assert routed_host.xt.plain("nat").splitlines() == before
    remove_floating_forward("10.10.10.10", ONE, "eth0", NETWORK, on=routed_host.on)
    after = routed_host.xt.plain("nat").splitlines()
    gone = [line for line in before if "10.10.10.10" in line]
    assert len(gone) == 5
    assert after == [line for line in before if line not in gone]


def test_what_goes_on_to_the_address_follows_it(routed_host: Routed) -> None:
    """Datagrams of one socket reach the first guest, then, once it is the second's, that one: also those begun before any had it."""
    bind_floating_ip(FLOATING, "eth0", on=routed_host.on)
    where = {ONE: routed_host.one, TWO: routed_host.two}
    with speaker(routed_host.outside) as mouth:
        mouth.sendto(b"nobody is here yet", (FLOATING, PORT))
        for fixed in (ONE, TWO):
            float_(routed_host, FLOATING, fixed)
            with speaker(where[fixed], "0.0.0.0", PORT) as ear:
                assert ask(mouth, ear, FLOATING, PORT) == Heard(OUTSIDE, FLOATING)


def test_rules_that_are_put_off_come_together(routed_host: Routed) -> None:
    """Until then the old ones hold, whoever is asked for; what was under way follows when it is told to."""
    float_(routed_host)
    manager = routed_host.on.iptables_manager
    with speaker(routed_host.outside) as mouth:
        with speaker(routed_host.one, "0.0.0.0", PORT) as ear:
            assert ask(mouth, ear, FLOATING, PORT)
            manager.defer_apply_on()
            float_(routed_host, FLOATING, TWO)
            assert ask(mouth, ear, FLOATING, PORT)
        manager.defer_apply_off()
        clean_conntrack(ONE, on=routed_host.on)
        with speaker(routed_host.two, "0.0.0.0", PORT) as ear:
            assert ask(mouth, ear, FLOATING, PORT) == Heard(OUTSIDE, FLOATING)


def test_clean_conntrack_ends_what_was_translated(routed_host: Routed) -> None:
    """Of the fixed IP both what came in and what it began is forgotten, and what was not translated stays."""
    init_host(RANGE, on=routed_host.on)
    float_(routed_host)
    with speaker(routed_host.outside) as outside, speaker(routed_host.one, "0.0.0.0", PORT) as inside:
        assert ask(outside, inside, FLOATING, PORT)
        assert routed_host.asks(routed_host.one, OUTSIDE, routed_host.outside, 4001, 4001)
        assert routed_host.asks(routed_host.two, OUTSIDE, routed_host.outside, 4002, 4002)
        assert routed_host.asks(routed_host.one, GATEWAY, routed_host.xt.name, 4003, 4003)
        assert targets(routed_host) == {PORT, 4001, 4002, 4003}
        unbind_floating_ip(FLOATING, "eth0", on=routed_host.on)
        remove_floating_forward(FLOATING, ONE, "eth0", NETWORK, on=routed_host.on)
        # Without its entry, an answer to what came in would go on being translated.
        clean_conntrack(ONE, on=routed_host.on)
        assert targets(routed_host) == {4002, 4003}
        assert ask(inside, outside, OUTSIDE, outside.getsockname()[1]) == Heard(HOST, OUTSIDE)
    assert routed_host.asks(routed_host.outside, FLOATING, routed_host.one) is None


def targets(routed: Routed) -> set[int]:
    """Ports that tracked connections were sent to, of those between 4000 and 4003."""
    with closing(Conntrack()) as table:
        return {flow.original.target_port for flow in table.flows()} & {PORT, 4001, 4002, 4003}


def test_a_removed_floating_ip_leads_nowhere(routed_host: Routed) -> None:
    """In any life: no rule, no ebtables rule, and neither direction is translated."""
    before = routed_host.xt.plain("nat"), run(routed_host.xt.name, ["ebtables-save"]).stdout.count("nova-")
    routed_host.on.iptables_manager.apply()
    before = routed_host.xt.plain("nat"), 0
    float_(routed_host)
    routed_host.on = routed_host.life()
    unbind_floating_ip(FLOATING, "eth0", on=routed_host.on)
    remove_floating_forward(FLOATING, ONE, "eth0", NETWORK, on=routed_host.on)
    assert (
        routed_host.xt.plain("nat"),
        run(routed_host.xt.name, ["ebtables-save"]).stdout.count("nova-"),
    ) == before
    assert routed_host.asks(routed_host.outside, FLOATING, routed_host.one) is None
    assert routed_host.asks(routed_host.one, OUTSIDE, routed_host.outside) == Heard(ONE, None)


def test_forced_routing_rules_name_bridge_fixed_ip_and_network() -> None:
    """One rule of ebtables' nat table, for IPv6 alike; a network without bridge or cidr is refused."""
    match = "--logical-in br100 -p ipv4 --ip-src 10.0.0.3 ! --ip-dst 10.0.0.0/24"
    rule = f"PREROUTING {match} -j redirect --redirect-target CONTINUE"
    assert floating_ebtables_rules(ONE, NETWORK) == ([rule], "nat")
    assert (
        "-p ipv6 --ip6-src fd00:a::3 ! --ip6-dst fd00:a::/64 " in floating_ebtables_rules(ONE6, NETWORK)[0][0]
    )
    for without in ("bridge", "cidr"):
        with pytest.raises(InvalidError):
            floating_ebtables_rules(ONE, {**NETWORK, without: None})


@pytest.mark.parametrize(("floating", "fixed", "to"), [(FLOATING, ONE, OUTSIDE), (FLOATING6, ONE6, OUTSIDE6)])
def test_a_guest_whose_router_is_another_is_routed_by_its_host(
    routed_host: Routed, floating: str, fixed: str, to: str
) -> None:
    """ebtables counts what is taken from the other router, the floating IP works, neighbours are left alone; without it nothing is."""
    with namespace("router") as router:
        other_router(routed_host, router)
        assert routed_host.asks(routed_host.one, to, routed_host.outside) is None
        float_(routed_host, floating, fixed)
        assert routed_host.asks(routed_host.one, to, routed_host.outside) == Heard(floating, to)
        counted = routed_host.forced()
        assert counted > 0
        for _ in range(8):
            assert routed_host.asks(routed_host.one, TWO, routed_host.two) == Heard(ONE, TWO)
        assert routed_host.asks(routed_host.two, to, routed_host.outside) is None
        # Fewer than were sent: now and then the guest asks whether its router is still there.
        assert routed_host.forced() - counted < 8
        remove_floating_forward(floating, fixed, "eth0", NETWORK, on=routed_host.on)
        assert routed_host.asks(routed_host.one, to, routed_host.outside) is None


def test_forced_routing_is_of_one_bridge_where_the_kernel_tells_them_apart(routed_host: Routed) -> None:
    """The rule in the kernel names the bridge if the kernel can tell; if not, only the fixed IP and the network."""
    float_(routed_host)
    saved = run(routed_host.xt.name, ["ebtables-save", "-t", "nat"]).stdout
    rule = next(line for line in saved.splitlines() if line.startswith("-A nova-PREROUTING "))
    assert ("--logical-in br100" in rule) is tells_bridges()
    assert "--ip-src 10.0.0.3" in rule
    assert "10.0.0.0/24" in rule


def test_where_the_bridge_is_the_device_nothing_is_forced(routed_host: Routed) -> None:
    """Nor is it without a network; the translation is there all the same."""
    for device, network in (("br100", NETWORK), ("eth0", None)):
        ensure_floating_forward(FLOATING, ONE, device, network, on=routed_host.on)
        assert "nova-" not in run(routed_host.xt.name, ["ebtables-save"]).stdout
        assert len(routed_host.rules("float-snat")) == 2
        remove_floating_forward(FLOATING, ONE, device, network, on=routed_host.on)
        assert routed_host.rules("float-snat") == []


def test_forced_routing_skips_nobodys_filter(routed_host: Routed) -> None:
    """A guest's filter that somebody appends to PREROUTING later on still sees what is taken from the other router."""
    with namespace("router") as router:
        other_router(routed_host, router)
        float_(routed_host)
        run(
            routed_host.xt.name,
            ["ebtables", "-t", "nat", "-A", "PREROUTING", "-i", "tap0", "-p", "ipv4", "-j", "DROP"],
        )
        assert routed_host.asks(routed_host.one, OUTSIDE, routed_host.outside) is None


def other_router(routed: Routed, router: NamespaceName) -> None:
    """One on the guests' wire that they take for the way out, and that leads nowhere."""
    add_veth(routed.xt.name, "tap9", router, "eth0")
    ip(routed.xt.name, "link", "set", "tap9", "master", "br100")
    add_addresses(router, "eth0", "10.0.0.254/24", "fd00:a::fe/64")
    for guest in (routed.one, routed.two):
        ip(guest, "route", "replace", "default", "via", "10.0.0.254")
        ip(guest, "-6", "route", "replace", "default", "via", "fd00:a::fe")


def test_a_fake_network_is_left_alone(routed_host: Routed) -> None:
    """With fake_network nothing is written, and what is asked for is checked all the same."""
    fake = replace(routed_host.on, options=replace(routed_host.on.options, fake_network=True))
    before = routed_host.xt.dump("nat")
    ensure_floating_forward(FLOATING, ONE, "eth0", NETWORK, on=fake)
    remove_floating_forward(FLOATING, ONE, "eth0", NETWORK, on=fake)
    clean_conntrack(ONE, on=fake)
    init_host(RANGE, on=fake)
    fake.iptables_manager.apply()
    assert "10.0.0" not in routed_host.xt.dump("nat") + before
    assert "nova-" not in run(routed_host.xt.name, ["ebtables-save"]).stdout
    with pytest.raises(InvalidError):
        ensure_floating_forward(FLOATING, "nowhere", "eth0", NETWORK, on=fake)
