"""Networks, fixed IPs and virtual interfaces with the fields that nova's objects had."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

from netwright.control.classic_fixed_ips import is_reserved
from netwright.control.classic_networks import ClassicRecord
from netwright.model.classic import ClassicFixedIp, Life
from netwright.model.intent import Address, Port


@dataclass(frozen=True, slots=True)
class NetworkModel:
    """A row of nova's networks."""

    id: int
    uuid: str
    label: str
    injected: bool
    cidr: IPv4Network | None
    cidr_v6: IPv6Network | None
    multi_host: bool
    gateway: IPv4Address | None
    gateway_v6: IPv6Address | None
    bridge: str | None
    bridge_interface: str | None
    dns1: Address | None
    dns2: Address | None
    vlan: int | None
    vpn_public_address: IPv4Address | None
    vpn_public_port: int | None
    vpn_private_address: IPv4Address | None
    dhcp_start: IPv4Address | None
    rxtx_base: int | None
    project_id: str | None
    priority: int | None
    host: str | None
    mtu: int
    dhcp_server: IPv4Address | None
    enable_dhcp: bool
    share_address: bool
    created_at: datetime
    updated_at: datetime

    @property
    def netmask(self) -> IPv4Address | None:
        return None if self.cidr is None else self.cidr.netmask

    @property
    def netmask_v6(self) -> IPv6Address | None:
        return None if self.cidr_v6 is None else self.cidr_v6.netmask

    @property
    def broadcast(self) -> IPv4Address | None:
        return None if self.cidr is None else self.cidr.broadcast_address


@dataclass(frozen=True, slots=True)
class FixedIpModel:
    """A row of nova's fixed_ips; of a free address there is no row, yet the same can be said."""

    address: Address
    network_id: int
    network_uuid: str
    virtual_interface_id: str | None
    instance_uuid: str | None
    allocated: bool
    leased: bool
    reserved: bool
    host: str | None
    updated_at: datetime | None
    network: NetworkModel


@dataclass(frozen=True, slots=True)
class VirtualInterfaceModel:
    """A row of nova's virtual_interfaces: a port by its own id."""

    id: str
    uuid: str
    address: str
    network_id: int
    instance_uuid: str


def network_model(record: ClassicRecord) -> NetworkModel:
    classic = record.classic
    dns = [server for subnet in (record.v4, record.v6) if subnet for server in subnet.dns_nameservers]
    cidr = record.v4 and record.v4.cidr
    cidr_v6 = record.v6 and record.v6.cidr
    return NetworkModel(
        id=classic.number,
        uuid=record.id,
        label=record.network.name,
        injected=classic.injected,
        cidr=cidr if isinstance(cidr, IPv4Network) else None,
        cidr_v6=cidr_v6 if isinstance(cidr_v6, IPv6Network) else None,
        multi_host=classic.multi_host,
        gateway=classic.gateway,
        gateway_v6=classic.gateway_v6,
        bridge=classic.bridge,
        bridge_interface=classic.bridge_interface,
        dns1=dns[0] if dns else None,
        dns2=dns[1] if len(dns) > 1 else None,
        vlan=classic.vlan,
        vpn_public_address=classic.vpn_public_address,
        vpn_public_port=classic.vpn_public_port,
        vpn_private_address=classic.vpn_private_address,
        dhcp_start=classic.dhcp_start,
        rxtx_base=classic.rxtx_base,
        project_id=classic.project_id,
        priority=classic.priority,
        host=record.gateway_host or classic.host,
        mtu=record.network.mtu,
        dhcp_server=classic.dhcp_server,
        enable_dhcp=classic.enable_dhcp,
        share_address=classic.share_address,
        created_at=record.stamps.created_at,
        updated_at=record.stamps.updated_at,
    )


def fixed_ip_model(record: ClassicRecord, address: Address, fixed: ClassicFixedIp | None) -> FixedIpModel:
    """Of one that is free there is no `fixed`."""
    return FixedIpModel(
        address=address,
        network_id=record.classic.number,
        network_uuid=record.id,
        virtual_interface_id=None if fixed is None else fixed.port_id,
        instance_uuid=None if fixed is None else fixed.instance_uuid,
        allocated=fixed is not None and fixed.life is Life.ALLOCATED,
        leased=fixed is not None and fixed.leased,
        reserved=is_reserved(record, address, fixed),
        host=fixed.host if fixed is not None and fixed.life is Life.HOST else None,
        updated_at=None if fixed is None else fixed.updated_at,
        network=network_model(record),
    )


def vif_model(port: Port, record: ClassicRecord) -> VirtualInterfaceModel:
    return VirtualInterfaceModel(port.id, port.id, port.mac, record.classic.number, port.device_id)
