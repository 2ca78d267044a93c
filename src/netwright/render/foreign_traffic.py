"""A host's networks to the traffic that netwright carries there: which hooks it crosses, as which packets."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from ipaddress import IPv4Interface, IPv6Address, IPv6Interface, ip_address
from typing import Final

from netwright.model.foreign import BridgeScene, Field, FloatingScene, HostScene, Known, Span
from netwright.model.ids import LinkName
from netwright.model.intent import Address
from netwright.render.firewall_base import METADATA_PORT
from netwright.render.foreign_verdict import Packet
from netwright.render.foreign_words import PROTOCOLS, addresses


class Kind(StrEnum):
    """What netwright carries."""

    BETWEEN = "guest to guest"
    OUT = "guest to outside"
    FLOATING = "outside to floating IP"
    TO_HOST = "guest to DHCP, DNS, metadata"
    FROM_HOST = "host to guest"


_DNAT: Final = -100
"""NF_IP_PRI_NAT_DST."""


@dataclass(frozen=True, slots=True)
class Step:
    """One hook, the families whose base chains are asked there, and the packet as it is by then.

    `new`: the first packet of a connection, which the nat chains see. `links`: the netdev family's.
    `translated`: the packet as chains after destination NAT (priority -100) see it, where it differs.
    """

    families: tuple[str, ...]
    hook: str
    packet: Packet
    new: bool = False
    links: tuple[LinkName, ...] = ()
    translated: Packet | None = None

    def seen_at(self, priority: int) -> Packet:
        """What a base chain of that priority meets."""
        return self.packet if self.translated is None or priority <= _DNAT else self.translated


@dataclass(frozen=True, slots=True)
class Probe:
    """One packet and the answer to it; `label` tells it from others of the same traffic."""

    label: str
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Traffic:
    """`about`: the floating IP, else the bridge."""

    kind: Kind
    bridge: LinkName
    version: int
    about: str
    probes: tuple[Probe, ...]
    links: tuple[LinkName, ...] = ()
    """Where it comes in or goes out, apart from the bridge."""
    unasked: bool = False
    """Bridged packets meet the IP hooks because all bridges' do, not because netwright wants it."""


@dataclass(frozen=True, slots=True)
class _Flow:
    """A request and its answer: protocol, ends and ports as the sender has them."""

    label: str
    version: int
    base: Packet
    source: Known
    target: Known
    ports: tuple[Known, Known] = (None, None)
    tracked: bool = True


OUTSIDE: Final = {4: Span(int(ip_address("1.0.0.0")), int(ip_address("9.255.255.255")), 4),
                  6: Span(int(IPv6Address("2400::")), int(IPv6Address("2fff::")), 6)}  # fmt: skip
"""Public addresses, standing for all that is elsewhere: none that a rule against private ones means."""
_L3: Final = {4: ("ip", "inet"), 6: ("ip6", "inet")}
_ICMP: Final = {4: (Field.ICMP_TYPE, 8, 0), 6: (Field.ICMP6_TYPE, 128, 129)}
_ASKED: Final = addresses("ff02::1:ff00:0/104")
"""Where a neighbour is asked for: its solicited-node multicast address (RFC 4291)."""
_NOBODY: Final = Span(0, 0, 4)
"""0.0.0.0, a DHCP client without an address."""
_UNMARKED: Final = Span(0, 0)
_METADATA: Final = {4: ip_address("169.254.169.254"), 6: ip_address("fe80::a9fe:a9fe")}


def traffic_of(host: HostScene) -> Iterator[Traffic]:
    """All of it, network by network."""
    for bridge in host.bridges:
        for version in (4, 6):
            held = [one for one in bridge.interfaces if one.version == version]
            if held or not bridge.interfaces:
                yield _between(bridge, version)
            if held:
                yield from _hosted(host, bridge, version, held[0])
    for floating in host.floating:
        yield from _floating(host, floating)


