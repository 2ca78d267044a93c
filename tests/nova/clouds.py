"""A nova-like cloud on one host: instances as dicts, their taps on a bridge, groups in netwright's store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from ipaddress import ip_network
from pathlib import Path
from tempfile import TemporaryDirectory

from asking import groups as control_groups
from asking import rules as control_rules
from worlds import world

from netwright.control.groups import GroupRequest
from netwright.control.rules import RuleRequest
from netwright.control.world import World
from netwright.kernel import netns
from netwright.kernel.xtables import Backend
from netwright.model.host import SYSTEM_LIBVIRT
from netwright.model.ids import GroupId, NamespaceName, NetworkId, bridge_name, port_link_name
from netwright.model.intent import Direction, EtherType
from netwright.nova.firewall import EngineFirewallDriver, FirewallOptions, load_driver
from netwright.nova.group_source import GroupSource, StoreGroups
from netwright.nova.instance_items import port_item
from netwright.nova.instances import parse_instance, parse_network_info
from netwright.testing.libvirt_host import LibvirtHost
from netwright.testing.namespaces import add_bridge, add_veth, ip, namespace, run
from netwright.testing.wires import Wired, attached, silent_namespace, wired

PROJECT = "b1c0b4b8a1f24f4d8c4f2d3e5a6b7c8d"
NETWORK = NetworkId("4e8e5957-649f-477b-9e5b-f1f75b21c03c")
BACKENDS: Mapping[str, Backend] = {"iptables-legacy": "legacy", "iptables-nft": "nft"}
DRIVERS = ("nftables", *BACKENDS, "nwfilter")
"""Engines, each with a driver under the old calls; iptables in both back ends."""

Model = Mapping[str, object]


def vif(number: int, *addresses: str, network: str = NETWORK, nets: Sequence[str] = ()) -> Model:
    """A VIF of network_info, with MAC fa:16:3e:00:00:<number>; its subnets are of /24 and /64, or as given."""
    subnets = []
    for at, address in enumerate(addresses):
        prefix = ip_network(nets[at] if nets else f"{address}/{64 if ':' in address else 24}", strict=False)
        subnets.append(
            {
                "cidr": str(prefix),
                "gateway": {"address": str(prefix[1]), "type": "gateway"},
                "ips": [{"address": address, "type": "fixed", "floating_ips": []}],
                "meta": {"dhcp_server": str(prefix[1])},
            }
        )
    identity = f"{number:08x}-90e7-4000-8000-000000000000"
    return {
        "id": identity,
        "address": f"fa:16:3e:00:00:{number:02x}",
        "devname": f"tap{identity[:11]}",
        "type": "bridge",
        "network": {"id": network, "bridge": f"brq{network[:11]}", "label": "private", "subnets": subnets},
    }


def instance(number: int, *groups: str) -> Model:
    return {
        "id": number,
        "uuid": f"d0000000-0000-4000-8000-{number:012x}",
        "name": f"instance-{number:08x}",
        "project_id": PROJECT,
        "security_groups": [{"name": name} for name in groups],
    }


@dataclass
class Cloud:
    """A host in a namespace that this thread is in, with one bridge."""

    host: NamespaceName
    directory: Path
    world: World
    engine: str
    stack: ExitStack
    guests: dict[str, NamespaceName] = field(default_factory=dict)
    libvirt: LibvirtHost | None = None

    def driver(self, *, same_net: bool = False, groups: GroupSource | None = None) -> EngineFirewallDriver:
        """A new driver object, as after a restart."""
        options = FirewallOptions(
            self.directory,
            allow_same_net_traffic=same_net,
            pause=lambda _: None,
            backend=BACKENDS.get(self.engine, "auto"),
            libvirt=self._libvirt_uri(),
        )
        made = load_driver(self.engine.split("-")[0], groups or StoreGroups(self.world), options)
        assert isinstance(made, EngineFirewallDriver)
        self.stack.callback(made.close)
        return made

    def _libvirt_uri(self) -> str:
        """The cloud's own daemon, which runs from the first time that a driver needs it."""
        if self.engine == "nwfilter" and self.libvirt is None:
            # A socket's path has at most 107 characters, and tests' directories are deep.
            files = self.stack.enter_context(TemporaryDirectory(prefix="nwt-libvirt-"))
            self.libvirt = LibvirtHost(self.host, Path(files))
            self.libvirt.start()
            self.stack.callback(self.libvirt.stop)
        return self.libvirt.uri() if self.libvirt else SYSTEM_LIBVIRT

    def plug(self, *vifs: Model) -> None:
        """plug_vifs: each with a silent guest at its other end."""
        for one in parse_network_info(list(vifs)):
            guest = self.stack.enter_context(silent_namespace())
            link = port_link_name(one.id)
            add_veth(self.host, link, guest, "eth0", one.mac)
            ip(self.host, "link", "set", link, "master", one.bridge)
            self.guests[one.id] = guest

    def wired(self, *pairs: tuple[Model, Model]) -> Wired:
        """Wires of plugged guests: instances and their VIFs."""
        ports = [
            attached(port_item(parse_instance(who), one, ()), self.guests[one.id])
            for who, interface in pairs
            for one in parse_network_info([interface])
        ]
        return self.stack.enter_context(wired(*ports))

    def group(self, name: str, *rules: RuleRequest) -> GroupId:
        return create_group(self.world, name, *rules)

    def allow(self, group: GroupId, *rules: RuleRequest) -> list[str]:
        return allow(self.world, group, *rules)

    def ruleset(self) -> str:
        """All that filters on the host, whichever engine."""
        looks = (
            "nft -s list ruleset",
            "iptables-legacy-save",
            "ip6tables-legacy-save",
            "ipset save",
        )
        found = [run(self.host, look.split()).stdout for look in looks]
        lines = "".join(found).splitlines()
        return "\n".join(line for line in lines if not line.startswith(("#", ":")))


