"""A real server for tests, and a small client of it."""

from __future__ import annotations

import http.client
import json
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from worlds import put_ready_database

from netwright.api.server import Server, Settings, open_server
from netwright.model.ids import HostName
from netwright.wire.unix_http import UnixConnection

PATIENCE_S = 10.0
USUAL = Settings()


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict
    raw: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""

    @property
    def kind(self) -> str:
        return self.body["NeutronError"]["type"]

    @property
    def message(self) -> str:
        return self.body["NeutronError"]["message"]


class Client:
    """Sends JSON, reads JSON; one connection, kept."""

    def __init__(self, connection: http.client.HTTPConnection) -> None:
        self.connection = connection

    def send(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        data = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        self.connection.request(method, path, data, dict(headers or {}))
        answer = self.connection.getresponse()
        raw = answer.read()
        is_json = answer.getheader("content-type", "").startswith("application/json")
        told = {name.lower(): value for name, value in answer.getheaders()}
        return Answer(answer.status, json.loads(raw) if raw and is_json else {}, raw, told)

    def get(self, path: str) -> dict:
        answer = self.send("GET", path)
        assert answer.status == 200, answer
        return answer.body

    def make(self, singular: str, **attributes: object) -> dict:
        """Creates one that must be taken."""
        answer = self.send("POST", path_of(singular), {singular: attributes})
        assert answer.status == 201, answer
        return answer.body[singular]

    def change(self, singular: str, resource_id: str, **attributes: object) -> dict:
        answer = self.send("PUT", f"{path_of(singular)}/{resource_id}", {singular: attributes})
        assert answer.status == 200, answer
        return answer.body[singular]

    def drop(self, singular: str, resource_id: str) -> None:
        answer = self.send("DELETE", f"{path_of(singular)}/{resource_id}")
        assert answer.status == 204, answer

    def host_network(self, cidr: str = "10.20.0.0/24", **attributes: object) -> dict:
        """A network whose gateway is on the host, with one subnet."""
        network = self.make("network", **{"netwright:gateway_place": "host", **attributes})
        self.make("subnet", network_id=network["id"], cidr=cidr)
        return network


def path_of(singular: str) -> str:
    root = "/v1" if singular.startswith("vpn") else "/v2.0"
    return f"{root}/{'log/' if singular == 'log' else ''}{singular.replace('_', '-')}s"


@contextmanager
def serving(directory: Path, *, tcp: bool = True, settings: Settings = USUAL) -> Iterator[Server]:
    """A server whose database and socket are in the directory."""
    listen = ("127.0.0.1", 0) if tcp else None
    put_ready_database(directory / "netwright.db")
    server = open_server(
        f"sqlite:///{directory}/netwright.db", HostName("h1"), directory / "api.sock", listen, settings
    )
    server.start()
    try:
        yield server
    finally:
        server.stop()


def client_of(server: Server) -> Client:
    """Over TCP where it listens there, else over its socket."""
    if server.address is None:
        return Client(UnixConnection(server.socket_path, PATIENCE_S))
    return Client(http.client.HTTPConnection(*server.address, timeout=10))


@contextmanager
def served() -> Iterator[tuple[Server, Client]]:
    """A server with an empty database, and a client of it."""
    with (
        tempfile.TemporaryDirectory(prefix="netwright-test-") as directory,
        serving(Path(directory)) as server,
    ):
        client = client_of(server)
        try:
            yield server, client
        finally:
            client.connection.close()
