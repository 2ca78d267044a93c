"""Which packets a host forwards for a network, seen by its rules and by packets of both families."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from nova.net_hosts import BRIDGE, NetHost, flat_network
from nova.xt_hosts import Host

from netwright.model.errors import InvalidError
from netwright.model.ids import NamespaceName
from netwright.nova.linux_host import LinuxHost
from netwright.nova.linux_net import (
    LinuxBridgeInterfaceDriver,
    enable_ipv4_forwarding,
    get_gateway_rules,
    plug,
    unplug,
)
from netwright.nova.options import NetworkOptions
from netwright.testing.namespaces import add_addresses, ip, namespace, run
from netwright.testing.namespaces import plug as plug_guest

MAC = "fa:16:3e:00:00:01"
OTHER = "br200"


@pytest.fixture
def guests(place: NetHost) -> Iterator[tuple[NamespaceName, NamespaceName]]:
    """One on each of two networks of the host's, whose bridges join nothing else."""
    with namespace("one") as one, namespace("two") as two:
        for number, (bridge, guest) in enumerate(((BRIDGE, one), (OTHER, two))):
            LinuxBridgeInterfaceDriver.ensure_bridge(bridge, None, filtering=False, on=place.on)
            add_addresses(place.name, bridge, f"10.0.{number}.1/24", f"2001:db8:{number + 1}::1/64")
            plug_guest(place.name, bridge, f"tap{number}", guest, f"fa:16:3e:00:01:0{number}")
            add_addresses(guest, "eth0", f"10.0.{number}.2/24", f"2001:db8:{number + 1}::2/64")
            ip(guest, "route", "add", "default", "via", f"10.0.{number}.1")
            ip(guest, "-6", "route", "add", "default", "via", f"2001:db8:{number + 1}::1")
        ip(place.wire, "route", "add", "10.0.0.0/16", "via", "192.0.2.2")
        ip(place.wire, "-6", "route", "add", "2001:db8::/46", "via", "2001:db8::2")
        enable_ipv4_forwarding(on=place.on)
        run(place.name, ["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"])
        yield one, two


def reached(guest: NamespaceName, *targets: str) -> list[bool]:
    return [
        run(guest, ["ping", "-c6", "-i0.3", "-W1", target], check=False).returncode == 0 for target in targets
    ]


def networks() -> list[dict[str, object]]:
    return [
        flat_network(
            bridge=bridge, bridge_interface=None, cidr=f"10.0.{number}.0/24", dhcp_server=f"10.0.{number}.1"
        )
        for number, bridge in enumerate((BRIDGE, OTHER))
    ]


def test_a_host_forwards_anywhere_for_its_networks(
    place: NetHost, guests: tuple[NamespaceName, NamespaceName]
) -> None:
    """By default plug adds two ACCEPT rules to FORWARD in each family, and nothing else; guests reach the world and one another."""
    for network in networks():
        plug(network, MAC, on=place.on)
    for family in ("ip", "ip6"):
        assert place.forward(family) == [
            f"-i {BRIDGE} -j ACCEPT",
            f"-o {BRIDGE} -j ACCEPT",
            f"-i {OTHER} -j ACCEPT",
            f"-o {OTHER} -j ACCEPT",
        ]
    assert reached(guests[0], "192.0.2.1", "2001:db8::1", "10.0.1.2", "2001:db8:2::2") == [True] * 4


def test_named_interfaces_keep_networks_apart(
    place: NetHost, guests: tuple[NamespaceName, NamespaceName]
) -> None:
    """With forward_bridge_interface guests reach what is behind those interfaces, and no other network of the host's."""
    host = place.with_options(forward_bridge_interface=("eth0", ""))
    for network in networks():
        plug(network, MAC, on=host)
    assert place.forward()[:5] == [
        f"-i {BRIDGE} -o eth0 -j ACCEPT",
        f"-i eth0 -o {BRIDGE} -j ACCEPT",
        f"-i {BRIDGE} -o {BRIDGE} -j ACCEPT",
        f"-i {BRIDGE} -j DROP",
        f"-o {BRIDGE} -j DROP",
    ]
    assert reached(guests[0], "192.0.2.1", "2001:db8::1", "10.0.1.2", "2001:db8:2::2") == [
        True,
        True,
        False,
        False,
    ]
    unplug(networks()[1], on=host)
    assert len(place.forward()) == len(place.forward("ip6")) == 5


