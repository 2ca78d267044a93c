"""Ports as rows: their addresses and groups are rows of other tables."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import ip_network
from typing import Final, NamedTuple

import sqlalchemy as sa

from netwright.model.dhcp_options import DhcpOption
from netwright.model.errors import NotFoundError
from netwright.model.ids import (
    GroupId,
    HostName,
    LinkName,
    Mac,
    NamespaceName,
    NetworkId,
    PortId,
    ProjectId,
    QosPolicyId,
    SubnetId,
)
from netwright.model.intent import (
    AddressPair,
    Attachment,
    FixedIp,
    Guest,
    HostTap,
    InNamespace,
    Port,
    Unplugged,
    VmmTap,
)
from netwright.store import addresses as address_rows
from netwright.store import rows
from netwright.store.records import DnsLabel, PortNotes, PortRecord, PortState, Stamps
from netwright.store.tables import addresses, networks, port_groups, ports


class PortRow(NamedTuple):
    """A port's columns, its network's domain, its addresses with their subnets, its groups."""

    id: str
    project_id: str
    network_id: str
    name: str
    description: str
    admin_state_up: bool
    status: str
    mac: str
    allowed_address_pairs: Sequence[Sequence[str]]
    port_security_enabled: bool
    device_id: str
    device_owner: str
    dns_name: str
    label: str | None
    shared_label: str | None
    host: str | None
    attachment: str
    namespace: str | None
    link: str | None
    tap_owner: int | None
    tap_group: int | None
    guest: Mapping[str, object]
    extra_dhcp_opts: Sequence[tuple[str, str, int]]
    qos_policy_id: str | None
    profile: Mapping[str, object]
    data_plane_status: str | None
    propagate_uplink_status: bool
    own_dns_domain: str
    created_at: datetime
    updated_at: datetime
    revision: int
    dns_domain: str
    networks_policy: str | None
    fixed_ips: Sequence[tuple[str, bytes]]
    """Subnets, and addresses as store.addresses keeps them."""
    groups: Sequence[str]


_MOMENTS: Final = ("created_at", "updated_at")
_THEIRS: Final = networks.c.dns_domain, networks.c.qos_policy_id.label("networks_policy")
_AGE: Final = ports.c.created_at, ports.c.id
_COLUMNS: Final = tuple(
    sa.type_coerce(ports.c[name], sa.DateTime()) if name in _MOMENTS else ports.c[name]
    for name in PortRow._fields
    if name in ports.c
)
_SHOWN: Final = sa.select(*_COLUMNS, *_THEIRS).join(networks).order_by(*_AGE)
_ADDRESSES: Final = (
    sa.select(addresses.c.port_id, addresses.c.subnet_id, addresses.c.address)
    .join(ports, addresses.c.port_id == ports.c.id)
    .order_by(addresses.c.position)
)
_GROUPS: Final = (
    sa.select(port_groups.c.port_id, port_groups.c.group_id).join(ports).order_by(port_groups.c.position)
)
_INTO_GROUPS: Final = port_groups.insert()
_IDS: Final = sa.select(ports.c.id).order_by(*_AGE)
_CALLED: Final = sa.union(
    *(
        sa.select(ports.c.project_id).where(
            ports.c.network_id == sa.bindparam("network"),
            ports.c.id != sa.bindparam("own"),
            column == sa.bindparam("name"),
        )
        for column in (ports.c.label, ports.c.shared_label)
    )
)
UNPLUGGED: Final = "none"
_PREFIX: Final = 11
"""Characters of the id that are in a port's link name."""


NO_NOTES: Final = PortNotes()


def insert(
    connection: sa.Connection, port: Port, label: DnsLabel | None, now: datetime, notes: PortNotes = NO_NOTES
) -> None:
    """The port and its groups; its addresses are taken one by one (store.addresses)."""
    values = {**_values(port, label), **_note_values(notes), "status": PortState.DOWN.value}
    rows.insert(connection, ports, values, now)
    _put_groups(connection, port)


def save(
    connection: sa.Connection,
    port: Port,
    label: DnsLabel | None,
    now: datetime,
    notes: PortNotes | None = None,
) -> None:
    """Without notes those that are there stay."""
    values = _values(port, label)
    rows.save(connection, ports, values if notes is None else {**values, **_note_values(notes)}, now)


def save_groups(connection: sa.Connection, port: Port) -> None:
    connection.execute(port_groups.delete().where(port_groups.c.port_id == port.id))
    _put_groups(connection, port)


def save_states(connection: sa.Connection, states: Mapping[PortId, PortState]) -> None:
    """Writes only the states that differ."""
    is_port = (ports.c.id == sa.bindparam("port")) & (ports.c.status != sa.bindparam("state"))
    statement = ports.update().where(is_port).values(status=sa.bindparam("state"))
    if states:
        connection.execute(statement, [{"port": port, "state": state} for port, state in states.items()])