def _hosted(
    host: HostScene, bridge: BridgeScene, version: int, held: IPv4Interface | IPv6Interface
) -> Iterator[Traffic]:
    uplinks = host.uplinks.get(version, ())
    prefix = _prefix(held)
    if uplinks:
        probes = [
            _routed(bridge, flow, uplinks, found=len(uplinks) == 1)
            for flow in _flows(version, prefix, OUTSIDE[version])
        ]
        yield Traffic(Kind.OUT, bridge.name, version, bridge.name, tuple(probes), uplinks)
    yield Traffic(Kind.TO_HOST, bridge.name, version, bridge.name, tuple(_services(bridge, version, held)))
    probes = [_from_host(bridge, flow) for flow in _flows(version, _one(held.ip), prefix)]
    yield Traffic(Kind.FROM_HOST, bridge.name, version, bridge.name, tuple(probes))


def _flows(version: int, source: Known, target: Known) -> Iterator[_Flow]:
    """One of each protocol that guests speak."""
    for name in ("tcp", "udp"):
        yield _Flow(name, version, _of(version, name), source, target)
    field, request, _ = _ICMP[version]
    base = {**_of(version, "icmp" if version == 4 else "icmpv6"), field: _number(request)}
    yield _Flow(f"icmp{'' if version == 4 else 'v6'}", version, base, source, target)


def _of(version: int, protocol: str) -> Packet:
    number = PROTOCOLS[protocol]
    return {Field.VERSION: (str(version),), Field.PROTOCOL: _number(number)}


def _request(flow: _Flow) -> dict[Field, Known]:
    return {
        **flow.base,
        Field.SOURCE: flow.source,
        Field.TARGET: flow.target,
        Field.SOURCE_PORT: flow.ports[0],
        Field.TARGET_PORT: flow.ports[1],
        Field.STATE: ("new",) if flow.tracked else ("untracked",),
        Field.STATUS: ("none",),
        Field.MARK: _UNMARKED,
        Field.WAY_BACK: ("found",),
        Field.PHYS_IN: ("",),
        Field.PHYS_OUT: ("",),
        Field.IIF: ("",),
        Field.OIF: ("",),
        Field.BRIDGED: ("no",),
        Field.SOURCE_TYPE: ("unicast",),
        Field.TARGET_TYPE: ("unicast",),
    }


def _answer(flow: _Flow) -> dict[Field, Known]:
    field, request, answer = _ICMP[flow.version]
    echoed = {field: _number(answer)} if flow.base.get(field) == _number(request) else {}
    turned = {
        Field.SOURCE: flow.target,
        Field.TARGET: flow.source,
        Field.SOURCE_PORT: flow.ports[1],
        Field.TARGET_PORT: flow.ports[0],
    }
    state = ("established",) if flow.tracked else ("untracked",)
    # Netwright's own bit may be set in it, and others may restore theirs from the connection.
    known: dict[Field, Known] = {Field.STATE: state, Field.STATUS: None, Field.MARK: None}
    return {**_request(flow), **turned, **echoed, **known}


def _between(bridge: BridgeScene, version: int) -> Traffic:
    held = [one for one in bridge.interfaces if one.version == version]
    prefix = _prefix(held[0]) if held else None
    flows = list(_flows(version, prefix, prefix))
    if version == 6:
        base = {**_of(6, "icmpv6"), Field.ICMP6_TYPE: _number(135)}
        flows.append(_Flow("neighbour discovery", 6, base, prefix, _ASKED, tracked=False))
    probes = [
        Probe(flow.label, (*_crossing(bridge, _request(flow), version, new=True),
                           *_crossing(bridge, _answer(flow), version)))
        for flow in flows
    ]  # fmt: skip
    if version == 4:
        arp: dict[Field, Known] = {**_request(flows[0]), Field.VERSION: ("arp",), Field.PROTOCOL: None}
        probes.append(Probe("arp", tuple(_crossing(bridge, arp, 0))))
    unasked = _called(bridge, version) and not bridge.asked
    return Traffic(Kind.BETWEEN, bridge.name, version, bridge.name, tuple(probes), unasked=unasked)


