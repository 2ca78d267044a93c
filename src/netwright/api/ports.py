"""Ports over HTTP."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from ipaddress import IPv6Address
from typing import Final

import sqlalchemy as sa

from netwright.api.fields import Fields
from netwright.api.views import asked_policy, asked_project
from netwright.control import ports as control
from netwright.control import qos, resource_requests, trunks
from netwright.control.bodies import Values
from netwright.control.dhcp_options import OptionRequest
from netwright.control.documents import moment
from netwright.control.fixed_ips import FixedIpRequest
from netwright.control.given import UNSET, Left
from netwright.control.nouns import View
from netwright.control.port_checks import PairRequest
from netwright.control.ports import PortRequest
from netwright.control.refusals import invalid, missing
from netwright.control.world import Work, World
from netwright.model.caller import Caller
from netwright.model.ids import GroupId, LinkName, NamespaceName, NetworkId, SubnetId
from netwright.model.intent import Attachment, Guest, HostTap, InNamespace, Unplugged
from netwright.planner.names import domain_of, label_of
from netwright.store import ports as store
from netwright.store.addresses import text_of
from netwright.store.ports import PortRow
from netwright.store.rows import Where

_ATTACHMENT: Final = "netwright:attachment"
_GUEST: Final = "netwright:guest"


class Ports:
    """Acts on ports."""

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        del caller
        made = view(store.row_of(control.create_in(work, _new(Fields(values)))))
        resource_requests.tell(work.connection, [made])
        return made

    def update(self, work: Work, old: PortRow, values: Values, caller: Caller) -> View:
        qos.refuse_escape(work, old.qos_policy_id, values, caller)
        return view(store.row_of(control.update_in(work, store.record_of(old), _asked(Fields(values)))))

    def delete(self, work: Work, old: PortRow) -> None:
        control.delete_in(work, store.record_of(old))

    def find(self, connection: sa.Connection, where: Where) -> list[PortRow]:
        return store.rows_of(connection, where)

    def view(self, thing: PortRow) -> View:
        return view(thing)


def tell(world: World, connection: sa.Connection, views: list[View]) -> None:
    """What other things make of ports."""
    trunks.tell_ports(world, connection, views)
    resource_requests.tell(connection, views)


def view(row: PortRow) -> View:
    fixed_ips = [(subnet, text_of(key)) for subnet, key in row.fixed_ips]
    return {
        "id": row.id,
        "project_id": row.project_id,
        "tenant_id": row.project_id,
        "network_id": row.network_id,
        "name": row.name,
        "description": row.description,
        "admin_state_up": row.admin_state_up,
        "status": row.status,
        "mac_address": row.mac,
        "fixed_ips": [{"subnet_id": subnet, "ip_address": address} for subnet, address in fixed_ips],
        "ip_allocation": "immediate" if row.fixed_ips else "none",
        "security_groups": row.groups,
        "allowed_address_pairs": [
            {"ip_address": _short(prefix), "mac_address": mac} for prefix, mac in row.allowed_address_pairs
        ],
        "port_security_enabled": row.port_security_enabled,
        "device_id": row.device_id,
        "device_owner": row.device_owner,
        "dns_name": row.dns_name,
        "dns_domain": row.own_dns_domain,
        "dns_assignment": _dns(row, [address for _, address in fixed_ips]) if fixed_ips else [],
        "extra_dhcp_opts": [
            {"opt_name": name, "opt_value": value, "ip_version": version}
            for name, value, version in row.extra_dhcp_opts
        ],
        "data_plane_status": row.data_plane_status,
        "propagate_uplink_status": row.propagate_uplink_status,
        "resource_request": None,
        "binding:host_id": row.host or "",
        "binding:vif_type": "unbound" if row.host is None else "bridge",
        "binding:vif_details": {} if row.host is None else _DETAILS,
        "binding:vnic_type": "normal",
        "binding:profile": row.profile,
        _ATTACHMENT: _attachment_view(row),
        _GUEST: _guest_view(row.guest) if row.guest else _NO_GUEST,
        "trunk_details": None,
        "qos_policy_id": row.qos_policy_id,
        "qos_network_policy_id": row.networks_policy,
        "created_at": moment(row.created_at),
        "updated_at": moment(row.updated_at),
        "revision_number": row.revision,
    }


def _dns(row: PortRow, addresses: Sequence[str]) -> list[View]:
    host = row.label or row.shared_label or _address_label(addresses[0])
    name = f"{host}.{domain_of(row.dns_domain)}."
    return [{"ip_address": address, "hostname": host, "fqdn": name} for address in addresses]


def _address_label(address: str) -> str:
    return label_of(IPv6Address(address).exploded if ":" in address else address)


def _short(prefix: str) -> str:
    """A prefix of one address as the address alone, which is how it is mostly given."""
    address, _, length = prefix.partition("/")
    return address if length == ("128" if ":" in address else "32") else prefix


def _attachment_view(row: PortRow) -> View:
    if row.namespace is None:
        users = {"owner": row.tap_owner, "group": row.tap_group}
        return {"kind": row.attachment, **{name: one for name, one in users.items() if one is not None}}
    return {"kind": row.attachment, "namespace": row.namespace, "link": row.link}


def _guest_view(guest: Mapping[str, object]) -> View:
    keys, meta = guest["public_keys"], guest["meta"]
    return {
        "hostname": guest["hostname"],
        "user_data": guest["user_data"],
        "public_keys": dict(keys) if isinstance(keys, list | tuple) else {},
        "meta": dict(meta) if isinstance(meta, list | tuple) else {},
    }


def _new(body: Fields) -> PortRequest:
    network = body.text("network_id")
    theirs = asked_project(body)
    return _asked(body, UNSET if network is UNSET else NetworkId(network), theirs)


def _asked(body: Fields, network: NetworkId | Left = UNSET, project: str | Left = UNSET) -> PortRequest:
    _refuse_bindings(body)
    groups = body.texts("security_groups")
    return PortRequest(
        network_id=network,
        project_id=project,
        name=body.text("name"),
        description=body.text("description"),
        mac=body.text_or_null("mac_address"),
        fixed_ips=_fixed_ips(body),
        security_groups=UNSET if groups is UNSET else tuple(GroupId(group) for group in groups),
        allowed_address_pairs=_pairs(body),
        port_security_enabled=body.flag("port_security_enabled"),
        admin_state_up=body.flag("admin_state_up"),
        device_id=body.text("device_id"),
        device_owner=body.text("device_owner"),
        dns_name=body.text("dns_name"),
        host=body.text_or_null("binding:host_id"),
        attachment=_attachment(body),
        guest=_guest(body),
        profile=_profile(body),
        data_plane_status=body.text_or_null("data_plane_status"),
        propagate_uplink_status=body.flag("propagate_uplink_status"),
        dns_domain=body.text("dns_domain"),
        dhcp_options=_options(body),
        qos_policy_id=asked_policy(body),
    )


def _refuse_bindings(body: Fields) -> None:
    """What the Networking API allows here and netwright has but one of."""
    if body.optional("binding:vnic_type") not in {None, "normal"}:
        raise invalid("binding:vnic_type", "only 'normal' is supported.")


def _profile(body: Fields) -> Mapping[str, object] | Left:
    given = body.raw("binding:profile")
    if given is UNSET:
        return UNSET
    return given if isinstance(given, dict) else {}


def _options(body: Fields) -> tuple[OptionRequest, ...]:
    listed = body.objects("extra_dhcp_opts")
    return () if listed is UNSET else tuple(map(_option, listed))


def _option(one: Fields) -> OptionRequest:
    name, version = one.optional("opt_name") or "", one.optional_number("ip_version")
    return OptionRequest(name, one.optional("opt_value"), 4 if version is None else version)


def _fixed_ips(body: Fields) -> tuple[FixedIpRequest, ...] | Left:
    listed = body.objects("fixed_ips")
    return UNSET if listed is UNSET else tuple(map(_fixed_ip, listed))


def _fixed_ip(one: Fields) -> FixedIpRequest:
    subnet, address = one.optional("subnet_id"), one.address("ip_address")
    return FixedIpRequest(None if subnet is None else SubnetId(subnet), None if address is UNSET else address)


def _pairs(body: Fields) -> tuple[PairRequest, ...] | Left:
    listed = body.objects("allowed_address_pairs")
    return UNSET if listed is UNSET else tuple(map(_pair, listed))


def _pair(one: Fields) -> PairRequest:
    return PairRequest(one.needed_prefix("ip_address"), one.optional("mac_address"))


def _attachment(body: Fields) -> Attachment | Left:
    given = body.object(_ATTACHMENT)
    if given is UNSET:
        return UNSET
    kind, namespace, link = given.optional("kind"), given.optional("namespace"), given.optional("link")
    tap = HostTap(*(_identity(given.raw(name)) for name in ("owner", "group")))
    if kind != "tap" and tap != HostTap():
        raise invalid(_ATTACHMENT, "owner and group go with kind 'tap'.")
    if kind == "namespace":
        if namespace is None or link is None:
            raise missing(f"{_ATTACHMENT}: namespace and link")
        return InNamespace(NamespaceName(namespace), LinkName(link))
    if namespace is not None or link is not None:
        raise invalid(_ATTACHMENT, "namespace and link go with kind 'namespace'.")
    match kind:
        case "none":
            return Unplugged()
        case "tap":
            return tap
        case _:
            raise invalid(_ATTACHMENT, "kind must be 'none', 'namespace' or 'tap'.")


def _identity(value: object) -> int | None:
    """A user's or group's number, as the descriptor has read it."""
    return value if isinstance(value, int) else None


def _guest(body: Fields) -> Guest | Left:
    given = body.object(_GUEST)
    if given is UNSET:
        return UNSET
    return Guest(
        hostname=given.optional("hostname") or "",
        user_data=given.optional("user_data") or "",
        public_keys=given.pairs("public_keys"),
        meta=given.pairs("meta"),
    )


_DETAILS: Final = {"connectivity": "l2", "port_filter": True}
_NO_GUEST: Final[View] = {"hostname": "", "user_data": "", "public_keys": {}, "meta": {}}
