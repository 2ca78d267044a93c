"""The agent's last plan on disk."""

from __future__ import annotations

from pathlib import Path

from netwright.agent.cache import PlanCache
from netwright.model.ids import HostName
from netwright.model.plan import HostPlan


def test_no_other_user_reads_the_plan(tmp_path: Path) -> None:
    """The file is its owner's alone, and is read back."""
    cache, plan = PlanCache(tmp_path), HostPlan(HostName("h1"), 7)
    cache.save(plan)
    assert [one.stat().st_mode & 0o777 for one in tmp_path.iterdir()] == [0o600]
    assert cache.load(plan.host) == plan
