"""VFs of linux_net's, on a card that has some: test_vlan_devices.py runs this file in a virtual machine with an Intel 82576."""

from __future__ import annotations

import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from netwright.kernel import sriov
from netwright.model.ids import HOST_NAMESPACE, Mac
from netwright.nova.linux_net import set_vf_interface_vlan
from netwright.testing.frames import BROADCAST, ethernet
from netwright.testing.namespaces import eventually, ip
from netwright.testing.wires import Wire

FIRST, SECOND = "0000:01:10.0", "0000:01:10.2"
MAC = Mac("fa:16:3e:00:00:01")


def link_of(driver: str) -> str:
    """The one link of that driver's, by sysfs."""
    found = Path("/sys/class/net").glob("*/device/driver")
    return next(path.parent.parent.name for path in found if path.resolve().name == driver)


@pytest.fixture(scope="module")
def card() -> Iterator[str]:
    """The card's link, with two VFs."""
    for module in ("igb", "igbvf", "virtio_net"):
        subprocess.run(["modprobe", module], check=True)
    assert eventually(lambda: any(Path("/sys/class/net").glob("*/device/sriov_numvfs")))
    name = link_of("igb")
    ip(HOST_NAMESPACE, "link", "set", name, "up")
    Path(f"/sys/class/net/{name}/device/sriov_numvfs").write_text("2")
    assert eventually(lambda: all(len(sriov.find(one).links) == 1 for one in (FIRST, SECOND)), 30)
    yield name
    Path(f"/sys/class/net/{name}/device/sriov_numvfs").write_text("0")


def vf(card: str, number: int) -> str:
    """What the card says of one of its VFs."""
    said = ip(HOST_NAMESPACE, "-d", "link", "show", "dev", card).splitlines()
    return next(line for line in said if f"vf {number} " in line)


def test_a_vf_has_the_mac_and_the_vlan(card: str) -> None:
    """The card says so of that VF and of no other; its link is up with a VLAN, and down without."""
    link, other = sriov.find(SECOND).links[0], vf(card, 0)
    set_vf_interface_vlan(SECOND, MAC, 100)
    assert f"link/ether {MAC}" in vf(card, 1)
    assert "vlan 100" in vf(card, 1)
    assert vf(card, 0) == other
    assert ",UP" in ip(HOST_NAMESPACE, "link", "show", "dev", link)
    set_vf_interface_vlan("01:10.2", "fa:16:3e:00:00:02")
    assert "link/ether fa:16:3e:00:00:02" in vf(card, 1)
    assert "vlan" not in vf(card, 1)
    assert ",UP" not in ip(HOST_NAMESPACE, "link", "show", "dev", link)


def test_what_a_vf_sends_is_tagged_on_the_wire(card: str) -> None:
    """A frame sent at the VF's link, without a tag, is on the wire with the VLAN's."""
    far = link_of("virtio_net")
    ip(HOST_NAMESPACE, "link", "set", far, "up")
    set_vf_interface_vlan(FIRST, MAC, 100)
    near = sriov.find(FIRST).links[0]
    ip(HOST_NAMESPACE, "link", "set", near, "address", MAC)
    frame = ethernet(MAC, BROADCAST, 0x88B5, b"from a VF".ljust(50, b"."))
    tagged = frame[:12] + struct.pack(">HH", 0x8100, 100) + frame[12:]
    wire, guest = Wire(HOST_NAMESPACE, far), Wire(HOST_NAMESPACE, near)
    seen: list[bytes] = []

    def arrived() -> bool:
        guest.send(frame)
        seen.extend(wire.waiting())
        return tagged in seen

    assert eventually(arrived, 20, 0.5)
    assert frame not in seen
    wire.close()
    guest.close()
