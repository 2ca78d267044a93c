"""The `openstack` client makes address groups, port forwardings and DHCP options of ports."""

from __future__ import annotations

from typing import Any

from openstack_command import openstack, unauthenticated
from served import client_of

from netwright.api.server import Server


def test_the_openstack_client_names_addresses_and_forwards_ports(server: Server) -> None:
    """Each is created, changed, listed and deleted with the client's own commands."""

    def run(*words: str) -> Any:
        return openstack(unauthenticated(server), *words)

    show = ("-f", "json")
    run("address", "group", "create", "offices", "--address", "192.0.2.0/24", *show)
    run("address", "group", "set", "offices", "--address", "10.0.0.0/8", "--description", "ours")
    run("address", "group", "unset", "offices", "--address", "192.0.2.0/24")
    offices = run("address", "group", "show", "offices", *show)
    assert (offices["addresses"], offices["description"]) == (["10.0.0.0/8"], "ours")
    rule = run("security", "group", "rule", "create", "default", "--remote-address-group", "offices", *show)
    assert rule["remote_address_group_id"] == offices["id"]
    run("security", "group", "rule", "delete", rule["id"])
    run("address", "group", "delete", "offices")

    run("network", "create", "wan", "--external", *show)
    run("subnet", "create", "wan4", "--network", "wan", "--subnet-range", "203.0.113.0/24", *show)
    client = client_of(server)
    client.host_network("10.72.0.0/24", name="lan")
    client.connection.close()
    boot = ("--extra-dhcp-option", "name=bootfile-name,value=pxelinux.0,ip-version=4")
    port = run("port", "create", "web", "--network", "lan", *boot, *show)
    assert [one["opt_value"] for one in port["extra_dhcp_opts"]] == ["pxelinux.0"]
    address = port["fixed_ips"][0]["ip_address"]
    floating = run("floating", "ip", "create", "wan", *show)["floating_ip_address"]
    made = run(
        "floating", "ip", "port", "forwarding", "create", floating, "--internal-ip-address", address,
        "--port", port["id"], "--internal-protocol-port", "80", "--external-protocol-port", "8080",
        "--protocol", "tcp", "--description", "web", *show,
    )  # fmt: skip
    assert (made["external_port"], made["internal_port"]) == (8080, 80)
    which = (floating, made["id"])
    run("floating", "ip", "port", "forwarding", "set", *which, "--external-protocol-port", "8081")
    listed = run("floating", "ip", "port", "forwarding", "list", floating, *show)
    assert [one["External Port"] for one in listed] == [8081]
    run("floating", "ip", "port", "forwarding", "delete", *which)
    run("floating", "ip", "delete", floating)
