"""Ports over HTTP."""

from __future__ import annotations

from typing import Final, assert_never

import sqlalchemy as sa

from netwright.api.fields import Fields
from netwright.api.views import asked_policy, asked_project, owned, stamped
from netwright.control import ports as control
from netwright.control import qos
from netwright.control.bodies import Values
from netwright.control.dhcp_options import OptionRequest
from netwright.control.fixed_ips import FixedIpRequest
from netwright.control.given import UNSET, Left
from netwright.control.nouns import View
from netwright.control.port_checks import PairRequest
from netwright.control.ports import PortRequest
from netwright.control.refusals import invalid, missing
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.ids import GroupId, LinkName, NamespaceName, NetworkId, PortId, SubnetId
from netwright.model.intent import Address, Attachment, Guest, HostTap, InNamespace, Unplugged, VmmTap
from netwright.planner.names import address_label, domain_of
from netwright.store import ports as store
from netwright.store.records import PortRecord
from netwright.store.rows import Where

_ATTACHMENT: Final = "netwright:attachment"
_GUEST: Final = "netwright:guest"


class Ports:
    """Acts on ports."""

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        del caller
        return view(control.create_in(work, _new(Fields(values))))

    def update(self, work: Work, old: View, values: Values, caller: Caller) -> View:
        qos.refuse_escape(work, old, values, caller)
        return view(control.update_in(work, PortId(str(old["id"])), _asked(Fields(values))))

    def delete(self, work: Work, old: View) -> None:
        control.delete_in(work, PortId(str(old["id"])))

    def find(self, connection: sa.Connection, where: Where) -> list[View]:
        return [view(record) for record in store.find(connection, where)]


def view(record: PortRecord) -> View:
    port = record.value
    return {
        "id": port.id,
        **owned(port.project_id),
        "network_id": port.network_id,
        "name": port.name,
        "description": port.description,
        "admin_state_up": port.admin_state_up,
        "status": record.state,
        "mac_address": port.mac,
        "fixed_ips": [
            {"subnet_id": fixed.subnet_id, "ip_address": str(fixed.address)} for fixed in port.fixed_ips
        ],
        "security_groups": port.security_groups,
        "allowed_address_pairs": [
            {"ip_address": _short(str(pair.prefix)), "mac_address": pair.mac}
            for pair in port.allowed_address_pairs
        ],
        "port_security_enabled": port.port_security_enabled,
        "device_id": port.device_id,
        "device_owner": port.device_owner,
        "dns_name": port.dns_name,
        "dns_assignment": _dns(record),
        "extra_dhcp_opts": [
            {"opt_name": one.name, "opt_value": one.value, "ip_version": one.version}
            for one in port.dhcp_options
        ],
        "binding:host_id": port.host or "",
        "binding:vif_type": "unbound" if port.host is None else "bridge",
        "binding:vif_details": {},
        "binding:vnic_type": "normal",
        "binding:profile": {},
        "trunk_details": None,
        _ATTACHMENT: _attachment_view(port.attachment),
        _GUEST: _guest_view(port.guest),
        "qos_policy_id": port.qos_policy_id,
        "qos_network_policy_id": record.networks_policy,
        **stamped(record.stamps),
    }


def _dns(record: PortRecord) -> list[View]:
    host = record.label or address_label(record.value)
    name = f"{host}.{domain_of(record.dns_domain)}."
    return [
        {"ip_address": str(fixed.address), "hostname": host, "fqdn": name} for fixed in record.value.fixed_ips
    ]


def _short(prefix: str) -> str:
    """A prefix of one address as the address alone, which is how it is mostly given."""
    address, _, length = prefix.partition("/")
    return address if length == ("128" if ":" in address else "32") else prefix


def _attachment_view(attachment: Attachment) -> View:
    match attachment:
        case Unplugged():
            return {"kind": "none"}
        case InNamespace(namespace, link):
            return {"kind": "namespace", "namespace": namespace, "link": link}
        case HostTap():
            return {"kind": "tap"}
        case VmmTap():
            return {"kind": "vmm-tap"}
        case _:
            assert_never(attachment)


def _guest_view(guest: Guest) -> View:
    return {
        "hostname": guest.hostname,
        "user_data": guest.user_data,
        "public_keys": dict(guest.public_keys),
        "meta": dict(guest.meta),
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
        mac=body.text("mac_address"),
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
        dhcp_options=_options(body),
        qos_policy_id=asked_policy(body),
    )


def _refuse_bindings(body: Fields) -> None:
    """What the Networking API allows here and netwright has but one of."""
    if body.optional("binding:vnic_type") not in {None, "normal"}:
        raise invalid("binding:vnic_type", "only 'normal' is supported.")
    if body.raw("binding:profile") not in (UNSET, None, {}):
        raise invalid("binding:profile", "must be empty: nothing in it is supported.")


def _options(body: Fields) -> tuple[OptionRequest, ...]:
    listed = body.objects("extra_dhcp_opts")
    return () if listed is UNSET else tuple(map(_option, listed))


def _option(one: Fields) -> OptionRequest:
    """The descriptor has read it."""
    name, version = one.text("opt_name"), one.number("ip_version")
    return OptionRequest(
        "" if name is UNSET else name,
        one.optional("opt_value"),
        4 if version is UNSET or version is None else version,
    )


def _fixed_ips(body: Fields) -> tuple[FixedIpRequest, ...] | Left:
    listed = body.objects("fixed_ips")
    return UNSET if listed is UNSET else tuple(map(_fixed_ip, listed))


def _fixed_ip(one: Fields) -> FixedIpRequest:
    subnet, address = one.optional("subnet_id"), one.address("ip_address")
    return FixedIpRequest(
        None if subnet is None else SubnetId(subnet), address if isinstance(address, Address) else None
    )


def _pairs(body: Fields) -> tuple[PairRequest, ...] | Left:
    listed = body.objects("allowed_address_pairs")
    return UNSET if listed is UNSET else tuple(map(_pair, listed))


def _pair(one: Fields) -> PairRequest:
    prefix, mac = one.prefix("ip_address", strict=False), one.optional("mac_address")
    if prefix is None or prefix is UNSET:
        raise invalid("allowed_address_pairs", "each needs an ip_address.")
    return PairRequest(prefix, mac)


def _attachment(body: Fields) -> Attachment | Left:
    given = body.object(_ATTACHMENT)
    if given is UNSET:
        return UNSET
    kind, namespace, link = given.optional("kind"), given.optional("namespace"), given.optional("link")
    if kind == "namespace":
        if namespace is None or link is None:
            raise missing(f"{_ATTACHMENT}: namespace and link")
        return InNamespace(NamespaceName(namespace), LinkName(link))
    if namespace is not None or link is not None:
        raise invalid(_ATTACHMENT, "namespace and link go with kind 'namespace'.")
    if kind is None or kind not in _KINDS:
        raise invalid(_ATTACHMENT, "kind must be 'none', 'namespace' or 'tap'.")
    return _KINDS[kind]


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


_KINDS: Final[dict[str, Attachment]] = {"none": Unplugged(), "tap": HostTap()}
