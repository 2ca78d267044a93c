"""The host's own end of a network on a real Open vSwitch: its link, who reaches it, and what is left when it goes."""

from __future__ import annotations

import signal

import pytest
from nova.net_hosts import NetHost, flat_network
from nova.ovs_switch import INTEGRATION, Switch, gets_lease, guest_on, reaches

from netwright.model.errors import InvalidError
from netwright.nova.l3 import LinuxNetL3
from netwright.nova.linux_host import linux_host
from netwright.nova.linux_net import (
    LinuxNetInterfaceDriver,
    LinuxOVSInterfaceDriver,
    OvsConfigurationFailure,
    get_dev,
    initialize_gateway_device,
    plug,
    unplug,
)
from netwright.testing.namespaces import eventually, ip, run, start

MAC = "fa:16:3e:00:00:01"
GATEWAY = "gw-0fa1c3b2-5d"
OPEN = [f"-i {GATEWAY} -j ACCEPT", f"-o {GATEWAY} -j ACCEPT"]
SHUT = [f"-i {GATEWAY} -j DROP", f"-o {GATEWAY} -j DROP"]


def gateway(switch: Switch, **changed: object) -> dict[str, object]:
    """The network, plugged, with the host as its gateway 10.0.0.254."""
    network = flat_network(dhcp_server="10.0.0.254", gateway="10.0.0.254", bridge=None) | changed
    assert plug(network, MAC, on=switch.on) == GATEWAY
    initialize_gateway_device(GATEWAY, network, on=switch.on)
    return network


def test_guests_reach_the_gateway_on_the_integration_bridge(switch: Switch) -> None:
    """plug makes `gw-…` with the MAC and the network's MTU, its ids and our mark; unplug leaves no port, flow or rule."""
    network = gateway(switch, mtu=1400)
    assert get_dev(network, on=switch.on) == GATEWAY
    assert switch.place.mac(GATEWAY) == MAC
    assert "mtu 1400" in switch.place.link(GATEWAY)
    said = switch.interface(GATEWAY, "external_ids").replace('"', "")
    assert said == f"{{attached-mac={MAC}, iface-id={GATEWAY}, iface-status=active, netwright=nova}}"
    assert switch.place.forward() == switch.place.forward("ip6") == OPEN
    assert switch.flows() == []
    with guest_on(switch, 1) as guest:
        assert reaches(guest, "10.0.0.254")
        for _ in range(2):
            assert unplug(network, on=switch.on) == GATEWAY
            assert not switch.place.link(GATEWAY)
            assert switch.vsctl("list-ports", INTEGRATION) == "tap1"
            assert switch.place.forward() == switch.place.forward("ip6") == []


def test_a_networks_vlan_is_its_gateways(switch: Switch) -> None:
    """A network with a VLAN has its gateway in that VLAN, without 8021q in the kernel: others do not reach it."""
    gateway(switch, vlan=10)
    with guest_on(switch, 1, 10) as one, guest_on(switch, 2, 20) as two, guest_on(switch, 3) as three:
        assert reaches(one, "10.0.0.254")
        assert not reaches(two, "10.0.0.254")
        assert not reaches(three, "10.0.0.254")


def test_without_gateway_the_link_is_for_dhcp_only(switch: Switch) -> None:
    """A guest gets its lease there, and no answer to anything else; the host forwards nothing; as a gateway again it answers."""
    network = gateway(switch)
    plug(network, MAC, False, on=switch.on)
    assert switch.place.forward() == switch.place.forward("ip6") == SHUT
    assert len(switch.flows()) == 6
    words = ["-i", GATEWAY, "-F", "10.0.0.100,10.0.0.110,1h", "-l", f"{switch.directory}/leases", "-x", ""]
    plain = ["dnsmasq", "-k", "-C", "/dev/null", "-p0", "--bind-interfaces", "--no-ping"]
    server = start(switch.place.name, [*plain, *words])
    try:
        with guest_on(switch, 1) as guest:
            assert eventually(lambda: gets_lease(guest), 20)
            assert not reaches(guest, "10.0.0.254")
            plug(network, MAC, on=switch.on)
            assert reaches(guest, "10.0.0.254")
            assert switch.flows() == []
            assert switch.place.forward() == OPEN
    finally:
        server.kill()
        server.wait()


def test_a_network_without_gateway_shuts_no_other(switch: Switch) -> None:
    """Guests on the same bridge go on reaching each other; and another network its gateway."""
    plug(flat_network(uuid="ffffffff-ffff"), "fa:16:3e:00:00:99", False, on=switch.on)
    gateway(switch)
    with guest_on(switch, 1) as one, guest_on(switch, 2):
        assert reaches(one, "10.0.0.2")
        assert reaches(one, "10.0.0.254")
        unplug(flat_network(), on=switch.on)
        assert len(switch.flows()) == 6, "the other network's flows are its own"
    assert unplug(flat_network(uuid="ffffffff-ffff"), on=switch.on) == "gw-ffffffff-ff"
    assert switch.flows() == []
    assert switch.place.forward() == []


