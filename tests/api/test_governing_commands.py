"""The commands for quotas, tags, sharing and agents, against a real server."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from served import client_of, served

from netwright.cli.main import main
from netwright.model.ids import HostName
from netwright.model.report import Report
from netwright.wire.codec import encode_report


@dataclass(frozen=True)
class Shell:
    server: str
    capsys: pytest.CaptureFixture[str]

    def run(self, *words: str) -> tuple[int, str]:
        self.capsys.readouterr()
        code = main(["--server", self.server, *words])
        return code, self.capsys.readouterr().out

    def ok(self, *words: str) -> object:
        code, out = self.run(*words, "-f", "json")
        assert code == 0, words
        return json.loads(out) if out else None


@pytest.fixture(scope="module")
def socket() -> Iterator[str]:
    with served() as (server, _):
        client = client_of(server)
        told = Report(HostName("h7"), 1, converged=True, complete=True)
        assert client.send("POST", "/v1/report", encode_report(told)).status == 204
        client.connection.close()
        yield str(server.socket_path)


@pytest.fixture
def shell(socket: str, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(socket, capsys)


def test_a_projects_limits_are_set_shown_and_unset(shell: Shell) -> None:
    """As a document and as a table; a limit below what there is needs --force, a name that is none is bad input."""
    shell.ok("network", "create", "one", "--project", "blue", "--router")
    assert shell.ok("quota", "set", "blue", "network=5", "port=-1")["network"] == {
        "limit": 5,
        "used": 1,
        "reserved": 0,
    }
    code, table = shell.run("quota", "show", "blue")
    assert code == 0
    assert any(line.split() == ["network", "5", "1"] for line in table.splitlines())
    assert [one["project_id"] for one in shell.ok("quota", "list")] == ["blue"]
    assert shell.run("quota", "set", "blue", "network=0")[0] == 2
    assert shell.run("quota", "set", "blue", "network=0", "--force")[0] == 0
    assert shell.ok("quota", "show", "blue", "--default")["network"] == -1
    assert shell.run("quota", "set", "blue", "tea=1")[0] == 2
    assert shell.run("quota", "set", "blue", "network")[0] == 2
    assert shell.run("quota", "unset", "blue") == (0, "")
    assert shell.run("quota", "unset", "blue")[0] == 3


def test_tags_are_put_on_things_and_taken_away(shell: Shell) -> None:
    """By the thing's name, several at once, listed a line each."""
    shell.ok("network", "create", "tagged", "--router")
    assert shell.run("tag", "add", "network", "tagged", "red", "a/b")[0] == 0
    assert shell.run("tag", "list", "network", "tagged") == (0, "a/b\nred\n")
    assert shell.run("tag", "remove", "network", "tagged", "a/b")[0] == 0
    assert shell.ok("tag", "list", "network", "tagged") == ["red"]
    assert shell.run("tag", "remove", "network", "tagged", "a/b")[0] == 3
    assert shell.run("tag", "clear", "network", "tagged")[0] == 0
    assert shell.ok("tag", "list", "network", "tagged") == []


def test_things_are_shared_by_name(shell: Shell) -> None:
    """A policy is made, listed, moved to another project and deleted."""
    network = shell.ok("network", "create", "common", "--project", "blue", "--router")
    made = shell.ok("rbac", "create", "network", "common", "--target", "red")
    assert (made["object_id"], made["target_tenant"]) == (network["id"], "red")
    assert [one["id"] for one in shell.ok("rbac", "list", "--kind", "network", "--target", "red")] == [
        made["id"]
    ]
    assert shell.ok("rbac", "set", made["id"], "--target", "green")["target_tenant"] == "green"
    assert shell.run("rbac", "delete", made["id"])[0] == 0
    assert shell.ok("rbac", "list") == []


def test_agents_are_listed_set_and_given_networks(shell: Shell) -> None:
    """Those of a host that reported; a network comes and goes."""
    agents = shell.ok("network-agent", "list", "--host", "h7", "--alive")
    assert len(agents) == 4
    (dhcp,) = shell.ok("network-agent", "list", "--kind", "dhcp agent")
    assert shell.ok("network-agent", "set", dhcp["id"], "--description", "x")["description"] == "x"
    shell.ok("network", "create", "plain", "--router")
    assert shell.run("network-agent", "add-network", dhcp["id"], "plain")[0] == 0
    assert [one["name"] for one in shell.ok("network-agent", "networks", dhcp["id"])] == ["plain"]
    assert shell.run("network-agent", "remove-network", dhcp["id"], "plain")[0] == 0
    assert shell.run("network-agent", "remove-network", dhcp["id"], "plain")[0] == 4
    assert shell.ok("network-agent", "networks", dhcp["id"]) == []
