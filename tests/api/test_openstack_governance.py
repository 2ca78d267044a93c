"""The `openstack` client governs: quotas, tags, sharing, agents, trunks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from openstack_command import openstack, unauthenticated
from served import client_of, served

from netwright.api.server import Server
from netwright.model.ids import HostName
from netwright.model.report import Report
from netwright.wire.codec import encode_report


@dataclass(frozen=True)
class Shell:
    server: Server

    def run(self, *words: str) -> Any:
        return openstack(unauthenticated(self.server), *words)

    def make(self, singular: str, **attributes: object) -> dict:
        """Without the client's start, which takes seconds."""
        client = client_of(self.server)
        try:
            return client.make(singular, **attributes)
        finally:
            client.connection.close()


@pytest.fixture(scope="module")
def shell() -> Iterator[Shell]:
    with served() as (server, client):
        told = Report(HostName("h7"), 1, converged=True, complete=True)
        assert client.send("POST", "/v1/report", encode_report(told)).status == 204
        yield Shell(server)


def test_the_openstack_client_shares_and_tags(shell: Shell) -> None:
    """A network is shared with all, tagged, and found by its tag; the policy is listed and deleted."""
    network = shell.make("network", name="blue")
    shell.run("network", "set", "blue", "--tag", "red", "--tag", "green")
    (found,) = shell.run("network", "list", "--tags", "red,green", "-f", "json")
    assert found["ID"] == network["id"]
    words = ("network", "rbac", "create", "blue", "--type", "network", "--action", "access_as_shared")
    policy = shell.run(*words, "--target-all-projects", "-f", "json")
    assert policy["object_id"] == network["id"]
    assert [one["ID"] for one in shell.run("network", "rbac", "list", "-f", "json")] == [policy["id"]]
    shell.run("network", "rbac", "delete", policy["id"])


def test_the_openstack_client_reads_agents_and_makes_trunks(shell: Shell) -> None:
    """Agents are alive and one is described; a trunk carries a port, as the client shows it."""
    agents = shell.run("network", "agent", "list", "-f", "json")
    assert len(agents) == 4
    assert all(one["Alive"] for one in agents)
    shell.run("network", "agent", "set", agents[0]["ID"], "--description", "cellar", "--disable")
    shown = shell.run("network", "agent", "show", agents[0]["ID"], "-f", "json")
    assert (shown["description"], shown["admin_state_up"]) == ("cellar", False)
    network = shell.make("network", name="ground")["id"]
    parent, child = (shell.make("port", network_id=network, name=name)["id"] for name in ("p", "c"))
    subport = f"port={child},segmentation-type=vlan,segmentation-id=7"
    trunk = shell.run(
        "network", "trunk", "create", "t", "--parent-port", "p", "--subport", subport, "-f", "json"
    )
    assert trunk["port_id"] == parent
    (listed,) = shell.run("network", "subport", "list", "--trunk", "t", "-f", "json")
    assert listed["Segmentation ID"] == 7
