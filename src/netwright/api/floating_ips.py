"""Floating IPs over HTTP."""

from __future__ import annotations

from ipaddress import IPv4Address

import sqlalchemy as sa

from netwright.api.fields import Fields
from netwright.api.port_forwardings import brief
from netwright.api.views import asked_policy, asked_project, owned, stamped
from netwright.control import floating_ips as control
from netwright.control import qos
from netwright.control.bodies import Values
from netwright.control.floating_ips import FloatingIpRecord, FloatingIpRequest
from netwright.control.given import UNSET, Left
from netwright.control.nouns import View
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.ids import FloatingIpId, NetworkId, PortId, RouterId, SubnetId
from netwright.store.records import PortRecord
from netwright.store.rows import Where


class FloatingIps:
    """Acts on floating IPs."""

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        request = _new(Fields(values))
        control.refuse_foreign(work.connection, str(values["project_id"]), request.port_id, caller)
        return self._one(work, control.create_in(work, request))

    def update(self, work: Work, old: FloatingIpRecord, values: Values, caller: Caller) -> View:
        """An update of nothing takes the floating IP from its port: once there was nothing else to update."""
        floating = old.value
        qos.refuse_escape(work, floating.qos_policy_id, values, caller)
        request = _changed(Fields(values)) if values else FloatingIpRequest(port_id=None)
        control.refuse_foreign(work.connection, floating.project_id, request.port_id, caller)
        control.update_in(work, floating, request)
        return self._one(work, floating.id)

    def delete(self, work: Work, old: FloatingIpRecord) -> None:
        control.delete_in(work, old.value)

    def find(self, connection: sa.Connection, where: Where) -> list[FloatingIpRecord]:
        return control.find_in(connection, where)

    def view(self, thing: FloatingIpRecord) -> View:
        return view(thing)

    def _one(self, work: Work, floating: FloatingIpId) -> View:
        return view(self.find(work.connection, {"id": (floating,)})[0])


def view(shown: FloatingIpRecord) -> View:
    floating, association = shown.value, shown.value.association
    return {
        "id": floating.id,
        **owned(floating.project_id),
        "floating_network_id": floating.network_id,
        "floating_ip_address": str(floating.address),
        "port_id": None if association is None else association.port_id,
        "fixed_ip_address": None if association is None else str(association.fixed_address),
        "router_id": floating.router_id,
        "status": _status(shown),
        "description": floating.description,
        "dns_name": floating.dns_name,
        "dns_domain": floating.dns_domain,
        "port_details": None if shown.port is None else _details(shown.port),
        "port_forwardings": [brief(one) for one in shown.forwardings],
        "qos_policy_id": floating.qos_policy_id,
        "qos_network_policy_id": shown.networks_policy,
        **stamped(shown.record.stamps),
    }


def _status(shown: FloatingIpRecord) -> str:
    """No host builds routers yet, so what one translates is not up."""
    used = shown.value.association is not None or shown.forwardings
    return "ACTIVE" if used and shown.value.router_id is None else "DOWN"


def _details(record: PortRecord) -> View:
    port = record.value
    return {
        "name": port.name,
        "network_id": port.network_id,
        "mac_address": port.mac,
        "admin_state_up": port.admin_state_up,
        "status": record.state.value,
        "device_id": port.device_id,
        "device_owner": port.device_owner,
    }


def _changed(body: Fields) -> FloatingIpRequest:
    return FloatingIpRequest(
        port_id=_port(body),
        fixed_address=_ipv4(body, "fixed_ip_address"),
        description=body.text("description"),
        qos_policy_id=asked_policy(body),
        router_id=_router(body),
    )


def _new(body: Fields) -> FloatingIpRequest:
    network, subnet = body.text("floating_network_id"), body.optional("subnet_id")
    return FloatingIpRequest(
        network_id=UNSET if network is UNSET else NetworkId(network),
        project_id=asked_project(body),
        subnet_id=None if subnet is None else SubnetId(subnet),
        address=_ipv4(body, "floating_ip_address"),
        port_id=_port(body),
        fixed_address=_ipv4(body, "fixed_ip_address"),
        description=body.text("description"),
        dns_name=_text(body, "dns_name"),
        dns_domain=_text(body, "dns_domain"),
        qos_policy_id=asked_policy(body),
        router_id=_router(body),
    )


def _router(body: Fields) -> RouterId | Left | None:
    router = body.text_or_null("router_id")
    return router if router is None or router is UNSET else RouterId(router)


def _text(body: Fields, name: str) -> str:
    return body.optional(name) or ""


def _port(body: Fields) -> PortId | Left | None:
    port = body.text_or_null("port_id")
    return port if port is None or port is UNSET else PortId(port)


def _ipv4(body: Fields, name: str) -> IPv4Address | None:
    address = body.ipv4(name)
    return None if address is UNSET else address