def _crossing(bridge: BridgeScene, packet: Packet, version: int, *, new: bool = False) -> Iterator[Step]:
    """From one port of the bridge to another; version 0 is ARP."""
    taps = bridge.ports or None
    called = _called(bridge, version)
    families = _L3.get(version, ("arp",))
    there: Packet = {**packet, Field.PHYS_IN: taps, Field.IIF: (bridge.name,), Field.BRIDGED: ("yes",)}
    both: Packet = {**there, Field.PHYS_OUT: taps, Field.OIF: (bridge.name,)}
    yield Step(("netdev", "inet"), "ingress", there, links=bridge.ports)
    yield Step(("bridge",), "prerouting", there)
    if called and version:
        yield Step(families, "prerouting", {**there, Field.BRIDGED: ("no",)}, new=new)
    yield Step(("bridge",), "forward", both)
    if called:
        yield Step(families, "forward", both)
    yield Step(("bridge",), "postrouting", {**both, Field.PHYS_IN: ("",)})
    if called and version:
        yield Step(families, "postrouting", {**both, Field.IIF: ("",)}, new=new)
    yield Step(("netdev",), "egress", both, links=bridge.ports)


def _called(bridge: BridgeScene, version: int) -> bool:
    return bridge.calls6 if version == 6 else bridge.calls4


def _entering(bridge: BridgeScene, packet: Packet, version: int, *, new: bool = False) -> Iterator[Step]:
    """From a port of the bridge up to where the host decides on its way."""
    taps = bridge.ports or None
    there: Packet = {**packet, Field.PHYS_IN: taps, Field.IIF: (bridge.name,)}
    yield Step(("netdev", "inet"), "ingress", there, links=bridge.ports)
    yield Step(("bridge",), "prerouting", there)
    yield Step(_L3[version], "prerouting", _seen(bridge, there, version), new=new)
    yield Step(("bridge",), "input", {**there, Field.OIF: ("",)})


def _seen(bridge: BridgeScene, packet: Packet, version: int) -> Packet:
    """The bridge's port is known at the IP hooks only where br_netfilter works."""
    return packet if _called(bridge, version) else {**packet, Field.PHYS_IN: ("",)}


def _leaving(bridge: BridgeScene, packet: Packet) -> Iterator[Step]:
    """From the host onto a port of the bridge."""
    there: Packet = {
        **packet,
        Field.PHYS_OUT: bridge.ports or None,
        Field.OIF: (bridge.name,),
        Field.IIF: ("",),
    }
    yield Step(("bridge",), "output", there)
    yield Step(("bridge",), "postrouting", there)
    yield Step(("netdev",), "egress", there, links=bridge.ports)


def _routed(bridge: BridgeScene, flow: _Flow, uplinks: tuple[LinkName, ...], *, found: bool) -> Probe:
    version, out, back = flow.version, _request(flow), _answer(flow)
    home: dict[Field, Known] = {**back, Field.WAY_BACK: ("found",) if found else None}
    # What comes back was sent to whatever address the request left with.
    translated: Packet = {**home, Field.TARGET: None, Field.TARGET_TYPE: None, Field.IIF: uplinks}
    return Probe(
        flow.label,
        (
            *_entering(bridge, out, version, new=True),
            *_forwarded(bridge, out, version, (bridge.name,), uplinks, new=True),
            Step(("netdev", "inet"), "ingress", translated, links=uplinks),
            Step(_L3[version], "prerouting", translated),
            *_forwarded(bridge, home, version, uplinks, (bridge.name,)),
            *_leaving(bridge, home),
        ),
    )


