"""One server a module."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from served import Client, client_of, served

from netwright.api.server import Server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with served() as (running, _):
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[Client]:
    made = client_of(server)
    yield made
    made.connection.close()
