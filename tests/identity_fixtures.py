"""A server with users of its own, and clients of it that show what they have."""

from __future__ import annotations

import base64
import itertools
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest
from served import Answer, Client, serving

from netwright.api.identities import IdentityMode, IdentitySettings, gate_of
from netwright.api.server import Server, Settings
from netwright.wire.unix_http import UnixConnection

PASSWORD = "a long password"
NUMBER = itertools.count(1)


def basic(name: str, password: str = PASSWORD, **more: str) -> dict[str, str]:
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    return {"Authorization": f"Basic {pair}", **{key.replace("_", "-"): value for key, value in more.items()}}


def auth(name: str, password: str = PASSWORD, scope: object = None, **user: object) -> dict:
    """The body that asks for a token."""
    who = {"name": name, "domain": {"id": "default"}, "password": password, **user}
    body = {"identity": {"methods": ["password"], "password": {"user": who}}}
    return {"auth": body if scope is None else {**body, "scope": scope}}


@dataclass(frozen=True)
class Town:
    """The server, its admin by the socket, and somebody on the network."""

    server: Server
    admin: Client
    guest: Client

    def project(self, name: str = "") -> dict:
        body = {"project": {"name": name or f"project-{next(NUMBER)}"}}
        return self._made("/v3/projects", body)["project"]

    def user(self, project: dict | None = None, role: str = "member", **more: object) -> dict:
        """A user, with that role in the project, which is then the default one."""
        default = {} if project is None else {"default_project_id": project["id"]}
        body = {"name": f"user-{next(NUMBER)}", "password": PASSWORD, **default, **more}
        made = self._made("/v3/users", {"user": body})["user"]
        if project is not None:
            self.give(made, project, role)
        return made

    def give(self, user: dict, project: dict, role: str) -> None:
        path = f"/v3/projects/{project['id']}/users/{user['id']}/roles/{role}"
        assert self.admin.send("PUT", path).status == 204

    def token(self, user: dict, scope: object = None, password: str = PASSWORD) -> str:
        answer = self.ask_token(auth(user["name"], password, scope))
        assert answer.status == 201, answer
        return answer.headers["x-subject-token"]

    def ask_token(self, body: object) -> Answer:
        return self.guest.send("POST", "/v3/auth/tokens", body)

    def status(self, headers: Mapping[str, str], path: str = "/v2.0/networks") -> int:
        """What somebody on the network who shows these is answered."""
        return self.guest.send("GET", path, headers=headers).status

    def _made(self, path: str, body: object) -> dict:
        answer = self.admin.send("POST", path, body)
        assert answer.status == 201, answer
        return answer.body


def identified(mode: IdentityMode, config: Path | None = None) -> Settings:
    """A server's settings."""
    return Settings(gate=lambda world: gate_of(world, IdentitySettings(mode, config)))


@contextmanager
def town(directory: Path, settings: Settings | None = None) -> Iterator[Town]:
    with serving(directory, settings=settings or identified(IdentityMode.LOCAL)) as server:
        assert server.address is not None
        admin = Client(UnixConnection(server.socket_path, 10))
        guest = Client(HTTPConnection(*server.address, timeout=10))
        yield Town(server, admin, guest)
        admin.connection.close()
        guest.connection.close()


@pytest.fixture(scope="module")
def here() -> Iterator[Town]:
    with tempfile.TemporaryDirectory(prefix="netwright-test-") as directory, town(Path(directory)) as made:
        yield made


def shown(token: str) -> dict[str, str]:
    return {"X-Auth-Token": token}