def create_group(there: World, name: str, *rules: RuleRequest) -> GroupId:
    """A group of the project's that allows this, beside what a new one does."""
    made = control_groups.create(there, [GroupRequest(project_id=PROJECT, name=name)])[0].value.id
    allow(there, made, *rules)
    return made


def allow(there: World, group: GroupId, *rules: RuleRequest) -> list[str]:
    """The rules' ids. They are made for this group, whichever they name."""
    asked = [_of(group, rule) for rule in rules]
    return [record.value.id for record in control_rules.create(there, asked)] if asked else []


def _of(group: GroupId, rule: RuleRequest) -> RuleRequest:
    return replace(rule, group_id=group, project_id=PROJECT)


def ingress(
    protocol: str | None = None,
    port: int | None = None,
    *,
    version: int = 4,
    cidr: str = "",
    group: GroupId | None = None,
) -> RuleRequest:
    """One port, or one ICMP type."""
    return RuleRequest(
        direction=Direction.INGRESS,
        ethertype=EtherType.IPV4 if version == 4 else EtherType.IPV6,
        protocol=protocol,
        port_range_min=port,
        port_range_max=port if protocol in ("tcp", "udp") else None,
        remote_prefix=ip_network(cidr) if cidr else None,
        remote_group_id=group,
    )


@contextmanager
def cloud(directory: Path, engine: str) -> Iterator[Cloud]:
    with ExitStack() as stack:
        host = stack.enter_context(namespace("nova"))
        add_bridge(host, bridge_name(NETWORK))
        ip(host, "link", "set", bridge_name(NETWORK), "type", "bridge", "mcast_snooping", "0")
        there = stack.enter_context(world())
        machine = Path("/proc/thread-self/ns/net").stat().st_ino
        stack.enter_context(netns.inside(host))
        assert Path("/proc/thread-self/ns/net").stat().st_ino != machine
        yield Cloud(host, directory, there, engine, stack)
