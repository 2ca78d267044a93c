"""The last plan on local disk, from which an agent runs when every server is gone."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from netwright.model.ids import HostName
from netwright.model.plan import HostPlan
from netwright.wire.codec import WireError, decode_update, encode_update

_NAME: Final = "plan.json"


class PlanCache:
    """One file, replaced whole; one that cannot be read counts as none."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / _NAME

    def load(self, host: HostName) -> HostPlan | None:
        try:
            plan = decode_update(self._path.read_bytes())
        except (OSError, WireError):
            return None
        return plan if isinstance(plan, HostPlan) and plan.host == host else None

    def save(self, plan: HostPlan) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(".new")
        # VPNs' private keys are in it.
        with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(encode_update(plan))
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(self._path)
