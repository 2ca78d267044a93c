"""Clients that take their time, or never end."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from served import Client, serving
from served import client_of as open_client

from netwright.api import patience
from netwright.api.server import Server


def connected(server) -> socket.socket:
    found = socket.create_connection(server.address, timeout=20)
    found.settimeout(20)
    return found


@contextmanager
def client_of(server) -> Iterator[Client]:
    client = open_client(server)
    yield client
    client.connection.close()


def answered(client: socket.socket) -> bytes:
    """All that comes until the server closes."""
    found = b""
    while chunk := client.recv(65536):
        found += chunk
    return found


@pytest.mark.parametrize("sent", [b"", b"\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: "])
def test_a_head_that_does_not_end_is_not_waited_for(tmp_path: Path, monkeypatch, sent: bytes) -> None:
    """A client that says nothing, or never ends its headers, is sent away with 408, and others are served."""
    monkeypatch.setattr(patience, "HEAD_S", 0.4)
    with serving(tmp_path) as server, connected(server) as slow, client_of(server) as client:
        slow.sendall(sent)
        assert client.send("GET", "/").status == 200
        assert answered(slow).startswith(b"HTTP/1.1 408")


def test_a_second_head_that_does_not_end_is_not_waited_for(tmp_path: Path, monkeypatch) -> None:
    """What a kept-alive connection sends after its first request is waited for no longer than the first."""
    monkeypatch.setattr(patience, "HEAD_S", 0.4)
    with serving(tmp_path) as server, connected(server) as slow:
        slow.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HT")
        assert b" 408 " in answered(slow)


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /v2.0/networks?name=" + b"a" * 20000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (
            b"GET / HTTP/1.1\r\n"
            + b"".join(b"X-%d: %s\r\n" % (n, b"v" * 1000) for n in range(100))
            + b"\r\n",
            431,
        ),
    ],
)
def test_heads_are_bounded(tmp_path: Path, head: bytes, status: int) -> None:
    """A URL or headers beyond their bounds are refused, and the connection is closed."""
    with serving(tmp_path) as server, connected(server) as client:
        client.sendall(head)
        assert answered(client).startswith(b"HTTP/1.1 %d" % status)


def test_a_body_that_does_not_end_is_not_waited_for(tmp_path: Path, monkeypatch) -> None:
    """A body that stays away is given up with 408."""
    monkeypatch.setattr("netwright.api.call.BODY_S", 0.4)
    with serving(tmp_path) as server, connected(server) as client:
        client.sendall(b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 50\r\n\r\n{")
        assert client.recv(100).startswith(b"HTTP/1.1 408")


def test_more_at_once_than_may_be_is_refused(tmp_path: Path) -> None:
    """One request makes at most 1,000 things: a longer list is a 413, and nothing is made."""
    with serving(tmp_path) as server, client_of(server) as client:
        answer = client.send("POST", "/v2.0/networks", {"networks": [{}] * 1001})
        assert answer.status == 413
        assert client.get("/v2.0/networks")["networks"] == []


def test_a_client_that_does_not_read_is_cut_off(tmp_path: Path, monkeypatch) -> None:
    """Who does not take a long answer loses the connection before its end."""
    monkeypatch.setattr(patience, "READ_S", 0.4)
    with serving(tmp_path) as server, client_of(server) as client:
        prose = "x" * 255
        for _ in range(4):
            made = client.send("POST", "/v2.0/networks", {"networks": [{"description": prose}] * 1000})
            assert made.status == 201
        with socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            slow.settimeout(20)
            slow.connect(server.address)
            slow.sendall(b"GET /v2.0/networks HTTP/1.1\r\nHost: x\r\n\r\n")
            head = slow.recv(1000)
            told = int(re.search(rb"content-length: (\d+)", head)[1])
            time.sleep(2)
            taken = 0
            with suppress(ConnectionResetError):
                taken = len(answered(slow))
            assert taken < told - len(head)


def test_a_client_that_hangs_up_within_its_body_is_no_error(
    server: Server, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    """It leaves no trace in the log, which anybody could fill so, and the server goes on."""
    assert server.address is not None
    for _ in range(3):
        with socket.create_connection(server.address) as gone:
            gone.sendall(b"POST /v2.0/networks HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{")
    assert client.get("/v2.0/networks?limit=1")
    time.sleep(0.2)
    assert "Exception in ASGI application" not in caplog.text
