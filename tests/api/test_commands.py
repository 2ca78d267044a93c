"""The command's nouns that a small API does not know, against the real server."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from served import Client

from netwright.api.server import Server

if TYPE_CHECKING:
    from cli_fixtures import Cli  # pytest must import it first, to rewrite its assertions

pytest_plugins = ["cli_fixtures"]


@pytest.fixture
def command(server: Server, cli: Cli) -> Cli:
    return replace(cli, server=f"unix:{server.socket_path}")


def test_address_groups_by_name(command: Cli) -> None:
    """They are made, filled, emptied, named by a rule, shown in its line, and kept while it names them."""
    made = command.ok(
        "address-group", "create", "offices", "--address", "192.0.2.0/24", "--address", "fd00::1"
    )
    assert made["addresses"] == ["192.0.2.0/24", "fd00::1/128"]
    assert command.ok("address-group", "add", "offices", "10.0.0.0/8")["addresses"][0] == "10.0.0.0/8"
    left = command.ok("address-group", "remove", "offices", "10.0.0.0/8", "fd00::1/128")
    assert left["addresses"] == ["192.0.2.0/24"]
    command.ok("security-group", "create", "web")
    words = ("--protocol", "tcp", "--dst-port", "443", "--remote-address-group", "offices")
    rule = command.ok("security-group", "rule", "create", "web", *words)
    assert rule["remote_address_group_id"] == made["id"]
    assert f"address group {made['id']}" in command.run("security-group", "show", "web").out
    assert command.run("address-group", "delete", "offices").code == 4
    clash = ("--remote-ip", "10.0.0.0/8")
    assert command.run("security-group", "rule", "create", "web", *words, *clash).code == 2
    assert command.run("security-group", "rule", "delete", rule["id"]).code == 0
    assert command.ok("address-group", "set", "offices", "--name", "homes")["name"] == "homes"
    assert [one["name"] for one in command.ok("address-group", "list")] == ["homes"]
    assert command.run("address-group", "delete", "homes").code == 0


def test_ports_are_forwarded(command: Cli, client: Client) -> None:
    """By names and addresses; protocols default to TCP, single ports are ranges of one."""
    outside = client.make("network", name="wan", **{"router:external": True})
    client.make("subnet", network_id=outside["id"], cidr="192.0.2.0/24")
    inside = client.host_network("10.75.0.0/24")
    port = client.make("port", name="web1", network_id=inside["id"])
    floating = command.ok("floating-ip", "create", "wan")["floating_ip_address"]
    words = ("--external-port", "8080", "--port", "web1", "--internal-port", "80")
    made = command.ok("floating-ip", "forward", "create", floating, *words)
    assert (made["protocol"], made["external_port"], made["internal_port"]) == ("tcp", 8080, 80)
    assert made["internal_port_id"] == port["id"]
    many = ("--external-port", "7000:7010", "--internal-port", "7000:7010", "--port", "web1")
    command.ok("floating-ip", "forward", "create", floating, "--protocol", "udp", *many)
    shown = command.run("floating-ip", "forward", "list", floating).out
    assert "8080:8080" in shown
    assert "web1" in shown
    changed = command.ok("floating-ip", "forward", "set", floating, made["id"], "--internal-port", "81")
    assert changed["internal_port"] == 81
    assert command.ok("floating-ip", "forward", "show", floating, made["id"]) == changed
    assert command.run("floating-ip", "delete", floating).code == 4
    assert command.run("floating-ip", "forward", "delete", floating, made["id"]).code == 0
    assert len(json.loads(command.run("floating-ip", "forward", "list", floating, "-f", "json").out)) == 1


def test_dhcp_options_of_a_port(command: Cli, client: Client) -> None:
    """They are added, replaced and taken away one by one; those of DHCPv6 are named so."""
    client.host_network("10.74.0.0/24", name="blue")
    made = command.ok("port", "create", "p", "--network", "blue", "--dhcp-option", "bootfile-name=a=b")
    assert options(made) == {("bootfile-name", 4): "a=b"}
    more = ("--dhcp-option", "tftp-server=192.0.2.9", "--dhcp-option", "6:bootfile-url=http://[fd00::1]/x")
    changed = command.ok("port", "set", "p", *more, "--dhcp-option", "bootfile-name=c")
    assert options(changed) == {
        ("bootfile-name", 4): "c",
        ("tftp-server", 4): "192.0.2.9",
        ("bootfile-url", 6): "http://[fd00::1]/x",
    }
    left = command.ok("port", "set", "p", "--dhcp-option", "tftp-server", "--dhcp-option", "6:bootfile-url")
    assert options(left) == {("bootfile-name", 4): "c"}
    assert command.run("port", "set", "p", "--dhcp-option", "no-such-option=1").code == 2


def options(port: dict) -> dict[tuple[str, int], str]:
    return {(one["opt_name"], one["ip_version"]): one["opt_value"] for one in port["extra_dhcp_opts"]}
