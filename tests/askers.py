"""Servers that take a request's word for who asks, so that tests can ask as anybody."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from served import Answer, Client, client_of, serving

from netwright.api.call import Stranger
from netwright.api.gate import Gate
from netwright.api.server import Server, Settings
from netwright.model.caller import Caller, Role
from netwright.model.ids import ProjectId

ROLE, PROJECT, USER = "X-Test-Role", "X-Test-Project", "X-Test-User"
SETTINGS = Settings(gate=lambda _: Gate(by_headers))


def by_headers(stranger: Stranger) -> Caller:
    """The caller that the test names; else an admin."""
    project = stranger.headers.get(PROJECT.lower())
    role = Role[stranger.headers.get(ROLE.lower(), Role.ADMIN.name)]
    user = stranger.headers.get(USER.lower(), f"user of {project}")
    return Caller(ProjectId(project) if project else None, role, user_id=user)


@dataclass(frozen=True)
class Asker:
    """A client that asks as a member, a reader, an admin, in a project.

    A server that does not take its word for that asks as the client does, in that project where it may.
    """

    client: Client
    role: Role
    project: str

    def send(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        who = {ROLE: self.role.name, PROJECT: self.project, "X-Project-Id": self.project}
        return self.client.send(method, path, body, {**who, **(headers or {})})

    def get(self, path: str) -> dict:
        answer = self.send("GET", path)
        assert answer.status == 200, (path, answer)
        return answer.body

    def make(self, collection: str, singular: str, body: Mapping[str, object]) -> dict:
        """Creates one that must be taken."""
        answer = self.send("POST", collection, {singular: body})
        assert answer.status == 201, (collection, body, answer)
        return answer.body[singular]


@contextmanager
def trusting(quotas: Mapping[str, int] | None = None) -> Iterator[tuple[Server, Client]]:
    """A server with an empty database that believes who a request says it is, and a client of it."""
    with (
        tempfile.TemporaryDirectory(prefix="netwright-test-") as directory,
        serving(Path(directory), settings=replace(SETTINGS, quotas=quotas or {})) as server,
    ):
        client = client_of(server)
        try:
            yield server, client
        finally:
            client.connection.close()
