"""linux_net's VLANs, tested in a virtual machine: not every kernel has VLAN devices, Debian's does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from netwright.testing.vm_host import Job, run_in_vm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1300)]
ROOT = Path(__file__).resolve().parents[2]


def test_vlans_under_debians_kernel(tmp_path: Path) -> None:
    """All of vm_vlan.py passes where VLANs are links: tags on the wire, names, MTUs, what is ours."""
    argv = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "--color=no",
        "-p",
        "no:xdist",
        "--timeout=600",
        "tests/nova/vm_vlan.py",
    ]
    environment = {"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"}
    answer = run_in_vm(Job(argv, ROOT, environment, 1200), tmp_path)
    assert answer.code == 0, answer.text
    assert "passed" in answer.text
    assert "skipped" not in answer.text
