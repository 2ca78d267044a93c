"""Tests that ask as somebody: headers say who asks, in which project, in which role."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from served import Answer, Client, client_of, serving

from netwright.api.call import Stranger
from netwright.api.server import Settings
from netwright.model.caller import Caller, Role
from netwright.model.ids import ProjectId

_ROLE = "X-Test-Role"
_PROJECT = "X-Test-Project"


def by_header(stranger: Stranger) -> Caller:
    """Who the headers say; an admin of the project `admins` where they say nothing."""
    role = Role[stranger.headers.get(_ROLE.lower(), "ADMIN")]
    return Caller(ProjectId(stranger.headers.get(_PROJECT.lower(), "admins")), role)


class Asker(Client):
    """A client that says with every request who it is."""

    def __init__(self, client: Client, role: str, project: str) -> None:
        super().__init__(client.connection)
        self._mine = {_ROLE: role, _PROJECT: project}

    def send(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return super().send(method, path, body, {**self._mine, **(headers or {})})


@contextmanager
def asked_by_header() -> Iterator[Client]:
    """A client of a server with an empty database that believes its headers."""
    with (
        tempfile.TemporaryDirectory(prefix="netwright-test-") as directory,
        serving(Path(directory), settings=Settings(identify=lambda world: by_header)) as server,
    ):
        client = client_of(server)
        try:
            yield client
        finally:
            client.connection.close()
