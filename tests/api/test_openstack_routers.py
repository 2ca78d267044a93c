"""The `openstack` client makes routers and what hangs on them."""

from __future__ import annotations

from typing import Any

import pytest
from openstack_command import openstack, unauthenticated
from served import client_of

from netwright.api.server import Server


def networks(server: Server) -> None:
    """An external and a router network, each with a subnet, made without the command: it is slow."""
    client = client_of(server)
    outside = client.make("network", name="outside", **{"router:external": True})
    client.make("subnet", network_id=outside["id"], cidr="192.0.2.0/24", name="outside4", enable_dhcp=False)
    inside = client.make("network", name="inside")
    client.make("subnet", network_id=inside["id"], cidr="10.0.0.0/24", name="inside4")
    client.make("port", network_id=inside["id"], name="web")
    client.connection.close()


@pytest.mark.timeout(240)
def test_the_openstack_client_routes_between_inside_and_outside(server: Server) -> None:
    """Gateway, interface, routes and a floating IP are made, shown and taken away with the client's commands."""

    def run(*words: str) -> Any:
        return openstack(unauthenticated(server), *words)

    networks(server)
    show = ("-f", "json")
    made = run("router", "create", "r1", "--external-gateway", "outside", "--description", "d", *show)
    assert made["external_gateway_info"]["enable_snat"] is True
    run("router", "add", "subnet", "r1", "inside4")
    run("router", "add", "route", "r1", "--route", "destination=10.9.0.0/16,gateway=10.0.0.9")
    shown = run("router", "show", "r1", *show)
    assert shown["routes"] == [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.9"}]
    assert [one["ip_address"] for one in shown["interfaces_info"]] == ["10.0.0.1"]
    floating = run("floating", "ip", "create", "outside", "--port", "web", *show)
    assert floating["router_id"] == shown["id"]
    run("floating", "ip", "unset", "--port", floating["floating_ip_address"])
    run("router", "remove", "route", "r1", "--route", "destination=10.9.0.0/16,gateway=10.0.0.9")
    run("router", "remove", "subnet", "r1", "inside4")
    run("router", "unset", "--external-gateway", "r1")
    run("router", "delete", "r1")
    assert run("router", "list", *show) == []
