"""Small plans' items with sound defaults, for tests that care for one field."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network

from netwright.model.ids import (
    FloatingIpId,
    LinkName,
    Mac,
    NamespaceName,
    NetworkId,
    PortId,
    ProjectId,
    SubnetId,
    VpnId,
)
from netwright.model.intent import VPN_PRIVATE_PORT, GatewayPlace, Guest, InNamespace, Ports
from netwright.model.plan import (
    FloatingIpItem,
    ForwardsItem,
    NetworkItem,
    Nic,
    PortAddress,
    PortItem,
    Serving,
    SubnetPlan,
    VpnItem,
)
from netwright.model.plan_parts import PortForward
from netwright.model.vpn_plans import ForwardPlan, VpnWay

NETWORK = NetworkId("4e8e5957-649f-477b-9e5b-f1f75b21c03c")
PROJECT = ProjectId("b1c0b4b8a1f24f4d8c4f2d3e5a6b7c8d")


def sample_subnet(cidr: str, serving: Serving = Serving.DHCPV4, *, number: int = 1) -> SubnetPlan:
    """A subnet whose first address is its gateway and held by netwright; announced where it can be."""
    prefix = ip_network(cidr)
    return SubnetPlan(
        id=SubnetId(f"5ab0e000-0000-4000-8000-{number:012x}"),
        cidr=prefix,
        gateway_ip=prefix[1],
        held=prefix[1],
        serving=serving,
        announced=isinstance(prefix, IPv6Network) and serving is not Serving.STATIC,
    )


def sample_network(
    *subnets: SubnetPlan, identity: NetworkId = NETWORK, place: GatewayPlace = GatewayPlace.HOST
) -> NetworkItem:
    """A network with these subnets, of MTU 1450 and domain example.internal."""
    return NetworkItem(
        id=identity,
        zone=7,
        mtu=1450,
        place=place,
        admin_up=True,
        uplink=None,
        nat=True,
        host_access=False,
        dns_domain="example.internal",
        subnets=subnets,
    )


def sample_address(subnet: SubnetPlan, address: str) -> PortAddress:
    """A fixed address on the subnet, with what the subnet says."""
    return PortAddress(
        subnet_id=subnet.id,
        address=ip_address(address),
        prefix_length=subnet.cidr.prefixlen,
        serving=subnet.serving,
        gateway_ip=subnet.gateway_ip,
        dns_nameservers=subnet.dns_nameservers,
        host_routes=subnet.host_routes,
    )


def sample_port(*addresses: PortAddress, number: int = 1, network: NetworkItem | None = None) -> PortItem:
    """Port `number`, called guest<number>, with MAC fa:16:3e:00:00:<number>."""
    home = network or sample_network()
    identity = PortId(f"{number:08x}-90e7-4000-8000-000000000000")
    mac = Mac(f"fa:16:3e:00:{number >> 8:02x}:{number & 255:02x}")
    port = PortItem(
        id=identity,
        network_id=home.id,
        project_id=PROJECT,
        name=f"port{number}",
        mac=mac,
        mtu=home.mtu,
        zone=home.zone,
        place=home.place,
        admin_up=True,
        attachment=InNamespace(NamespaceName(f"guest{number}"), LinkName("eth0")),
        addresses=addresses,
        secured=True,
        pairs=(),
        groups=(),
        dns_name=f"guest{number}",
        dns_domain=home.dns_domain,
        device_id=f"d0000000-0000-4000-8000-{number:012x}",
        guest=Guest(),
        nics=(),
    )
    return replace(port, nics=(sample_nic(port),))


def sample_guest(guest: int, network: NetworkItem) -> PortItem:
    """Port `guest` + 1; of each subnet it has the address numbered 10 + `guest`, of IPv6's 16 + `guest`."""
    numbered = [(subnet, (10 if subnet.cidr.version == 4 else 16) + guest) for subnet in network.subnets]
    held = (sample_address(subnet, str(subnet.cidr[number])) for subnet, number in numbered)
    return sample_port(*held, number=guest + 1, network=network)


def sample_nic(port: PortItem, *floating: str) -> Nic:
    """The port as its guest's metadata describes it, with floating IPs."""
    floats = tuple(IPv4Address(address) for address in floating)
    return Nic(port.id, port.network_id, port.mac, port.mtu, port.addresses, floats)


def sample_floating_ip(port: PortItem, address: str, *, number: int = 1) -> FloatingIpItem:
    """Floating IP `number`, over the link wan, for the port's first fixed address of IPv4."""
    return FloatingIpItem(
        id=FloatingIpId(f"{number:08x}-f10a-4000-8000-000000000000"),
        address=IPv4Address(address),
        fixed_address=next(held.address for held in port.addresses if isinstance(held.address, IPv4Address)),
        port_id=port.id,
        network_id=port.network_id,
        zone=port.zone,
        uplink=LinkName("wan"),
    )


def sample_forwards(address: str, *forwards: PortForward, number: int = 1) -> ForwardsItem:
    """Floating IP `number`, over the link wan, with these port forwardings."""
    identity = FloatingIpId(f"{number:08x}-f10a-4000-8000-000000000000")
    return ForwardsItem(identity, IPv4Address(address), LinkName("wan"), forwards)


def sample_port_forward(port: PortItem, protocol: str, external: Ports, internal: Ports) -> PortForward:
    """Those ports outside are those of the port's first fixed address of IPv4."""
    address = next(held.address for held in port.addresses if isinstance(held.address, IPv4Address))
    return PortForward(protocol, external, port.id, address, internal)


def sample_vpn(
    network: NetworkItem, way: VpnWay, port: int, *, address: str | None = None, number: int = 1
) -> VpnItem:
    """VPN `number` of the network, at that UDP port of the address, or of any that the host has."""
    return VpnItem(
        id=VpnId(f"{number:08x}-b9e0-4000-8000-000000000000"),
        network_id=network.id,
        bridge=network.bridge,
        prefixes=tuple(one.cidr for one in network.subnets if isinstance(one.cidr, IPv4Network)),
        public_port=port,
        public_address=None if address is None else IPv4Address(address),
        way=way,
    )


def sample_forward(address: str) -> ForwardPlan:
    """To OpenVPN's port of a guest."""
    return ForwardPlan(IPv4Address(address), VPN_PRIVATE_PORT)
