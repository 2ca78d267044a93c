"""Who is told what managers do: anything that takes an event's name and what belongs to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import structlog

_LOG: Final = structlog.get_logger("netwright.nova")


def log_notification(event: str, payload: Mapping[str, object]) -> None:
    """A line of the structured log for each: the ready-made notifier."""
    _LOG.info("notification", notification=event, **payload)
