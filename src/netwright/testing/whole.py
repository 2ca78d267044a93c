"""A plan with something of everything: both kinds of network, groups, pairs, floating IPs, VPNs, a tap."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from ipaddress import ip_network
from pathlib import Path
from typing import Final

from netwright.model.dhcp_options import DhcpOption
from netwright.model.ids import AddressGroupId, GroupId, LinkName, Mac, NamespaceName, NetworkId
from netwright.model.intent import (
    AddressPair,
    AnyProtocol,
    Anywhere,
    Direction,
    EtherType,
    GatewayPlace,
    HostTap,
    Icmp,
    InNamespace,
    PortRange,
    Ports,
    RemoteAddressGroup,
    RemoteGroup,
    RemotePrefix,
)
from netwright.model.plan import (
    AddressGroupItem,
    FloatingIpItem,
    ForwardsItem,
    GroupItem,
    Item,
    NetworkItem,
    PortItem,
    RulePlan,
    Serving,
    VpnItem,
)
from netwright.testing.namespaces import add_veth, namespaces, run
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import (
    sample_address,
    sample_floating_ip,
    sample_forward,
    sample_forwards,
    sample_network,
    sample_port,
    sample_port_forward,
    sample_subnet,
    sample_vpn,
)

UPLINK: Final = LinkName("wan")
"""The link that must be there for the floating IP."""
HOSTED: Final = NetworkId("10000000-0000-4000-8000-000000000000")
ROUTED: Final = NetworkId(str(uuid.uuid4()))
"""Another one in each process: its namespace's name must be free on the whole machine."""
WEB, MEMBERS = (GroupId(f"{number}a000000-0000-4000-8000-000000000000") for number in (1, 2))
OFFICES = AddressGroupId("3a000000-add0-4000-8000-000000000000")
V4 = sample_subnet("10.33.0.0/24")
V6 = sample_subnet("fd33::/64", Serving.SLAAC, number=2)
SAME = sample_subnet("10.33.0.0/24", number=3)


def hosted() -> NetworkItem:
    return replace(sample_network(V4, V6, identity=HOSTED), zone=1)


def routed() -> NetworkItem:
    """Its subnet is the hosted network's too."""
    bare = sample_network(replace(SAME, gateway_ip=None), identity=ROUTED, place=GatewayPlace.ROUTER)
    return replace(bare, zone=2, dhcp_mac=Mac("fa:16:3e:ff:ff:01"))


def groups() -> tuple[GroupItem, GroupItem]:
    out = tuple(RulePlan(Direction.EGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType)
    RemoteAddressGroup(OFFICES)
    web = (
        *out,
        RulePlan(Direction.INGRESS, EtherType.IPV4, PortRange(6, 80, 443), Anywhere()),
        RulePlan(Direction.INGRESS, EtherType.IPV6, Icmp(128, 0), RemotePrefix(ip_network("fd00::/8"))),
        *(
            RulePlan(Direction.INGRESS, kind, AnyProtocol(), RemoteAddressGroup(OFFICES))
            for kind in EtherType
        ),
    )
    among = tuple(
        RulePlan(Direction.INGRESS, kind, AnyProtocol(), RemoteGroup(MEMBERS)) for kind in EtherType
    )
    return GroupItem(WEB, stateful=True, rules=web), GroupItem(MEMBERS, stateful=True, rules=(*out, *among))


def offices() -> AddressGroupItem:
    prefixes = "198.18.7.0/25", "198.18.7.200/32", "2001:db8::/32"
    return AddressGroupItem(OFFICES, tuple(map(ip_network, prefixes)))


def ports(guests: tuple[NamespaceName, NamespaceName]) -> tuple[PortItem, PortItem, PortItem]:
    """The first and second in the guests' namespaces, on the hosted and the routed network; third a tap."""
    first = sample_port(sample_address(V4, "10.33.0.10"), sample_address(V6, "fd33::10"), network=hosted())
    second = sample_port(sample_address(SAME, "10.33.0.10"), number=2, network=routed())
    third = sample_port(sample_address(V4, "10.33.0.12"), number=3, network=hosted())
    pairs = (
        AddressPair(ip_network("10.33.9.0/28"), first.mac),
        AddressPair(ip_network("fd33:9::/64"), Mac("fa:16:3e:ff:ff:02")),
    )
    inside = [InNamespace(guest, LinkName("eth0")) for guest in guests]
    return (
        replace(
            first,
            groups=(WEB, MEMBERS),
            pairs=pairs,
            attachment=inside[0],
            dhcp_options=(DhcpOption("bootfile-name", "pxelinux.0"),),
        ),
        replace(second, groups=(MEMBERS,), attachment=inside[1]),
        replace(third, secured=False, attachment=HostTap()),
    )


def floating_ip(port: PortItem) -> FloatingIpItem:
    return sample_floating_ip(port, "203.0.113.50")


def forwards(port: PortItem) -> ForwardsItem:
    """A port, and a range that keeps its numbers."""
    few = sample_port_forward(port, "tcp", Ports(8080, 8080), Ports(80, 80))
    many = sample_port_forward(port, "udp", Ports(7000, 7009), Ports(7000, 7009))
    return sample_forwards("203.0.113.51", few, many, number=2)


def vpns() -> tuple[VpnItem, VpnItem]:
    """A forward from any address that the host has, and one from a certain one."""
    way = sample_forward("10.33.0.12")
    return sample_vpn(hosted(), way, 1000), sample_vpn(hosted(), way, 1001, address="203.0.113.60", number=2)


def whole_plan(guests: tuple[NamespaceName, NamespaceName]) -> tuple[Item, ...]:
    """Everything; the guests' namespaces and the uplink must be there."""
    plugged = ports(guests)
    outside = floating_ip(plugged[0]), forwards(plugged[2]), *vpns()
    return hosted(), routed(), *groups(), offices(), *plugged, *outside


@dataclass(frozen=True, slots=True)
class Planned:
    """A rig that has the whole plan, its uplink in a namespace of its own."""

    rig: Rig
    directory: Path
    plan: tuple[Item, ...]

    @property
    def host(self) -> NamespaceName:
        return self.rig.host

    def run(self, command: str) -> str:
        """A command in the host's namespace; what it printed."""
        return run(self.host, command.split(" ")).stdout


@contextmanager
def planned(directory: Path, firewall: str = "nftables") -> Iterator[Planned]:
    """The whole plan on a fresh rig; `directory` is a test's own and is made readable for dnsmasq's user."""
    for path in (directory, *list(directory.parents)[:-2]):
        path.chmod(0o755)
    with ExitStack() as stack:
        first, second, internet = stack.enter_context(namespaces("guest", "guest", "net"))
        made = stack.enter_context(rig(directory, firewall))
        add_veth(made.host, UPLINK, internet, "eth0")
        plan = whole_plan((first, second))
        outcome = made.plan(*plan)
        assert not outcome.pending, outcome
        yield Planned(made, directory, plan)
