"""Distributions on Python's path, as pip would have installed them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def distribution(directory: Path, name: str, firewalls: Mapping[str, str]) -> Iterator[None]:
    """One that names these firewalls, each with the object that it is."""
    info = directory / f"{name.replace('-', '_')}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points = "".join(f"{firewall} = {where}\n" for firewall, where in firewalls.items())
    (info / "entry_points.txt").write_text(f"[netwright.firewall]\n{points}")
    sys.path.insert(0, str(directory))
    try:
        yield
    finally:
        sys.path.remove(str(directory))
