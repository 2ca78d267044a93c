"""The command run in the test's own process, against the fake API on a Unix socket."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from netwright.cli.main import main
from netwright.testing.fake_api import FakeApi, serving


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self):
        return json.loads(self.out)


@dataclass(frozen=True, slots=True)
class Cli:
    """`ok` insists on exit code 0 and gives the JSON printed."""

    server: str
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> Ran:
        self.capsys.readouterr()
        code = main(["--server", self.server, *arguments])
        return Ran(code, *self.capsys.readouterr())

    def ok(self, *arguments: str):
        ran = self.run(*arguments, "-f", "json")
        assert ran.code == 0, ran.err
        return ran.json


@pytest.fixture
def api() -> FakeApi:
    return FakeApi()


@pytest.fixture
def cli(api: FakeApi, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Iterator[Cli]:
    with serving(api, tmp_path / "api.sock") as server:
        yield Cli(server, capsys)
