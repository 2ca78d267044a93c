"""linux_net's ebtables rules under Debian's kernel, which tells bridges apart."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from netwright.testing.vm_host import Job, run_in_vm

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1300)]
ROOT = Path(__file__).resolve().parents[2]
PROBE = "from netwright.kernel.ebtables import tells_bridges; assert tells_bridges()"
FORCED = "nft and (routed_by_its_host or skips_nobodys_filter or one_bridge)"


def test_forced_routing_is_of_one_bridge(tmp_path: Path) -> None:
    """Where `--logical-in` is there, guests with a floating IP are routed by their host by rules that name the bridge."""
    files = "tests/nova/test_floating.py tests/nova/test_ebtables.py"
    wanted = f"{FORCED} or shared_dhcp or however_often or copies"
    options = f'-q --color=no -p no:xdist --timeout 600 -k "{wanted}"'
    script = f'"$0" -c "{PROBE}" && exec "$0" -m pytest {options} {files}'
    environment = {"PYTHONPATH": "src", "PYTHONDONTWRITEBYTECODE": "1"}
    answer = run_in_vm(Job(["sh", "-c", script, sys.executable], ROOT, environment, 1200), tmp_path)
    assert answer.code == 0, answer.text
    assert "passed" in answer.text
    assert "skipped" not in answer.text
