"""L3 drivers: a network from nothing to a guest with a floating IP and back, and the driver that does nothing."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from nova.routed_hosts import HOST, OUTSIDE, RANGE, Routed
from nova.xt_hosts import Host

from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.nova.l3 import L3Driver, LinuxNetL3, NullL3, load_l3
from netwright.testing.namespaces import add_addresses, add_veth, ip, namespaces, plug, run
from netwright.testing.talk import Heard

FLOATING = "203.0.113.50"
NETWORK = {
    "uuid": "0fa1c3b2-5d6e-4f70-8192-a3b4c5d6e7f8",
    "cidr": RANGE,
    "gateway": "10.0.0.1",
    "dhcp_server": "10.0.0.1",
    "bridge": "br100",
}
OTHERS = [
    {**NETWORK, "cidr": "10.1.0.0/24", "enable_dhcp": False},
    {**NETWORK, "cidr": "10.2.0.0/24", "gateway": "10.2.0.254", "dhcp_server": "10.2.0.2"},
]


@contextmanager
def bare(xt: Host) -> Iterator[Routed]:
    """A host with an uplink and no network yet; its guests are not plugged."""
    with namespaces("one", "two", "outside") as (one, two, outside):
        run(xt.name, ["sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0"])
        add_veth(xt.name, "eth0", outside, "eth0")
        add_addresses(xt.name, "eth0", f"{HOST}/24")
        add_addresses(outside, "eth0", f"{OUTSIDE}/24")
        ip(outside, "route", "add", "default", "dev", "eth0")
        yield Routed(xt, one, two, outside)


def everything(routed: Routed) -> str:
    """Links, addresses, and all rules of the host."""
    told = [ip(routed.xt.name, "-d", "address"), run(routed.xt.name, ["ebtables-save"]).stdout]
    return "".join([*told, *(routed.xt.dump(table) for table in ("filter", "nat", "mangle"))])


def test_a_network_comes_and_goes(xt_host: Host) -> None:
    """Host, gateway, guest, floating IP and VPN port, one after the other, and taken away in the reverse order."""
    with bare(xt_host) as made:
        driver = LinuxNetL3(made.on)
        driver.initialize(networks=[NETWORK, *OTHERS])
        driver.initialize_gateway(NETWORK)
        plug(xt_host.name, "br100", "tap0", made.one, "fa:16:3e:00:00:01")
        add_addresses(made.one, "eth0", "10.0.0.3/24")
        ip(made.one, "route", "add", "default", "via", "10.0.0.1")
        assert made.asks(made.one, OUTSIDE, made.outside) == Heard(HOST, OUTSIDE)
        driver.add_floating_ip(FLOATING, "10.0.0.3", "eth0", NETWORK)
        driver.add_vpn(HOST, 1000, "10.0.0.3")
        assert made.asks(made.outside, FLOATING, made.one) == Heard(OUTSIDE, FLOATING)
        assert made.asks(made.one, OUTSIDE, made.outside) == Heard(FLOATING, OUTSIDE)
        assert made.asks(made.outside, HOST, made.one, 1000, 1194) == Heard(OUTSIDE, HOST)
        driver.remove_vpn(HOST, 1000, "10.0.0.3")
        driver.remove_floating_ip(FLOATING, "10.0.0.3", "eth0", NETWORK)
        driver.clean_conntrack("10.0.0.3")
        assert FLOATING not in ip(xt_host.name, "address")
        assert made.asks(made.outside, HOST, made.one, 1000, 1194) is None
        assert made.asks(made.one, OUTSIDE, made.outside) == Heard(HOST, OUTSIDE)
        driver.remove_gateway(NETWORK)
        assert "br100" not in everything(made)


def test_ranges_are_those_with_dhcp_and_external_by_their_server(xt_host: Host) -> None:
    """A network without DHCP has no rules; one whose server is not its gateway leaves through another's gateway."""
    with bare(xt_host) as made:
        driver = LinuxNetL3(made.life(force_snat_range=("198.51.100.0/24",)))
        driver.initialize(networks=[NETWORK, *OTHERS])
        sources = [rule for rule in made.rules("snat") if "SNAT" in rule]
        assert sources == [
            "-s 10.0.0.0/24 -o eth0 -j SNAT --to-source 203.0.113.2",
            "-s 10.2.0.0/24 -d 198.51.100.0/24 -j SNAT --to-source 203.0.113.2",
        ]
        assert not [rule for rule in made.rules("POSTROUTING") if "10.1.0.0" in rule]


