"""Hosts for the tests of IptablesManager."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from nova.routed_hosts import Routed, routed
from nova.xt_hosts import Host

from netwright.kernel import netns
from netwright.testing.namespaces import namespace


@pytest.fixture(params=["legacy", "nft"])
def xt_host(request: pytest.FixtureRequest) -> Iterator[Host]:
    with namespace("ipt") as name:
        machine = Path("/proc/thread-self/ns/net").stat().st_ino
        with netns.inside(name):
            assert Path("/proc/thread-self/ns/net").stat().st_ino != machine
            yield Host(name, request.param)


@pytest.fixture
def routed_host(xt_host: Host) -> Iterator[Routed]:
    with routed(xt_host) as made:
        yield made
