"""The words of a port's path: what a hop is, and the port's part of a plan from which hops are made."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from netwright.model.host import AddressKey, NftChain, NftKey, NftKind, Stage, Traits
from netwright.model.ids import HOST_NAMESPACE, NamespaceName
from netwright.model.intent import GatewayPlace
from netwright.model.plan import FloatingIpItem, Item, NetworkItem, PortItem, PortQosItem
from netwright.model.xtables import XtChain, XtKey
from netwright.render.firewalls import ENGINES, unfiltered
from netwright.render.items import render
from netwright.render.nft import BRIDGE
from netwright.render.stages import ByStage


class Part(StrEnum):
    """What a hop is for."""

    GUEST = "guest"
    LINK = "link"
    LIMITS = "limits"
    SPOOF = "anti-spoof"
    EGRESS = "egress"
    ADDRESS_GROUP = "address group"
    BRIDGE = "bridge"
    DHCP = "DHCP, DNS"
    METADATA = "metadata"
    GATEWAY = "gateway"
    ROUTE = "route"
    NAT = "NAT"
    FLOATING_IP = "floating IP"
    FORWARD = "port forwarding"
    VPN = "VPN"
    INGRESS = "ingress"
    CONNECTIONS = "connections"


@dataclass(frozen=True, slots=True)
class Hop:
    """`command` shows the thing itself; `chains` are those whose counters tell of the port's packets."""

    part: Part
    name: str
    note: str
    command: tuple[str, ...]
    wanted: ByStage = field(default_factory=dict)
    chains: tuple[NftKey | XtKey, ...] = ()


@dataclass(frozen=True, slots=True)
class View:
    """`rendered` is the union of what concerns the port."""

    port: PortItem
    network: NetworkItem
    floating: tuple[FloatingIpItem, ...]
    rendered: ByStage
    traits: Traits
    qos: PortQosItem | None = None
    """What the port's policy asks for, if it has one."""

    @property
    def place(self) -> tuple[str, ...]:
        """The words before a command that looks at the network's gateway or DHCP port."""
        return ("ip", "-n", self.namespace) if self.namespace else ("ip",)

    @property
    def namespace(self) -> NamespaceName:
        held = next(iter(self.rendered.get(Stage.ADDRESSES, {})), None)
        return held.namespace if isinstance(held, AddressKey) else HOST_NAMESPACE

    @property
    def limits(self) -> list[str]:
        """The names of the limits of logs."""
        keys = (key for key in self.rendered.get(Stage.FIREWALL, {}) if isinstance(key, NftKey))
        return [key.name for key in keys if key.kind is NftKind.LIMIT]

    @property
    def directory(self) -> str:
        return f"{self.traits.directory}/dnsmasq/{self.network.id}"

    @property
    def guarded(self) -> bool:
        """Whether the host's own services are closed to the network's guests."""
        return self.network.place is GatewayPlace.HOST and not self.network.host_access

    @property
    def uplinks(self) -> set[str]:
        """The links that hold the port's floating IPs."""
        return {one.uplink for one in self.floating if one.uplink}

    def part(self, stage: Stage, wanted: Callable[[Hashable], bool] = lambda _: True) -> ByStage:
        found = {key: value for key, value in self.rendered.get(stage, {}).items() if wanted(key)}
        return {stage: found} if found else {}

    def firewall(self, names: Iterable[str], family: str, element: str = "") -> ByStage:
        """Chains, sets and elements under those names; with `element` only that link's of the elements."""
        chosen = frozenset(names)

        def is_wanted(key: Hashable) -> bool:
            if not isinstance(key, NftKey) or key.family != family or key.name not in chosen:
                return False
            return not key.element or not element or key.element.split(" . ")[0] == element

        return self.part(Stage.FIREWALL, is_wanted)

    def chains(self, names: Iterable[str], family: str = BRIDGE) -> tuple[NftKey, ...]:
        keys = (NftKey(NftKind.CHAIN, family, name) for name in names)
        return tuple(key for key in keys if key in self.rendered[Stage.FIREWALL])


def with_(*parts: ByStage) -> ByStage:
    stages = {stage: None for part in parts for stage in part}
    return {
        stage: {key: value for part in parts for key, value in part.get(stage, {}).items()}
        for stage in stages
    }


def rules_of(hop: Hop, chain: NftKey | XtKey) -> Mapping[str, str]:
    """The chain's rules by their tags."""
    stages = (Stage.FIREWALL, Stage.QOS) if isinstance(chain, NftKey) else (Stage.IPTABLES,)
    value = next((part[chain] for stage in stages if chain in (part := hop.wanted.get(stage, {}))), None)
    if not isinstance(value, NftChain | XtChain):
        return {}
    return dict(zip(value.tags, value.rules, strict=True))


def merged(items: Iterable[Item], traits: Traits) -> ByStage:
    """What the host of these traits needs for the items, by its engine."""
    union: dict[Stage, dict[Hashable, object]] = {stage: {} for stage in Stage}
    engine = ENGINES.get(traits.firewall, unfiltered)
    for item in items:
        for stage, part in render(item, traits, engine).items():
            union[stage].update(part)
    return union
