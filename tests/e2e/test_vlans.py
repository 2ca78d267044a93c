"""VLAN networks under Debian's kernel, which has 802.1Q, and what is said where the kernel has none."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import pytest

from netwright.model.host import Stage
from netwright.model.ids import LinkName
from netwright.model.plan_parts import VlanPlan
from netwright.testing.namespaces import add_veth, ip, namespace
from netwright.testing.rig import rig
from netwright.testing.samples import sample_network, sample_subnet
from netwright.testing.vm_host import Job, run_in_vm

ROOT = Path(__file__).resolve().parents[2]


def test_a_kernel_without_vlans_is_named_in_one_line(tmp_path: Path) -> None:
    """The stage fails with the device's name and the module that is missing; the network is there without its wire."""
    net = replace(sample_network(sample_subnet("10.36.0.0/24")), uplink=LinkName("vlan7"))
    with rig(tmp_path) as made, namespace("wide") as wide:
        add_veth(made.host, "eth1", wide, "eth1")
        outcome = made.plan(replace(net, vlan=VlanPlan(LinkName("eth1"), 7)))
        if Stage.VLANS in outcome.failures:
            said = outcome.failures[Stage.VLANS].said
            assert said == "vlan7: this kernel makes no VLAN devices (CONFIG_VLAN_8021Q): modprobe 8021q"
        else:
            assert "vlan7@eth1" in ip(made.host, "link")
        assert net.bridge in ip(made.host, "link")


@pytest.mark.slow
@pytest.mark.timeout(1600)
def test_vlans_of_one_wire_are_kept_apart(tmp_path: Path) -> None:
    """All of tests/e2e/vlan_scenes.py passes in a virtual machine whose kernel has VLAN devices."""
    script = 'modprobe 8021q && exec "$0" -m pytest -q --color=no -p no:xdist tests/e2e/vlan_scenes.py'
    environment = {"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"}
    answer = run_in_vm(Job(["sh", "-c", script, sys.executable], ROOT, environment, 1500), tmp_path)
    assert answer.code == 0, answer.text
    assert "passed" in answer.text
