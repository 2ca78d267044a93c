"""Open vSwitch's datapath in the kernel, tested in a virtual machine: not every kernel has it."""

from __future__ import annotations

from pathlib import Path

import pytest
from nova.test_vlan_devices import run_tests

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1300)]


def test_ovs_under_debians_kernel(tmp_path: Path) -> None:
    """All of vm_ovs.py passes where the datapath is the kernel's: VLANs by tag, gateways, who reaches whom."""
    run_tests("vm_ovs", tmp_path)
