"""Deltas lead where whole plans are, for many more lives than `make check` has time for."""

from __future__ import annotations

import pytest
from lives import live


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_deltas_lead_to_the_whole_plan_at_length() -> None:
    """Whatever users and agents do, the plan before with the delta applied is the whole plan now."""
    live(400)
