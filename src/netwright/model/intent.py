"""What users asked for: the Networking API's nouns as values that cannot be wrong."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

from netwright.model.dhcp_options import DhcpOption
from netwright.model.ids import (
    AddressGroupId,
    FloatingIpId,
    GroupId,
    HostName,
    LinkName,
    LogId,
    Mac,
    NamespaceName,
    NetworkId,
    PortForwardingId,
    PortId,
    ProjectId,
    QosPolicyId,
    RouterId,
    RuleId,
    SubnetId,
    VpnId,
    VpnPeerId,
)

Address = IPv4Address | IPv6Address
Prefix = IPv4Network | IPv6Network


class GatewayHosts(StrEnum):
    """Which hosts hold the gateway of a network whose gateway is on hosts."""

    EVERY = "every"
    """All of them, at the subnets' one address."""
    OWN = "own"
    """Each that has a port there, at an address of its own, for its own guests."""
    ONE = "one"
    """One of them, for the guests of all."""


@dataclass(frozen=True, slots=True)
class Vlan:
    """A VLAN (IEEE 802.1Q) of a network's uplink: 1 to 4094, and what hosts call the device for it."""

    id: int
    link: LinkName


class GatewayPlace(StrEnum):
    """Where a network's gateway lives: on the bridge in the host's namespace, or in a router."""

    HOST = "host"
    ROUTER = "router"


@dataclass(frozen=True, slots=True)
class Network:
    """`zone` is the network's own small number, unique on the deployment (conntrack zone, 1 to 65535)."""

    id: NetworkId
    project_id: ProjectId
    name: str
    zone: int
    mtu: int
    gateway_place: GatewayPlace = GatewayPlace.ROUTER
    external: bool = False
    is_default: bool = False
    """Whether it is the external network that is meant where none is named."""
    shared: bool = False
    admin_state_up: bool = True
    port_security_enabled: bool = True
    description: str = ""
    dns_domain: str = ""
    qos_policy_id: QosPolicyId | None = None
    """Holds for those of its guests' ports that have none of their own."""
    uplink: LinkName | None = None
    """A physical link: enslaved to the bridge, or, for an external network, where floating IPs live."""
    nat: bool = True
    """Whether what leaves a host network is translated to the uplink's address."""
    host_access: bool = False
    """Whether guests reach the host's own services beside DHCP, DNS, metadata and ICMP."""
    shared_gateway: bool = False
    """Whether each host is gateway and DHCP server of its own guests, all at one address on one wire."""
    bridge: LinkName | None = None
    """What the bridge is called on every host; None: as `bridge_name` makes it."""
    vlan: Vlan | None = None
    """Where there is one, the uplink's device for it is on the bridge, and not the uplink."""
    gateway_hosts: GatewayHosts = GatewayHosts.EVERY
    gateway_host: HostName | None = None
    """Where one holds it: which; None: the server chooses, and another one when that dies."""

    @property
    def link_mtu(self) -> int:
        """What its links have: Linux takes no less than 68 for Ethernet (ETH_MIN_MTU)."""
        return max(self.mtu, 68)


@dataclass(frozen=True, slots=True)
class Pool:
    """An allocation pool: both ends belong to it."""

    start: Address
    end: Address


@dataclass(frozen=True, slots=True)
class HostRoute:
    destination: Prefix
    nexthop: Address


class Ipv6Mode(StrEnum):
    """The Networking API's ipv6_ra_mode and ipv6_address_mode."""

    SLAAC = "slaac"
    DHCPV6_STATEFUL = "dhcpv6-stateful"
    DHCPV6_STATELESS = "dhcpv6-stateless"


@dataclass(frozen=True, slots=True)
class Subnet:
    id: SubnetId
    network_id: NetworkId
    project_id: ProjectId
    name: str
    cidr: Prefix
    gateway_ip: Address | None
    enable_dhcp: bool = True
    pools: tuple[Pool, ...] = ()
    dns_nameservers: tuple[Address, ...] = ()
    host_routes: tuple[HostRoute, ...] = ()
    ipv6_ra_mode: Ipv6Mode | None = None
    ipv6_address_mode: Ipv6Mode | None = None
    description: str = ""
    subnetpool_id: str | None = None
    """The pool that the prefix is from."""
    segment_id: str | None = None
    service_types: tuple[str, ...] = ()
    """The owners of ports that get addresses from it unasked; none: all."""
    dns_publish_fixed_ip: bool = False


