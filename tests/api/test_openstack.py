"""The `openstack` client, without authentication, creates and lists what there is."""

from __future__ import annotations

from typing import Any

from openstack_command import openstack, unauthenticated

from netwright.api.server import Server


def test_the_openstack_client_makes_a_network_that_is_used(server: Server) -> None:
    """Network, subnet, port, rule and floating IP are created and listed with the client's own commands."""

    def run(*words: str) -> Any:
        return openstack(unauthenticated(server), *words)

    show = ("-f", "json")
    run("network", "create", "outside", "--external", *show)
    run("subnet", "create", "outside4", "--network", "outside", "--subnet-range", "192.0.2.0/24", *show)
    run("network", "create", "inside", "--mtu", "1450", *show)
    run("subnet", "create", "inside4", "--network", "inside", "--subnet-range", "10.0.0.0/24", *show)
    port = run(
        "port",
        "create",
        "web",
        "--network",
        "inside",
        "--fixed-ip",
        "subnet=inside4,ip-address=10.0.0.7",
        *show,
    )
    assert port["fixed_ips"][0]["ip_address"] == "10.0.0.7"
    rule = run(
        "security", "group", "rule", "create", "default", "--protocol", "tcp", "--dst-port", "80:81", *show
    )
    assert rule["port_range_max"] == 81
    floating = run("floating", "ip", "create", "outside", *show)
    assert floating["floating_ip_address"].startswith("192.0.2.")
    assert {network["Name"] for network in run("network", "list", *show)} == {"outside", "inside"}
    assert "web" in {port["Name"] for port in run("port", "list", *show)}
    run("port", "delete", "web")


def test_the_openstack_client_makes_a_qos_policy(server: Server) -> None:
    """A policy with a rule of each type, held by a network and a port, and taken away again."""

    def run(*words: str) -> Any:
        return openstack(unauthenticated(server), *words)

    show, qos = ("-f", "json"), ("network", "qos")
    run(*qos, "policy", "create", "gold", *show)
    asked = {
        "bandwidth-limit": ("--max-kbps", "1000", "--egress"),
        "dscp-marking": ("--dscp-mark", "46"),
        "minimum-bandwidth": ("--min-kbps", "100", "--egress"),
        "minimum-packet-rate": ("--min-kpps", "1", "--any"),
    }
    made = [
        run(*qos, "rule", "create", "gold", "--type", kind, *words, *show) for kind, words in asked.items()
    ]
    assert {one["ID"] for one in run(*qos, "rule", "list", "gold", *show)} == {one["id"] for one in made}
    run(*qos, "rule", "set", "gold", made[0]["id"], "--max-kbps", "2000")
    assert run(*qos, "rule", "show", "gold", made[0]["id"], *show)["max_kbps"] == 2000
    types = {one["Type"] for one in run(*qos, "rule", "type", "list", *show)}
    assert {kind.replace("-", "_") for kind in asked} < types
    run(*qos, "rule", "type", "show", "bandwidth_limit", *show)
    run("network", "create", "limited", "--qos-policy", "gold", *show)
    run("subnet", "create", "limited4", "--network", "limited", "--subnet-range", "10.1.0.0/24", *show)
    port = run("port", "create", "held", "--network", "limited", *show)
    run("port", "set", "held", "--qos-policy", "gold")
    assert run("port", "show", "held", *show)["qos_policy_id"] == port["qos_network_policy_id"]
    run("port", "unset", "held", "--qos-policy")
    run("network", "set", "limited", "--no-qos-policy")
    run(*qos, "rule", "delete", "gold", made[0]["id"])
    run(*qos, "policy", "delete", "gold")
