"""How long and how much a client may take to say what it wants: slow or endless ones are sent away.

Without this a client that sends a byte now and then holds its connection for as long as it likes.
"""

from __future__ import annotations

import asyncio
from typing import Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_S: Final = 10.0
"""For the request line and the headers, from the first byte on; and for a first byte at all."""
BODY_S: Final = 30.0
READ_S: Final = 30.0
"""For taking an answer: after so long without a byte of it taken the connection is cut."""
LARGEST_HEAD: Final = 64 * 1024
"""Bytes of the request line and the headers."""
LONGEST_URL: Final = 16 * 1024
_REFUSALS: Final = {408: "Request Timeout", 414: "URI Too Long", 431: "Request Header Fields Too Large"}


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's, with an end to its patience."""

    _timer: asyncio.TimerHandle | None = None
    _head: int | None = None
    """Bytes of a head that is not complete; None between heads, or while a body comes."""
    _fields: int = 0
    """Bytes of the headers that are."""
    _sent_away: bool = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's
        super().connection_made(transport)
        self._wait()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._head is not None:
            self._head += len(data)
        super().data_received(data)
        if self._head is not None and self._head > LARGEST_HEAD:
            self._send_away(431)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._head = 0
        self._wait()

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        if len(self.url) > LONGEST_URL:
            self._send_away(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self._fields += len(name) + len(value)
        if self._fields > LARGEST_HEAD:
            self._send_away(431)

    def on_headers_complete(self) -> None:
        self._head, self._fields = None, 0
        self._stop_waiting()
        if not self._sent_away:
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._sent_away:
            super().on_body(body)

    def on_message_complete(self) -> None:
        if not self._sent_away:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch_reader(0)

    def _watch_reader(self, before: int) -> None:
        """Cuts the connection where as much is unread as `before`; looks again while there is less."""
        unread = self.transport.get_write_buffer_size()
        if unread and unread == before:
            self.transport.abort()
        elif unread:
            self.loop.call_later(READ_S, self._watch_reader, unread)

    def _wait(self) -> None:
        self._stop_waiting()
        self._timer = self.loop.call_later(HEAD_S, self._send_away, 408)

    def _stop_waiting(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _send_away(self, status: int) -> None:
        self._stop_waiting()
        if self.transport.is_closing():
            return
        self._sent_away = True
        said = f"HTTP/1.1 {status} {_REFUSALS[status]}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
        self.transport.write(said.encode())
        self.transport.close()