def test_for_a_network_without_gateway_the_host_forwards_nothing(
    place: NetHost, guests: tuple[NamespaceName, NamespaceName]
) -> None:
    """plug without gateway lets a network's packets neither in nor out of the host, in either family; unplug takes the rules away."""
    plug(networks()[0], MAC, False, on=place.on)
    closed = [f"-i {BRIDGE} -j DROP", f"-o {BRIDGE} -j DROP"]
    assert place.forward() == place.forward("ip6") == closed
    assert reached(guests[0], "192.0.2.1", "2001:db8::1") == [False, False]
    assert reached(guests[1], "10.0.0.2", "2001:db8:1::2") == [False, False]
    unplug(networks()[0], False, on=place.on)
    assert place.forward() == place.forward("ip6") == []


@pytest.mark.parametrize("driver", ["LinuxBridgeInterfaceDriver", "NeutronLinuxBridgeInterfaceDriver"])
def test_unplug_takes_away_the_rules_of_either_kind(place: NetHost, driver: str) -> None:
    """A network that had a gateway when it was plugged and has none now leaves no rule that lets its packets through."""
    on = place.with_options(linuxnet_interface_driver=driver)
    for first in (True, False):
        plug(networks()[0], MAC, first, on=on)
        assert place.forward()
        assert place.forward("ip6")
        unplug(networks()[0], not first, on=on)
        assert place.forward() == place.forward("ip6") == []


def test_drop_rules_go_whatever_the_action_was(place: NetHost) -> None:
    """A network plugged without gateway under iptables_drop_action leaves no rule, neither its own nor an earlier DROP."""
    plug(networks()[0], MAC, False, on=place.on)
    host = place.with_options(iptables_drop_action="RETURN")
    plug(networks()[0], MAC, False, on=host)
    assert place.forward()[2:] == [f"-i {BRIDGE} -j RETURN", f"-o {BRIDGE} -j RETURN"]
    unplug(networks()[0], False, on=host)
    assert place.forward() == place.forward("ip6") == []


def test_without_ipv6_only_ipv4_has_rules(place: NetHost) -> None:
    """With use_ipv6 off ip6tables is not touched."""
    place.on.iptables_manager.options = type(place.on.iptables_manager.options)(use_ipv6=False)
    plug(networks()[0], MAC, on=place.on)
    assert len(place.forward()) == 2
    assert "netwright" not in run(place.name, ["ip6tables-save"]).stdout


def test_nothing_is_written_when_nothing_changed(xt_host: Host, tmp_path) -> None:
    """A second plug of a network, and an unplug of one that never was, run no iptables-restore."""
    host = LinuxHost(NetworkOptions(state_path=tmp_path), xt_host.manager())
    plug(networks()[0], MAC, on=host)
    xt_host.runs.clear()
    plug(networks()[0], MAC, on=host)
    assert xt_host.runs == []
    unplug(networks()[1], on=host)
    assert not [argv for argv in xt_host.runs if "restore" in argv[0]]


@pytest.mark.parametrize(
    "changed",
    [
        {"forward_bridge_interface": ("eth0 -j ACCEPT",)},
        {"forward_bridge_interface": ("eth0",), "iptables_drop_action": "DROP -m x"},
    ],
)
def test_options_that_would_be_more_than_a_word_are_refused(
    place: NetHost, changed: dict[str, object]
) -> None:
    """An interface or an action that holds more than its name is an InvalidError, not a rule."""
    with pytest.raises(InvalidError):
        get_gateway_rules(BRIDGE, on=place.with_options(**changed))


def test_gateway_rules_are_pairs_of_chain_and_rule(place: NetHost) -> None:
    """get_gateway_rules gives what ensure_bridge puts into FORWARD, in order."""
    assert get_gateway_rules(BRIDGE, on=place.on) == [
        ("FORWARD", f"-i {BRIDGE} -j ACCEPT"),
        ("FORWARD", f"-o {BRIDGE} -j ACCEPT"),
    ]
