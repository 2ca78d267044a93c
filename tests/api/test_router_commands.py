"""`netwright router` against a real server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from served import Client, served

if TYPE_CHECKING:
    from cli_fixtures import Cli  # pytest must import it first, to rewrite its assertions

pytest_plugins = ["cli_fixtures"]


@pytest.fixture
def real(cli: Cli, capsys: pytest.CaptureFixture[str]):
    """The command, and a client of the server that it speaks to."""
    with served() as (server, client):
        yield type(cli)(str(server.socket_path), capsys), client


def test_a_router_is_made_joined_and_taken_apart(real: tuple[Cli, Client]) -> None:
    """Networks, subnets and ports are found by name; routes add up; what is not given stays as it was."""
    cli, client = real
    wan = client.make("network", name="wan", **{"router:external": True})
    client.make("subnet", network_id=wan["id"], cidr="192.0.2.0/24", enable_dhcp=False)
    blue = client.make("network", name="blue")
    client.make("subnet", network_id=blue["id"], cidr="10.1.0.0/24", name="blue1")
    client.make("port", network_id=blue["id"], name="up")
    made = cli.ok("router", "create", "r1", "--gateway", "wan", "--gateway-address", "192.0.2.99")
    assert made["external_gateway_info"]["external_fixed_ips"][0]["ip_address"] == "192.0.2.99"
    assert cli.run("router", "list", "-c", "name", "-c", "external_gateways", "-f", "value").out == (
        "r1 192.0.2.99\n"
    )
    assert cli.ok("router", "add-subnet", "r1", "blue1")["network_id"] == blue["id"]
    assert cli.run("router", "add-port", "r1", "up").code == 2  # the subnet is there
    off = cli.ok("router", "set", "r1", "--no-snat", "--route", "destination=10.9.0.0/16,gateway=10.1.0.7")
    assert off["enable_snat"] is False
    assert (
        off["external_gateways"][0]["external_fixed_ips"]
        == made["external_gateways"][0]["external_fixed_ips"]
    )
    moved = cli.ok("router", "set", "r1", "--gateway-address", "192.0.2.98")
    assert (moved["enable_snat"], moved["external_gateway_info"]["external_fixed_ips"][0]["ip_address"]) == (
        False,
        "192.0.2.98",
    )
    more = cli.ok("router", "set", "r1", "--route", "destination=10.8.0.0/16,gateway=10.1.0.7")
    assert len(more["routes"]) == 2
    third = "destination=10.7.0.0/16,gateway=10.1.0.8"
    assert len(cli.ok("router", "add-route", "r1", third)["routes"]) == 3
    assert cli.ok("router", "remove-route", "r1", third)["routes"] == more["routes"]
    assert cli.run("router", "remove-subnet", "r1", "blue1").code == 4
    assert cli.ok("router", "set", "r1", "--no-route", "--no-gateway")["external_gateways"] == []
    assert cli.run("router", "set", "r1", "--snat").code == 2
    assert cli.run("router", "delete", "r1").code == 4
    assert cli.ok("router", "remove-subnet", "r1", "blue1")
    assert cli.run("router", "delete", "r1").code == 0
