"""What create_networks was asked for, and what there is already -> the networks to be made. Pure."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from itertools import islice
from typing import Final

from netwright.control.classic_networks import ClassicRequest, Taken
from netwright.control.classic_refusals import AddressOutOfRange, CidrConflict, DuplicateVlan, InvalidCidr
from netwright.control.fixed_ips import is_usable
from netwright.model.classic import ClassicNetwork
from netwright.model.errors import InvalidError
from netwright.model.ids import LinkName, NetworkId, ProjectId
from netwright.model.intent import Address, Ipv6Mode, Pool

LAST_VLAN: Final = 4094
_LAST_PORT: Final = 65535
_V6_PREFIX: Final = 64
_Numbers = tuple[int | None, int | None]
"""A network's VLAN, and its VPN's public port."""


class VlanError(InvalidError, ValueError):
    """A VLAN, or a count of them, that there cannot be: nova raised a plain ValueError."""


@dataclass(frozen=True, slots=True)
class Vlans:
    """What networks of VlanManager have beside the rest."""

    vlan: int | None
    vlan_start: int
    vpn_start: int
    vpn_clients: int
    """Addresses at the network's end that are kept for the VPN's clients."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The arguments of create_networks, parsed, and defaults in the place of what was left out."""

    label: str
    cidr: IPv4Network | None
    cidr_v6: IPv6Network | None
    num_networks: int
    network_size: int | None
    default_size: int
    serves: bool
    by_agents: bool
    multi_host: bool
    share_address: bool
    enable_dhcp: bool
    split: bool = True
    gateway: IPv4Address | None = None
    gateway_v6: IPv6Address | None = None
    dhcp_server: IPv4Address | None = None
    bridge: LinkName | None = None
    bridge_interface: LinkName | None = None
    dns: tuple[Address, ...] = ()
    fixed_cidr: IPv4Network | None = None
    allowed_start: IPv4Address | None = None
    allowed_end: IPv4Address | None = None
    mtu: int | None = None
    priority: int | None = None
    injected: bool = False
    project_id: ProjectId | None = None
    network_id: NetworkId | None = None
    ipv6_mode: Ipv6Mode = Ipv6Mode.SLAAC
    vlans: Vlans | None = None


def lay_out(asked: Asked, taken: Taken) -> list[ClassicRequest]:
    """The networks. Raises CidrConflict, DuplicateVlan, InvalidCidr, AddressOutOfRange, VlanError."""
    size = size_of(asked)
    # Whether the prefix has that many comes before a list of that many.
    sixes: Sequence[IPv6Network | None] = _sixes(asked) if asked.cidr is None else ()
    fours: Sequence[IPv4Network | None] = _fours(asked, size, taken)
    sixes = sixes or _sixes(asked)
    if asked.network_id is not None and asked.num_networks > 1:
        raise InvalidError("a uuid is one network's", "uuid")
    numbers: Sequence[_Numbers] = [(None, None)] * asked.num_networks
    if asked.vlans is not None:
        vlans = _vlans(asked.vlans, asked.num_networks, taken)
        numbers = list(zip(vlans, _vpn_ports(asked.vlans, asked.num_networks, taken), strict=True))
    return [
        _network(asked, at, (four, six), its)
        for at, (four, six, its) in enumerate(zip(fours, sixes, numbers, strict=True))
    ]


def size_of(asked: Asked) -> int:
    """Addresses of each network: a power of two. What was asked for is rounded up, what follows from the
    whole's size down."""
    if asked.network_size is not None:
        return 1 << max(asked.network_size - 1, 0).bit_length()
    if asked.cidr is None:
        return 1 << (asked.default_size - 1).bit_length()
    each = asked.cidr.num_addresses // asked.num_networks
    if each < 1:
        raise InvalidCidr(f"{asked.cidr} cannot be split in {asked.num_networks} networks", "num_networks")
    least = min(each, asked.default_size)
    return 1 << int(math.log2(least))


def keep_clear(
    wanted: Sequence[IPv4Network], whole: IPv4Network, used: Iterable[IPv4Network]
) -> list[IPv4Network]:
    """The candidates, each that is in use, or has a part that is, replaced by the next one of its size that
    is free. Raises CidrConflict where there is none, and for a candidate within a larger one that is in use.
    """
    occupied = _Occupied(used)
    chosen = {candidate for candidate in wanted if not occupied.by(candidate)}
    for candidate in wanted:
        if candidate in chosen:
            continue
        for other in occupied.by(candidate):
            if other.prefixlen < candidate.prefixlen:
                message = f"requested cidr ({candidate}) conflicts with existing supernet ({other})"
                raise CidrConflict(message, "cidr")
        chosen.add(_next_free(candidate, whole, chosen.union(wanted), occupied))
    return sorted(chosen)


