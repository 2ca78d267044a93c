"""Bytes of one connection -> requests -> bytes of the answers, in HTTP/1.0 and 1.1; no sockets here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Final

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

LARGEST_REQUEST: Final = 16384
"""Octets of request line, headers and body together."""
MOST_PIPELINED: Final = 8


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is as sent, without its query; header names are lower case."""

    method: str
    path: str
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Response:
    status: HTTPStatus
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)


def refusal(status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Response:
    """A response that says only its status."""
    return Response(status, f"{status.value} {status.phrase}\n".encode(), headers=headers or {})


class Conversation:
    """One connection's parser; once `ended`, what comes further is not read."""

    def __init__(self, answer: Callable[[Request], Response]) -> None:
        self.ended = False
        self._answer = answer
        self._parser = HttpRequestParser(self)
        self._size = 0
        self._url = b""
        self._headers: dict[str, str] = {}
        self._complete: list[tuple[Request, bool]] = []

    def feed(self, data: bytes) -> bytes:
        """What to send back for what has come; empty until a request is complete."""
        self._size += len(data)
        failed = self._parse(data)
        requests, self._complete = self._complete[:MOST_PIPELINED], self._complete[MOST_PIPELINED:]
        if requests:
            self._size = 0
        if self._complete:
            failed = HTTPStatus.BAD_REQUEST
        elif self._size > LARGEST_REQUEST:
            failed = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
        answers = [self._answered(request, keep=keep) for request, keep in requests if not self.ended]
        if failed and not self.ended:
            self.ended = True
            answers.append(_encoded(refusal(failed), keep=False, head=False))
        return b"".join(answers)

    def on_message_begin(self) -> None:
        self._url, self._headers = b"", {}

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_message_complete(self) -> None:
        path = self._url.decode("ascii", "replace").partition("?")[0]
        request = Request(self._parser.get_method().decode("ascii"), path, self._headers)
        self._complete.append((request, self._parser.should_keep_alive()))

    def _parse(self, data: bytes) -> HTTPStatus | None:
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            return HTTPStatus.BAD_REQUEST
        return None

    def _answered(self, request: Request, *, keep: bool) -> bytes:
        self.ended = not keep
        return _encoded(self._answer(request), keep=keep, head=request.method == "HEAD")


def _encoded(response: Response, *, keep: bool, head: bool) -> bytes:
    headers = {
        "Content-Type": response.content_type,
        "Content-Length": str(len(response.body)),
        "Connection": "keep-alive" if keep else "close",
        **response.headers,
    }
    lines = [f"HTTP/1.1 {response.status.value} {response.status.phrase}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (b"" if head else response.body)
