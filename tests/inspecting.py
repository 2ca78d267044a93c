"""A host with one port that sends what it likes, of any engine, and what `inspect` finds on it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from netwright.agent.inspection import Inspection, Picture, Seen
from netwright.model.ids import GroupId, HostName, NamespaceName
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType
from netwright.model.plan import GroupItem, HostItem, HostPlan, NetworkItem, PortItem, RulePlan, Serving
from netwright.render.path_view import Part
from netwright.testing.namespaces import ip, namespace
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet
from netwright.testing.wires import attached, silent_namespace

GROUP: Final = GroupId("6e0a0000-0000-4000-8000-000000000001")
NETWORK: Final = sample_network(sample_subnet("10.20.0.0/24"))
STATIC: Final = sample_network(sample_subnet("10.20.0.0/24", Serving.STATIC))
_OUT: Final = RulePlan(Direction.EGRESS, EtherType.IPV4, AnyProtocol(), Anywhere())


@dataclass(frozen=True, slots=True)
class Scene:
    """`engine`: as a rig takes it. `guest`: where the port's far end is."""

    engine: str
    made: Rig
    plan: HostPlan
    port: PortItem
    guest: NamespaceName
    directory: Path

    def look(self) -> Picture:
        """The port's path, as it is found from within the host."""

        def act() -> Picture | None:
            with closing(Inspection(self.directory)) as inspection:
                assert inspection.is_host()
                assert inspection.firewall == self.engine.partition("/")[0]
                return inspection.look(self.plan, self.port.id)

        picture = self.made.do(act)
        assert picture is not None
        return picture

    def at(self, part: Part) -> Seen:
        """What is found at that part's only hop."""
        (seen,) = (one for one in self.look().seen if one.hop.part is part)
        return seen


@contextmanager
def guest_scene(directory: Path, engine: str = "nftables") -> Iterator[Scene]:
    """A guest in a namespace on a host network, with one group that lets everything out."""
    directory.chmod(0o755)
    with rig(directory, engine) as made, namespace("guest") as guest:
        port, plan = _planned(made, NETWORK, guest)
        ip(guest, "address", "add", "10.20.0.5/24", "dev", "eth0")
        yield Scene(engine, made, plan, port, guest, directory)


@contextmanager
def silent_scene(directory: Path, engine: str) -> Iterator[Scene]:
    """The same with a guest that says nothing by itself, on a network without DHCP."""
    with silent_namespace() as guest, rig(directory, engine) as made:
        port, plan = _planned(made, STATIC, guest)
        yield Scene(engine, made, plan, port, guest, directory)


def _planned(made: Rig, network: NetworkItem, guest: NamespaceName) -> tuple[PortItem, HostPlan]:
    """The host gets the port; what was planned."""
    (subnet,) = network.subnets
    bare = sample_port(sample_address(subnet, "10.20.0.5"), network=network)
    port = replace(attached(bare, guest), groups=(GROUP,), security_group_names=("out",))
    items = (network, GroupItem(GROUP, stateful=True, rules=(_OUT,)), port)
    outcome = made.plan(*items)
    assert not outcome.failures, outcome
    listed = {item.key: item for item in (HostItem(HostName("rig")), *items)}
    return port, HostPlan(HostName("rig"), 1, listed)
