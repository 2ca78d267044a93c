"""VPN ports of linux_net, on datagrams from outside to a guest's port 1194."""

from __future__ import annotations

import pytest
from nova.routed_hosts import HOST, HOST6, ONE, ONE6, OUTSIDE, OUTSIDE6, TWO, Routed

from netwright.model.errors import InvalidError
from netwright.nova.linux_net import ensure_vpn_forward, remove_vpn_forward
from netwright.testing.talk import Heard, ask, speaker

PUBLIC = 1000


@pytest.mark.parametrize(
    ("public", "private", "caller"), [(HOST, ONE, OUTSIDE), (HOST6, ONE6, OUTSIDE6)], ids=["ipv4", "ipv6"]
)
def test_a_public_port_leads_to_the_vpn_instance(
    routed_host: Routed, public: str, private: str, caller: str
) -> None:
    """By UDP, from outside and from the host itself; other ports do not, and after removal none does."""
    for _ in range(2):
        ensure_vpn_forward(public, PUBLIC, private, on=routed_host.on)
    assert routed_host.asks(routed_host.outside, public, routed_host.one, PUBLIC, 1194) == Heard(
        caller, public
    )
    heard = routed_host.asks(routed_host.xt.name, public, routed_host.one, PUBLIC, 1194)
    assert heard is not None
    assert heard.from_whom == public
    assert routed_host.asks(routed_host.outside, public, routed_host.one, PUBLIC + 1, 1194) is None
    family = "ip6" if ":" in public else "ip"
    assert len(routed_host.rules("PREROUTING", "nat", family)) == 1
    remove_vpn_forward(public, PUBLIC, private, on=routed_host.on)
    assert routed_host.asks(routed_host.outside, public, routed_host.one, PUBLIC, 1194) is None
    for chain, table in (("PREROUTING", "nat"), ("OUTPUT", "nat"), ("FORWARD", "filter")):
        assert routed_host.rules(chain, table, family) == []


def test_where_forwarding_drops_only_the_vpn_port_is_let_in(routed_host: Routed) -> None:
    """The accept is for the instance's UDP port 1194 alone, and for what came by the public one."""
    routed_host.xt.do("-P FORWARD DROP")
    ensure_vpn_forward(HOST, PUBLIC, ONE, on=routed_host.on)
    routed_host.xt.do(
        f"-t nat -A PREROUTING -d {HOST} -p udp --dport 1001 -j DNAT --to-destination {ONE}:1195"
    )
    assert routed_host.asks(routed_host.outside, HOST, routed_host.one, PUBLIC, 1194) == Heard(OUTSIDE, None)
    assert routed_host.asks(routed_host.outside, HOST, routed_host.one, 1001, 1195) is None
    routed_host.xt.do(
        f"-t nat -A PREROUTING -d {HOST} -p udp --dport 1002 -j DNAT --to-destination {ONE}:1194"
    )
    assert routed_host.asks(routed_host.outside, HOST, routed_host.one, 1002, 1194) is None


@pytest.mark.parametrize("same_life", [True, False])
def test_a_public_port_leads_to_one_instance(routed_host: Routed, same_life: bool) -> None:
    """Given to another, in any life, a client that goes on sending reaches that one; the first one's port is shut again."""
    where = {ONE: routed_host.one, TWO: routed_host.two}
    with speaker(routed_host.outside) as mouth:
        mouth.sendto(b"nobody is here yet", (HOST, PUBLIC))
        for private in (ONE, TWO):
            ensure_vpn_forward(HOST, PUBLIC, private, on=routed_host.on)
            with speaker(where[private], "0.0.0.0", 1194) as ear:
                assert ask(mouth, ear, HOST, PUBLIC) == Heard(OUTSIDE, HOST)
            if not same_life:
                routed_host.on = routed_host.life()
    assert routed_host.rules("PREROUTING") == routed_host.rules("OUTPUT")
    assert routed_host.rules("PREROUTING") == [
        f"-d {HOST}/32 -p udp --dport 1000 -j DNAT --to-destination {TWO}:1194"
    ]
    assert [rule.split()[1] for rule in routed_host.rules("FORWARD", "filter")] == [f"{TWO}/32"]


@pytest.mark.parametrize("same_life", [True, False])
def test_removing_one_way_leaves_the_others(routed_host: Routed, same_life: bool) -> None:
    """Whichever life made it, what is connected by it ends; other ways to the same instance stay open."""
    for port, private in ((PUBLIC, ONE), (1001, ONE), (10000, TWO)):
        ensure_vpn_forward(HOST, port, private, on=routed_host.on)
    with speaker(routed_host.outside) as mouth, speaker(routed_host.one, "0.0.0.0", 1194) as ear:
        assert ask(mouth, ear, HOST, PUBLIC) == Heard(OUTSIDE, HOST)
        if not same_life:
            routed_host.on = routed_host.life()
        remove_vpn_forward(HOST, PUBLIC, TWO, on=routed_host.on)
        assert ask(mouth, ear, HOST, PUBLIC) == Heard(OUTSIDE, HOST)
        remove_vpn_forward(HOST, PUBLIC, ONE, on=routed_host.on)
        assert ask(mouth, ear, HOST, PUBLIC) is None
        assert ask(mouth, ear, HOST, 1001) == Heard(OUTSIDE, HOST)
    assert len(routed_host.rules("FORWARD", "filter")) == 2
    remove_vpn_forward(HOST, 1001, ONE, on=routed_host.on)
    way = "-m conntrack --ctorigdst 203.0.113.2 --ctorigdstport 10000"
    assert routed_host.rules("FORWARD", "filter") == [f"-d {TWO}/32 -p udp --dport 1194 {way} -j ACCEPT"]
    assert len(routed_host.rules("PREROUTING")) == 1


@pytest.mark.parametrize(
    ("public", "port", "private"),
    [
        (HOST, 0, ONE),
        (HOST, 65536, ONE),
        (HOST, "1000 -j ACCEPT", ONE),
        (HOST, 1000, ONE6),
        ("any", 1000, ONE),
    ],
)
def test_a_way_is_two_addresses_and_a_port(
    routed_host: Routed, public: str, port: int | str, private: str
) -> None:
    """Anything else is refused, and no rule is written."""
    for call in (ensure_vpn_forward, remove_vpn_forward):
        with pytest.raises(InvalidError):
            call(public, port, private, on=routed_host.on)
    routed_host.on.iptables_manager.apply()
    assert routed_host.rules("PREROUTING") == []
