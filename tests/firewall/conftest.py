"""The engines that are held to one meaning: add a row, and every test here runs with it."""

from __future__ import annotations

from typing import Final

import pytest

ENGINES_TESTED: Final = ("nftables", "iptables/nft", "iptables/legacy")


@pytest.fixture(scope="module", params=ENGINES_TESTED)
def engine(request: pytest.FixtureRequest) -> str:
    """An engine's name in the table of firewalls, and iptables' back end."""
    assert isinstance(request.param, str)
    return request.param