def test_a_host_is_initialized_once(xt_host: Host) -> None:
    """A second call does nothing, one that failed is made good by the next, and after teardown it looks anew."""
    with bare(xt_host) as made:
        driver = LinuxNetL3(made.on)
        with pytest.raises(InvalidError):
            driver.initialize(networks=[{**NETWORK, "cidr": "nowhere"}])
        assert not driver.is_initialized()
        driver.initialize(fixed_range="10.0.0.0/8")
        assert driver.is_initialized()
        assert "169.254.169.254/32 scope link" in ip(xt_host.name, "address", "show", "lo")
        assert len(made.rules("PREROUTING")) == 1
        before = everything(made)
        driver.initialize(networks=OTHERS)
        assert everything(made) == before
        driver.teardown()
        assert everything(made) == before
        assert not driver.is_initialized()
        ip(xt_host.name, "address", "del", "169.254.169.254/32", "dev", "lo")
        driver.initialize(fixed_range="10.0.0.0/8")
        assert "169.254.169.254" in ip(xt_host.name, "address", "show", "lo")


def test_rules_are_there_before_the_address(xt_host: Host) -> None:
    """Where the address cannot be held the rules are in already, so that it is never the host's own."""
    with bare(xt_host) as made:
        with pytest.raises(KernelRefusedError):
            LinuxNetL3(made.on).add_floating_ip(FLOATING, "10.0.0.3", "eth7", NETWORK)
        assert made.rules("PREROUTING") == [f"-d {FLOATING}/32 -j DNAT --to-destination 10.0.0.3"]


def test_ipv6_metadata_is_found_on_the_gateway(xt_host: Host) -> None:
    """Where metadata_host is IPv6 the network's link holds fe80::a9fe:a9fe, and else it does not."""
    network = {**NETWORK, "cidr_v6": "fd00:a::/64"}
    with bare(xt_host) as made:
        LinuxNetL3(made.on).initialize_gateway(network)
        assert "fe80::a9fe:a9fe" not in ip(xt_host.name, "address", "show", "br100")
        LinuxNetL3(made.life(metadata_host="::1")).initialize_gateway(network)
        assert "fe80::a9fe:a9fe/128 scope link" in ip(xt_host.name, "address", "show", "br100")


def test_a_network_without_a_gateway_is_not_routed(xt_host: Host) -> None:
    """Its bridge drops what would be forwarded, and those rules go with it."""
    network = {**NETWORK, "gateway": None}
    with bare(xt_host) as made:
        driver = LinuxNetL3(made.on)
        driver.initialize_gateway(network)
        assert made.rules("FORWARD", "filter") == ["-i br100 -j DROP", "-o br100 -j DROP"]
        driver.remove_gateway(network)
        assert made.rules("FORWARD", "filter") == []


def test_the_null_driver_leaves_the_host_alone(xt_host: Host) -> None:
    """It takes every call, is always initialized, and nothing on the host is other than before."""
    with bare(xt_host) as made:
        before = everything(made)
        driver = NullL3()
        assert driver.is_initialized()
        driver.initialize(networks=[NETWORK])
        driver.initialize_network(RANGE, True)
        driver.initialize_gateway(NETWORK)
        driver.add_floating_ip(FLOATING, "10.0.0.3", "eth0", NETWORK)
        driver.add_vpn(HOST, 1000, "10.0.0.3")
        driver.remove_vpn(HOST, 1000, "10.0.0.3")
        driver.remove_floating_ip(FLOATING, "10.0.0.3", "eth0")
        driver.clean_conntrack("10.0.0.3")
        driver.remove_gateway(NETWORK)
        driver.teardown()
        assert driver.is_initialized()
        assert everything(made) == before


def test_a_driver_is_loaded_by_its_name(xt_host: Host) -> None:
    """By nova's module or ours; another name is refused, and nobody's contract can be left half kept."""
    with bare(xt_host) as made:
        assert isinstance(load_l3(made.on), LinuxNetL3)
        assert isinstance(load_l3(made.life(l3_lib="netwright.nova.l3.NullL3")), NullL3)
        with pytest.raises(InvalidError, match="LinuxNetL3"):
            load_l3(made.life(l3_lib="os.system"))

    class Half(L3Driver):
        pass

    with pytest.raises(TypeError):
        Half()  # type: ignore[abstract]  # that is what is tested
