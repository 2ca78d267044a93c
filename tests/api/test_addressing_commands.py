"""`netwright subnet-pool` and `netwright address-scope` against a real server."""

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


def test_a_pool_by_command(cli: Cli) -> None:
    """Made in a scope, grown, cut, taken from, given a network that was there, changed, listed and deleted."""
    scope = cli.ok("address-scope", "create", "campus", "--ip-version", "4")
    pool = cli.ok(
        "subnet-pool", "create", "green", "--prefix", "10.64.0.0/16", "--default-length", "26",
        "--address-scope", "campus", "--quota", "1024",
    )  # fmt: skip
    assert (pool["address_scope_id"], pool["default_prefixlen"]) == (scope["id"], "26")
    assert cli.ok("subnet-pool", "add", "green", "10.65.0.0/16")["prefixes"] == ["10.64.0.0/15"]
    assert cli.ok("subnet-pool", "remove", "green", "10.65.0.0/16")["prefixes"] == ["10.64.0.0/16"]
    cli.ok("network", "create", "inside")
    any_length = cli.ok("subnet", "create", "a", "--network", "inside", "--subnet-pool", "green")
    small = cli.ok(
        "subnet", "create", "b", "--network", "inside", "--subnet-pool", "green", "--prefix-length", "28"
    )
    assert (any_length["cidr"], small["cidr"]) == ("10.64.0.0/26", "10.64.0.64/28")
    cli.ok("network", "create", "older")
    cli.ok("subnet", "create", "c", "--network", "older", "--subnet-range", "10.70.0.0/24")
    assert "10.70.0.0/24" in cli.ok("subnet-pool", "onboard", "green", "older")["prefixes"]
    assert cli.ok("subnet-pool", "set", "green", "--default-length", "27")["default_prefixlen"] == "27"
    assert "campus" in cli.run("subnet-pool", "list", "--address-scope", "campus").out
    assert cli.run("subnet-pool", "delete", "green").code == 4
    assert cli.run("address-scope", "delete", "campus").code == 4
    for network in ("inside", "older"):
        cli.run("network", "delete", network)
    assert cli.run("subnet-pool", "delete", "green").code == 0
    assert cli.run("address-scope", "delete", "campus").code == 0


def test_the_default_pool_by_command(cli: Cli) -> None:
    """A subnet without a range is refused, or from the default pool where that is asked for."""
    cli.ok("network", "create", "any")
    assert cli.run("subnet", "create", "a", "--network", "any").code == 2
    cli.ok(
        "subnet-pool", "create", "usual", "--prefix", "10.90.0.0/16", "--default-length", "24", "--default"
    )
    made = cli.ok("subnet", "create", "a", "--network", "any", "--default-subnet-pool")
    assert made["cidr"] == "10.90.0.0/24"
