"""The agent's side of the server: a stream of plan updates in, reports out, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from netwright.model.counters import CounterReport
from netwright.model.errors import ServerGoneError
from netwright.model.ids import HostName
from netwright.model.leases import LeaseReport
from netwright.model.plan import PlanUpdate
from netwright.model.report import Report
from netwright.wire.codec import ASK_COUNTERS, decode_update, encode_counters, encode_leases, encode_report
from netwright.wire.unix_http import UnixConnection

READ_TIMEOUT: Final = 60.0
"""Seconds; the server writes a blank line every 20."""
_TAKEN, _ALL_WANTED = 204, 409
_UNIX: Final = "unix:"


class Server:
    """`address` is `unix:/path/of/socket` or `http://host:port`; `token` is an admin's, or none is needed."""

    def __init__(self, address: str, token: str = "") -> None:
        self._address = address
        self._headers = {"X-Auth-Token": token} if token else {}

    def watch(
        self, host: HostName, generation: int, asked: Callable[[], None] = lambda: None
    ) -> Iterator[PlanUpdate]:
        """Updates from that generation on (0: from nothing), for as long as the stream lasts.

        `asked` is called when the server wants to know the rules' counters.
        Raises ServerGoneError when it ends.
        """
        connection = self._connect()
        try:
            path = f"/v1/watch?host={quote(host, safe='')}&generation={generation}"
            connection.request("GET", path, headers=self._headers)
            answer = connection.getresponse()
            if answer.status != 200:
                raise ServerGoneError(f"the watch was answered {answer.status}")
            while line := answer.readline():
                if line.strip() == ASK_COUNTERS:
                    asked()
                elif line.strip():
                    yield decode_update(line)
        except (OSError, HTTPException) as error:
            raise ServerGoneError(f"{self._address}: {error}") from error
        finally:
            connection.close()
        raise ServerGoneError(f"{self._address}: the stream ended")

    def report(self, report: Report) -> None:
        """Raises ServerGoneError when it was not taken."""
        status = self._post("/v1/report", encode_report(report))
        if status != _TAKEN:
            raise ServerGoneError(f"the report was answered {status}")

    def counters(self, report: CounterReport) -> bool:
        """Whether that was enough; else the server wants a complete one. Raises ServerGoneError."""
        status = self._post("/v1/counters", encode_counters(report))
        if status not in {_TAKEN, _ALL_WANTED}:
            raise ServerGoneError(f"the counters were answered {status}")
        return status == _TAKEN

    def leases(self, report: LeaseReport) -> None:
        """Raises ServerGoneError when it was not taken."""
        status = self._post("/v1/leases", encode_leases(report))
        if status != _TAKEN:
            raise ServerGoneError(f"the leases were answered {status}")

    def _post(self, path: str, body: bytes) -> int:
        connection = self._connect()
        try:
            connection.request("POST", path, body, self._headers)
            answer = connection.getresponse()
            answer.read()
        except (OSError, HTTPException) as error:
            raise ServerGoneError(f"{self._address}: {error}") from error
        finally:
            connection.close()
        return answer.status

    def _connect(self) -> HTTPConnection:
        if self._address.startswith(_UNIX):
            return UnixConnection(Path(self._address.removeprefix(_UNIX)), READ_TIMEOUT)
        parts = urlsplit(self._address)
        return HTTPConnection(parts.hostname or "127.0.0.1", parts.port, timeout=READ_TIMEOUT)
