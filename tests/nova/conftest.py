"""Hosts for the tests of IptablesManager."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from nova.net_hosts import NetHost, net_host
from nova.routed_hosts import Routed, routed
from nova.xt_hosts import Host

from netwright.kernel import netns
from netwright.testing.namespaces import namespace


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """libvirt takes a second or more for each port: its driver's part of what all drivers do is a slow test."""
    for item in items:
        if item.path.name == "test_firewall.py" and "[nwfilter" in item.name:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(params=["legacy", "nft"])
def xt_host(request: pytest.FixtureRequest) -> Iterator[Host]:
    with namespace("ipt") as name:
        machine = Path("/proc/thread-self/ns/net").stat().st_ino
        with netns.inside(name):
            assert Path("/proc/thread-self/ns/net").stat().st_ino != machine
            yield Host(name, request.param)


@pytest.fixture
def place(tmp_path: Path) -> Iterator[NetHost]:
    with net_host(tmp_path) as host:
        yield host


@pytest.fixture
def routed_host(xt_host: Host) -> Iterator[Routed]:
    with routed(xt_host) as made:
        yield made