@dataclass(frozen=True, slots=True)
class FixedIp:
    subnet_id: SubnetId
    address: Address


@dataclass(frozen=True, slots=True)
class AddressPair:
    """A further address (or prefix) and MAC that a port may send from."""

    prefix: Prefix
    mac: Mac


@dataclass(frozen=True, slots=True)
class Unplugged:
    """The port has no link on any host."""


@dataclass(frozen=True, slots=True)
class InNamespace:
    """A veth pair; its far end is made directly in the guest's namespace."""

    namespace: NamespaceName
    link: LinkName


@dataclass(frozen=True, slots=True)
class HostTap:
    """A persistent tap that the agent makes and a VMM opens.

    `owner` and `group`, a user's and a group's number on the host, say who may open it without privileges;
    without either whoever may open /dev/net/tun.
    """

    owner: int | None = None
    group: int | None = None


@dataclass(frozen=True, slots=True)
class VmmTap:
    """A tap that a VMM made under the port's name, and that goes when the VMM goes."""


Attachment = Unplugged | InNamespace | HostTap | VmmTap


@dataclass(frozen=True, slots=True)
class Guest:
    """What the metadata service tells the guest behind a port."""

    hostname: str = ""
    user_data: str = ""
    """Base64, at most 65,535 characters, as in the Compute API."""
    public_keys: tuple[tuple[str, str], ...] = ()
    """Name and OpenSSH text of each key."""
    meta: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Port:
    id: PortId
    network_id: NetworkId
    project_id: ProjectId
    name: str
    mac: Mac
    fixed_ips: tuple[FixedIp, ...] = ()
    security_groups: tuple[GroupId, ...] = ()
    allowed_address_pairs: tuple[AddressPair, ...] = ()
    port_security_enabled: bool = True
    admin_state_up: bool = True
    device_id: str = ""
    device_owner: str = ""
    dns_name: str = ""
    description: str = ""
    host: HostName | None = None
    attachment: Attachment = Unplugged()
    guest: Guest = Guest()
    dhcp_options: tuple[DhcpOption, ...] = ()
    qos_policy_id: QosPolicyId | None = None


class Direction(StrEnum):
    INGRESS = "ingress"
    EGRESS = "egress"


class EtherType(StrEnum):
    IPV4 = "IPv4"
    IPV6 = "IPv6"

    @property
    def version(self) -> int:
        """IP's: 4 or 6."""
        return 4 if self is EtherType.IPV4 else 6


def ethertype_of(value: Address | Prefix) -> EtherType:
    """What a packet with such an address has."""
    return EtherType.IPV4 if value.version == 4 else EtherType.IPV6


ICMP: Final = {EtherType.IPV4: 1, EtherType.IPV6: 58}
"""The number of each IP version's own ICMP (IANA)."""
PORTED: Final = frozenset({6, 17, 33, 132, 136})
"""Protocols with ports: TCP, UDP, DCCP, SCTP, UDP-Lite (IANA)."""


@dataclass(frozen=True, slots=True)
class Anywhere:
    """No remote given: any address of the rule's EtherType."""


@dataclass(frozen=True, slots=True)
class RemotePrefix:
    prefix: Prefix


@dataclass(frozen=True, slots=True)
class RemoteGroup:
    group: GroupId


@dataclass(frozen=True, slots=True)
class RemoteAddressGroup:
    """Whatever address is in one of its prefixes that are of the rule's EtherType."""

    address_group: AddressGroupId


Remote = Anywhere | RemotePrefix | RemoteGroup | RemoteAddressGroup


@dataclass(frozen=True, slots=True)
class AnyProtocol:
    """Every IP protocol."""


@dataclass(frozen=True, slots=True)
class IpProtocol:
    """A protocol by its IANA number, whatever its ports."""

    number: int


@dataclass(frozen=True, slots=True)
class PortRange:
    """A protocol with ports (TCP 6, UDP 17, DCCP 33, SCTP 132, UDP-Lite 136), both ends included."""

    number: int
    first: int
    last: int


@dataclass(frozen=True, slots=True)
class Icmp:
    """ICMP or ICMPv6, by the rule's EtherType; a missing type or code means any."""

    type: int | None = None
    code: int | None = None


Match = AnyProtocol | IpProtocol | PortRange | Icmp


