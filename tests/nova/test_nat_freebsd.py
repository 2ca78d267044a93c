"""Translation on FreeBSD, on a stand-in for pfctl (freebsd_host.py)."""

from __future__ import annotations

import pytest
from nova.freebsd_host import FreeBsdHost
from pf_rules import parse

from netwright.model.errors import InvalidError
from netwright.nova.nat_freebsd import PfTranslation
from netwright.nova.options import NetworkOptions

NETWORK = {
    "uuid": "0fa1c3b2-5d6e-4f70-8192-a3b4c5d6e7f8",
    "cidr": "10.0.0.0/24",
    "gateway": "10.0.0.1",
    "bridge": "br100",
}
OPTIONS = NetworkOptions(my_ip="192.0.2.2", public_interface="em0", dmz_cidr=("172.16.0.0/12",))
NAT = f"netwright/nat/{NETWORK['uuid']}"
FLOATING = "netwright/floating/203.0.113.9"


def test_a_networks_packets_leave_as_the_hosts_own() -> None:
    """SNAT but to dmz_cidr, and the metadata service; with an empty routing_source_ip the latter only."""
    there = FreeBsdHost()
    PfTranslation(OPTIONS, there.run).ensure_network(NETWORK)
    assert parse(there.anchors[NAT].text).translation == (
        "no nat on em0 inet from 10.0.0.0/24 to 172.16.0.0/12",
        "nat on em0 inet from 10.0.0.0/24 to any -> 192.0.2.2",
        "rdr on br100 inet proto tcp from 10.0.0.0/24 to 169.254.169.254 port 80 -> 192.0.2.2 port 8775",
    )
    bare = NetworkOptions(my_ip="192.0.2.2", public_interface="em0", routing_source_ip="")
    PfTranslation(bare, there.run).ensure_network(NETWORK)
    (line,) = parse(there.anchors[NAT].text).translation
    assert line.startswith("rdr")
    PfTranslation(bare, there.run).remove_network(NETWORK)
    assert there.anchors == {}


@pytest.mark.parametrize("device", ["em1", None])
def test_a_floating_ip_stands_for_its_instance_until_it_is_removed(device: str | None) -> None:
    """Both directions on the device, or else public_interface; when it goes its connections end. Twice is once."""
    there = FreeBsdHost()
    for _ in range(2):
        PfTranslation(OPTIONS, there.run).ensure_floating_forward("203.0.113.9", "10.0.0.5", device, NETWORK)
    assert parse(there.anchors[FLOATING].text).translation == (
        f"binat on {device or 'em0'} inet from 10.0.0.5 to any -> 203.0.113.9",
        "nat on br100 inet from any to 10.0.0.5 tagged nw-hairpin -> (br100:0)",
        "rdr on netwright_br inet from any to 203.0.113.9 tag nw-hairpin -> 10.0.0.5",
    )
    there.ended.clear()
    for _ in range(2):
        PfTranslation(OPTIONS, there.run).remove_floating_forward("203.0.113.9", "10.0.0.5", device, NETWORK)
    assert there.anchors == {}
    assert set(there.ended) == {"10.0.0.5"}


@pytest.mark.parametrize(
    ("floating", "fixed", "device", "network"),
    [
        ("203.0.113.9 -> 1", "10.0.0.5", "em0", NETWORK),
        ("2001:db8::9", "10.0.0.5", "em0", NETWORK),
        ("203.0.113.9", "ten", "em0", NETWORK),
        ("203.0.113.9", "10.0.0.5", "em0 all", NETWORK),
        ("203.0.113.9", "10.0.0.5", "em0", {**NETWORK, "bridge": None}),
    ],
)
def test_nothing_that_cannot_be_becomes_a_rule(
    floating: str, fixed: str, device: str, network: dict[str, object]
) -> None:
    """Addresses and names are checked before anything is run."""
    there = FreeBsdHost()
    with pytest.raises(InvalidError):
        PfTranslation(OPTIONS, there.run).ensure_floating_forward(floating, fixed, device, network)
    assert there.ran == []
