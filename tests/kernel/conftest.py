"""Hosts that several modules look at; a module with another host makes its own under the same name."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from foreign_scene import Scene, scene

from netwright.testing.whole import Planned, planned


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planned]:
    """A host that has something of everything."""
    with planned(tmp_path_factory.mktemp("rig")) as made:
        yield made


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Scene]:
    """A host with guests, beside which others may keep packet filters."""
    with scene(tmp_path) as made:
        yield made