@dataclass(frozen=True, slots=True)
class Rule:
    id: RuleId
    group_id: GroupId
    project_id: ProjectId
    direction: Direction
    ethertype: EtherType
    match: Match = AnyProtocol()
    remote: Remote = Anywhere()
    description: str = ""


class Revocation(StrEnum):
    """What becomes of a connection whose rule goes, or whose end leaves a group."""

    CUT = "cut"
    KEEP = "keep"
    """It goes on for as long as it lasts; a new one is refused."""


@dataclass(frozen=True, slots=True)
class SecurityGroup:
    id: GroupId
    project_id: ProjectId
    name: str
    description: str = ""
    stateful: bool = True
    rules: tuple[Rule, ...] = ()
    revocation: Revocation = Revocation.CUT


@dataclass(frozen=True, slots=True)
class AddressGroup:
    """Prefixes under one name, which rules may have as their remote."""

    id: AddressGroupId
    project_id: ProjectId
    name: str
    description: str = ""
    prefixes: tuple[Prefix, ...] = ()
    """Each once, IPv4's before IPv6's."""


class LogEvent(StrEnum):
    """Which packets a log is about."""

    ALL = "ALL"
    ACCEPT = "ACCEPT"
    DROP = "DROP"


@dataclass(frozen=True, slots=True)
class Log:
    """Packets to be written down: of a group's ports, of one port, or of all the project's."""

    id: LogId
    project_id: ProjectId
    name: str
    description: str = ""
    enabled: bool = True
    event: LogEvent = LogEvent.ALL
    group_id: GroupId | None = None
    port_id: PortId | None = None


@dataclass(frozen=True, slots=True)
class Association:
    """The port and fixed address that a floating IP stands for."""

    port_id: PortId
    fixed_address: IPv4Address


@dataclass(frozen=True, slots=True)
class FloatingIp:
    id: FloatingIpId
    project_id: ProjectId
    network_id: NetworkId
    """The external network that the address is from."""
    address: IPv4Address
    association: Association | None = None
    router_id: RouterId | None = None
    """What leads from the address to the ports behind it; None: hosts do, being those networks' gateways."""
    description: str = ""
    dns_name: str = ""
    dns_domain: str = ""
    qos_policy_id: QosPolicyId | None = None
    """Its bandwidth limits hold for what goes through the address; ingress is what comes to it."""


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports of a protocol that has them, 1 to 65535, both ends included."""

    first: int
    last: int

    @property
    def count(self) -> int:
        return self.last - self.first + 1


FORWARDED: Final = {"tcp": 6, "udp": 17, "sctp": 132}
"""The protocols whose ports can be forwarded, and their numbers (IANA)."""


@dataclass(frozen=True, slots=True)
class PortForwarding:
    """Ports of a floating IP that are a port's: each the one of its place, or all of them one."""

    id: PortForwardingId
    floating_ip_id: FloatingIpId
    protocol: str
    """One of FORWARDED."""
    external: Ports
    port_id: PortId
    internal_address: IPv4Address
    internal: Ports
    """As many as `external`, or one."""
    description: str = ""


VPN_PRIVATE_PORT: Final = 1194
"""The UDP port at which a guest that is a project's VPN server listens: OpenVPN's (IANA)."""


@dataclass(frozen=True, slots=True)
class UdpForward:
    """The VPN's public port is one of a guest's: its UDP port VPN_PRIVATE_PORT."""

    private_address: IPv4Address


@dataclass(frozen=True, slots=True)
class WireGuard:
    """The host itself ends the VPN; its peers have addresses of `peers`."""

    private_key: str = field(repr=False)
    """Base64 of 32 bytes, as every key of WireGuard."""
    peers: IPv4Network


@dataclass(frozen=True, slots=True)
class Vpn:
    """A way into a project's network from outside, at a public address and UDP port of the gateway's host."""

    id: VpnId
    project_id: ProjectId
    network_id: NetworkId
    name: str
    public_port: int
    way: UdpForward | WireGuard
    public_address: IPv4Address | None = None
    """None: any address that the host has."""
    description: str = ""


@dataclass(frozen=True, slots=True)
class VpnPeer:
    """Who may come in by a WireGuard VPN, and at which address guests see it."""

    id: VpnPeerId
    vpn_id: VpnId
    name: str
    public_key: str
    address: IPv4Address
