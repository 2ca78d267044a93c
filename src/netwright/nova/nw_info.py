"""nova's model of an instance's networks: one entry for each virtual interface, as plain data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from ipaddress import IPv4Address

import sqlalchemy as sa

from netwright.control import classic_networks, classic_vifs
from netwright.control.classic_networks import ClassicRecord
from netwright.model.classic import ClassicNetwork, Life
from netwright.model.ids import HostName, NetworkId, PortId, bridge_name
from netwright.model.intent import Address, Port, Subnet
from netwright.nova.cloud import Cloud, Traits
from netwright.store import classic_fixed_ips, floating_ips, gateways

Data = dict[str, object]
_Floating = Mapping[tuple[PortId, Address], list[str]]


@dataclass(frozen=True, slots=True)
class _Known:
    """What the entries are made of."""

    traits: Traits
    networks: Mapping[NetworkId, ClassicNetwork]
    floating: _Floating
    rxtx_factor: float | None
    by_agents: bool


def build(
    cloud: Cloud, traits: Traits, instance_uuid: str, rxtx_factor: float | None, host: HostName | None
) -> list[Data]:
    """The instance's interfaces, in the order in which they were made. `host`: the instance's."""
    with cloud.world.look() as connection:
        ports = classic_vifs.of_instance(connection, instance_uuid)
        records = {
            record.id: record
            for record in classic_networks.find_in(
                connection, {"network_id": {port.network_id for port in ports}}
            )
        }
        known = _Known(
            traits,
            {record.id: _as_seen_on(connection, record, host) for record in records.values()},
            _floating(connection, ports),
            rxtx_factor,
            cloud.is_agents,
        )
    return [_vif(known, port, records[port.network_id]) for port in ports]


def _as_seen_on(connection: sa.Connection, record: ClassicRecord, host: HostName | None) -> ClassicNetwork:
    """The network with the DHCP server that guests on the host have, who is their gateway there, too."""
    classic = record.classic
    if not classic.multi_host or classic.share_address or host is None:
        return classic
    own = {"network_id": (record.id,), "host": (host,), "life": (Life.HOST.value,)}
    held = [fixed.address for fixed in classic_fixed_ips.find(connection, own)]
    agents = gateways.own_addresses(connection, (record.id,))
    held += [address for (at, _), address in agents.items() if at == host]
    fours = [address for address in held if isinstance(address, IPv4Address)]
    return replace(classic, dhcp_server=fours[0]) if fours else classic


def _floating(connection: sa.Connection, ports: Sequence[Port]) -> _Floating:
    found: dict[tuple[PortId, Address], list[str]] = {}
    ids = [port.id for port in ports]
    for record in floating_ips.find(connection, {"port_id": ids}) if ids else ():
        held = record.value.association
        if held is not None:
            found.setdefault((held.port_id, held.fixed_address), []).append(str(record.value.address))
    return found


def _vif(known: _Known, port: Port, record: ClassicRecord) -> Data:
    classic = known.networks[record.id]
    vif: Data = {
        "id": port.id,
        "type": "bridge",
        "address": port.mac,
        "network": {
            "id": record.id,
            "bridge": _bridge(known, record),
            "label": record.network.name,
            "subnets": [_subnet_v4(known, port, record), _subnet_v6(port, record)],
            "meta": _meta(known.traits, record),
        },
    }
    if classic.rxtx_base is not None and known.rxtx_factor is not None:
        vif["rxtx_cap"] = classic.rxtx_base * known.rxtx_factor
    return vif


def _bridge(known: _Known, record: ClassicRecord) -> str | None:
    """Agents call a bridge so only where the name was free."""
    if known.by_agents and known.traits.creates_bridge:
        return record.network.bridge or bridge_name(record.id)
    return record.classic.bridge


def _meta(traits: Traits, record: ClassicRecord) -> Data:
    classic = record.classic
    meta: Data = {"tenant_id": classic.project_id, "mtu": record.network.mtu}
    if classic.injected:
        meta["injected"] = True
    if traits.creates_bridge:
        meta["should_create_bridge"] = True
    if traits.creates_vlan:
        meta.update(should_create_vlan=True, vlan=classic.vlan, bridge_interface=classic.bridge_interface)
    elif classic.bridge_interface is not None:
        meta["bridge_interface"] = classic.bridge_interface
    if classic.multi_host:
        meta["multi_host"] = True
    return meta


def _subnet_v4(known: _Known, port: Port, record: ClassicRecord) -> Data:
    classic = known.networks[record.id]
    own = classic.multi_host and not classic.share_address and known.traits.dhcp
    ips = _ips(port, record.v4)
    for ip in ips:
        at = (port.id, IPv4Address(str(ip["address"])))
        ip["floating_ips"] = [_ip(IPv4Address(one)) for one in known.floating.get(at, ())]
    served = known.traits.dhcp and classic.enable_dhcp and record.v4 is not None
    return {
        **_subnet(record.v4, ips),
        "gateway": _ip(classic.dhcp_server if own else classic.gateway),
        "meta": {"dhcp_server": str(classic.dhcp_server)} if served else {},
    }


def _subnet_v6(port: Port, record: ClassicRecord) -> Data:
    found = _subnet(record.v6, _ips(port, record.v6))
    return {**found, "gateway": _ip(record.classic.gateway_v6), "meta": {}}


def _subnet(subnet: Subnet | None, ips: Sequence[Data]) -> Data:
    """There are always two, one of them without a prefix where there is none."""
    return {
        "cidr": None if subnet is None else str(subnet.cidr),
        "dns": [_ip(server) for server in (subnet.dns_nameservers if subnet else ())],
        "ips": ips,
        "routes": [],
        "version": None if subnet is None else subnet.cidr.version,
    }


def _ips(port: Port, subnet: Subnet | None) -> list[Data]:
    return [
        {"address": str(fixed.address), "version": fixed.address.version, "type": "fixed", "meta": {}}
        for fixed in port.fixed_ips
        if subnet is not None and fixed.subnet_id == subnet.id
    ]


def _ip(address: Address | None) -> Data | None:
    if address is None:
        return None
    return {"address": str(address), "version": address.version, "meta": {}}
