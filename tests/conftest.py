"""What every test needs: root, where namespaces are made."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import structlog
from hypothesis import settings

_NEEDS_ROOT = {"kernel", "firewall", "nova", "e2e"}
_HERE = Path(__file__).parent

# A machine that has other work makes no test wrong.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")
# A traceback with all that is in reach of it takes longer to write than clients wait.
structlog.configure(
    processors=[
        structlog.processors.add_log_level,
        structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback),
    ]
)


def pytest_addoption(parser: pytest.Parser) -> None:
    said = "random scenes for each conformance test (tests/firewall); fewer where the machine is slow"
    parser.addoption("--scenes", type=int, default=20, help=said)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Fails, and says why, rather than skip what cannot be tested here."""
    room = item.path.relative_to(_HERE).parts[0]
    if room in _NEEDS_ROOT and os.geteuid() != 0:
        pytest.fail("needs root: it makes network namespaces (sudo make test)", pytrace=False)
