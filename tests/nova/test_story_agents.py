"""The story with agents: managers write one store, a real agent on each of two hosts follows it."""

from __future__ import annotations

import random
import socket
import uuid as uuids
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from e2e.test_gateway_hosts import CIDR, GATEWAY, LONG, Deployment, deployed
from nova.managers import ADMIN, instance, uuid
from nova.towns import PATIENCE, PORT, talk

from netwright.control import leases
from netwright.control.world import World
from netwright.kernel import netns
from netwright.model.ids import HostName, NetworkId
from netwright.nova.floating_ips import LocalManager
from netwright.nova.manager import FlatDHCPManager
from netwright.nova.options import NetworkOptions
from netwright.store.engine import open_engine
from netwright.testing.namespaces import eventually

FLOATING = "203.0.113.10"

pytestmark = pytest.mark.timeout(300)


@contextmanager
def manager_of(made: Deployment) -> Iterator[FlatDHCPManager]:
    """A manager in a process of its own, so to say: it shares the store with the server, and nothing else."""
    database = open_engine(f"sqlite:///{made.directory}/netwright.db")
    here = World(
        database, HostName("api"), lambda: datetime.now(UTC), lambda: str(uuids.uuid4()), random.Random()
    )
    try:
        yield FlatDHCPManager(here, options=NetworkOptions(flat_interface="eth1", use_ipv6=False))
    finally:
        database.close()


def plug(made: Deployment, port: str, guest: str) -> None:
    """The guest's namespace is the instance's machine, on whatever host the port is."""
    where = {"kind": "namespace", "namespace": made.guests[guest], "link": "eth0"}
    made.client.change("port", port, **{"netwright:attachment": where})


def boot(made: Deployment, manager: FlatDHCPManager) -> tuple[str, str]:
    """The port and the fixed IP of a new instance on host a, which lets pings and TCP in."""
    info: Any = manager.allocate_for_instance(
        ADMIN, instance_id=uuid(1), instance=instance(1, "a", "admin"), host="a", project_id="admin"
    )
    made.ports["a"] = made.client.get(f"/v2.0/ports/{info[0]['id']}")["port"]
    (group,) = made.ports["a"]["security_groups"]
    for protocol in ("icmp", "tcp"):
        rule = {"security_group_id": group, "direction": "ingress", "protocol": protocol}
        made.client.make("security_group_rule", **rule)
    plug(made, info[0]["id"], "a")
    made.wait()
    return info[0]["id"], info[0]["network"]["subnets"][0]["ips"][0]["address"]


def test_an_instance_lives_on_two_hosts_whose_agents_follow_the_store() -> None:
    """Lease, floating IP, move with both and with an open connection, and an address that is free in the end."""
    with deployed() as made, manager_of(made) as manager:
        (net,) = manager.create_networks(ADMIN, "net", cidr=CIDR, bridge="br100")
        local = LocalManager(manager.world, options=manager.options)
        local.create_floating_ips_bulk(ADMIN, FLOATING)
        manager.allocate_floating_ip(ADMIN, "admin")
        port, fixed = boot(made, manager)
        assert made.lease("a") == GATEWAY
        assert made.reaches(made.guests["a"], GATEWAY)
        manager.associate_floating_ip(ADMIN, FLOATING, fixed)
        made.wait()
        assert made.reaches(made.world, FLOATING)
        assert eventually(lambda: manager.get_fixed_ip_by_address(ADMIN, fixed).leased, LONG)
        with netns.inside(made.guests["a"]):
            listening = socket.create_server(("0.0.0.0", PORT))
        with listening:
            with netns.inside(made.world):
                near = socket.create_connection((FLOATING, PORT), PATIENCE)
            far, _ = listening.accept()
        with near, far:
            far.settimeout(PATIENCE)
            talk(near, far)
            moves = {"source": "a", "dest": "b", "floating_addresses": [FLOATING]}
            manager.migrate_instance_start(ADMIN, uuid(1), **moves)
            manager.migrate_instance_finish(ADMIN, uuid(1), **moves)
            plug(made, port, "a")
            made.wait()
            assert made.lease("a") == GATEWAY
            talk(near, far)
        assert made.reaches(made.world, FLOATING)
        manager.deallocate_for_instance(ADMIN, instance=instance(1, "b", "admin"))
        made.wait()

        def is_free() -> bool:
            return manager.get_fixed_ip_by_address(ADMIN, fixed).instance_uuid is None

        assert eventually(is_free, LONG), leases.of_network(manager.world, NetworkId(net.uuid))
        assert not any(made.holds(host, FLOATING) for host in made.hosts)
