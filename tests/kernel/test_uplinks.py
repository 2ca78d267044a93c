"""A physical link joins a bridge, and the host stays on the network."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from netwright.model.ids import LinkName, NamespaceName, bridge_name
from netwright.model.plan import NetworkItem
from netwright.testing.namespaces import (
    add_addresses,
    add_veth,
    addresses_of,
    eventually,
    ip,
    namespaces,
    run,
)
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_network, sample_subnet


@pytest.fixture
def place(tmp_path: Path) -> Iterator[tuple[Rig, NamespaceName]]:
    """A host with an uplink, addresses, default routes and one more route, and its neighbour."""
    with rig(tmp_path) as host, namespaces("wide") as (wide,):
        add_veth(host.host, "eth0", wide, "eth0")
        add_addresses(host.host, "eth0", "192.0.2.2/24", "2001:db8::2/64")
        add_addresses(wide, "eth0", "192.0.2.1/24", "2001:db8::1/64")
        ip(host.host, "link", "set", "eth0", "alias", "to the world")
        ip(host.host, "route", "add", "default", "via", "192.0.2.1", "metric", "100")
        ip(host.host, "route", "add", "198.51.100.0/24", "via", "192.0.2.1", "src", "192.0.2.2")
        ip(host.host, "-6", "route", "add", "default", "via", "2001:db8::1")
        yield host, wide


def flat() -> NetworkItem:
    """A host network with an uplink and no gateway of ours."""
    subnet = replace(sample_subnet("192.0.2.0/24"), held=None)
    return replace(sample_network(subnet), uplink=LinkName("eth0"))


def routes(host: Rig, link: str) -> list[str]:
    """The routes over a link, but for those that the kernel makes by itself."""
    listed = ip(host.host, "route", "show", "dev", link) + ip(host.host, "-6", "route", "show", "dev", link)
    return sorted(line.strip() for line in listed.splitlines() if "proto kernel" not in line)


def test_addresses_and_routes_move_with_the_link_and_back(place: tuple[Rig, NamespaceName]) -> None:
    """Enslaving moves the host's addresses and routes to the bridge; letting go restores them exactly."""
    host, _ = place
    before = routes(host, "eth0")
    bridge = bridge_name(flat().id)
    assert not host.plan(flat()).failures
    assert routes(host, bridge) == before
    assert routes(host, "eth0") == []
    assert "192.0.2.2/24" in ip(host.host, "address", "show", "dev", bridge)
    assert "2001:db8::2/64" in ip(host.host, "address", "show", "dev", bridge)
    assert "192.0.2.2" not in ip(host.host, "address", "show", "dev", "eth0")
    assert not host.look().writes
    assert not host.plan().failures
    assert routes(host, "eth0") == before
    assert "192.0.2.2/24" in ip(host.host, "address", "show", "dev", "eth0")
    assert "to the world" in ip(host.host, "link", "show", "dev", "eth0")


def test_the_host_stays_reachable_throughout(place: tuple[Rig, NamespaceName]) -> None:
    """A ping every 10 ms from outside loses one packet at most while the link is enslaved, and one while it is let go.

    A link that joins a bridge is deaf for a moment; over IPv6 the neighbour has to be found anew on the bridge.
    """
    host, wide = place
    argv = ["ip", "netns", "exec", wide, "ping", "-q", "-i", "0.01", "-c", "300"]
    targets = ("192.0.2.2", "2001:db8::2")
    # A link that joins a bridge is deaf for some microseconds, inside the kernel's own step; tests beside
    # this one must not stretch them by taking the processor.
    host.do(lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)))
    for target in targets:
        run(wide, ["ping", "-c1", "-W2", target])
    pings = [subprocess.Popen([*argv, target], stdout=subprocess.PIPE, text=True) for target in targets]
    assert not eventually(lambda: False, 0.5)
    assert not host.plan(flat()).failures
    assert not eventually(lambda: False, 1)
    assert not host.plan().failures
    for ping, fewest in zip(pings, (298, 297), strict=True):
        said, _ = ping.communicate(timeout=30)
        received = int(said.split(" received")[0].split()[-1])
        assert received >= fewest, said


def test_neighbours_are_told_where_the_addresses_are_now(place: tuple[Rig, NamespaceName]) -> None:
    """Enslaving and letting go announce the host's addresses, so neighbours know the new MAC at once."""
    host, wide = place
    for target in ("192.0.2.2", "2001:db8::2"):
        run(wide, ["ping", "-c1", "-W2", target])

    def known(target: str) -> str:
        return ip(wide, "neighbour", "show", target).split("lladdr ")[1].split()[0]

    def mac(link: str) -> str:
        return ip(host.host, "-o", "link", "show", link).split("link/ether ")[1].split()[0]

    for plan, link in (((flat(),), bridge_name(flat().id)), ((), "eth0")):
        assert not host.plan(*plan).failures
        for target in ("192.0.2.2", "2001:db8::2"):
            assert eventually(lambda target=target, link=link: known(target) == mac(link)), target


def test_a_link_that_cannot_be_enslaved_keeps_its_addresses(place: tuple[Rig, NamespaceName]) -> None:
    """When a step fails everything is as it was before, and the failure is told."""
    host, wide = place
    before = routes(host, "eth0")
    ip(host.host, "link", "add", "other", "type", "bridge")
    ip(host.host, "link", "set", "eth0", "master", "other")
    outcome = host.plan(flat())
    assert "another bridge" in next(iter(outcome.failures.values())).said
    assert routes(host, "eth0") == before
    ip(host.host, "link", "set", "eth0", "nomaster")
    assert not host.look().failures
    run(wide, ["ping", "-c1", "-W2", "192.0.2.2"])


def test_several_addresses_of_one_subnet_move_together(place: tuple[Rig, NamespaceName]) -> None:
    """Secondary addresses, which the kernel takes away with their primary, are on the bridge, and back again."""
    host, _ = place
    add_addresses(host.host, "eth0", "192.0.2.7/24", "192.0.2.8/24")
    before = addresses_of(host.host, "eth0")
    assert not host.plan(flat()).failures
    assert addresses_of(host.host, bridge_name(flat().id)) == before
    assert addresses_of(host.host, "eth0") == set()
    assert not host.plan().failures
    assert addresses_of(host.host, "eth0") == before
