"""The data plane's own tests under Debian's kernel, whose bridges track connections themselves."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from netwright.testing.vm_host import Job, run_in_vm

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(2200),
]
ROOT = Path(__file__).resolve().parents[2]
SECURITY = ("kernel/test_zones", "kernel/test_nat", "kernel/test_host_input", "firewall/test_spoofing")
STATE = ("firewall/test_conformance", "kernel/test_drift", "kernel/test_ownership", "kernel/test_inspection")
PROBE = "from netwright.kernel.traits import probe; assert probe('/run').bridge_conntrack"


def run_tests(names: Sequence[str], scratch: Path, first: str = "true") -> None:
    """Those tests pass, all of them (the slow ones apart), after the command `first`."""
    files = " ".join(f"tests/{name}.py" for name in names)
    options = "-q --color=no -p no:xdist --scenes 6 -m 'not slow' -k 'not iptables and not nwfilter'"
    script = f'{first} && "$0" -c "{PROBE}" && exec "$0" -m pytest {options} {files}'
    environment = {"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"}
    answer = run_in_vm(Job(["sh", "-c", script, sys.executable], ROOT, environment, 2100), scratch)
    assert answer.code == 0, answer.text
    assert "passed" in answer.text
    assert "skipped" not in answer.text


def test_a_kernel_that_tracks_bridged_connections_itself_is_held_to_the_same_tests(tmp_path: Path) -> None:
    """With `ct` in the bridge family, packets, rules and their restoring are as they are with br_netfilter."""
    run_tests((*SECURITY, *STATE), tmp_path)


def test_br_netfilter_beside_it_changes_nothing(tmp_path: Path) -> None:
    """Docker, for one, shows bridged packets to iptables on every bridge; connections are tracked once all the same."""
    run_tests(SECURITY, tmp_path, first="modprobe br_netfilter")
