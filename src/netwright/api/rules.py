"""Security group rules over HTTP."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from netwright.api.fields import Fields, number_or_none
from netwright.api.resource import Resource, View, asked_project, owned, stamped
from netwright.control import rules as control
from netwright.control.given import UNSET
from netwright.control.refusals import invalid
from netwright.control.rules import RuleRequest
from netwright.control.world import World
from netwright.model.ids import GroupId, RuleId
from netwright.model.intent import Direction, EtherType, Icmp, PortRange, RemoteGroup, RemotePrefix
from netwright.store.records import RuleRecord
from netwright.store.rows import Where


class Rules:
    """Actions on security group rules."""

    def create(self, world: World, bodies: Sequence[Fields], project: str | None) -> list[View]:
        return [view(made) for made in control.create(world, [_new(body, project) for body in bodies])]

    def update(self, world: World, resource_id: str, body: Fields) -> View:
        description = body.text("description")
        body.done(ATTRIBUTES)
        return view(control.update(world, RuleId(resource_id), description))

    def delete(self, world: World, resource_id: str) -> None:
        control.delete(world, RuleId(resource_id))

    def get(self, world: World, resource_id: str) -> View:
        return view(control.get(world, RuleId(resource_id)))

    def find(self, world: World, where: Where, project: str | None) -> list[View]:
        del project
        return [view(record) for record in control.find(world, where)]


def view(record: RuleRecord) -> View:
    rule = record.value
    low, high = _range(record)
    prefix = str(rule.remote.prefix) if isinstance(rule.remote, RemotePrefix) else None
    return {
        "id": rule.id,
        **owned(rule.project_id),
        "security_group_id": rule.group_id,
        "direction": rule.direction,
        "ethertype": rule.ethertype,
        "protocol": record.protocol,
        "port_range_min": low,
        "port_range_max": high,
        "remote_ip_prefix": prefix,
        "normalized_cidr": prefix,
        "remote_group_id": rule.remote.group if isinstance(rule.remote, RemoteGroup) else None,
        "remote_address_group_id": None,
        "description": rule.description,
        **stamped(record.stamps),
    }


def _range(record: RuleRecord) -> tuple[int | None, int | None]:
    match record.value.match:
        case PortRange(_, first, last):
            return first, last
        case Icmp(kind, code):
            return kind, code
        case _:
            return None, None


def _new(body: Fields, project: str | None) -> RuleRequest:
    group = body.text("security_group_id")
    direction, ethertype = body.one_of("direction", Direction), body.one_of("ethertype", EtherType)
    prefix, remote = body.prefix("remote_ip_prefix", strict=False), body.optional("remote_group_id")
    request = RuleRequest(
        group_id=UNSET if group is UNSET else GroupId(group),
        project_id=asked_project(body, project),
        direction=UNSET if direction is None else direction,
        ethertype=EtherType.IPV4 if ethertype is None or ethertype is UNSET else ethertype,
        protocol=_protocol(body),
        port_range_min=number_or_none(body.number("port_range_min")),
        port_range_max=number_or_none(body.number("port_range_max")),
        remote_prefix=None if prefix is UNSET else prefix,
        remote_group_id=None if remote is None else GroupId(remote),
        description=body.text("description"),
    )
    if body.optional("remote_address_group_id") is not None:
        raise invalid("remote_address_group_id", "there are no address groups here.")
    body.done(ATTRIBUTES)
    return request


def _protocol(body: Fields) -> str | None:
    """Names, and numbers as text or as numbers."""
    value = body.raw("protocol")
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else body.optional("protocol")


ATTRIBUTES: Final = frozenset({
    "id", "project_id", "tenant_id", "security_group_id", "direction", "ethertype", "protocol",
    "port_range_min", "port_range_max", "remote_ip_prefix", "normalized_cidr", "remote_group_id",
    "remote_address_group_id", "description", "created_at", "updated_at", "revision_number",
})  # fmt: skip
RESOURCE: Final = Resource(
    singular="security_group_rule",
    plural="security_group_rules",
    path="security-group-rules",
    actions=Rules(),
    attributes=ATTRIBUTES,
    columns={
        "id": "id", "project_id": "project_id", "tenant_id": "project_id",
        "security_group_id": "group_id", "direction": "direction", "ethertype": "ethertype",
        "remote_group_id": "remote_group_id",
    },
)  # fmt: skip
