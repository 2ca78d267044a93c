"""What a user can do with networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import sqlalchemy as sa

from netwright.control import (
    dhcp_ports,
    floating_ips,
    gateways,
    network_links,
    overlaps,
    segments,
    sharing,
    subnet_checks,
    text,
)
from netwright.control.gateways import GatewayAt
from netwright.control.given import UNSET, Left, given
from netwright.control.network_links import NetworkType
from netwright.control.nouns import View
from netwright.control.refusals import NamedConflictError, in_use, invalid
from netwright.control.sharing import Shared
from netwright.control.world import DEFAULT_PROJECT, Work
from netwright.model.ids import LinkName, NetworkId, QosPolicyId, SubnetId
from netwright.model.intent import GatewayHosts, GatewayPlace, Network
from netwright.store import floating_ips as rows
from netwright.store import hosts, ports, qos, rbac, routers, subnets, vpns
from netwright.store import networks as store
from netwright.store.changes import Touched
from netwright.store.records import Record
from netwright.store.rows import Where

_MOST_MTU: Final = 65535
_USUAL_MTU: Final = 1500
_NAMED: Final = 5
"""How many of those that use a network are named where it cannot go."""


@dataclass(frozen=True, slots=True)
class NetworkRequest:
    """A network as a user asks for it; `gateway_place`, `project_id`, type and segment for new ones only."""

    project_id: str | Left = UNSET
    name: str | Left = UNSET
    description: str | Left = UNSET
    admin_state_up: bool | Left = UNSET
    shared: bool | Left = UNSET
    external: bool | Left = UNSET
    is_default: bool | Left = UNSET
    port_security_enabled: bool | Left = UNSET
    mtu: int | Left = UNSET
    dns_domain: str | Left = UNSET
    gateway_place: GatewayPlace | Left = UNSET
    uplink: str | Left | None = UNSET
    nat: bool | Left = UNSET
    host_access: bool | Left = UNSET
    shared_gateway: bool | Left = UNSET
    bridge: str | Left | None = UNSET
    gateway_hosts: GatewayHosts | Left = UNSET
    gateway_host: str | Left | None = UNSET
    network_type: NetworkType | Left = UNSET
    segmentation_id: int | Left | None = UNSET
    qos_policy_id: QosPolicyId | Left | None = UNSET


@dataclass(frozen=True, slots=True)
class NetworkRecord:
    """A network and the ids of its subnets, as the Networking API shows them."""

    record: Record[Network]
    subnets: tuple[SubnetId, ...]
    gateways: tuple[GatewayAt, ...] = ()
    """Where they are, of a network that not every host is a gateway of."""
    scopes: Mapping[int, str] = field(default_factory=dict)
    """The address scopes of its subnets' pools, by IP version."""
    routed: bool = False
    """Whether its subnets are on segments."""
    zones: tuple[str, ...] = ()
    """The availability zones that it should be in."""
    segments: Sequence[View] | None = None
    """All of a network that has several."""

    @property
    def value(self) -> Network:
        return self.record.value


def update_in(work: Work, old: Network, request: NetworkRequest) -> None:
    """Raises NotFoundError, InvalidError, ConflictError."""
    _share(work, old, _update(work, old, request))


def follow_policies(work: Work, network_id: NetworkId) -> None:
    """The network's flags say what RBAC policies make of it. Raises ConflictError."""
    everybody = rbac.EVERYBODY in rbac.targets(work.connection, network_id, rbac.SHARED)
    external = bool(rbac.targets(work.connection, network_id, rbac.EXTERNAL))
    network = store.get(work.connection, network_id).value
    if (network.shared, network.external) != (everybody, external):
        _update(work, network, NetworkRequest(shared=everybody, external=external))


def _update(work: Work, old: Network, request: NetworkRequest) -> Network:
    """The network after it."""
    network = _asked(old, request)
    _check_mtu(work, network)
    _check_shared_gateway(network)
    gateways.check(network)
    _check_external(work, old, network)
    _check_default(work, network)
    network = network_links.with_links(work, old, network)
    store.save(work.connection, network, work.now)
    segments.follow(work, old, network)
    gateways.settle(work, network)
    work.touch(Touched.NETWORK, network.id)
    return network


