"""nova.network.manager: NetworkManager and its three topologies, over netwright's store.

A manager is constructed with the world that it works on. With a LinuxHost it serves networks on its own
host, by linux_net; without one, each host's agent does what the store says.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from netwright.control import classic_networks
from netwright.control.classic_networks import ClassicRecord
from netwright.control.world import Work
from netwright.model.ids import ProjectId
from netwright.nova import network_calls
from netwright.nova.cloud import caller
from netwright.nova.fixed_ip_calls import Requested
from netwright.nova.floating_ips import FloatingIP, NoFloatingIPs
from netwright.nova.models import NetworkModel, network_model
from netwright.nova.network_manager import NetworkManager, Target


class RPCAllocateFixedIP(NetworkManager):
    """A network's fixed IPs are allocated for whoever serves it. The store is one for all hosts: what changes
    there is done by the host that serves the network when it looks next (run_periodic_tasks), or its agent.
    """

    def _rpc_allocate_fixed_ip(
        self, context: object, instance_id: str, network_id: object, **kwargs: object
    ) -> str:
        """One fixed IP on a network that this host serves."""
        return self.allocate_fixed_ip(context, instance_id, {"id": network_id}, **kwargs)


class FlatManager(NoFloatingIPs, NetworkManager):
    """Networks whose bridges an administrator makes; guests are told their addresses by files."""

    timeout_fixed_ips: ClassVar[bool] = False
    required_create_args: ClassVar[Sequence[str]] = ("bridge",)


class FlatDHCPManager(RPCAllocateFixedIP, FloatingIP, NetworkManager):
    """One bridge, and one DHCP server, for all projects."""

    DHCP: ClassVar[bool] = True
    SHOULD_CREATE_BRIDGE: ClassVar[bool] = True
    required_create_args: ClassVar[Sequence[str]] = ("bridge",)


class VlanManager(RPCAllocateFixedIP, FloatingIP, NetworkManager):
    """A VLAN, a bridge and a DHCP server for each project."""

    DHCP: ClassVar[bool] = True
    SHOULD_CREATE_BRIDGE: ClassVar[bool] = True
    SHOULD_CREATE_VLAN: ClassVar[bool] = True
    required_create_args: ClassVar[Sequence[str]] = ("bridge_interface",)
    _limited: ClassVar[bool] = False

    def add_network_to_project(
        self, context: object, project_id: str, network_uuid: object = None
    ) -> NetworkModel:
        """That network, or the next free one, is the project's from now on."""
        del context
        with self._cloud.world.work() as work:
            reference = None if network_uuid is None else str(network_uuid)
            record = classic_networks.claim(work, ProjectId(project_id), reference)
        return network_model(record)

    def associate(self, context: object, network_uuid: object, associations: Mapping[str, object]) -> None:
        """`host` and `project`: a name, or None for nobody."""
        asker = caller(context)
        record = network_calls.one_visible(self._cloud, asker, network_uuid, own_only=True)
        network_calls.associate(self._cloud, record.id, associations)

    def _networks_for(
        self, work: Work, project: ProjectId, wanted: Sequence[Requested]
    ) -> list[tuple[ClassicRecord, Requested]]:
        return network_calls.of_project(work, project, wanted)


__all__ = [
    "FlatDHCPManager",
    "FlatManager",
    "FloatingIP",
    "NetworkManager",
    "RPCAllocateFixedIP",
    "Target",
    "VlanManager",
]
