"""What managers can do with networks as such: find, make, give away, delete."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv4Network, IPv6Network, ip_network

import sqlalchemy as sa

from netwright.control import classic_networks, quotas
from netwright.control.classic_networks import ClassicRecord
from netwright.control.classic_refusals import InvalidCidr, NetworkNotFound, NetworkNotFoundForProject
from netwright.control.world import Work, World
from netwright.model.errors import InvalidError
from netwright.model.ids import ProjectId
from netwright.nova import network_request
from netwright.nova.cloud import Caller, Cloud
from netwright.nova.fixed_ip_calls import Requested
from netwright.nova.given import zoneless
from netwright.nova.network_layout import lay_out
from netwright.nova.network_request import Kind
from netwright.nova.options import NetworkOptions
from netwright.store.rows import Where


def create(
    world: World, options: NetworkOptions, kind: Kind, given: Mapping[str, object]
) -> list[ClassicRecord]:
    """All of them or none: see network_request.parse for what it raises, and control.classic_networks."""
    asked = network_request.parse(given, options, kind)
    limit = options.quota_networks if options.enable_network_quota else quotas.UNLIMITED
    return classic_networks.create(world, lambda taken: lay_out(asked, taken), limit)


def named(world: World, fixed_range: object, uuid: object) -> ClassicRecord:
    """By its uuid, or by its prefix. Raises NetworkNotFound, InvalidCidr."""
    with world.look() as connection:
        if uuid:
            return classic_networks.get_in(connection, str(uuid))
        return _with_prefix(connection, fixed_range)


def visible(cloud: Cloud, caller: Caller, *, own_only: bool) -> list[ClassicRecord]:
    """All networks, or, of a manager whose networks are projects', the caller's."""
    where: Where = {"project_id": (caller.project_id,)} if own_only and not caller.is_admin else {}
    return classic_networks.find(cloud.world, where)


def one_visible(cloud: Cloud, caller: Caller, reference: object, *, own_only: bool) -> ClassicRecord:
    """Raises NetworkNotFound, also for another project's."""
    with cloud.world.look() as connection:
        record = classic_networks.get_in(connection, str(reference))
    if own_only and not caller.is_admin and record.classic.project_id != caller.project_id:
        raise NetworkNotFound(reference)
    return record


def flat(connection: sa.Connection, wanted: Sequence[Requested]) -> list[tuple[ClassicRecord, Requested]]:
    """The networks without a VLAN: all of them, or those that are wanted, in that order.

    Raises NetworkNotFound.
    """
    if not wanted:
        found = classic_networks.find_in(connection, {"vlan": (None,)})
        return [(record, Requested(record.id, None)) for record in found]
    pairs = [(classic_networks.get_in(connection, one.network), one) for one in wanted]
    return [(record, one) for record, one in pairs if record.classic.vlan is None]


def of_project(
    work: Work, project: ProjectId, wanted: Sequence[Requested]
) -> list[tuple[ClassicRecord, Requested]]:
    """The project's networks, one of which it gets now if it has none; or those that are wanted.

    Raises NoMoreNetworks; NetworkNotFoundForProject for one that is not the project's.
    """
    if not wanted:
        mine = classic_networks.of_project(work, project)
        return [(record, Requested(record.id, None)) for record in mine]
    found = []
    for one in wanted:
        record = classic_networks.get_in(work.connection, one.network)
        if record.classic.project_id != project:
            raise NetworkNotFoundForProject(project, one.network)
        found.append((record, one))
    return found


def associate(cloud: Cloud, reference: object, associations: Mapping[str, object]) -> None:
    """`host` and `project`, each with a name, or None for nobody. Raises NetworkNotFound, InvalidError."""
    for name in associations:
        if name not in {"host", "project"}:
            raise InvalidError(f"{name!r} is neither host nor project", "associations")
    wanted = {name: None if value is None else str(value) for name, value in associations.items()}
    classic_networks.associate(cloud.world, str(reference), wanted)


def _with_prefix(connection: sa.Connection, given: object) -> ClassicRecord:
    try:
        prefix: IPv4Network | IPv6Network = ip_network(zoneless(str(given)), strict=False)
    except ValueError as error:
        raise InvalidCidr(str(error), "fixed_range") from error
    record = classic_networks.with_prefix(connection, prefix)
    if record is None:
        raise NetworkNotFound(prefix)
    return record