def delete_in(work: Work, network: Network) -> None:
    """With subnets, VPNs and floating IPs that stand for nothing.

    Raises ConflictError while ports, or floating IPs of ports, are on it.
    """
    connection, network_id = work.connection, network.id
    theirs = ports.find(connection, {"network_id": (network_id,)})
    work.touch(Touched.VPN, *vpns.ids(connection, (network_id,)))
    using = [record.value.id for record in theirs if not dhcp_ports.is_dhcp(record.value)]
    if using:
        why = f"There are one or more ports still in use on the network: {', '.join(using[:_NAMED])}"
        raise in_use("Network", network_id, why)
    _refuse_external_use(work, network, "NetworkInUse")
    for record in theirs:
        ports.delete(connection, record.value.id)
    for subnet in subnets.of_network(connection, network.id):
        subnets.delete(connection, subnet.id)
    store.delete(connection, network_id)
    work.touch(Touched.NETWORK_ITEM, network_id)
    if network.gateway_hosts is GatewayHosts.ONE:
        work.touch(Touched.GATEWAY, network_id)


def find_in(connection: sa.Connection, where: Where) -> list[NetworkRecord]:
    """Those whose columns match, oldest first."""
    return _shown(connection, store.find(connection, where))


def create_in(work: Work, request: NetworkRequest, network_id: NetworkId | None = None) -> NetworkId:
    """One network, as a part of a larger transaction; its id is a new one where none is given."""
    blank = Network(
        id=network_id or NetworkId(work.world.new_id()),
        project_id=text.project(given(request.project_id, DEFAULT_PROJECT)),
        name="",
        zone=store.free_zone(work.connection, work.world.rng),
        mtu=given(request.mtu, 0) or _default_mtu(work.connection),
        gateway_place=given(request.gateway_place, GatewayPlace.ROUTER),
    )
    network = _asked(blank, request)
    if network.qos_policy_id is None:
        network = replace(network, qos_policy_id=qos.default_of(work.connection, network.project_id))
    _check_mtu(work, network)
    _check_shared_gateway(network)
    gateways.check(network)
    segment = network_links.segment(
        work, given(request.network_type, None), given(request.segmentation_id, None), network.uplink
    )
    network = network_links.with_links(work, None, network, segment)
    _check_default(work, network)
    store.insert(work.connection, network, work.now)
    segments.make_own(work, network)
    _share(work, blank, network)
    if network.gateway_hosts is not GatewayHosts.EVERY:
        gateways.settle(work, network)
    work.touch(Touched.NETWORK, network.id)
    return network.id


def _share(work: Work, old: Network, new: Network) -> None:
    thing = (new.id, new.project_id)
    if new.shared != old.shared:
        sharing.with_everybody(work, "network", thing, wanted=new.shared)
        _refuse_strangers(work, new)
    if new.external != old.external:
        sharing.with_everybody(work, "network", thing, rbac.EXTERNAL, wanted=new.external)
    if old.external and not new.external:
        rbac.withdraw(work.connection, new.id, rbac.EXTERNAL, target=None)


def _refuse_strangers(work: Work, network: Network) -> None:
    """Who has ports on it goes on seeing it."""
    try:
        sharing.refuse_used(work, Shared("network", network.id))
    except NamedConflictError as error:
        message = (
            f"Unable to reconfigure sharing settings for network {network.name or network.id}:"
            " multiple projects are using it."
        )
        raise NamedConflictError("InvalidSharedSetting", message, "shared") from error


def _asked(network: Network, request: NetworkRequest) -> Network:
    """The network with what is asked of it, its texts checked."""
    return replace(
        network,
        name=text.line(given(request.name, network.name), "name"),
        description=text.prose(given(request.description, network.description), "description"),
        admin_state_up=given(request.admin_state_up, network.admin_state_up),
        shared=given(request.shared, network.shared),
        external=given(request.external, network.external),
        is_default=given(request.is_default, network.is_default),
        port_security_enabled=given(request.port_security_enabled, network.port_security_enabled),
        mtu=given(request.mtu, 0) or network.mtu,
        dns_domain=text.dns_domain(given(request.dns_domain, network.dns_domain)),
        uplink=_uplink(given(request.uplink, network.uplink)),
        nat=given(request.nat, network.nat),
        host_access=given(request.host_access, network.host_access),
        shared_gateway=given(request.shared_gateway, network.shared_gateway),
        bridge=network_links.bridge(given(request.bridge, network.bridge)),
        gateway_hosts=given(request.gateway_hosts, network.gateway_hosts),
        gateway_host=gateways.named_host(given(request.gateway_host, network.gateway_host)),
        qos_policy_id=given(request.qos_policy_id, network.qos_policy_id),
    )