def _forwarded(
    bridge: BridgeScene,
    packet: Packet,
    version: int,
    come: tuple[LinkName, ...],
    go: tuple[LinkName, ...],
    *,
    new: bool = False,
) -> Iterator[Step]:
    """The forward and postrouting hooks, to or from the bridge."""
    from_bridge = come == (bridge.name,)
    phys: Known = bridge.ports or None if from_bridge and _called(bridge, version) else ("",)
    there: Packet = {**packet, Field.IIF: come, Field.OIF: go, Field.PHYS_IN: phys}
    yield Step(_L3[version], "forward", there)
    yield Step(_L3[version], "postrouting", {**there, Field.IIF: None}, new=new)
    if from_bridge:
        yield Step(("netdev",), "egress", there, links=go)


def _from_host(bridge: BridgeScene, flow: _Flow) -> Probe:
    version = flow.version
    out: dict[Field, Known] = {**_request(flow), Field.SOURCE_TYPE: ("local",), Field.OIF: (bridge.name,)}
    back: dict[Field, Known] = {**_answer(flow), Field.TARGET_TYPE: ("local",)}
    return Probe(
        flow.label,
        (
            Step(_L3[version], "output", out, new=True),
            Step(_L3[version], "postrouting", out, new=True),
            *_leaving(bridge, out),
            *_entering(bridge, back, version),
            Step(_L3[version], "input", _seen(bridge, _inside(bridge, back), version)),
        ),
    )


def _inside(bridge: BridgeScene, packet: Packet) -> Packet:
    return {**packet, Field.IIF: (bridge.name,), Field.PHYS_IN: bridge.ports or None}


def _services(bridge: BridgeScene, version: int, held: IPv4Interface | IPv6Interface) -> Iterator[Probe]:
    gateway, prefix = _one(held.ip), _prefix(held)
    yield _dhcp(bridge, version, held)
    for protocol in ("udp", "tcp"):
        flow = _Flow(
            f"DNS ({protocol})", version, _of(version, protocol), prefix, gateway, (None, _number(53))
        )
        yield _served(bridge, flow, "local")
    request = _Flow(
        "metadata", version, _of(version, "tcp"), prefix, _one(_METADATA[version]), (None, _number(80))
    )
    yield _metadata(bridge, request, None if version == 6 else gateway)
    if version == 6:
        base = {**_of(6, "icmpv6"), Field.ICMP6_TYPE: _number(135)}
        solicited = _Flow("neighbour discovery", 6, base, prefix, _ASKED, tracked=False)
        yield _served(bridge, solicited, None)


def _dhcp(bridge: BridgeScene, version: int, held: IPv4Interface | IPv6Interface) -> Probe:
    if version == 4:
        ends: tuple[Known, Known] = (_NOBODY, addresses("255.255.255.255"))
        ports = _number(68), _number(67)
    else:
        ends, ports = (addresses("fe80::/64"), addresses("ff02::1:2")), (_number(546), _number(547))
    flow = _Flow("DHCP", version, _of(version, "udp"), *ends, ports)
    probe = _served(bridge, flow, "broadcast" if version == 4 else "multicast")
    # The server answers from its own address, to one that the client may not have yet.
    answer: dict[Field, Known] = {
        **_answer(flow),
        Field.SOURCE: _one(held.ip) if version == 4 else addresses("fe80::/64"),
        Field.TARGET: _prefix(held) if version == 4 else addresses("fe80::/64"),
        Field.STATE: None,
        Field.SOURCE_TYPE: ("local",),
        Field.TARGET_TYPE: None,
        Field.OIF: (bridge.name,),
    }
    asked = [step for step in probe.steps if step.packet.get(Field.SOURCE) == ends[0]]
    return Probe(probe.label, (*asked, *_answered(bridge, answer, version)))