class _Occupied:
    """Prefixes in use; of those that lie in one another the largest."""

    def __init__(self, used: Iterable[IPv4Network]) -> None:
        self._used: list[IPv4Network] = []
        for one in sorted(set(used)):
            if not self._used or not one.subnet_of(self._used[-1]):
                self._used.append(one)
        self._starts = [int(one.network_address) for one in self._used]

    def by(self, prefix: IPv4Network) -> list[IPv4Network]:
        """Those that have addresses of the prefix."""
        at = bisect_right(self._starts, int(prefix.network_address)) - 1
        end = bisect_right(self._starts, int(prefix.broadcast_address))
        return [one for one in self._used[max(at, 0) : end] if one.overlaps(prefix)]


def _next_free(
    candidate: IPv4Network, whole: IPv4Network, spoken_for: set[IPv4Network], occupied: _Occupied
) -> IPv4Network:
    start, size = int(candidate.network_address), candidate.num_addresses
    for first in range(start + size, int(whole.broadcast_address) + 1, size):
        found = IPv4Network((first, candidate.prefixlen))
        if found not in spoken_for and not occupied.by(found):
            return found
    raise CidrConflict(f"requested cidr ({candidate}) conflicts with one that is in use", "cidr")


def _fours(asked: Asked, size: int, taken: Taken) -> Sequence[IPv4Network | None]:
    whole = asked.cidr
    if whole is None:
        return [None] * asked.num_networks
    if not asked.split:
        return keep_clear([whole], whole, taken.cidrs)
    prefix = whole.max_prefixlen - (size - 1).bit_length()
    if prefix < whole.prefixlen or asked.num_networks > 1 << (prefix - whole.prefixlen):
        message = f"{whole} does not have {asked.num_networks} networks of {size} addresses"
        raise VlanError(message, "cidr") if asked.vlans is not None else InvalidCidr(message, "cidr")
    wanted = list(islice(whole.subnets(new_prefix=prefix), asked.num_networks))
    return keep_clear(wanted, whole, taken.cidrs)


def _sixes(asked: Asked) -> Sequence[IPv6Network | None]:
    whole = asked.cidr_v6
    if whole is None:
        return [None] * asked.num_networks
    # Guests make themselves addresses on a /64 only (RFC 4862, 5.5.3; RFC 7421).
    if whole.prefixlen > _V6_PREFIX or (not asked.split and whole.prefixlen != _V6_PREFIX):
        raise InvalidCidr(f"{whole}: each network's IPv6 prefix is a /64", "cidr_v6")
    if asked.num_networks > 1 << (_V6_PREFIX - whole.prefixlen):
        raise InvalidCidr(f"{whole} does not have {asked.num_networks} /64 networks", "cidr_v6")
    return list(islice(whole.subnets(new_prefix=_V6_PREFIX), asked.num_networks))


def _vlans(wanted: Vlans, count: int, taken: Taken) -> list[int]:
    """nova's numbers: from the one that is given, or `vlan_start` and as many as there are networks."""
    used = set(taken.vlans)
    found = []
    for at in range(count):
        if wanted.vlan is not None:
            vlan = wanted.vlan + at
            if vlan in used:
                raise DuplicateVlan(vlan)
        else:
            vlan = wanted.vlan_start + at + taken.count
            if vlan in used or vlan > LAST_VLAN:
                vlan = _other_vlan(used)
        if vlan > LAST_VLAN:
            raise VlanError(f"there is no VLAN {vlan}", "vlan")
        used.add(vlan)
        found.append(vlan)
    return found


def _vpn_ports(wanted: Vlans, count: int, taken: Taken) -> list[int]:
    """nova's numbers: from `vpn_start` and as many as there are networks; past those that are in use."""
    if not 1 <= wanted.vpn_start <= _LAST_PORT:
        raise VlanError(f"there is no port {wanted.vpn_start} for the VPN", "vpn_start")
    used = set(taken.vpn_ports)
    free = (port for port in range(wanted.vpn_start + taken.count, _LAST_PORT + 1) if port not in used)
    found = list(islice(free, count))
    if len(found) < count:
        raise VlanError(f"there is no port {_LAST_PORT + 1} for the VPN", "vpn_start")
    return found


def _other_vlan(used: set[int]) -> int:
    """The one above all that are in use, or else the lowest that is free."""
    above = max(used, default=0) + 1
    if above <= LAST_VLAN:
        return above
    return next((vlan for vlan in range(1, LAST_VLAN + 1) if vlan not in used), LAST_VLAN + 1)