def delete(connection: sa.Connection, port: PortId) -> None:
    rows.delete(connection, ports, port)


def get(connection: sa.Connection, port: PortId) -> PortRecord:
    """Raises NotFoundError."""
    for record in find(connection, {"id": (port,)}):
        return record
    raise NotFoundError("Port", port)


def find(connection: sa.Connection, where: rows.Where) -> list[PortRecord]:
    """The ports that match, oldest first."""
    return list(map(record_of, rows_of(connection, where)))


def rows_of(connection: sa.Connection, where: rows.Where) -> list[PortRow]:
    """The same as they are kept: where they are only shown, that costs less."""
    fixed = _addresses(connection, where)
    groups = _groups(connection, where)
    found = rows.found(connection, _SHOWN, ports, where)
    return [PortRow._make((*row, fixed.get(row[0], ()), groups.get(row[0], ()))) for row in found.all()]


def row_of(record: PortRecord) -> PortRow:
    """The same of one that was just written."""
    values = {
        **_values(record.value, record.label),
        **_note_values(record.notes),
        "status": record.state.value,
        "created_at": record.stamps.created_at,
        "updated_at": record.stamps.updated_at,
        "revision": record.stamps.revision,
    }
    fixed = [(one.subnet_id, address_rows.key_of(one.address)) for one in record.value.fixed_ips]
    kept = (values[name] for name in PortRow._fields if name in ports.c)
    theirs = record.dns_domain, record.networks_policy
    return PortRow._make((*kept, *theirs, fixed, record.value.security_groups))


def states_on(
    connection: sa.Connection, host: HostName, among: Collection[PortId] | None
) -> Mapping[PortId, PortState]:
    """The states of the ports plugged on the host: all of them, or those among the ids."""
    statement = sa.select(ports.c.id, ports.c.status).where(ports.c.host == host)
    plugged = statement.where(ports.c.attachment != UNPLUGGED)
    wanted = plugged if among is None else plugged.where(ports.c.id.in_(among))
    return {PortId(port): PortState(state) for port, state in connection.execute(wanted)}


def with_prefix(connection: sa.Connection, prefix: str) -> list[PortRecord]:
    """The port whose id begins so; none where the beginning is short, or is that of several."""
    if len(prefix) < _PREFIX:
        return []
    beginning = (ports.c.id >= prefix, ports.c.id < prefix + "~")
    found = connection.execute(sa.select(ports.c.id).where(*beginning).limit(2)).scalars().all()
    return find(connection, {"id": found}) if len(found) == 1 else []


def is_mac_used(connection: sa.Connection, network: NetworkId, mac: Mac) -> bool:
    return rows.exists(connection, ports, {"network_id": (network,), "mac": (mac,)})


def is_mac_used_anywhere(connection: sa.Connection, mac: Mac) -> bool:
    return rows.exists(connection, ports, {"mac": (mac,)})


def is_device_known(connection: sa.Connection, device: str) -> bool:
    """Whether a guest of that id has a port."""
    return rows.exists(connection, ports, {"device_id": (device,)})


def ids_of_device(connection: sa.Connection, device: str, network: NetworkId) -> list[PortId]:
    """The guest's ports on the network, oldest first."""
    theirs = {"device_id": (device,), "network_id": (network,)}
    return list(map(PortId, rows.found(connection, _IDS, ports, theirs).scalars()))


def called(connection: sa.Connection, port: Port, label: str) -> frozenset[ProjectId]:
    """Whose other ports on the port's network have the label, alone or shared."""
    given = {"network": port.network_id, "own": port.id, "name": label}
    return frozenset(map(ProjectId, connection.execute(_CALLED, given).scalars()))


def record_of(row: PortRow) -> PortRecord:
    """The row as values."""
    port = Port(
        id=PortId(row.id),
        network_id=NetworkId(row.network_id),
        project_id=ProjectId(row.project_id),
        name=row.name,
        mac=Mac(row.mac),
        fixed_ips=tuple(
            FixedIp(SubnetId(subnet), address_rows.address_of(key)) for subnet, key in row.fixed_ips
        ),
        security_groups=tuple(map(GroupId, row.groups)),
        allowed_address_pairs=tuple(
            AddressPair(ip_network(prefix), Mac(mac)) for prefix, mac in row.allowed_address_pairs
        ),
        port_security_enabled=row.port_security_enabled,
        admin_state_up=row.admin_state_up,
        device_id=row.device_id,
        device_owner=row.device_owner,
        dns_name=row.dns_name,
        description=row.description,
        host=None if row.host is None else HostName(row.host),
        attachment=_attachment(row),
        guest=_guest(row.guest),
        dhcp_options=tuple(DhcpOption(*one) for one in row.extra_dhcp_opts),
        qos_policy_id=_policy(row.qos_policy_id),
    )
    notes = PortNotes(row.profile, row.data_plane_status, row.propagate_uplink_status, row.own_dns_domain)
    state, policy = PortState(row.status), _policy(row.networks_policy)
    stamps = Stamps(_moment(row.created_at), _moment(row.updated_at), row.revision)
    return PortRecord(port, stamps, state, _label(row), row.dns_domain, policy, notes)


