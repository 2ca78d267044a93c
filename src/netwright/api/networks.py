"""Networks over HTTP."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from netwright.api.fields import Fields
from netwright.api.views import asked_policy, asked_project, owned, stamped
from netwright.control import networks as control
from netwright.control import qos, segments
from netwright.control.agents import ZONE
from netwright.control.bodies import Values
from netwright.control.given import UNSET, Left
from netwright.control.network_links import NetworkType, type_of
from netwright.control.networks import NetworkRecord, NetworkRequest
from netwright.control.nouns import View
from netwright.control.refusals import NamedConflictError, invalid
from netwright.control.world import Work
from netwright.control.zones import known
from netwright.model.caller import Caller
from netwright.model.ids import NetworkId
from netwright.model.intent import GatewayHosts, GatewayPlace
from netwright.store import networks as store
from netwright.store.rows import Where


class Networks:
    """Acts on networks."""

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        hints = values.get("availability_zone_hints")
        zones = known(hints) if isinstance(hints, list) else []
        first, *further = _segments(values)
        made = control.create_in(work, _new(Fields({**values, **first})))
        segments.make_further(work, made, further, caller)
        if zones:
            store.save_zones(work.connection, made, zones)
        return self._one(work, made)

    def update(self, work: Work, old: NetworkRecord, values: Values, caller: Caller) -> View:
        qos.refuse_escape(work, old.value.qos_policy_id, values, caller)
        control.update_in(work, old.value, _asked(Fields(values)))
        return self._one(work, old.value.id)

    def delete(self, work: Work, old: NetworkRecord) -> None:
        control.delete_in(work, old.value)

    def find(self, connection: sa.Connection, where: Where) -> list[NetworkRecord]:
        return control.find_in(connection, where)

    def view(self, thing: NetworkRecord) -> View:
        return view(thing)

    def _one(self, work: Work, network: NetworkId) -> View:
        return view(self.find(work.connection, {"id": (network,)})[0])


def view(shown: NetworkRecord) -> View:
    network = shown.value
    return {
        "id": network.id,
        **owned(network.project_id),
        "name": network.name,
        "description": network.description,
        "admin_state_up": network.admin_state_up,
        "status": "ACTIVE",
        "shared": network.shared,
        "subnets": shown.subnets,
        "availability_zone_hints": list(shown.zones),
        "availability_zones": [ZONE] if shown.subnets else [],
        "mtu": network.mtu,
        "router:external": network.external,
        "is_default": network.is_default,
        "ipv4_address_scope": shown.scopes.get(4),
        "ipv6_address_scope": shown.scopes.get(6),
        "l2_adjacency": not shown.routed,
        "vlan_transparent": False,
        "port_security_enabled": network.port_security_enabled,
        "dns_domain": network.dns_domain,
        "segments": shown.segments,
        "provider:network_type": type_of(network).value,
        "provider:physical_network": network.uplink,
        "provider:segmentation_id": network.vlan and network.vlan.id,
        "netwright:gateway_place": network.gateway_place.value,
        "netwright:nat": network.nat,
        "netwright:host_access": network.host_access,
        "netwright:shared_gateway": network.shared_gateway,
        "netwright:bridge": network.bridge,
        "netwright:gateway_hosts": network.gateway_hosts.value,
        "netwright:gateway_host": network.gateway_host,
        "netwright:gateways": [
            {"host": one.host, "addresses": list(map(str, one.addresses))} for one in shown.gateways
        ],
        "qos_policy_id": network.qos_policy_id,
        **stamped(shown.record.stamps),
    }


def _segments(values: Values) -> list[Values]:
    """What it is on the wire, and what else it is made of. Raises InvalidError, ConflictError."""
    if values.get("vlan_transparent"):
        message = "vlan_transparent: a guest's VLANs do not pass the filters of this deployment's bridges."
        raise NamedConflictError("VlanTransparencyDriverError", message, "vlan_transparent")
    listed = values.get("segments")
    if not isinstance(listed, list) or not listed:
        return [{}]
    if any(name.startswith("provider:") for name in values):
        raise invalid("segments", "segments and provider attributes cannot both be given.")
    if any(one in listed[:at] for at, one in enumerate(listed)):
        raise invalid("segments", "the same segment is there twice.")
    return listed


def _new(body: Fields) -> NetworkRequest:
    return replace(
        _asked(body, asked_project(body), body.one_of("netwright:gateway_place", GatewayPlace)),
        network_type=body.one_of("provider:network_type", NetworkType),
        segmentation_id=body.number("provider:segmentation_id"),
    )


def _asked(body: Fields, project: str | Left = UNSET, place: GatewayPlace | Left = UNSET) -> NetworkRequest:
    mtu = body.number("mtu")
    return NetworkRequest(
        project_id=project,
        name=body.text("name"),
        description=body.text("description"),
        admin_state_up=body.flag("admin_state_up"),
        shared=body.flag("shared"),
        external=body.flag("router:external"),
        is_default=body.flag("is_default"),
        port_security_enabled=body.flag("port_security_enabled"),
        mtu=UNSET if mtu is None else mtu,
        dns_domain=body.text("dns_domain"),
        gateway_place=place,
        uplink=body.text_or_null("provider:physical_network"),
        nat=body.flag("netwright:nat"),
        host_access=body.flag("netwright:host_access"),
        shared_gateway=body.flag("netwright:shared_gateway"),
        bridge=body.text_or_null("netwright:bridge"),
        gateway_hosts=body.one_of("netwright:gateway_hosts", GatewayHosts),
        gateway_host=body.text_or_null("netwright:gateway_host"),
        qos_policy_id=asked_policy(body),
    )
