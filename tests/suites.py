"""The virtualenv of the suites that others wrote (`make suites`); NETWRIGHT_SUITES names another one."""

from __future__ import annotations

import os
from pathlib import Path

SUITES = Path(__file__).parents[1] / os.environ.get("NETWRIGHT_SUITES", ".venv-suites")