def _label(row: PortRow) -> DnsLabel | None:
    if row.shared_label is not None:
        return DnsLabel(row.shared_label, shared=True)
    return None if row.label is None else DnsLabel(row.label)


def _values(port: Port, label: DnsLabel | None) -> Mapping[str, object]:
    return {
        "id": port.id,
        "network_id": port.network_id,
        "project_id": port.project_id,
        "name": port.name,
        "mac": port.mac,
        "label": label.name if label and not label.shared else None,
        "shared_label": label.name if label and label.shared else None,
        "allowed_address_pairs": [[str(pair.prefix), pair.mac] for pair in port.allowed_address_pairs],
        "extra_dhcp_opts": [[one.name, one.value, one.version] for one in port.dhcp_options],
        "port_security_enabled": port.port_security_enabled,
        "admin_state_up": port.admin_state_up,
        "device_id": port.device_id,
        "device_owner": port.device_owner,
        "dns_name": port.dns_name,
        "description": port.description,
        "host": port.host,
        **_attachment_values(port.attachment),
        "guest": _guest_values(port.guest),
        "qos_policy_id": port.qos_policy_id,
    }


def _note_values(notes: PortNotes) -> Mapping[str, object]:
    return {
        "profile": notes.profile,
        "data_plane_status": notes.data_plane_status,
        "propagate_uplink_status": notes.propagate_uplink_status,
        "own_dns_domain": notes.dns_domain,
    }


def _attachment_values(attachment: Attachment) -> Mapping[str, object]:
    match attachment:
        case Unplugged():
            return {**_NOWHERE, "attachment": UNPLUGGED}
        case InNamespace(namespace, link):
            return {**_NOWHERE, "attachment": "namespace", "namespace": namespace, "link": link}
        case HostTap(owner, group):
            return {**_NOWHERE, "attachment": "tap", "tap_owner": owner, "tap_group": group}
        case VmmTap():
            return {**_NOWHERE, "attachment": "vmm-tap"}


_NOWHERE: Final[Mapping[str, object]] = dict.fromkeys(("namespace", "link", "tap_owner", "tap_group"))


def _policy(stored: str | None) -> QosPolicyId | None:
    return None if stored is None else QosPolicyId(stored)


def _moment(stored: datetime) -> datetime:
    return stored.replace(tzinfo=UTC)


def _attachment(row: PortRow) -> Attachment:
    if row.namespace is not None and row.link is not None:
        return InNamespace(NamespaceName(row.namespace), LinkName(row.link))
    match row.attachment:
        case "tap":
            return HostTap(row.tap_owner, row.tap_group)
        case "vmm-tap":
            return VmmTap()
        case _:
            return Unplugged()


def _guest_values(guest: Guest) -> Mapping[str, object]:
    if guest == Guest():
        return {}
    return {
        "hostname": guest.hostname,
        "user_data": guest.user_data,
        "public_keys": guest.public_keys,
        "meta": guest.meta,
    }


def _guest(stored: Mapping[str, object]) -> Guest:
    if not stored:
        return Guest()
    return Guest(
        hostname=str(stored["hostname"]),
        user_data=str(stored["user_data"]),
        public_keys=_pairs(stored["public_keys"]),
        meta=_pairs(stored["meta"]),
    )


def _pairs(stored: object) -> tuple[tuple[str, str], ...]:
    return tuple((name, text) for name, text in stored) if isinstance(stored, list) else ()


def _put_groups(connection: sa.Connection, port: Port) -> None:
    listed = [
        {"port_id": port.id, "group_id": group, "position": position}
        for position, group in enumerate(port.security_groups)
    ]
    if listed:
        connection.execute(_INTO_GROUPS, listed)


def _addresses(connection: sa.Connection, where: rows.Where) -> Mapping[str, Sequence[tuple[str, bytes]]]:
    found: dict[str, list[tuple[str, bytes]]] = {}
    for port, subnet, key in rows.found(connection, _ADDRESSES, ports, where).all():
        found.setdefault(port, []).append((subnet, key))
    return found


def _groups(connection: sa.Connection, where: rows.Where) -> Mapping[str, Sequence[str]]:
    found: dict[str, list[str]] = {}
    for port, group in rows.found(connection, _GROUPS, ports, where).all():
        found.setdefault(port, []).append(group)
    return found
