"""VLANs of linux_net's, on a kernel that has VLAN devices: test_vlan_devices.py runs this file in a virtual machine."""

from __future__ import annotations

import struct
from dataclasses import replace

import pytest
from nova.net_calls import call_apart
from nova.net_hosts import BRIDGE, NetHost, flat_network

from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.model.ids import Mac
from netwright.nova.linux_net import LinuxBridgeInterfaceDriver, plug, unplug
from netwright.testing.frames import BROADCAST, ethernet, octets
from netwright.testing.namespaces import add_veth, eventually, ip, run
from netwright.testing.namespaces import plug as plug_guest
from netwright.testing.wires import Wire, silent_namespace

MAC = "fa:16:3e:00:00:01"
GUEST = Mac("fa:16:3e:00:00:02")
KIND = 0x88B5
"""An EtherType for experiments."""
driver = LinuxBridgeInterfaceDriver


def vlan_network(**changed: object) -> dict[str, object]:
    return flat_network(vlan=100, **changed)


def test_a_vlan_is_made_on_its_parent(place: NetHost) -> None:
    """ensure_vlan makes `vlan<N>` with the MAC and the MTU asked for, marked and up, and has its parent up."""
    ip(place.name, "link", "set", "eth0", "down")
    assert driver.ensure_vlan(100, "eth0", MAC, 1450, on=place.on) == "vlan100"
    said = place.link("vlan100")
    for part in (
        "vlan100@eth0",
        "vlan protocol 802.1Q id 100 ",
        "mtu 1450",
        ",UP",
        "alias netwright:nova:vlan",
    ):
        assert part in said
    assert place.mac("vlan100") == MAC
    assert ",UP" in place.link("eth0")


def test_of_a_vlan_that_is_there_only_the_mtu_is_set(place: NetHost) -> None:
    """A second ensure_vlan changes the MTU and leaves MAC and state as they are; the name may be another than vlan<N>."""
    assert driver.ensure_vlan(100, "eth0", MAC, interface="storage", on=place.on) == "storage"
    ip(place.name, "link", "set", "storage", "alias", "mine")
    ip(place.name, "link", "set", "storage", "down")
    driver.ensure_vlan(100, "eth0", "fa:16:3e:00:00:99", 1400, "storage", on=place.on)
    assert place.mac("storage") == MAC
    assert "mtu 1400" in place.link("storage")
    assert ",UP" not in place.link("storage")
    driver.ensure_vlan(100, "eth0", interface="storage", on=place.with_options(network_device_mtu=1300))
    assert "mtu 1300" in place.link("storage")


def test_a_name_that_stands_for_another_vlan_is_refused(place: NetHost) -> None:
    """`vlan100` of another number, on another parent, or no VLAN at all, is an error: a tenant would be on the wrong wire."""
    add_veth(place.name, "eth1", place.wire, "eth1")
    ip(place.name, "link", "add", "link", "eth0", "name", "vlan100", "type", "vlan", "id", "101")
    ip(place.name, "link", "add", "link", "eth1", "name", "vlan102", "type", "vlan", "id", "102")
    ip(place.name, "link", "add", "vlan103", "type", "bridge")
    for number in (100, 102, 103):
        with pytest.raises(
            KernelRefusedError, match=f"vlan{number} is there and is not VLAN {number} of eth0"
        ):
            driver.ensure_vlan(number, "eth0", on=place.on)


@pytest.mark.parametrize("number", [0, 4095, -1])
def test_a_number_that_no_vlan_has_is_refused(place: NetHost, number: int) -> None:
    """VLANs are numbered from 1 to 4094."""
    with pytest.raises(InvalidError, match="not a VLAN's number"):
        driver.ensure_vlan(number, "eth0", on=place.on)


def test_remove_vlan_takes_away_only_what_ensure_vlan_made(place: NetHost) -> None:
    """Ours goes, an administrator's stays, and one that is not there is no error."""
    driver.ensure_vlan(100, "eth0", on=place.on)
    ip(place.name, "link", "add", "link", "eth0", "name", "vlan101", "type", "vlan", "id", "101")
    ip(place.name, "link", "set", "vlan101", "up")
    for number in (100, 101, 102):
        driver.remove_vlan(number, on=place.on)
    assert not place.link("vlan100")
    assert place.link("vlan101")


