"""Limits and marks of ports and floating IPs: queues on links, and tables that no firewall engine fills.

Octets of ports queue up, so that TCP finds its pace (docs/decisions/0024); packets beyond a rate, and octets
beyond a floating IP's, are dropped.
"""

from __future__ import annotations

from typing import Final

from netwright.model.host import SHAPER_STEP, Shaper, ShaperKey
from netwright.model.ids import LinkName, PortId, port_link_name
from netwright.model.intent import Direction
from netwright.model.plan import FloatingIpItem, PortQosItem
from netwright.model.qos import Bandwidth, PacketRate
from netwright.render.nft import Nft, chain, mapping, named_map, table
from netwright.render.tags import digest_of

QOS_BRIDGE: Final = "qos-bridge"
QOS_INET: Final = "qos-inet"

Shapers = dict[ShaperKey, Shaper]

_HEADERS: Final = 18
"""Octets of Ethernet's header, with a VLAN's tag."""
_LEAST_BURST: Final = 16384
_BURST_SECONDS: Final = 0.02
_QUEUE_SECONDS: Final = 0.1
_LEAST_QUEUE: Final = 32768
_MOST_SECONDS: Final = 200
"""The kernel counts a burst's time in 32 bits, in steps of 64 ns: 274 s."""
_MOST: Final = 1 << 31
"""Octets of a burst or a queue; the kernel has 32 bits for them."""
_POLICED_BURST: Final = 65536
"""Octets of the largest packet that offloads make of many (GSO): what never fits never passes."""
_MOST_PACKETS: Final = 1_000_000_000
"""The kernel divides a second's nanoseconds by the rate."""
_MOST_PACKET_BURST: Final = (1 << 32) - 1

_MARK_MAP, _FROM_MAP, _TO_MAP = "marked", "rates_out", "rates_in"
_FLOATING_MAPS: Final = ("floating_in", "floating_out")
_MAPS: Final = dict.fromkeys((_MARK_MAP, _FROM_MAP, _TO_MAP), "type ifname : verdict")
_INET_MAPS: Final = dict.fromkeys(_FLOATING_MAPS, "type ipv4_addr : verdict")


def port_shapers(item: PortQosItem) -> Shapers:
    """The queues of a port with limits of bandwidth."""
    link = port_link_name(item.id)
    ways = {Direction.INGRESS: item.to_guest, Direction.EGRESS: item.from_guest}
    return {ShaperKey(link, way): shaper(limit, item.mtu) for way, limit in ways.items() if limit}


def shaper(limit: Bandwidth, mtu: int) -> Shaper:
    """A packet larger than the burst would never leave; what waits longer than a moment comes too late."""
    burst = limit.burst or max(round(limit.rate * _BURST_SECONDS), _LEAST_BURST)
    burst = max(min(burst, limit.rate * _MOST_SECONDS, _MOST), mtu + _HEADERS)
    burst = -(-burst // SHAPER_STEP) * SHAPER_STEP
    queue = max(min(round(limit.rate * _QUEUE_SECONDS), _MOST), _LEAST_QUEUE)
    return Shaper(limit.rate, burst, min(burst + queue, _MOST))


def port_qos(item: PortQosItem) -> Nft:
    """Marks and packet rates of a port: before anti-spoofing from the guest, after all filters to it."""
    link = port_link_name(item.id)
    parts: Nft = {}
    if item.dscp is not None:
        parts |= _marked(link, item.dscp)
    if item.packets_from_guest:
        parts |= _from_guests() | _packets(Direction.EGRESS, item.id, item.packets_from_guest)
    if item.packets_to_guest:
        parts |= _to_guests() | _packets(Direction.INGRESS, item.id, item.packets_to_guest)
    return parts


def floating_ip_qos(item: FloatingIpItem) -> Nft:
    """What comes to the address is counted before it is translated, what goes out after."""
    parts: Nft = {}
    for name, way, limit in zip(_FLOATING_MAPS, ("in", "out"), (item.comes, item.goes), strict=True):
        if limit:
            chained = f"octets-{way}-{item.id}"
            parts |= _inet_base() | chain(QOS_INET, chained, (_over(limit),))
            parts |= mapping(QOS_INET, name, str(item.address), f"goto {chained}")
    return parts


def _marked(link: LinkName, mark: int) -> Nft:
    """Ports with one mark share its chain."""
    name = f"dscp-{mark}"
    rules = (f"ip dscp set {mark}", f"ip6 dscp set {mark}")
    return (
        _from_guests() | chain(QOS_BRIDGE, name, rules) | mapping(QOS_BRIDGE, _MARK_MAP, link, f"goto {name}")
    )


def packets_chain(direction: Direction, port: PortId) -> str:
    """Where the port's packets of that direction are counted and dropped beyond its rate."""
    return f"packets-{'in' if direction is Direction.INGRESS else 'out'}-{port}"


def _packets(direction: Direction, port: PortId, limit: PacketRate) -> Nft:
    chained = packets_chain(direction, port)
    name = _TO_MAP if direction is Direction.INGRESS else _FROM_MAP
    rate, burst = min(limit.rate, _MOST_PACKETS), min(limit.burst, _MOST_PACKET_BURST)
    rule = f"limit rate over {rate}/second burst {burst} packets counter drop"
    verdict = mapping(QOS_BRIDGE, name, port_link_name(port), f"jump {chained}")
    return chain(QOS_BRIDGE, chained, (rule,)) | verdict


def _over(limit: Bandwidth) -> str:
    burst = min(max(limit.burst, _POLICED_BURST), _MOST)
    return f"limit rate over {limit.rate} bytes/second burst {burst} bytes counter drop"


def _from_guests() -> Nft:
    rules = (f"iifname vmap @{_FROM_MAP}", f"iifname vmap @{_MARK_MAP}")
    return _bridge_base() | chain(QOS_BRIDGE, "from_ports", rules, "filter prerouting -320")


def _to_guests() -> Nft:
    return _bridge_base() | chain(
        QOS_BRIDGE, "to_ports", (f"oifname vmap @{_TO_MAP}",), "filter postrouting 10"
    )


def _bridge_base() -> Nft:
    """There only while some port needs it: other hosts' packets meet no hook more."""
    return _base(QOS_BRIDGE, _MAPS)


def _inet_base() -> Nft:
    come, go = _FLOATING_MAPS
    return (
        _base(QOS_INET, _INET_MAPS)
        | chain(QOS_INET, "come", (f"ip daddr vmap @{come}",), "filter prerouting -290")
        | chain(QOS_INET, "go", (f"ip saddr vmap @{go}",), "filter postrouting 150")
    )


def _base(family: str, maps: dict[str, str]) -> Nft:
    parts = table(family, digest_of(f"{name} {spec}" for name, spec in maps.items()))
    for name, spec in maps.items():
        parts |= named_map(family, name, spec)
    return parts
