"""A client that can do all that a test's client can, as somebody."""

from __future__ import annotations

from collections.abc import Mapping

from askers import PROJECT, ROLE
from served import Answer, Client


class Speaker(Client):
    """Says with every request to a trusting server who it is."""

    def __init__(self, client: Client, role: str, project: str) -> None:
        super().__init__(client.connection)
        self._mine = {ROLE: role, PROJECT: project}

    def send(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        return super().send(method, path, body, {**self._mine, **(headers or {})})
