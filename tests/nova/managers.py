"""Managers for tests, each on a world of its own, and what their callers hand over."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from types import SimpleNamespace

from worlds import world

from netwright.control.world import World
from netwright.nova.linux_host import linux_host
from netwright.nova.manager import FlatDHCPManager, FlatManager, NetworkManager, VlanManager
from netwright.nova.models import NetworkModel
from netwright.nova.options import NetworkOptions

ADMIN = SimpleNamespace(project_id="admin", user_id="root", is_admin=True)
ALICE = SimpleNamespace(project_id="alice", user_id="alice", is_admin=False)
BOB = SimpleNamespace(project_id="bob", user_id="bob", is_admin=False)


def uuid(number: int) -> str:
    return f"00000000-0000-4000-8000-{number:012d}"


def instance(number: int, host: str = "h1", project: str = "alice") -> dict[str, str]:
    """An instance as nova's model of it."""
    return {
        "uuid": uuid(number),
        "host": host,
        "project_id": project,
        "hostname": f"vm{number}",
        "display_name": f"VM {number}",
    }


@contextmanager
def vlan(seed: int = 0, **options: object) -> Iterator[VlanManager]:
    with world(seed) as here:
        yield VlanManager(here, options=_options(options, vlan_interface="eth1"))


@contextmanager
def flat_dhcp(seed: int = 0, **options: object) -> Iterator[FlatDHCPManager]:
    with world(seed) as here:
        yield FlatDHCPManager(here, options=_options(options))


@contextmanager
def flat(seed: int = 0, **options: object) -> Iterator[FlatManager]:
    with world(seed) as here:
        yield FlatManager(here, options=_options(options))


def serving(kind: type[NetworkManager], here: World, **options: object) -> NetworkManager:
    """A manager that would serve its host by linux_net; it does nothing there before it is told to."""
    return kind(here, on=linux_host(_options(options, vlan_interface="eth1")))


def world_of(manager: NetworkManager) -> World:
    return manager.world


def reserved(manager: NetworkManager, network: NetworkModel) -> list[str]:
    """The last octets of a /24's addresses that are never given out."""
    assert network.cidr is not None
    return [
        str(address).rsplit(".", 1)[1]
        for address in network.cidr
        if manager.get_fixed_ip_by_address(ADMIN, address).reserved
    ]


def addresses(info: list[dict[str, object]]) -> list[str]:
    """All fixed IPs of a network info."""
    return [ip["address"] for vif in info for subnet in vif["network"]["subnets"] for ip in subnet["ips"]]


def boot(
    manager: NetworkManager, number: int, context: object = ALICE, **more: object
) -> list[dict[str, object]]:
    """The network info of a new instance."""
    host = str(more.pop("host", "h1"))
    project = str(getattr(context, "project_id", ""))
    known = more.pop("instance", None) or instance(number, host, project)
    return manager.allocate_for_instance(
        context,
        instance_id=uuid(number),
        instance=known,
        host=host,
        project_id=project,
        **more,
    )


def _options(given: dict[str, object], **otherwise: object) -> NetworkOptions:
    return NetworkOptions(**{"host": "h1", "my_ip": "192.0.2.1", **otherwise, **given})
