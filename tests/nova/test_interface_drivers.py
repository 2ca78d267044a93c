"""Which driver plugs the host's end of a network, and the one for bridges that Neutron named."""

from __future__ import annotations

import pytest
from nova.net_hosts import NetHost, flat_network

from netwright.model.errors import InvalidError
from netwright.nova.interface_drivers import interface_driver
from netwright.nova.linux_net import (
    LinuxBridgeInterfaceDriver,
    LinuxNetInterfaceDriver,
    NeutronLinuxBridgeInterfaceDriver,
    get_dev,
    initialize_gateway_device,
    plug,
    unplug,
)
from netwright.testing.namespaces import add_addresses, add_bridge, ip, namespace, run
from netwright.testing.namespaces import plug as plug_guest

MAC = "fa:16:3e:00:00:01"
GATEWAY, NEUTRONS = "gw-0fa1c3b2-5d", "brq0fa1c3b2-5d"
NEUTRON = "nova.network.linux_net.NeutronLinuxBridgeInterfaceDriver"


def test_the_option_names_the_driver(place: NetHost) -> None:
    """nova's class names, with any module before them, choose the driver; it is made once; another name is refused."""
    assert isinstance(interface_driver(place.on), LinuxBridgeInterfaceDriver)
    host = place.with_options(linuxnet_interface_driver=NEUTRON)
    assert isinstance(interface_driver(host), NeutronLinuxBridgeInterfaceDriver)
    assert interface_driver(host) is interface_driver(host)
    with pytest.raises(InvalidError, match="LinuxBridgeInterfaceDriver"):
        interface_driver(place.with_options(linuxnet_interface_driver="os.system"))


def test_the_base_class_is_abstract() -> None:
    """LinuxNetInterfaceDriver cannot be made; every driver is one."""
    with pytest.raises(TypeError, match="abstract"):
        LinuxNetInterfaceDriver()
    assert issubclass(LinuxBridgeInterfaceDriver, LinuxNetInterfaceDriver)
    assert issubclass(NeutronLinuxBridgeInterfaceDriver, LinuxNetInterfaceDriver)


def test_neutrons_bridge_has_a_gateway_device_that_guests_reach(place: NetHost) -> None:
    """plug makes `gw-…` on `brq…`, with the MAC asked for and the DHCP server's address on the bridge; guests there reach it."""
    host, network = place.with_options(linuxnet_interface_driver=NEUTRON), flat_network(bridge=None, mtu=1450)
    assert get_dev(network, on=host) == GATEWAY
    for _ in range(2):
        assert plug(network, MAC, on=host) == GATEWAY
    assert place.mac(GATEWAY) == place.mac(NEUTRONS) == MAC
    assert f"master {NEUTRONS}" in place.link(GATEWAY)
    assert "mtu 1450" in place.link(NEUTRONS)
    assert place.addresses(NEUTRONS) == ["10.0.0.1/24"]
    assert place.forward() == place.forward("ip6") == [f"-i {NEUTRONS} -j ACCEPT", f"-o {NEUTRONS} -j ACCEPT"]
    with namespace("guest") as guest:
        plug_guest(place.name, NEUTRONS, "tap1", guest, "fa:16:3e:00:00:09")
        add_addresses(guest, "eth0", "10.0.0.9/24")
        run(guest, ["ping", "-c1", "-W2", "10.0.0.1"])
        assert unplug(network, on=host) == GATEWAY
        assert place.link(NEUTRONS), "somebody is still on it"
        assert not place.link(GATEWAY)
        ip(place.name, "link", "del", "tap1")
    assert unplug(network, on=host) is None
    assert not place.link(NEUTRONS)
    assert place.forward() == place.forward("ip6") == []


def test_neutrons_own_bridge_stays_neutrons(place: NetHost) -> None:
    """A bridge that is there already gets the gateway device and no address, and outlives it."""
    host = place.with_options(linuxnet_interface_driver=NEUTRON)
    add_bridge(place.name, NEUTRONS)
    plug(flat_network(), MAC, on=host)
    assert f"master {NEUTRONS}" in place.link(GATEWAY)
    assert place.addresses(NEUTRONS) == []
    initialize_gateway_device(GATEWAY, flat_network(), on=host)
    assert place.addresses(GATEWAY) == ["10.0.0.1/24"]
    assert unplug(flat_network(), on=host) == GATEWAY
    assert place.link(NEUTRONS)


def test_without_gateway_neutrons_bridge_is_only_shut(place: NetHost) -> None:
    """plug without gateway makes no device; it says the bridge's name and has the host forward nothing there."""
    host = place.with_options(linuxnet_interface_driver=NEUTRON)
    assert plug(flat_network(), MAC, False, on=host) == NEUTRONS
    assert not place.link(NEUTRONS)
    assert place.forward() == place.forward("ip6") == [f"-i {NEUTRONS} -j DROP", f"-o {NEUTRONS} -j DROP"]
    assert unplug(flat_network(), False, on=host) is None
    assert place.forward() == []


def test_a_fake_network_has_no_gateway_device(place: NetHost) -> None:
    """With fake_network the names come back, and nothing is made."""
    host = place.with_options(linuxnet_interface_driver=NEUTRON, fake_network=True)
    assert plug(flat_network(), MAC, on=host) == GATEWAY
    assert plug(flat_network(), MAC, False, on=host) == NEUTRONS
    assert unplug(flat_network(), on=host) == GATEWAY
    assert not place.link(NEUTRONS)
    assert place.forward() == []


@pytest.mark.parametrize("changed", [{"uuid": "../../etc/x"}, {"uuid": ""}, {"uuid": "a b"}])
def test_a_network_without_a_sound_id_is_refused(place: NetHost, changed: dict[str, object]) -> None:
    """Names are made of the id, so an id that would be no name is an InvalidError."""
    with pytest.raises(InvalidError):
        plug(flat_network(**changed), MAC, on=place.with_options(linuxnet_interface_driver=NEUTRON))
