"""Port forwardings of floating IPs over HTTP."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Final

import sqlalchemy as sa

from netwright.api.fields import Fields
from netwright.api.views import stamped
from netwright.control import port_forwardings as control
from netwright.control.bodies import Values
from netwright.control.given import UNSET, Left
from netwright.control.nouns import View
from netwright.control.port_forwardings import ForwardingRequest
from netwright.control.refusals import invalid
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.ids import FloatingIpId, PortId
from netwright.model.intent import PortForwarding, Ports
from netwright.store import port_forwardings as store
from netwright.store.records import Record
from netwright.store.rows import Where

_RANGE: Final = re.compile(r"([0-9]{1,5})(?::([0-9]{1,5}))?")
_LAST: Final = 65535


class PortForwardings:
    """Acts on port forwardings."""

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        del caller
        parent = FloatingIpId(str(values["floating_ip_id"]))
        made = control.create_in(work, replace(_asked(Fields(values)), floating_ip_id=parent))
        return _view(store.get(work.connection, made))

    def update(self, work: Work, old: Record[PortForwarding], values: Values, caller: Caller) -> View:
        del caller
        return _view(control.update_in(work, old.value, _asked(Fields(values))))

    def delete(self, work: Work, old: Record[PortForwarding]) -> None:
        control.delete_in(work, old.value)

    def find(self, connection: sa.Connection, where: Where) -> list[Record[PortForwarding]]:
        return store.find(connection, where)

    def view(self, thing: Record[PortForwarding]) -> View:
        return _view(thing)


def brief(forwarding: PortForwarding) -> View:
    """As its floating IP shows it."""
    return {
        "id": forwarding.id,
        "protocol": forwarding.protocol,
        "external_port": _single(forwarding.external),
        "internal_port": _single(forwarding.internal),
        "internal_ip_address": str(forwarding.internal_address),
        "internal_port_id": forwarding.port_id,
    }


def _view(record: Record[PortForwarding]) -> View:
    forwarding = record.value
    return {
        **brief(forwarding),
        "external_port_range": f"{forwarding.external.first}:{forwarding.external.last}",
        "internal_port_range": f"{forwarding.internal.first}:{forwarding.internal.last}",
        "description": forwarding.description,
        **stamped(record.stamps),
    }


def _single(ports: Ports) -> int | None:
    return ports.first if ports.count == 1 else None


def _asked(body: Fields) -> ForwardingRequest:
    port = body.text("internal_port_id")
    return ForwardingRequest(
        protocol=body.text("protocol"),
        external=_ports(body, "external_port"),
        port_id=UNSET if port is UNSET else PortId(port),
        internal_address=body.ipv4("internal_ip_address"),
        internal=_ports(body, "internal_port"),
        description=body.text("description"),
    )


def _ports(body: Fields, name: str) -> Ports | Left:
    """One port, or a range under the longer name; where both are given they must be the same."""
    number, text = body.optional_number(name), body.optional(f"{name}_range")
    ranged = UNSET if text is None else _range(text, f"{name}_range")
    if number is None:
        return ranged
    if ranged not in {UNSET, Ports(number, number)}:
        raise invalid(f"{name}_range", f"is not {name}, which is given too.")
    return Ports(number, number)


def _range(text: str, field: str) -> Ports:
    found = _RANGE.fullmatch(text)
    first, last = (int(found[1]), int(found[2] or found[1])) if found else (0, 0)
    if not 1 <= first <= last <= _LAST:
        raise invalid(field, "must be first:last, two ports from 1 to 65535.")
    return Ports(first, last)
