"""Deltas lead where whole plans are, whatever users do in between."""

from __future__ import annotations

from lives import live


def test_deltas_lead_to_the_whole_plan() -> None:
    """Whatever users and agents do, the plan before with the delta applied is the whole plan now."""
    live(15)
