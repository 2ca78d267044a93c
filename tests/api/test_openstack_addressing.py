"""The `openstack` client with subnet pools, address scopes and segments."""

from __future__ import annotations

from typing import Any

from openstack_command import openstack, unauthenticated

from netwright.api.server import Server


def test_the_openstack_client_takes_subnets_from_a_pool(server: Server) -> None:
    """Scope, pool and subnets are created, changed, listed and counted with the client's own commands."""

    def run(*words: str) -> Any:
        return openstack(unauthenticated(server), *words)

    show = ("-f", "json")
    run("address", "scope", "create", "campus", *show)
    pool = run(
        "subnet", "pool", "create", "green", "--pool-prefix", "10.64.0.0/16", "--default-prefix-length", "26",
        "--address-scope", "campus", *show,
    )  # fmt: skip
    assert pool["prefixes"] == ["10.64.0.0/16"]
    run("subnet", "pool", "set", "green", "--pool-prefix", "10.65.0.0/16")
    network = run("network", "create", "inside", *show)
    first = run("subnet", "create", "a", "--network", "inside", "--subnet-pool", "green", *show)
    longer = ("--prefix-length", "28", "--service-type", "compute:nova")
    second = run("subnet", "create", "b", "--network", "inside", "--subnet-pool", "green", *longer, *show)
    assert (first["cidr"], second["cidr"]) == ("10.64.0.0/26", "10.64.0.64/28")
    assert second["service_types"] == ["compute:nova"]
    assert len(run("subnet", "list", "--subnet-pool", "green", *show)) == 2
    (segment,) = run("network", "segment", "list", "--network", "inside", *show)
    assert segment["Network"] == network["id"]
    counted = run("ip", "availability", "show", "inside", *show)
    assert (counted["total_ips"], counted["used_ips"]) == (61 + 13, 2)