def _served(bridge: BridgeScene, flow: _Flow, target: str | None) -> Probe:
    """A request to the host itself and its answer. `target`: the type of the address asked."""
    version = flow.version
    known = (target,) if target else None
    asked: dict[Field, Known] = {**_request(flow), Field.TARGET_TYPE: known}
    answer: dict[Field, Known] = {
        **_answer(flow),
        Field.SOURCE_TYPE: ("local",),
        Field.OIF: (bridge.name,),
    }
    return Probe(
        flow.label,
        (
            *_entering(bridge, asked, version, new=True),
            Step(_L3[version], "input", _seen(bridge, _inside(bridge, asked), version), new=True),
            *_answered(bridge, answer, version),
        ),
    )


def _answered(bridge: BridgeScene, answer: Packet, version: int) -> Iterator[Step]:
    yield Step(_L3[version], "output", answer)
    yield Step(_L3[version], "postrouting", answer)
    yield from _leaving(bridge, answer)


def _metadata(bridge: BridgeScene, flow: _Flow, landed: Known) -> Probe:
    """Redirected before the input hook, to the bridge's own address and the agent's port."""
    probe = _served(bridge, flow, None)
    to: dict[Field, Known] = {
        Field.TARGET: landed,
        Field.TARGET_PORT: _number(METADATA_PORT),
        Field.TARGET_TYPE: ("local",),
        Field.STATUS: ("dnat",),
    }
    back: dict[Field, Known] = {Field.SOURCE: None, Field.SOURCE_PORT: None}
    steps = []
    for step in probe.steps:
        if step.hook == "input" and "bridge" not in step.families:
            steps.append(replace(step, packet={**step.packet, **to}))
        elif step.packet.get(Field.STATE) == ("established",):
            steps.append(replace(step, packet={**step.packet, **back}))
        else:
            steps.append(step)
    return Probe(probe.label, tuple(steps))


def _floating(host: HostScene, floating: FloatingScene) -> Iterator[Traffic]:
    home = [
        (bridge, held)
        for bridge in host.bridges
        for held in bridge.interfaces
        if floating.fixed in held.network
    ]
    uplinks = (floating.link,) if floating.link else host.uplinks.get(4, ())
    if not home or not uplinks:
        return
    bridge = home[0][0]
    known = ("found",) if uplinks == host.uplinks.get(4, ()) else None
    probes = tuple(_mapped(bridge, flow, floating, uplinks, known) for flow in _flows(4, OUTSIDE[4], None))
    yield Traffic(Kind.FLOATING, bridge.name, 4, str(floating.address), probes, uplinks)


def _mapped(
    bridge: BridgeScene, flow: _Flow, floating: FloatingScene, uplinks: tuple[LinkName, ...], found: Known
) -> Probe:
    fixed = _one(floating.fixed)
    asked: dict[Field, Known] = {**_request(flow), Field.WAY_BACK: found}
    outer: Packet = {
        **asked,
        Field.TARGET: _one(floating.address),
        Field.IIF: uplinks,
        Field.TARGET_TYPE: ("local",) if floating.link else ("unicast",),
    }
    inner: Packet = {**asked, Field.TARGET: fixed, Field.STATUS: ("dnat",)}
    back: Packet = {**_answer(flow), Field.SOURCE: fixed}
    return Probe(
        flow.label,
        (
            Step(("netdev", "inet"), "ingress", outer, links=uplinks),
            Step(_L3[4], "prerouting", outer, new=True, translated={**inner, Field.IIF: uplinks}),
            *_forwarded(bridge, inner, 4, uplinks, (bridge.name,), new=True),
            *_leaving(bridge, inner),
            *_entering(bridge, back, 4),
            *_forwarded(bridge, back, 4, (bridge.name,), uplinks),
        ),
    )


def _prefix(held: IPv4Interface | IPv6Interface) -> Span:
    network = held.network
    return Span(int(network.network_address), int(network.broadcast_address), held.version)


def _one(address: Address) -> Span:
    return Span(int(address), int(address), address.version)


def _number(value: int) -> Span:
    return Span(value, value)
