"""What one host must provide: items that leave the host nothing to decide, generation by generation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Address, IPv4Network, IPv6Network
from typing import NamedTuple

from netwright.model.dhcp_options import DhcpOption
from netwright.model.ids import (
    AddressGroupId,
    FloatingIpId,
    GroupId,
    HostName,
    LinkName,
    LogId,
    Mac,
    NetworkId,
    PortId,
    ProjectId,
    SubnetId,
    VpnId,
    bridge_name,
)
from netwright.model.intent import (
    Address,
    AddressPair,
    Attachment,
    Direction,
    EtherType,
    GatewayPlace,
    Guest,
    HostRoute,
    Match,
    Pool,
    Prefix,
    Remote,
    Revocation,
)
from netwright.model.plan_parts import Gateway, PortForward, VlanPlan
from netwright.model.qos import Bandwidth, PacketRate
from netwright.model.vpn_plans import VpnWay


class Noun(StrEnum):
    """The kinds of item that a plan is made of."""

    HOST = "host"
    NETWORK = "network"
    GROUP = "group"
    ADDRESS_GROUP = "address_group"
    PORT = "port"
    MEMBER = "member"
    FLOATING_IP = "floating_ip"
    FORWARDS = "forwards"
    SERVED = "served"
    VPN = "vpn"
    PORT_QOS = "port_qos"


class ItemKey(NamedTuple):
    """An item's place in the plan."""

    noun: Noun
    id: str


@dataclass(frozen=True, slots=True)
class HostItem:
    """What every host has, even one without networks: the tables, sysctls and empty sets."""

    host: HostName

    @property
    def key(self) -> ItemKey:
        return ItemKey(Noun.HOST, self.host)


class Serving(StrEnum):
    """How guests of a subnet get their addresses."""

    STATIC = "static"
    """Not from us: enable_dhcp is false, or an IPv6 subnet without modes."""
    DHCPV4 = "dhcpv4"
    SLAAC = "slaac"
    DHCPV6_STATEFUL = "dhcpv6-stateful"
    DHCPV6_STATELESS = "dhcpv6-stateless"


@dataclass(frozen=True, slots=True)
class SubnetPlan:
    """`held` is the address that netwright itself holds on this subnet.

    On a host network it is the gateway's, on the bridge; on a router network that of the network's
    DHCP port, in its namespace. None: netwright has no address there.
    """

    id: SubnetId
    cidr: Prefix
    gateway_ip: Address | None
    held: Address | None
    serving: Serving
    announced: bool
    """Whether our router advertisements go out here (ipv6_ra_mode set, on a host network)."""
    dns_nameservers: tuple[Address, ...] = ()
    host_routes: tuple[HostRoute, ...] = ()
    pools: tuple[Pool, ...] = ()


@dataclass(frozen=True, slots=True)
class NetworkItem:
    """A network present on the host: its bridge, its addresses, its dnsmasq."""

    id: NetworkId
    zone: int
    mtu: int
    place: GatewayPlace
    admin_up: bool
    uplink: LinkName | None
    nat: bool
    host_access: bool
    dns_domain: str
    """Without a trailing dot; never empty (the deployment's default is filled in)."""
    subnets: tuple[SubnetPlan, ...]
    dhcp_mac: Mac | None = None
    """The DHCP port's MAC on a router network that has one."""
    shared_gateway: bool = False
    """Whether other hosts on the uplink's wire hold the same addresses, each for its own guests."""
    mac: Mac | None = None
    """The bridge's, where it is this host's own; else it is made from the network's id."""
    bridge_called: LinkName | None = None
    """The bridge's name, where somebody chose one."""
    vlan: VlanPlan | None = None
    """How the uplink is made, where it is a device for a VLAN; else it is a physical link."""
    gateway: Gateway = Gateway.EVERY
    lease_events: bool = False
    """Whether the host tells the server of each lease that is taken or released."""

    @property
    def key(self) -> ItemKey:
        return ItemKey(Noun.NETWORK, self.id)

    @property
    def bridge(self) -> LinkName:
        return self.bridge_called or bridge_name(self.id)

    @property
    def serves(self) -> bool:
        """Whether the gateway of this host network is here."""
        return self.place is GatewayPlace.HOST and self.gateway is not Gateway.ELSEWHERE

    @property
    def apart(self) -> bool:
        """Whether what concerns the gateway stays on this host, though the network's wire goes on."""
        return self.shared_gateway or self.gateway is Gateway.OWN

    @property
    def inside(self) -> bool:
        """Whether its prefixes are only its guests': it has no wire, or its gateways are nobody else's."""
        return self.uplink is None or self.gateway in {Gateway.OWN, Gateway.ONLY}


