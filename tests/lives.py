"""Random lives of a deployment, in which after every step each host's deltas must lead to its whole plan."""

from __future__ import annotations

import contextlib
from ipaddress import ip_address, ip_network
from typing import ClassVar

from asking import (
    address_groups,
    floating_ips,
    groups,
    logs,
    networks,
    port_forwardings,
    ports,
    rules,
    subnets,
    vpn_peers,
    vpns,
)
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, rule, run_state_machine_as_test
from lives_qos import PICK, QosLife, pick
from worlds import HOST, OTHER_HOST, world

from netwright.control import gateways, plans, reports
from netwright.control.address_groups import AddressGroupRequest
from netwright.control.fixed_ips import FixedIpRequest
from netwright.control.floating_ips import FloatingIpRequest
from netwright.control.groups import GroupRequest
from netwright.control.logs import LogRequest
from netwright.control.networks import NetworkRequest
from netwright.control.port_checks import PairRequest
from netwright.control.port_forwardings import ForwardingRequest
from netwright.control.ports import PortRequest
from netwright.control.rules import RuleRequest
from netwright.control.subnets import SubnetRequest
from netwright.control.vpn_peers import PeerRequest
from netwright.control.vpns import VpnKind, VpnRequest
from netwright.model.errors import RequestError
from netwright.model.ids import HostName, LinkName, NamespaceName, port_link_name
from netwright.model.intent import (
    Direction,
    EtherType,
    GatewayHosts,
    GatewayPlace,
    Guest,
    HostTap,
    InNamespace,
    Ipv6Mode,
    LogEvent,
    Ports,
    Revocation,
    Unplugged,
)
from netwright.model.plan import HostPlan, PlanDelta, apply
from netwright.model.report import PortStatus, Report, VmmLink
from netwright.planner.check import problems

CIDRS = tuple(ip_network(f"10.{third}.0.0/28") for third in range(6))
V6 = tuple(ip_network(f"fd00:{third}::/64") for third in range(4))
NAMES = ("web", "Web", "db", "", "not a label", "host-10-0-0-5", "a" * 64)
ATTACHMENTS = (
    Unplugged(),
    HostTap(),
    InNamespace(NamespaceName("g1"), LinkName("eth0")),
    InNamespace(NamespaceName("g2"), LinkName("eth0")),
)


