"""The engines that are held to one meaning: add a row, and every test here runs with it."""

from __future__ import annotations

from typing import Final

import pytest

ENGINES_TESTED: Final = ("nftables", "iptables/nft", "iptables/legacy", "nwfilter")
_HOUR: Final = 3600


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """libvirt takes a second or more for each port of each scene: its conformance is a slow test, and not at length."""
    for item in list(items):
        if item.path.name != "test_conformance.py" or "[nwfilter]" not in item.name:
            continue
        if "at_length" in item.name:
            items.remove(item)
        item.add_marker(pytest.mark.slow)
        item.add_marker(pytest.mark.timeout(_HOUR))


@pytest.fixture(scope="module", params=ENGINES_TESTED)
def engine(request: pytest.FixtureRequest) -> str:
    """An engine's name in the table of firewalls, and iptables' back end."""
    return str(request.param)


@pytest.fixture(scope="module", params=(*ENGINES_TESTED, "none"))
def any_engine(request: pytest.FixtureRequest) -> str:
    """Also the one that filters nothing: what is not about ports holds there, too."""
    return str(request.param)