def test_ensure_vlan_bridge_puts_the_vlan_on_the_bridge(place: NetHost) -> None:
    """It gives the VLAN's name, whose addresses and MAC are the bridge's; remove_vlan_bridge takes both away."""
    assert driver.ensure_vlan_bridge(100, BRIDGE, "eth0", None, MAC, 1450, on=place.on) == "vlan100"
    assert f"master {BRIDGE}" in place.link("vlan100")
    assert place.mac(BRIDGE) == MAC
    assert place.addresses("eth0") == ["192.0.2.2/24"], "the parent is nobody's port"
    driver.remove_vlan_bridge(100, BRIDGE, on=place.on)
    assert not place.link(BRIDGE)
    assert not place.link("vlan100")


def test_frames_leave_with_the_networks_tag_and_come_in_with_it_only(place: NetHost) -> None:
    """A guest's frame is on the parent's wire with tag 100; of frames from there the guest gets those with that tag."""
    plug(vlan_network(), MAC, on=place.on)
    with silent_namespace() as guest:
        plug_guest(place.name, BRIDGE, "tap1", guest, GUEST)
        far, near = Wire(place.wire), Wire(guest)
        sent = ethernet(GUEST, BROADCAST, KIND, b"out".ljust(50, b"."))
        near.send(sent)
        tagged = sent[:12] + struct.pack(">HH", 0x8100, 100) + sent[12:]
        seen: list[bytes] = []
        assert eventually(lambda: (seen.extend(far.waiting()), tagged in seen)[1])
        assert sent not in seen
        other = octets(GUEST) + octets(Mac("02:00:00:00:00:01"))
        payload = struct.pack(">H", KIND) + b"in".ljust(50, b".")
        far.send(other + payload)
        far.send(other + struct.pack(">HH", 0x8100, 101) + payload)
        far.send(other + struct.pack(">HH", 0x8100, 100) + payload)
        assert near.until(other + payload) == []
        far.send(other + struct.pack(">HH", 0x8100, 100) + payload[:-1])
        assert near.until(other + payload[:-1]) == [], "one of the three came, and it was the last"
        far.close()
        near.close()


def test_a_network_with_a_vlan_is_plugged_and_unplugged_whole(place: NetHost) -> None:
    """plug makes VLAN and bridge with the network's MTU on vlan_interface, and rules without a way out where there is no gateway; unplug leaves nothing."""
    add_veth(place.name, "eth1", place.wire, "eth1")
    host, network = place.with_options(vlan_interface="eth1"), vlan_network(mtu=1400)
    assert plug(network, MAC, False, on=host) == BRIDGE
    assert "vlan100@eth1" in place.link("vlan100")
    assert place.mac("vlan100") == place.mac(BRIDGE) == MAC
    assert "mtu 1400" in place.link("vlan100")
    assert "mtu 1400" in place.link(BRIDGE)
    closed = [f"-i {BRIDGE} -j DROP", f"-o {BRIDGE} -j DROP"]
    assert place.forward() == place.forward("ip6") == closed
    assert unplug(network, False, on=host) == BRIDGE
    assert not place.link("vlan100")
    assert not place.link(BRIDGE)
    assert place.forward() == place.forward("ip6") == []


def test_isolation_is_about_the_vlan(place: NetHost) -> None:
    """With a shared address the ebtables rules name the VLAN's link."""
    plug(vlan_network(share_address=True), MAC, on=place.on)
    saved = run(place.name, ["ebtables-save", "-t", "filter"]).stdout
    assert saved.count(" vlan100 ") == 4
    unplug(vlan_network(share_address=True), on=place.on)
    assert " vlan100 " not in run(place.name, ["ebtables-save", "-t", "filter"]).stdout


def test_a_vlan_is_no_larger_than_its_parent(place: NetHost) -> None:
    """An MTU beyond the parent's is the kernel's error, told."""
    with pytest.raises(KernelRefusedError, match="rtnetlink"):
        driver.ensure_vlan(100, "eth0", mtu=9000, on=place.on)


def test_what_a_vlan_needs_is_said(place: NetHost) -> None:
    """A network with a VLAN and nothing to carry it is an InvalidError; a parent that is not there is named."""
    with pytest.raises(InvalidError, match="vlan_interface"):
        plug(vlan_network(bridge_interface=None), MAC, on=place.on)
    with pytest.raises(KernelRefusedError, match="eth9: no such link"):
        plug(vlan_network(bridge_interface="eth9"), MAC, on=replace(place.on))


def test_processes_that_make_one_vlan_at_once_do_not_fail(place: NetHost) -> None:
    """Three at the same time all succeed, and there is one VLAN, on its bridge."""
    children = [call_apart(place, "ensure_vlan_bridge", 100, BRIDGE, "eth0", None, MAC) for _ in range(3)]
    for child in children:
        said, _ = child.communicate(timeout=300)
        assert child.returncode == 0, said
    assert f"master {BRIDGE}" in place.link("vlan100")
    assert place.mac(BRIDGE) == MAC