class Users(QosLife):
    """Users and agents do what they like; refusals are part of the game."""

    hosts: ClassVar[tuple[HostName, ...]] = (HOST, OTHER_HOST)

    def __init__(self) -> None:
        super().__init__()
        self.stack = contextlib.ExitStack()
        self.world = self.stack.enter_context(world())
        self.followed = {host: plans.snapshot(self.world, host) for host in self.hosts}
        self.lazy = dict(self.followed)

    def teardown(self) -> None:
        with self.stack:
            for host in self.hosts:
                assert follow(self, self.lazy[host]) == plans.snapshot(self.world, host)

    def network(self, at: int):
        return pick(networks.find(self.world, {}), at).value.id

    def port(self, at: int):
        return pick(ports.find(self.world, {}), at).value

    def group(self, at: int):
        return pick(groups.find(self.world, {}), at).value.id

    def address_group(self, at: int):
        return pick(address_groups.find(self.world, {}), at).value.id

    @initialize()
    def begin(self):
        """A guest with two interfaces, a group that names another, and a floating IP: so that much can change."""
        names = [groups.create(self.world, [GroupRequest(name=name)])[0].value.id for name in ("web", "db")]
        rules.create(
            self.world,
            [RuleRequest(group_id=names[0], direction=Direction.INGRESS, remote_group_id=names[1])],
        )
        offices = address_groups.create(self.world, [AddressGroupRequest(prefixes=CIDRS[:1])])[0].value.id
        rules.create(
            self.world,
            [RuleRequest(group_id=names[0], direction=Direction.INGRESS, remote_address_group_id=offices)],
        )
        made = [
            networks.create(self.world, [NetworkRequest(gateway_place=place, external=external)])[0].value.id
            for place, external in (
                (GatewayPlace.HOST, False), (GatewayPlace.ROUTER, False), (GatewayPlace.ROUTER, True),
            )
        ]  # fmt: skip
        for network, cidr in zip(made, CIDRS, strict=False):
            subnets.create(self.world, [SubnetRequest(network_id=network, cidr=cidr)])
        for host in self.hosts:
            self.world.liveness.hear(host, self.world.clock())
            reports.receive(self.world, Report(host, 1, converged=True, complete=True))
        guests = ports.create(
            self.world,
            [
                PortRequest(
                    network_id=network,
                    device_id="vm1",
                    host=HOST,
                    attachment=HostTap(),
                    security_groups=(names[0],),
                )
                for network in made[:2]
            ],
        )
        request = FloatingIpRequest(network_id=made[2], port_id=guests[0].value.id)
        floating_ips.create(self.world, [request])
        (shared,) = floating_ips.create(self.world, [FloatingIpRequest(network_id=made[2])])
        forwarded = ports.create(
            self.world, [PortRequest(network_id=made[0], host=HOST, attachment=HostTap())]
        )
        self.forward(shared.value.id, forwarded[0].value.id, Ports(1, 9), Ports(1, 9))

    def forward(self, floating, port, external, internal):
        port_forwardings.create(
            self.world, [ForwardingRequest(floating, "tcp", external, port, internal=internal)]
        )

    @rule(place=st.sampled_from(GatewayPlace), external=st.booleans(), guarded=st.booleans())
    def create_network(self, place, external, guarded):
        request = NetworkRequest(gateway_place=place, external=external, port_security_enabled=guarded)
        networks.create(self.world, [request])

    @rule(
        at=PICK,
        mtu=st.sampled_from([1400, 1500, 60]),
        uplink=st.sampled_from([None, "eth9"]),
        external=st.booleans(),
    )
    def update_network(self, at, mtu, uplink, external):
        with contextlib.suppress(RequestError):
            request = NetworkRequest(mtu=mtu, uplink=uplink, external=external, dns_domain="lan.")
            networks.update(self.world, self.network(at), request)

    @rule(at=PICK, wanted=st.sampled_from(GatewayHosts), host=st.sampled_from([None, *hosts]))
    def choose_gateways(self, at, wanted, host):
        with contextlib.suppress(RequestError):
            one = host if wanted is GatewayHosts.ONE else None
            request = NetworkRequest(gateway_hosts=wanted, gateway_host=one)
            networks.update(self.world, self.network(at), request)

    @rule(alive=st.sampled_from([(), *((host,) for host in hosts), hosts]))
    def time_passes(self, alive):
        for _ in range(65):
            now = self.world.clock()
            self.world.liveness.listen(now)
        for host in alive:
            self.world.liveness.hear(host, now)
        gateways.watch_over(self.world)

    @rule(at=PICK)
    def delete_network(self, at):
        with contextlib.suppress(RequestError):
            networks.delete(self.world, self.network(at))

    @rule(at=PICK, cidr=st.sampled_from(CIDRS), dhcp=st.booleans())
    def create_subnet(self, at, cidr, dhcp):
        with contextlib.suppress(RequestError):
            subnets.create(
                self.world, [SubnetRequest(network_id=self.network(at), cidr=cidr, enable_dhcp=dhcp)]
            )

    @rule(at=PICK, cidr=st.sampled_from(V6), mode=st.sampled_from([None, *Ipv6Mode]))
    def create_subnet_v6(self, at, cidr, mode):
        with contextlib.suppress(RequestError):
            request = SubnetRequest(
                network_id=self.network(at), cidr=cidr, ipv6_ra_mode=mode, ipv6_address_mode=mode
            )
            subnets.create(self.world, [request])

    @rule(at=PICK, dhcp=st.booleans(), gateway=st.sampled_from([None, 1, 3]))
    def update_subnet(self, at, dhcp, gateway):
        with contextlib.suppress(RequestError):
            subnet = pick(subnets.find(self.world, {}), at).value
            to = None if gateway is None else subnet.cidr[gateway]
            servers = (subnet.cidr[9],)
            request = SubnetRequest(enable_dhcp=dhcp, gateway_ip=to, dns_nameservers=servers)
            subnets.update(self.world, subnet.id, request)

    @rule(at=PICK)
    def delete_subnet(self, at):
        with contextlib.suppress(RequestError):
            subnets.delete(self.world, pick(subnets.find(self.world, {}), at).value.id)

    @rule(
        at=PICK, name=st.sampled_from(NAMES), device=st.sampled_from(["", "vm1", "vm2"]),
        attachment=st.sampled_from(ATTACHMENTS), host=st.sampled_from([None, *hosts]),
    )  # fmt: skip
    def create_port(self, at, name, device, attachment, host):
        with contextlib.suppress(RequestError):
            request = PortRequest(
                network_id=self.network(at), name=name, device_id=device, attachment=attachment, host=host
            )
            ports.create(self.world, [request])

    @rule(at=PICK, attachment=st.sampled_from(ATTACHMENTS), host=st.sampled_from(hosts))
    def plug(self, at, attachment, host):
        with contextlib.suppress(RequestError):
            ports.update(self.world, self.port(at).id, PortRequest(attachment=attachment, host=host))

    @rule(at=PICK, name=st.sampled_from(NAMES), device=st.sampled_from(["", "vm1", "vm2"]))
    def rename_port(self, at, name, device):
        with contextlib.suppress(RequestError):
            request = PortRequest(name=name, device_id=device, guest=Guest(hostname="x"))
            ports.update(self.world, self.port(at).id, request)

    @rule(at=PICK, one=PICK, two=PICK)
    def regroup_port(self, at, one, two):
        with contextlib.suppress(RequestError):
            wanted = (self.group(one), self.group(two))
            ports.update(self.world, self.port(at).id, PortRequest(security_groups=wanted))

    @rule(at=PICK)
    def unguard_port(self, at):
        with contextlib.suppress(RequestError):
            request = PortRequest(security_groups=(), allowed_address_pairs=(), port_security_enabled=False)
            ports.update(self.world, self.port(at).id, request)

    @rule(at=PICK, count=st.integers(0, 3), subnet=PICK)
    def readdress_port(self, at, count, subnet):
        with contextlib.suppress(RequestError):
            port = self.port(at)
            theirs = subnets.find(self.world, {"network_id": (port.network_id,)})
            wanted = (FixedIpRequest(pick(theirs, subnet).value.id),) * count
            pairs = (PairRequest(ip_network("192.0.2.0/24")),)
            ports.update(self.world, port.id, PortRequest(fixed_ips=wanted, allowed_address_pairs=pairs))

    @rule(at=PICK, last=st.integers(0, 9))
    def change_mac(self, at, last):
        with contextlib.suppress(RequestError):
            ports.update(self.world, self.port(at).id, PortRequest(mac=f"02:00:00:00:00:0{last}"))

    @rule(at=PICK)
    def delete_port(self, at):
        with contextlib.suppress(RequestError):
            ports.delete(self.world, self.port(at).id)

    @rule(name=st.sampled_from(["web", "db"]))
    def create_group(self, name):
        groups.create(self.world, [GroupRequest(name=name)])

    @rule(at=PICK, name=st.sampled_from(["web", "db", "new"]))
    def rename_group(self, at, name):
        with contextlib.suppress(RequestError):
            groups.update(self.world, self.group(at), GroupRequest(name=name))

    @rule(at=PICK, stateful=st.booleans())
    def restate_group(self, at, stateful):
        with contextlib.suppress(RequestError):
            groups.update(self.world, self.group(at), GroupRequest(stateful=stateful))

    @rule(at=PICK)
    def delete_group(self, at):
        with contextlib.suppress(RequestError):
            groups.delete(self.world, self.group(at))

    @rule(at=PICK, remote=st.none() | PICK, protocol=st.sampled_from([None, "tcp", "icmp"]))
    def create_rule(self, at, remote, protocol):
        with contextlib.suppress(RequestError):
            request = RuleRequest(
                group_id=self.group(at),
                direction=Direction.INGRESS,
                ethertype=EtherType.IPV4,
                protocol=protocol,
                remote_group_id=None if remote is None else self.group(remote),
            )
            rules.create(self.world, [request])

    @rule(cidrs=st.lists(st.sampled_from(CIDRS + V6), max_size=3))
    def create_address_group(self, cidrs):
        address_groups.create(self.world, [AddressGroupRequest(prefixes=tuple(cidrs))])

    @rule(at=PICK, address_group=PICK)
    def allow_address_group(self, at, address_group):
        with contextlib.suppress(RequestError):
            request = RuleRequest(
                group_id=self.group(at),
                direction=Direction.EGRESS,
                remote_address_group_id=self.address_group(address_group),
            )
            rules.create(self.world, [request])

    @rule(at=PICK, cidr=st.sampled_from(CIDRS + V6), gone=st.booleans())
    def change_address_group(self, at, cidr, gone):
        with contextlib.suppress(RequestError):
            change = address_groups.remove_in if gone else address_groups.add_in
            group = pick(address_groups.find(self.world, {}), at)
            with self.world.work() as work:
                change(work, group, [cidr])

    @rule(at=PICK)
    def delete_address_group(self, at):
        with contextlib.suppress(RequestError):
            address_groups.delete(self.world, self.address_group(at))

    @rule(at=PICK)
    def delete_rule(self, at):
        with contextlib.suppress(RequestError):
            rules.delete(self.world, pick(rules.find(self.world, {}), at).value.id)

    @rule(at=PICK, keep=st.booleans())
    def choose_revocation(self, at, keep):
        request = GroupRequest(revocation=Revocation.KEEP if keep else Revocation.CUT)
        with contextlib.suppress(RequestError):
            groups.update(self.world, self.group(at), request)

    @rule(group=st.none() | PICK, port=st.none() | PICK, event=st.sampled_from(LogEvent))
    def create_log(self, group, port, event):
        with contextlib.suppress(RequestError):
            request = LogRequest(
                resource_type="security_group",
                event=event,
                group_id=None if group is None else self.group(group),
                port_id=None if port is None else self.port(port).id,
            )
            logs.create(self.world, [request])

    @rule(at=PICK, enabled=st.booleans())
    def switch_log(self, at, enabled):
        with contextlib.suppress(RequestError):
            log = pick(logs.find(self.world, {}), at).value.id
            logs.update(self.world, log, LogRequest(enabled=enabled))

    @rule(at=PICK)
    def delete_log(self, at):
        with contextlib.suppress(RequestError):
            logs.delete(self.world, pick(logs.find(self.world, {}), at).value.id)

    @rule(network=PICK, port=st.none() | PICK)
    def create_floating_ip(self, network, port):
        with contextlib.suppress(RequestError):
            external = pick(networks.find(self.world, {"external": (True,)}), network).value.id
            wanted = None if port is None else self.port(port).id
            floating_ips.create(self.world, [FloatingIpRequest(network_id=external, port_id=wanted)])

    @rule(at=PICK, port=st.none() | PICK)
    def associate(self, at, port):
        with contextlib.suppress(RequestError):
            floating = pick(floating_ips.find(self.world, {}), at).value.id
            wanted = None if port is None else self.port(port).id
            floating_ips.update(self.world, floating, FloatingIpRequest(port_id=wanted))

    @rule(at=PICK)
    def delete_floating_ip(self, at):
        with contextlib.suppress(RequestError):
            floating_ips.delete(self.world, pick(floating_ips.find(self.world, {}), at).value.id)

    @rule(at=PICK, port=PICK, number=st.integers(1, 4))
    def forward_port(self, at, port, number):
        with contextlib.suppress(RequestError):
            floating = pick(floating_ips.find(self.world, {}), at).value.id
            self.forward(floating, self.port(port).id, Ports(number, 4), Ports(number, number))

    @rule(at=PICK, port=PICK)
    def change_forwarding(self, at, port):
        with contextlib.suppress(RequestError):
            forwarding = pick(port_forwardings.find(self.world, {}), at).value.id
            request = ForwardingRequest(port_id=self.port(port).id, internal_address=None)
            port_forwardings.update(self.world, forwarding, request)

    @rule(at=PICK)
    def delete_forwarding(self, at):
        with contextlib.suppress(RequestError):
            forwarding = pick(port_forwardings.find(self.world, {}), at).value.id
            port_forwardings.delete(self.world, forwarding)

    @rule(at=PICK, kind=st.sampled_from(VpnKind), last=st.integers(0, 3))
    def create_vpn(self, at, kind, last):
        with contextlib.suppress(RequestError):
            network = self.network(at)
            found = subnets.find(self.world, {"network_id": (network,)})
            theirs = [record for record in found if record.value.cidr.version == 4]
            forward = kind is VpnKind.FORWARD
            asked = {"private_address": pick(theirs, at).value.cidr[2 + last]} if forward else {}
            given = asked or {
                "public_address": ip_address("192.0.2.1"),
                "peer_range": ip_network(f"10.{98 + last}.0.0/24"),
            }
            vpns.create(self.world, [VpnRequest(network_id=network, kind=kind, **given)])

    @rule(at=PICK, port=st.integers(998, 1003))
    def change_vpn(self, at, port):
        with contextlib.suppress(RequestError):
            vpn = pick(vpns.find(self.world, {}), at).value.id
            vpns.update(self.world, vpn, VpnRequest(public_port=port))

    @rule(at=PICK)
    def delete_vpn(self, at):
        with contextlib.suppress(RequestError):
            vpns.delete(self.world, pick(vpns.find(self.world, {}), at).value.id)

    @rule(at=PICK)
    def add_peer(self, at):
        with contextlib.suppress(RequestError):
            vpn = pick(vpns.find(self.world, {"kind": ("wireguard",)}), at).value.id
            vpn_peers.create(self.world, [PeerRequest(vpn_id=vpn)])

    @rule(at=PICK)
    def delete_peer(self, at):
        with contextlib.suppress(RequestError):
            vpn_peers.delete(self.world, pick(vpn_peers.find(self.world, {}), at).value.id)

    @rule(at=PICK, host=st.sampled_from(hosts), present=st.booleans(), complete=st.booleans())
    def report(self, at, host, present, complete):
        with contextlib.suppress(RequestError):
            port = self.port(at)
            link = VmmLink(port_link_name(port.id), present)
            reports.receive(
                self.world,
                Report(
                    host,
                    plans.generation(self.world),
                    True,
                    complete,
                    ports=(PortStatus(port.id, True),),
                    vmm_links=(link,),
                ),
            )

    @invariant()
    def deltas_lead_to_the_whole_plan(self):
        """The plan before, with the delta applied, is the whole plan now, and the whole plan is sound."""
        for host in self.hosts:
            now = plans.snapshot(self.world, host)
            assert problems(now) == ()
            self.followed[host] = follow(self, self.followed[host])
            assert self.followed[host] == now

    @invariant()
    def floating_ips_stand_for_addresses_that_are_there(self):
        """Every association names an IPv4 address that its port has."""
        for record in floating_ips.find(self.world, {}):
            association = record.value.association
            if association is not None:
                theirs = ports.get(self.world, association.port_id).value.fixed_ips
                assert association.fixed_address in {fixed.address for fixed in theirs}

    @invariant()
    def ports_are_forwarded_to_addresses_that_are_there(self):
        """Every port forwarding names an address that its port has, and its floating IP stands for no port."""
        for record in port_forwardings.find(self.world, {}):
            theirs = ports.get(self.world, record.value.port_id).value.fixed_ips
            assert record.value.internal_address in {fixed.address for fixed in theirs}
            assert floating_ips.get(self.world, record.value.floating_ip_id).value.association is None


def follow(machine: Users, plan: HostPlan) -> HostPlan:
    delta = plans.delta(machine.world, plan.host, plan.generation)
    assert isinstance(delta, PlanDelta)
    return apply(plan, delta)


def live(examples: int) -> None:
    """Runs so many lives of 25 steps each."""
    run_state_machine_as_test(
        Users,
        settings=settings(
            max_examples=examples,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
