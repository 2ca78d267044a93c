"""How random tests go where each example asks a real kernel."""

from __future__ import annotations

from typing import Final

from hypothesis import HealthCheck, settings

UNHURRIED: Final = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=25,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
"""The same examples every time, as slow as they are; what one leaves, its test takes away."""
