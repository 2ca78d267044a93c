"""The `openstack` client with subnet pools, address scopes and segments."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from netwright.api.server import Server

OPENSTACK = shutil.which("openstack") or str(Path(sys.executable).parent / "openstack")


@pytest.mark.timeout(180)
def test_the_openstack_client_takes_subnets_from_a_pool(server: Server) -> None:
    """Scope, pool and subnets are created, changed, listed and counted with the client's own commands."""

    def run(*words: str) -> object:
        assert server.address is not None
        endpoint = f"http://{server.address[0]}:{server.address[1]}"
        command = [OPENSTACK, "--os-auth-type", "none", "--os-endpoint", endpoint, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        return json.loads(done.stdout) if done.stdout else None

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