def _uplink(name: str | None) -> LinkName | None:
    return None if name is None else text.link_name(name, "provider:physical_network")


def _default_mtu(connection: sa.Connection) -> int:
    """The smallest of the hosts' uplinks, so that no guest's packet is too big on its way out."""
    return min((host.facts.uplink_mtu for host in hosts.every(connection)), default=_USUAL_MTU)


def _check_mtu(work: Work, network: Network) -> None:
    """Raises InvalidError, or ConflictError where its subnets need a larger one."""
    if not 0 <= network.mtu <= _MOST_MTU:
        raise invalid("mtu", f"must be from 0 to {_MOST_MTU}.")
    for subnet in subnets.of_network(work.connection, network.id):
        subnet_checks.refuse_small_mtu(subnet.cidr, network)


def _check_shared_gateway(network: Network) -> None:
    """Where somebody else is the gateway, or nobody is on the wire, there is nothing to share."""
    if not network.shared_gateway:
        return
    field = "netwright:shared_gateway"
    if network.gateway_place is not GatewayPlace.HOST:
        raise invalid(field, "only a network whose gateway is on the host (netwright:gateway_place) has one.")
    if network.uplink is None:
        raise invalid(field, "the network has no uplink (provider:physical_network).")
    if network.external:
        raise invalid(field, "an external network's gateway is somebody else's.")


def _check_external(work: Work, old: Network, new: Network) -> None:
    if old.external == new.external:
        return
    if not new.external:
        _refuse_external_use(work, new, "ExternalNetworkInUse")
    if new.external and (left := vpns.ids(work.connection, [new.id])):
        message = f"Network {new.id} has VPNs, which need its gateway: delete {', '.join(sorted(left))}."
        raise NamedConflictError("NetworkHasVpns", message, "router:external")
    if not new.external and new.gateway_place is GatewayPlace.HOST:
        for subnet in subnets.of_network(work.connection, new.id):
            overlaps.refuse_on_hosts(work.connection, subnet.cidr, apart_from=new.id)


def _check_default(work: Work, network: Network) -> None:
    """One external network is the one that is meant where none is named."""
    if not network.is_default:
        return
    if not network.external:
        raise invalid("is_default", "only an external network (router:external) can be the default one.")
    for other in store.find(work.connection, {"is_default": (True,)}):
        if other.value.id != network.id:
            message = f"A default external network already exists: {other.value.id}."
            raise NamedConflictError("DefaultExternalNetworkExists", message, "is_default")


def _refuse_external_use(work: Work, network: Network, kind: str) -> None:
    """Floating IPs of the network that stand for nothing go. Raises ConflictError where others are left, or
    routers have a gateway there."""
    floating_ips.drop_unused_in(work, network.id)
    if theirs := routers.gateways_on(work.connection, network.id):
        message = f"External network {network.id} is the gateway of routers: {', '.join(sorted(theirs))}."
        raise NamedConflictError(kind, message, "router:external")
    if rows.find(work.connection, {"network_id": (network.id,)}):
        message = f"External network {network.id} has floating IPs that stand for ports."
        raise NamedConflictError(kind, message, "router:external")


def _shown(connection: sa.Connection, records: Sequence[Record[Network]]) -> list[NetworkRecord]:
    wanted = [record.value.id for record in records]
    theirs = subnets.ids_by_network(connection, wanted)
    scopes = subnets.scopes_by_network(connection, wanted)
    where = gateways.shown(connection, [record.value for record in records])
    routed = segments.routed(connection, wanted)
    zones = store.zones(connection, wanted)
    several = segments.of_several(connection, [record.value for record in records])
    return [
        NetworkRecord(
            record,
            tuple(theirs.get(network, ())),
            where.get(network, ()),
            scopes.get(network, {}),
            network in routed,
            zones.get(network, ()),
            several.get(network),
        )
        for record, network in zip(records, wanted, strict=True)
    ]
