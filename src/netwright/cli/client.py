"""Requests to the Networking API as values: one connection, over a Unix socket or TCP."""

from __future__ import annotations

import http.client
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from netwright.cli.errors import RefusedError, TimedOutError
from netwright.cli.nouns import Item, Noun
from netwright.cli.progress import Progress
from netwright.model.errors import InvalidError, ServerGoneError
from netwright.wire.unix_http import UnixConnection

DEFAULT_SERVER: Final = "/run/netwright/api.sock"
_ANSWER_WITHIN: Final = 60.0
"""Seconds."""
Query = Iterable[tuple[str, str]]


class Client:
    """Speaks to one server; the connection is made at the first request and kept.

    `server` is an absolute path or `unix:` and a path, else an http or https URL. `headers` go with every
    request.
    Requests raise RefusedError, TimedOutError or ServerGoneError.
    """

    def __init__(
        self, server: str, timeout: float = _ANSWER_WITHIN, headers: Mapping[str, str] | None = None
    ) -> None:
        self.server, self.progress = server, Progress()
        self._headers = {"Accept": "application/json", **(headers or {})}
        self._connection, self._prefix = _place(server, timeout)

    def close(self) -> None:
        self._connection.close()

    def list(self, noun: Noun, query: Query = ()) -> list[Item]:
        """All objects that the query lets through, page after page."""
        found: list[Item] = []
        while True:
            answer = self.request("GET", noun.path, query=query)
            found.extend(_items(_get(answer, noun.plural)))
            following = _next_page(_get(answer, f"{noun.plural}_links"))
            if following is None:
                return found
            query = following

    def show(self, noun: Noun, identifier: str) -> Item:
        return _item(_get(self.request("GET", _path(noun, identifier)), noun.singular))

    def create(self, noun: Noun, body: Item) -> Item:
        return _item(_get(self.request("POST", noun.path, {noun.singular: body}), noun.singular))

    def update(self, noun: Noun, identifier: str, body: Item) -> Item:
        answer = self.request(noun.change, _path(noun, identifier), {noun.singular: body})
        return _item(_get(answer, noun.singular))

    def act(self, noun: Noun, identifier: str, act: str, body: Item) -> Item:
        """Has something else done with an object than to change its attributes; the answer's body."""
        return _item(self.request("PUT", f"{_path(noun, identifier)}/{act}", body))

    def delete(self, noun: Noun, identifier: str) -> None:
        self.request("DELETE", _path(noun, identifier))

    def status(self) -> Item:
        """What GET /v1/status says."""
        return _item(self.request("GET", "/v1/status"))

    def request(self, method: str, path: str, body: Item | None = None, query: Query = ()) -> object:
        """The answer's JSON; None where there is none."""
        search = urlencode(tuple(query))
        target = f"{self._prefix}{path}?{search}" if search else f"{self._prefix}{path}"
        payload = None if body is None else json.dumps(body).encode()
        with self.progress.during(f"waiting for {self.server}"):
            status, data = self._exchange(method, target, payload)
        return _decoded(status, data)

    def _exchange(self, method: str, target: str, payload: bytes | None) -> tuple[int, bytes]:
        kept = self._connection.sock is not None
        try:
            return self._once(method, target, payload)
        except ServerGoneError:
            # A server may close a kept connection at any time; asking twice for a reading does no harm.
            if not kept or method != "GET":
                raise
            return self._once(method, target, payload)

    def _once(self, method: str, target: str, payload: bytes | None) -> tuple[int, bytes]:
        self._connect()
        headers = dict(self._headers)
        if payload is not None:
            headers["Content-Type"] = "application/json"
        try:
            encoded = {name: value.encode() for name, value in headers.items()}
            self._connection.request(method, target, payload, encoded)
            response = self._connection.getresponse()
            return response.status, response.read()
        except TimeoutError as error:
            self.close()
            raise TimedOutError(f"{self.server} did not answer in time") from error
        except (OSError, http.client.HTTPException) as error:
            self.close()
            said = str(error) or type(error).__name__
            raise ServerGoneError(f"{self.server} went away before it answered: {said}") from error

    def _connect(self) -> None:
        if self._connection.sock is not None:
            return
        try:
            self._connection.connect()
        except (OSError, UnicodeError) as error:
            self.close()
            said = getattr(error, "strerror", None) or str(error)
            raise ServerGoneError(
                f"cannot reach the server at {self.server}: {said}; {_way_out(error)}"
            ) from error


def _way_out(error: Exception) -> str:
    if isinstance(error, PermissionError):
        return "run this as root, or as a member of the socket's group"
    return "is `netwright up` running? (another place: --server or NETWRIGHT_SERVER)"


def _place(server: str, timeout: float) -> tuple[http.client.HTTPConnection, str]:
    """The unopened connection, and what stands before every path there."""
    if server.startswith(("/", "unix:")):
        return UnixConnection(Path(server.removeprefix("unix:")), timeout), ""
    try:
        parts = urlsplit(server)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise InvalidError(f"server {server!r}: {error}", "server") from error
    kind = _CONNECTIONS.get(parts.scheme)
    if kind is None or not host:
        raise InvalidError(
            f"server {server!r} is neither an absolute path nor a URL like http://127.0.0.1:9696", "server"
        )
    return kind(host, port, timeout=timeout), parts.path.rstrip("/")


_CONNECTIONS: Final[Mapping[str, Callable[..., http.client.HTTPConnection]]] = {
    "http": http.client.HTTPConnection,
    "https": http.client.HTTPSConnection,
}


def _path(noun: Noun, identifier: str) -> str:
    return f"{noun.path}/{quote(identifier, safe='')}"


def _decoded(status: int, data: bytes) -> object:
    try:
        answer: object = json.loads(data) if data else None
    except ValueError:
        said = data[:200].decode(errors="replace")
        raise RefusedError(max(status, 500), "HTTP", f"HTTP {status}, and no JSON: {said}") from None
    if status < http.client.BAD_REQUEST:
        return answer
    problem = _get(answer, "NeutronError") or _get(answer, "error")
    kind = _get(problem, "type") or _get(problem, "title")
    message = _get(problem, "message") or problem or answer
    if status == http.client.UNAUTHORIZED:
        message = f"{message} (--token, or OS_USERNAME, OS_PASSWORD and OS_PROJECT_NAME, say who you are)"
    raise RefusedError(status, str(kind or "HTTP"), str(message or f"HTTP {status}"))


def _get(answer: object, key: str) -> object:
    return answer.get(key) if isinstance(answer, dict) else None


def _item(value: object) -> Item:
    if not isinstance(value, dict):
        raise RefusedError(502, "HTTP", "the answer is not one of the Networking API")
    return value


def _items(value: object) -> list[Item]:
    if not isinstance(value, list):
        raise RefusedError(502, "HTTP", "the answer is not a list of the Networking API")
    return [_item(one) for one in value]


def _next_page(links: object) -> list[tuple[str, str]] | None:
    """The query of the page after this one, from the answer's `…_links`."""
    for link in links if isinstance(links, list) else ():
        if _get(link, "rel") == "next":
            return parse_qsl(urlsplit(str(_get(link, "href"))).query)
    return None