@dataclass(frozen=True, slots=True)
class _Ends:
    """The addresses of an IPv4 network that mean something."""

    gateway: IPv4Address | None = None
    dhcp_server: IPv4Address | None = None
    dhcp_start: IPv4Address | None = None
    vpn: IPv4Address | None = None


def _network(
    asked: Asked,
    at: int,
    prefixes: tuple[IPv4Network | None, IPv6Network | None],
    numbers: _Numbers,
) -> ClassicRequest:
    four, six = prefixes
    vlan, port = numbers
    ends = _Ends() if four is None else _ends(asked, four)
    classic = ClassicNetwork(
        network_id=NetworkId(""),
        number=0,
        bridge=asked.bridge if vlan is None else LinkName(f"br{vlan}"),
        bridge_interface=asked.bridge_interface,
        vlan=vlan,
        injected=asked.injected,
        multi_host=asked.multi_host,
        share_address=asked.share_address,
        enable_dhcp=asked.enable_dhcp,
        gateway=ends.gateway,
        gateway_v6=None if six is None else _gateway_v6(asked, six),
        dhcp_server=ends.dhcp_server,
        dhcp_start=ends.dhcp_start,
        vpn_public_port=port,
        vpn_private_address=ends.vpn,
        priority=asked.priority,
        project_id=asked.project_id,
    )
    return ClassicRequest(
        label=f"{asked.label}_{at}" if asked.num_networks > 1 else asked.label,
        classic=classic,
        cidr=four,
        cidr_v6=six,
        pools=() if four is None else tuple(_pools(asked, four, ends)),
        dns=asked.dns,
        mtu=asked.mtu,
        serves=asked.serves,
        by_agents=asked.by_agents,
        ipv6_mode=asked.ipv6_mode,
        network_id=asked.network_id,
    )


def _ends(asked: Asked, network: IPv4Network) -> _Ends:
    _refuse_outside(asked, network)
    current = asked.allowed_start or IPv4Address(int(network.network_address) + 1)
    gateway = asked.gateway or current
    server = asked.dhcp_server or gateway
    start = current if asked.gateway else current + 1
    while start in {gateway, server}:
        start += 1
    vpn = None
    if asked.vlans is not None:
        vpn, start = start, start + 1
        while start in {gateway, server}:
            start += 1
        if vpn >= network.broadcast_address:
            raise InvalidCidr(f"{network} has no address left for its VPN", "cidr")
    return _Ends(gateway, server, start, vpn)


def _refuse_outside(asked: Asked, network: IPv4Network) -> None:
    for field in ("gateway", "dhcp_server", "allowed_start", "allowed_end"):
        address = getattr(asked, field)
        if address is not None and address not in network:
            raise AddressOutOfRange(f"{address} is not within {network}", field)
    for field in ("gateway", "dhcp_server"):
        address = getattr(asked, field)
        if address is not None and not is_usable(network, address):
            raise AddressOutOfRange(f"{address} is {network}'s own, and nobody's", field)
    if asked.allowed_start and asked.allowed_end and asked.allowed_start > asked.allowed_end:
        raise AddressOutOfRange(f"{asked.allowed_start} is above {asked.allowed_end}", "allowed_start")


def _gateway_v6(asked: Asked, network: IPv6Network) -> IPv6Address:
    gateway = asked.gateway_v6 or network.network_address + 1
    if gateway not in network:
        raise AddressOutOfRange(f"{gateway} is not within {network}", "gateway_v6")
    return gateway


def _pools(asked: Asked, network: IPv4Network, ends: _Ends) -> Iterator[Pool]:
    """What is given out: the network without what nova reserves at its ends, and without what has a use."""
    base, last = int(network.network_address), int(network.broadcast_address)
    low = base + (3 if asked.vlans is not None else 2)
    high = last - 1 - (asked.vlans.vpn_clients if asked.vlans is not None else 0)
    if asked.allowed_start is not None:
        low = max(int(asked.allowed_start), base + 1)
    if asked.allowed_end is not None:
        high = min(int(asked.allowed_end), last - 1)
    if asked.fixed_cidr is not None:
        if not asked.fixed_cidr.overlaps(network):
            raise AddressOutOfRange(f"{asked.fixed_cidr} has nothing of {network}", "fixed_cidr")
        low = max(low, int(asked.fixed_cidr.network_address))
        high = min(high, int(asked.fixed_cidr.broadcast_address))
    used = {int(one) for one in (ends.gateway, ends.dhcp_server, ends.vpn) if one is not None}
    for stop in [*sorted(one for one in used if low <= one <= high), high + 1]:
        if low < stop:
            yield Pool(IPv4Address(low), IPv4Address(stop - 1))
        low = stop + 1
