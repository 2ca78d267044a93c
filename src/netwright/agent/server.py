"""The agent's side of the server: a stream of plan updates in, reports out, over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from netwright.model.errors import ServerGoneError
from netwright.model.ids import HostName
from netwright.model.plan import PlanUpdate, Report
from netwright.wire.codec import decode_update, encode_report
from netwright.wire.unix_http import UnixConnection

READ_TIMEOUT: Final = 60.0
"""Seconds; the server writes a blank line every 20."""
_UNIX: Final = "unix:"


class Server:
    """`address` is `unix:/path/of/socket` or `http://host:port`."""

    def __init__(self, address: str) -> None:
        self._address = address

    def watch(self, host: HostName, generation: int) -> Iterator[PlanUpdate]:
        """Updates from that generation on (0: from nothing), for as long as the stream lasts.

        Raises ServerGoneError when it ends.
        """
        connection = self._connect()
        try:
            connection.request("GET", f"/v1/watch?host={quote(host, safe='')}&generation={generation}")
            answer = connection.getresponse()
            if answer.status != 200:
                raise ServerGoneError(f"the watch was answered {answer.status}")
            while line := answer.readline():
                if line.strip():
                    yield decode_update(line)
        except (OSError, HTTPException) as error:
            raise ServerGoneError(f"{self._address}: {error}") from error
        finally:
            connection.close()
        raise ServerGoneError(f"{self._address}: the stream ended")

    def report(self, report: Report) -> None:
        """Raises ServerGoneError when it was not taken."""
        connection = self._connect()
        try:
            connection.request("POST", "/v1/report", encode_report(report))
            answer = connection.getresponse()
            answer.read()
        except (OSError, HTTPException) as error:
            raise ServerGoneError(f"{self._address}: {error}") from error
        finally:
            connection.close()
        if answer.status != 204:
            raise ServerGoneError(f"the report was answered {answer.status}")

    def _connect(self) -> HTTPConnection:
        if self._address.startswith(_UNIX):
            return UnixConnection(Path(self._address.removeprefix(_UNIX)), READ_TIMEOUT)
        parts = urlsplit(self._address)
        return HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=READ_TIMEOUT)
