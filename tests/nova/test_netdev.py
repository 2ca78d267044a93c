"""The platforms' common verbs, on Linux's kernel."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from pathlib import Path

import pytest
from nova.net_hosts import NetHost, flat_network, net_host

from netwright.kernel import netns
from netwright.kernel.sysctls import Sysctls
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.model.host import SysctlKey
from netwright.model.ids import HOST_NAMESPACE
from netwright.nova.netdev import NetDevDriver, get_driver
from netwright.nova.netdev_linux import LinuxNetDevDriver
from netwright.testing.namespaces import add_bridge, ip, namespace, run

FORWARDING = SysctlKey(HOST_NAMESPACE, "net/ipv4/ip_forward")


@pytest.fixture
def there(tmp_path: Path) -> Iterator[NetHost]:
    with net_host(tmp_path) as made:
        yield made


def test_the_driver_is_the_platforms() -> None:
    """Without a name it is that of the system it runs on; by name it is asked for; others are refused."""
    assert platform.system() == "Linux"
    names = (None, "linux", "Linux", "LinuxNetDevDriver", "nova.network.netdev.LinuxNetDevDriver")
    assert {type(get_driver(name)) for name in names} == {LinuxNetDevDriver}
    for name in ("plan9", " ", "netwright.nova.netdev.NetDevDriver"):
        with pytest.raises(InvalidError, match="no network device driver is called"):
            get_driver(name)


def test_a_bridge_takes_its_uplink_and_gives_it_back(there: NetHost) -> None:
    """The uplink's addresses are the bridge's while it is there; no rule comes of it."""
    driver: NetDevDriver = LinuxNetDevDriver(there.on)
    before = there.addresses("eth0")
    driver.ensure_bridge("br100", "eth0")
    driver.ensure_bridge("br100", "eth0")
    assert there.addresses("br100") == before
    assert there.addresses("eth0") == []
    assert run(there.name, ["iptables", "-S", "FORWARD"]).stdout.splitlines() == ["-P FORWARD ACCEPT"]
    driver.remove_bridge("br100")
    assert there.addresses("eth0") == before
    assert not driver.device_exists("br100")


def test_a_guests_tap_is_on_its_bridge(there: NetHost) -> None:
    """A tap is made, joined, sized and deleted; on another bridge it is refused."""
    driver = LinuxNetDevDriver(there.on)
    driver.ensure_bridge("br100")
    driver.create_tap_dev("tap1", "fa:16:3e:00:00:01")
    for _ in range(2):
        driver.join_bridge("br100", "tap1")
    driver.set_device_mtu("tap1", 1400)
    assert "master br100" in there.link("tap1")
    assert "mtu 1400" in there.link("tap1")
    assert there.mac("tap1") == "fa:16:3e:00:00:01"
    add_bridge(there.name, "br200")
    with pytest.raises(KernelRefusedError, match="another bridge"):
        driver.join_bridge("br200", "tap1")
    with pytest.raises(KernelRefusedError, match="no such link"):
        driver.join_bridge("br100", "tap9")
    driver.delete_net_dev("tap1")
    assert not driver.device_exists("tap1")


def test_a_pair_has_two_ends(there: NetHost) -> None:
    """Both ends are there, up, and of the MTU asked for; one takes the other along."""
    driver = LinuxNetDevDriver(there.on)
    driver.create_pair("a0", "b0", 1400)
    assert all("mtu 1400" in there.link(name) for name in ("a0", "b0"))
    driver.delete_net_dev("a0")
    assert not driver.device_exists("b0")


def test_a_gateway_and_a_floating_ip_are_on_their_devices(there: NetHost) -> None:
    """The gateway is the bridge's address, a floating IP the uplink's, until it is unbound."""
    driver = LinuxNetDevDriver(there.on)
    driver.ensure_bridge("br100")
    driver.initialize_gateway_device("br100", flat_network())
    assert there.addresses("br100") == ["10.0.0.1/24"]
    driver.bind_floating_ip("203.0.113.9", "eth0")
    assert "203.0.113.9/32" in there.addresses("eth0")
    driver.unbind_floating_ip("203.0.113.9", "eth0")
    assert "203.0.113.9/32" not in there.addresses("eth0")


def test_forwarding_is_switched_on_by_version() -> None:
    """IPv4's switch and IPv6's are two; there is no other."""
    with namespace("fwd") as name, netns.inside(name):
        ip(name, "link", "set", "lo", "up")
        Sysctls().put({FORWARDING: "0"})
        driver = LinuxNetDevDriver()
        driver.enable_forwarding(4)
        assert Sysctls().observe([FORWARDING]) == {FORWARDING: "1"}
        six = SysctlKey(HOST_NAMESPACE, "net/ipv6/conf/all/forwarding")
        assert Sysctls().observe([six]) == {six: "0"}
        driver.enable_forwarding(6)
        assert Sysctls().observe([six]) == {six: "1"}
        with pytest.raises(InvalidError):
            driver.enable_forwarding(5)


def test_a_fake_network_stays_as_it_is(there: NetHost) -> None:
    """With fake_network nothing is made."""
    driver = LinuxNetDevDriver(there.with_options(fake_network=True))
    driver.ensure_bridge("br100")
    driver.create_tap_dev("tap1")
    driver.join_bridge("br100", "tap1")
    driver.enable_forwarding(6)
    assert not driver.device_exists("br100")
    assert not driver.device_exists("tap1")


def test_without_vlans_in_the_kernel_a_vlan_is_refused(there: NetHost) -> None:
    """A kernel without VLAN devices says so; one with them makes the VLAN, and takes only its own away."""
    driver = LinuxNetDevDriver(there.on)
    outcome = "made"
    try:
        assert driver.ensure_vlan(100, "eth0", mtu=1400) == "vlan100"
    except KernelRefusedError as refused:
        outcome = refused.said
    assert outcome == (
        "made" if driver.device_exists("vlan100") else "vlan100: this kernel has no vlan links"
    )
    driver.remove_vlan(100)
    assert not driver.device_exists("vlan100")