@dataclass(frozen=True, slots=True)
class RulePlan:
    """A security group rule without its identity: equal rules are the same rule."""

    direction: Direction
    ethertype: EtherType
    match: Match
    remote: Remote


@dataclass(frozen=True, slots=True)
class LogPlan:
    """What is logged at a group: packets that its rules let through, that its ports drop, or both."""

    id: LogId
    accepted: bool
    dropped: bool
    port_id: PortId | None = None
    """Only this port's packets; None: those of every port in the group."""


@dataclass(frozen=True, slots=True)
class GroupItem:
    """A group that a port of this host uses, or that a rule of such a group names as its remote.

    Members are not listed here: each port brings its own addresses, each on another host as a MemberItem.
    """

    id: GroupId
    stateful: bool
    rules: tuple[RulePlan, ...]
    revocation: Revocation = Revocation.CUT
    logs: tuple[LogPlan, ...] = ()

    @property
    def key(self) -> ItemKey:
        return ItemKey(Noun.GROUP, self.id)


@dataclass(frozen=True, slots=True)
class AddressGroupItem:
    """Prefixes that rules of groups in use on this host name by the address group's id."""

    id: AddressGroupId
    prefixes: tuple[Prefix, ...]
    """They may overlap."""

    @property
    def key(self) -> ItemKey:
        return ItemKey(Noun.ADDRESS_GROUP, self.id)


@dataclass(frozen=True, slots=True)
class PortAddress:
    """A fixed address and what its guest must know beside it."""

    subnet_id: SubnetId
    address: Address
    prefix_length: int
    serving: Serving
    gateway_ip: Address | None
    dns_nameservers: tuple[Address, ...] = ()
    host_routes: tuple[HostRoute, ...] = ()


@dataclass(frozen=True, slots=True)
class Nic:
    """One interface of a guest, as the metadata service describes it."""

    port_id: PortId
    network_id: NetworkId
    mac: Mac
    mtu: int
    addresses: tuple[PortAddress, ...]
    floating_addresses: tuple[IPv4Address, ...] = ()


@dataclass(frozen=True, slots=True)
class PortItem:
    """A port with a link on this host (its attachment is never Unplugged)."""

    id: PortId
    network_id: NetworkId
    project_id: ProjectId
    name: str
    mac: Mac
    mtu: int
    zone: int
    place: GatewayPlace
    admin_up: bool
    attachment: Attachment
    addresses: tuple[PortAddress, ...]
    secured: bool
    pairs: tuple[AddressPair, ...]
    groups: tuple[GroupId, ...]
    dns_name: str
    """One label; never empty (made from the address where the user gave none)."""
    dns_domain: str
    device_id: str
    guest: Guest
    nics: tuple[Nic, ...]
    """All interfaces of the same guest, this one among them: ports with the same device_id."""
    security_group_names: tuple[str, ...] = ()
    logs: tuple[LogId, ...] = ()
    """Those about what this port drops that name no group."""
    bridge_called: LinkName | None = None
    """The name of its network's bridge, where somebody chose one."""
    dhcp_options: tuple[DhcpOption, ...] = ()

    @property
    def key(self) -> ItemKey:
        return ItemKey(Noun.PORT, self.id)

    @property
    def bridge(self) -> LinkName:
        return self.bridge_called or bridge_name(self.network_id)

    @property
    def prefixes(self) -> tuple[Prefix, ...]:
        """What it may send from: its addresses as whole-length prefixes, and its pairs' prefixes."""
        return (*(whole(held.address) for held in self.addresses), *(pair.prefix for pair in self.pairs))


def whole(address: Address) -> Prefix:
    """The prefix that holds just that address."""
    return IPv4Network(address) if isinstance(address, IPv4Address) else IPv6Network(address)


@dataclass(frozen=True, slots=True)
class MemberItem:
    """A port on another host whose addresses belong to groups that rules on this host name."""

    id: PortId
    groups: tuple[GroupId, ...]
    prefixes: tuple[Prefix, ...]
    """Its fixed addresses as whole-length prefixes, and those of its allowed address pairs."""

    @property
    def key(self) -> ItemKey:
        return ItemKey(Noun.MEMBER, self.id)


