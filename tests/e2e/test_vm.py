"""Virtual machines: taps that netwright makes, and taps that a VMM makes."""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import pytest

from netwright.model.ids import Mac, PortId, port_link_name
from netwright.testing import lab as labs
from netwright.testing.guest_vm import GuestVm
from netwright.testing.lab import Lab
from netwright.testing.namespaces import eventually


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    made = Lab(f"t{uuid.uuid4().hex[:8]}")
    with labs.running(made):
        labs.netwright(made, "network", "create", "blue", "--cidr", "10.20.0.0/24", "--mtu", "1400")
        yield made


def port(lab: Lab, name: str) -> Mapping[str, object]:
    answer = labs.ask(lab, f"/v2.0/ports?name={name}")
    assert isinstance(answer, Mapping)
    (found,) = answer["ports"]
    return found


@contextmanager
def booted(lab: Lab, name: str) -> Iterator[GuestVm]:
    found, directory = port(lab, name), lab.directory / f"{name}-{uuid.uuid4().hex[:4]}"
    directory.mkdir()
    link = port_link_name(PortId(str(found["id"])))
    vm = GuestVm(lab.host, link, Mac(str(found["mac_address"])), directory)
    try:
        vm.wait_booted()
        yield vm
    finally:
        vm.close()


def address(lab: Lab, name: str) -> str:
    fixed = port(lab, name)["fixed_ips"]
    assert isinstance(fixed, list)
    return str(fixed[0]["ip_address"])


def test_a_tap_that_a_vmm_makes_under_a_ports_name_is_adopted(lab: Lab) -> None:
    """A port that nobody plugged is up once a VMM makes its tap, gets its lease, and is unplugged when the VMM goes."""
    labs.netwright(lab, "port", "create", "own", "--network", "blue")
    with booted(lab, "own") as vm:
        assert vm.wait_lease() == address(lab, "own")
        assert eventually(lambda: port(lab, "own")["status"] == "ACTIVE")
        assert port(lab, "own")["netwright:attachment"] == {"kind": "vmm-tap"}
        assert port(lab, "own")["binding:host_id"] == lab.name
        assert vm.run("ping -c 1 -W 3 10.20.0.1").code == 0
    assert eventually(lambda: port(lab, "own")["status"] == "DOWN")
    assert port(lab, "own")["netwright:attachment"] == {"kind": "none"}


def test_a_tap_outlives_its_vmm_and_takes_the_next(lab: Lab) -> None:
    """A plugged tap stays when its VMM goes; another VMM on it is the same guest, with the same lease."""
    labs.netwright(lab, "port", "create", "vm", "--network", "blue", "--hostname", "first")
    labs.netwright(lab, "port", "plug", "vm", "--tap")
    for _ in range(2):
        with booted(lab, "vm") as vm:
            assert vm.wait_lease() == address(lab, "vm")
            assert vm.run("cat /sys/class/net/eth0/mtu").text.strip() == "1400"
            assert vm.run("cat /sys/class/net/eth0/address").text.strip() == port(lab, "vm")["mac_address"]
            assert eventually(lambda: vm.run("hostname").text.strip().split(".")[0] == "first")
        assert port(lab, "vm")["status"] == "ACTIVE"