def test_plugging_again_keeps_what_is_there(switch: Switch) -> None:
    """Number and addresses stay; a MAC, MTU or VLAN that is another now is put right."""
    gateway(switch, vlan=10)
    number = switch.interface(GATEWAY, "ofport")
    plug(flat_network(mtu=1300), "fa:16:3e:00:00:77", on=switch.on)
    assert switch.interface(GATEWAY, "ofport") == number
    assert switch.place.addresses(GATEWAY) == ["10.0.0.254/24"]
    assert switch.place.mac(GATEWAY) == "fa:16:3e:00:00:77"
    assert "mtu 1300" in switch.place.link(GATEWAY)
    assert switch.vsctl("get", "Port", GATEWAY, "tag") == "[]"
    assert switch.place.forward() == OPEN


def test_a_gateway_initialized_again_keeps_its_mac(switch: Switch) -> None:
    """What every further instance of a network has done once more leaves guests the MAC that they know."""
    network = flat_network(dhcp_server="10.0.0.254", gateway="10.0.0.254", bridge=None)
    LinuxNetL3(switch.on).initialize_gateway(network)
    before = switch.place.mac(GATEWAY)
    LinuxNetL3(switch.on).initialize_gateway(network)
    assert switch.place.mac(GATEWAY) == before


def test_a_later_life_takes_away_what_an_earlier_one_plugged(switch: Switch) -> None:
    """A process without memory unplugs port, flows and rules, also of a network without gateway."""
    plug(flat_network(), MAC, False, on=switch.on)
    later = linux_host(switch.on.options)
    assert unplug(flat_network(), on=later) == GATEWAY
    assert switch.vsctl("list-ports", INTEGRATION) == ""
    assert switch.flows() == []
    assert switch.place.forward() == switch.place.forward("ip6") == []


def test_after_a_crash_of_the_switch_plugging_again_restores_all(switch: Switch) -> None:
    """A killed ovs-vswitchd takes its flows with it; the next plug has them back, and waits until all is there."""
    network = flat_network()
    plug(network, MAC, False, on=switch.on)
    flows = switch.flows()
    switch.signal("ovs-vswitchd", signal.SIGKILL)
    ip(switch.place.name, "link", "del", GATEWAY)
    switch.start_daemon()
    plug(network, MAC, False, on=switch.on)
    assert switch.flows() == flows
    assert ",UP" in switch.place.link(GATEWAY)
    assert switch.place.mac(GATEWAY) == MAC


def test_a_strangers_port_stays(switch: Switch) -> None:
    """A port of that name that is neither ours nor nova's is neither used nor removed; nova's own is taken over."""
    switch.vsctl("add-port", INTEGRATION, GATEWAY, "--", "set", "Interface", GATEWAY, "type=internal")
    for call in (
        lambda: plug(flat_network(), MAC, on=switch.on),
        lambda: unplug(flat_network(), on=switch.on),
    ):
        with pytest.raises(OvsConfigurationFailure, match="is not netwright's"):
            call()
    assert switch.interface(GATEWAY, "external_ids") == "{}"
    assert switch.place.forward() == []
    switch.vsctl("set", "Interface", GATEWAY, f"external_ids:iface-id={GATEWAY}")
    plug(flat_network(), MAC, on=switch.on)
    assert "netwright=nova" in switch.interface(GATEWAY, "external_ids")
    assert unplug(flat_network(), on=switch.on) == GATEWAY
    assert not switch.place.link(GATEWAY)


def test_without_the_bridge_nothing_is_plugged(switch: Switch) -> None:
    """An integration bridge that is not there is an error that names it, and no link is made."""
    with pytest.raises(OvsConfigurationFailure, match="Bridge with name=br-ex"):
        plug(flat_network(), MAC, on=switch.with_options(linuxnet_ovs_integration_bridge="br-ex"))
    assert not switch.place.link(GATEWAY)


def test_a_fake_network_has_no_link(switch: Switch) -> None:
    """With fake_network the names come back, and the switch is not asked."""
    host = switch.with_options(fake_network=True, ovsdb_connection="unix:/nowhere/db.sock")
    assert isinstance(LinuxOVSInterfaceDriver(), LinuxNetInterfaceDriver)
    assert plug(flat_network(), MAC, on=host) == unplug(flat_network(), on=host) == GATEWAY
    assert switch.place.forward() == []


@pytest.mark.parametrize(
    ("network", "mac", "options"),
    [
        ({"uuid": "../x"}, MAC, {}),
        ({"uuid": ""}, MAC, {}),
        ({"vlan": 4095}, MAC, {}),
        ({"mtu": 1}, MAC, {}),
        ({}, "fa:16:3e:00:00:0x", {}),
        ({}, MAC, {"linuxnet_ovs_integration_bridge": "br int"}),
        ({}, MAC, {"ovsdb_connection": "db.sock"}),
    ],
)
def test_what_cannot_be_plugged_is_refused(
    place: NetHost, network: dict[str, object], mac: str, options: dict[str, object]
) -> None:
    """Ids, VLANs, MTUs, MACs and options that cannot be are an InvalidError, and no rule is made."""
    host = place.with_options(
        linuxnet_interface_driver="nova.network.linux_net.LinuxOVSInterfaceDriver", **options
    )
    with pytest.raises(InvalidError):
        plug(flat_network(**network), mac, on=host)
    assert "FORWARD" not in run(place.name, ["iptables-save"]).stdout
