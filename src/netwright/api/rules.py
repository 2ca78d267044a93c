"""Security group rules over HTTP."""

from __future__ import annotations

import sqlalchemy as sa

from netwright.api.fields import Fields
from netwright.api.views import asked_project, owned, stamped
from netwright.control import rules as control
from netwright.control.bodies import Values
from netwright.control.given import UNSET
from netwright.control.nouns import View
from netwright.control.rules import RuleRequest
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.ids import AddressGroupId, GroupId
from netwright.model.intent import (
    Direction,
    EtherType,
    Icmp,
    PortRange,
    RemoteAddressGroup,
    RemoteGroup,
    RemotePrefix,
)
from netwright.store import groups as store
from netwright.store.records import RuleRecord
from netwright.store.rows import Where


class Rules:
    """Acts on security group rules."""

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        del caller
        made = control.create_in(work, _new(Fields(values)))
        return view(store.get_rule(work.connection, made))

    def update(self, work: Work, old: RuleRecord, values: Values, caller: Caller) -> View:
        del caller
        return view(control.update_in(work, old.value, Fields(values).text("description")))

    def delete(self, work: Work, old: RuleRecord) -> None:
        control.delete_in(work, old.value)

    def find(self, connection: sa.Connection, where: Where) -> list[RuleRecord]:
        return store.find_rules(connection, where)

    def view(self, thing: RuleRecord) -> View:
        return view(thing)


def view(record: RuleRecord) -> View:
    rule = record.value
    low, high = _range(record)
    return {
        "id": rule.id,
        **owned(rule.project_id),
        "security_group_id": rule.group_id,
        "direction": rule.direction,
        "ethertype": rule.ethertype,
        "protocol": record.written.protocol,
        "port_range_min": low,
        "port_range_max": high,
        "remote_ip_prefix": record.written.prefix,
        "normalized_cidr": str(rule.remote.prefix) if isinstance(rule.remote, RemotePrefix) else None,
        "remote_group_id": rule.remote.group if isinstance(rule.remote, RemoteGroup) else None,
        "remote_address_group_id": rule.remote.address_group
        if isinstance(rule.remote, RemoteAddressGroup)
        else None,
        "belongs_to_default_sg": record.in_default,
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


def _new(body: Fields) -> RuleRequest:
    group = body.text("security_group_id")
    direction, ethertype = body.one_of("direction", Direction), body.one_of("ethertype", EtherType)
    prefix, remote = body.prefix("remote_ip_prefix"), body.optional("remote_group_id")
    address_group = body.optional("remote_address_group_id")
    return RuleRequest(
        group_id=UNSET if group is UNSET else GroupId(group),
        project_id=asked_project(body),
        direction=direction,
        ethertype=EtherType.IPV4 if ethertype is UNSET else ethertype,
        protocol=_protocol(body),
        port_range_min=body.optional_number("port_range_min"),
        port_range_max=body.optional_number("port_range_max"),
        remote_prefix=prefix,
        remote_written=body.optional("remote_ip_prefix"),
        remote_group_id=None if remote is None else GroupId(remote),
        remote_address_group_id=None if address_group is None else AddressGroupId(address_group),
        description=body.text("description"),
    )


def _protocol(body: Fields) -> str | None:
    """Names, and numbers as text or as numbers."""
    value = body.raw("protocol")
    return None if value is None or value is UNSET else str(value)
