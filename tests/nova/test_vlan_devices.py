"""linux_net's VLANs and VFs, tested in a virtual machine: not every kernel has VLAN devices, and few hosts have VFs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from netwright.testing.vm_host import Job, run_in_vm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1300)]
ROOT = Path(__file__).resolve().parents[2]
CARD = (
    *("-netdev", "hubport,id=card,hubid=1", "-netdev", "hubport,id=far,hubid=1"),
    *("-device", "pcie-root-port,id=pcie.1,chassis=1", "-device", "igb,bus=pcie.1,netdev=card"),
    *("-device", "virtio-net-pci,netdev=far,romfile="),
)
"""An Intel 82576, which has VFs, and another card on the same wire."""


def run_tests(name: str, scratch: Path, devices: tuple[str, ...] = ()) -> None:
    """Those tests pass in the virtual machine, all of them."""
    options = ["-q", "--color=no", "-p", "no:xdist", "--timeout=600"]
    argv = [sys.executable, "-m", "pytest", *options, f"tests/nova/{name}.py"]
    environment = {"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"}
    answer = run_in_vm(Job(argv, ROOT, environment, 1200, devices), scratch)
    assert answer.code == 0, answer.text
    assert "passed" in answer.text
    assert "skipped" not in answer.text


def test_vlans_under_debians_kernel(tmp_path: Path) -> None:
    """All of vm_vlan.py passes where VLANs are links: tags on the wire, names, MTUs, what is ours."""
    run_tests("vm_vlan", tmp_path)


def test_vfs_of_an_emulated_card(tmp_path: Path) -> None:
    """All of vm_sriov.py passes on a card with VFs, which QEMU has from 8.0 on: they have their MAC and VLAN."""
    known = subprocess.run(
        ["qemu-system-x86_64", "-device", "igb,help"], capture_output=True, text=True, check=False
    )
    if "igb options" not in known.stdout:
        pytest.skip(
            "this QEMU emulates no network card with VFs: 8.0 or later does (Debian 12: bookworm-backports)"
        )
    run_tests("vm_sriov", tmp_path, CARD)
