"""`netwright qos` against a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from netwright.api.server import Server

if TYPE_CHECKING:
    from cli_fixtures import Cli  # pytest must import it first, to rewrite its assertions

pytest_plugins = ["cli_fixtures"]


@pytest.fixture
def cli(server: Server, capsys: pytest.CaptureFixture[str]) -> Cli:
    from cli_fixtures import Cli  # noqa: PLC0415 - as above

    assert server.address is not None
    return Cli("http://{}:{}".format(*server.address), capsys)


def test_a_policy_and_its_rules_by_command(cli: Cli) -> None:
    """Made, listed, shown, changed, given to a network and a port, taken from them and deleted."""
    made = cli.ok("qos", "policy", "create", "silver", "--description", "second best")
    limit = cli.ok("qos", "rule", "create", "silver", "bandwidth-limit", "--max-kbps", "1000")
    mark = cli.ok("qos", "rule", "create", "silver", "dscp-marking", "--dscp-mark", "46")
    assert {one["id"] for one in cli.ok("qos", "rule", "list", "silver")} == {limit["id"], mark["id"]}
    table = cli.run("qos", "rule", "list", "silver").out
    assert "≤ 1000 kbit/s" in table
    assert "DSCP 46" in table
    assert cli.ok("qos", "rule", "set", "silver", limit["id"], "--max-kbps", "2000")["max_kbps"] == 2000
    assert cli.ok("qos", "rule", "show", "silver", limit["id"])["max_kbps"] == 2000
    assert "bandwidth_limit egress max_kbps 2000" in cli.run("qos", "policy", "show", "silver").out
    cli.ok("network", "create", "slow", "--cidr", "10.79.0.0/24", "--qos-policy", "silver")
    assert cli.ok("network", "show", "slow")["qos_policy_id"] == made["id"]
    cli.ok("port", "create", "held", "--network", "slow", "--qos-policy", "silver")
    assert cli.ok("port", "set", "held", "--qos-policy", "none")["qos_policy_id"] is None
    assert cli.run("qos", "policy", "delete", "silver").code == 4
    cli.ok("network", "set", "slow", "--qos-policy", "none")
    assert cli.run("qos", "rule", "delete", "silver", mark["id"]).code == 0
    assert cli.run("qos", "policy", "delete", "silver").code == 0
    assert cli.run("qos", "policy", "show", "silver").code == 3


@pytest.mark.parametrize(
    "words",
    [
        ["rule", "create", "silver", "bandwidth-limit"],
        ["rule", "create", "silver", "dscp-marking", "--dscp-mark", "1"],
        ["rule", "create", "silver", "bandwidth-limit", "--dscp-mark", "8"],
        ["rule", "create", "silver", "speed-limit", "--max-kbps", "8"],
    ],
)
def test_what_makes_no_sense_is_bad_input(cli: Cli, words: list[str]) -> None:
    """A rule without its limit, with another's, or of no type."""
    cli.run("qos", "policy", "create", "silver")
    assert cli.run("qos", *words).code == 2
