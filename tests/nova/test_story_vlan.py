"""VlanManager's story: a project's VLAN, bridge, gateway and DHCP server, in a virtual machine that has VLANs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from netwright.testing.vm_host import Job, run_in_vm

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(1300)
def test_a_projects_vlan_between_two_hosts(tmp_path: Path) -> None:
    """All of vm_story_vlan.py passes under Debian's kernel, where VLANs are links."""
    options = ["-q", "--color=no", "-p", "no:xdist", "--timeout=600"]
    argv = [sys.executable, "-m", "pytest", *options, "tests/nova/vm_story_vlan.py"]
    environment = {"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"}
    answer = run_in_vm(Job(argv, ROOT, environment, 1200), tmp_path)
    assert answer.code == 0, answer.text
    assert "passed" in answer.text
    assert "skipped" not in answer.text
