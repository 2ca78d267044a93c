"""The server as a process: its socket, its database, many clients, a sudden end."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path

import pytest
from served import PATIENCE_S, Client, client_of, serving

from netwright.api.server import CannotListenError, Server, open_server
from netwright.model.ids import HostName
from netwright.wire.unix_http import UnixConnection

RUN = """
import sys, time
from pathlib import Path
from netwright.api.server import open_server
directory = Path(sys.argv[1])
open_server(f"sqlite:///{directory}/netwright.db", "h1", directory / "api.sock").start()
time.sleep(600)
"""


def test_the_socket_is_for_its_owner_and_group() -> None:
    """The Unix socket's mode is 0660, and it goes with the server."""
    with tempfile.TemporaryDirectory() as directory:
        with serving(Path(directory), tcp=False) as server:
            assert stat.S_IMODE(server.socket_path.stat().st_mode) == 0o660
        assert not server.socket_path.exists()


def test_a_dead_servers_socket_is_replaced_and_a_living_ones_is_not() -> None:
    """A stale socket file does not stop a start; a second server on a living one's socket or port is refused."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        with serving(directory, tcp=False) as first:
            first.socket_path.rename(directory / "kept.sock")
        (directory / "kept.sock").unlink(missing_ok=True)
        stale = socket.socket(socket.AF_UNIX)
        stale.bind(str(directory / "api.sock"))
        stale.close()
        with serving(directory) as server:
            url = f"sqlite:///{directory}/netwright.db"
            for path, listen in (
                (server.socket_path, ("127.0.0.1", 0)),
                (directory / "b.sock", server.address),
            ):
                second = open_server(url, HostName("h1"), path, listen)
                with pytest.raises(CannotListenError):
                    second.start()
                second.database.close()
            client = client_of(server)
            assert client.get("/v1/status")
            client.connection.close()


def test_a_restart_keeps_all() -> None:
    """What was created is there after a restart, with the same generation."""
    with tempfile.TemporaryDirectory() as directory:
        answers = []
        for _ in range(2):
            with serving(Path(directory), tcp=False) as server:
                client = client_of(server)
                if not answers:
                    network = client.host_network()
                    client.make("port", network_id=network["id"], name="kept")
                paths = (
                    "/v2.0/networks",
                    "/v2.0/subnets",
                    "/v2.0/ports",
                    "/v2.0/security-groups",
                    "/v1/plan?host=h1",
                )
                answers.append([client.send("GET", path).raw for path in paths])
                client.connection.close()
        assert answers[0] == answers[1]


def test_many_clients_get_different_addresses(server: Server, client: Client) -> None:
    """Eight clients that create ports at once all get addresses, MACs and ids of their own."""
    network = client.host_network("10.30.0.0/16")

    def create(_: int) -> list[dict]:
        mine = client_of(server)
        made = [mine.make("port", network_id=network["id"]) for _ in range(15)]
        mine.connection.close()
        return made

    with ThreadPoolExecutor(8) as pool:
        ports = [port for made in pool.map(create, range(8)) for port in made]
    assert len({port["fixed_ips"][0]["ip_address"] for port in ports}) == 120
    assert len({port["mac_address"] for port in ports}) == 120


def test_an_exhausted_pool_is_a_conflict(client: Client) -> None:
    """When every address of the pool is in use the answer is 409, and a freed one is given again."""
    network = client.host_network("10.31.0.0/29")
    ports = [client.make("port", network_id=network["id"]) for _ in range(5)]
    answer = client.send("POST", "/v2.0/ports", {"port": {"network_id": network["id"]}})
    assert (answer.status, answer.kind) == (409, "IpAddressGenerationFailure")
    assert answer.message == f"No more IP addresses available on network {network['id']}."
    client.drop("port", ports[2]["id"])
    assert client.make("port", network_id=network["id"])["fixed_ips"] == ports[2]["fixed_ips"]


def connected(path: Path) -> Client:
    deadline = time.monotonic() + 20
    while True:
        client = Client(UnixConnection(path, PATIENCE_S))
        with suppress(OSError):
            client.get("/healthz")
            return client
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_server_leaves_a_sound_database() -> None:
    """After kill -9 under writes, every answered create is there, and no port is without its address or log row."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        answered, network = set(), None
        for _ in range(3):
            process = subprocess.Popen(
                [sys.executable, "-c", RUN, name], env={**os.environ, "PYTHONPATH": "src"}
            )
            try:
                client = connected(directory / "api.sock")
                network = network or client.host_network("10.32.0.0/16")["id"]
                end = time.monotonic() + 0.3
                with suppress(OSError, HTTPException):
                    for written in itertools.count(1):
                        answered.add(client.make("port", network_id=network)["id"])
                        if written > 7 and time.monotonic() > end:
                            process.send_signal(signal.SIGKILL)
            finally:
                process.kill()
                process.wait()
                client.connection.close()
        with sqlite3.connect(directory / "netwright.db") as raw:
            assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert raw.execute("PRAGMA foreign_key_check").fetchall() == []
            ports = {row[0] for row in raw.execute("SELECT id FROM ports")}
            addressed = {
                row[0] for row in raw.execute("SELECT port_id FROM addresses WHERE port_id IS NOT NULL")
            }
            logged = {row[0] for row in raw.execute("SELECT id FROM changes WHERE noun = 'port'")}
        raw.close()
        assert answered <= ports == addressed == logged
        assert len(answered) > 20


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:9696"])
def test_pages_in_a_browser_on_this_host_are_nobody(client: Client, origin: str) -> None:
    """Where everybody is admin, what a browser sends for a page is refused: a page may be anybody's."""
    headers = {"Origin": origin, "Content-Type": "text/plain"}
    answer = client.send("POST", "/v2.0/networks", {"network": {"name": "theirs"}}, headers)
    assert (answer.status, answer.kind) == (403, "PolicyNotAuthorized")