@dataclass(frozen=True, slots=True)
class ServedItem:
    """A port with a link on another host, whose network's gateway this host holds for all.

    It gets its addresses, names and metadata from here; all else is its own host's business.
    """

    port: PortItem

    @property
    def key(self) -> ItemKey:
        return ItemKey(Noun.SERVED, self.port.id)


@dataclass(frozen=True, slots=True)
class FloatingIpItem:
    """An associated floating IP whose port is on this host, or whose network's gateway is for all hosts.

    `uplink` is where the address is held and announced; None means it is routed to the host.
    """

    id: FloatingIpId
    address: IPv4Address
    fixed_address: IPv4Address
    port_id: PortId
    network_id: NetworkId
    """The fixed address's network."""
    zone: int
    uplink: LinkName | None
    on_wire: bool = False
    """Whether its port is here and on a network with an uplink: its guest may send to others' routers."""
    comes: Bandwidth | None = None
    """How much may come to the address."""
    goes: Bandwidth | None = None
    """How much may go out as the address."""

    @property
    def key(self) -> ItemKey:
        return ItemKey(Noun.FLOATING_IP, self.id)


@dataclass(frozen=True, slots=True)
class ForwardsItem:
    """A floating IP that stands for no port, but has ports that are guests' on networks of this host.

    `uplink` is where the address is held and announced; None means it is routed to the host.
    """

    id: FloatingIpId
    address: IPv4Address
    uplink: LinkName | None
    forwards: tuple[PortForward, ...]

    @property
    def key(self) -> ItemKey:
        return ItemKey(Noun.FORWARDS, self.id)


@dataclass(frozen=True, slots=True)
class VpnItem:
    """A way from outside into a network whose gateway is on this host."""

    id: VpnId
    network_id: NetworkId
    bridge: LinkName
    prefixes: tuple[IPv4Network, ...]
    """The network's own, of IPv4: peers reach nothing else."""
    public_port: int
    public_address: IPv4Address | None
    """None: any address that the host has."""
    way: VpnWay

    @property
    def key(self) -> ItemKey:
        return ItemKey(Noun.VPN, self.id)


@dataclass(frozen=True, slots=True)
class PortQosItem:
    """How much a port on this host may get and send, and how what it sends is marked.

    Apart from the port's own item, so that a policy's change costs no more than its limits.
    """

    id: PortId
    mtu: int
    to_guest: Bandwidth | None = None
    from_guest: Bandwidth | None = None
    packets_to_guest: PacketRate | None = None
    packets_from_guest: PacketRate | None = None
    dscp: int | None = None
    """0 to 63 (RFC 2474), written into all IPv4 and IPv6 packets that the guest sends."""

    @property
    def key(self) -> ItemKey:
        return ItemKey(Noun.PORT_QOS, self.id)


Item = (
    HostItem
    | NetworkItem
    | GroupItem
    | AddressGroupItem
    | PortItem
    | MemberItem
    | FloatingIpItem
    | ForwardsItem
    | ServedItem
    | VpnItem
    | PortQosItem
)
Items = Mapping[ItemKey, Item]


def group_of(items: Items, group: GroupId) -> GroupItem | None:
    """The group of that id; None where the plan has none."""
    found = items.get(ItemKey(Noun.GROUP, group))
    return found if isinstance(found, GroupItem) else None


@dataclass(frozen=True, slots=True)
class HostPlan:
    """Everything one host must provide, complete. Generations only grow."""

    host: HostName
    generation: int
    items: Items = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PlanDelta:
    """What changed: the plan at `base` with it applied is the plan at `generation`."""

    host: HostName
    base: int
    generation: int
    changed: tuple[Item, ...]
    removed: tuple[ItemKey, ...]


PlanUpdate = HostPlan | PlanDelta


def apply(plan: HostPlan, delta: PlanDelta) -> HostPlan:
    """The plan after the delta.

    Raises ValueError if the delta starts from a generation later than the plan's.
    """
    if delta.base > plan.generation:
        message = f"delta starts at {delta.base}, the plan is at {plan.generation}"
        raise ValueError(message)
    items = dict(plan.items)
    for key in delta.removed:
        items.pop(key, None)
    items.update({item.key: item for item in delta.changed})
    return HostPlan(plan.host, max(plan.generation, delta.generation), items)
