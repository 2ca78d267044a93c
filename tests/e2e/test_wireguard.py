"""WireGuard under Debian's kernel, which has it."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from netwright.testing.vm_host import Job, run_in_vm

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(1600)
def test_peers_come_into_their_projects_network_and_no_further(tmp_path: Path) -> None:
    """All of tests/e2e/wireguard_scenes.py passes in a virtual machine whose kernel has WireGuard."""
    # wg-quick has bash hand it files by /dev/fd, which udev makes where there is one.
    first = "ln -sfn /proc/self/fd /dev/fd && modprobe wireguard && modprobe br_netfilter"
    script = f'{first} && exec "$0" -m pytest -q --color=no -p no:xdist tests/e2e/wireguard_scenes.py'
    environment = {"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"}
    answer = run_in_vm(Job(["sh", "-c", script, sys.executable], ROOT, environment, 1500), tmp_path)
    assert answer.code == 0, answer.text
    assert "passed" in answer.text
