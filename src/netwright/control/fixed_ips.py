"""The addresses of a port: which it gets, which it keeps, which it gives back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from netwright.control.refusals import NamedConflictError, invalid
from netwright.control.world import Work
from netwright.model.errors import ConflictError, NotFoundError
from netwright.model.eui64 import address_on
from netwright.model.ids import NetworkId, SubnetId
from netwright.model.intent import Address, FixedIp, Ipv6Mode, Network, Port, Prefix, Subnet
from netwright.store import addresses
from netwright.store.addresses import Holder

MOST: Final = 5
_AUTOMATIC: Final = frozenset({Ipv6Mode.SLAAC, Ipv6Mode.DHCPV6_STATELESS})
_ROUTERS: Final = "network:router"


@dataclass(frozen=True, slots=True)
class FixedIpRequest:
    """An address, or any address of a subnet, or both together."""

    subnet_id: SubnetId | None = None
    address: Address | None = None


@dataclass(frozen=True, slots=True)
class Ground:
    """A network and its subnets: where a port's addresses come from."""

    network: Network
    subnets: Sequence[Subnet]

    def subnet(self, wanted: SubnetId) -> Subnet:
        for subnet in self.subnets:
            if subnet.id == wanted:
                return subnet
        if not self.subnets:
            raise NotFoundError("Subnet", wanted)
        raise invalid("fixed_ips", f"subnet {wanted!r} is not on network {self.network.id}.")


def is_automatic(subnet: Subnet) -> bool:
    """Whether guests make their addresses there themselves, from their MACs."""
    return subnet.enable_dhcp and subnet.ipv6_address_mode in _AUTOMATIC


def assign_default(work: Work, port: Port, ground: Ground) -> Port:
    """One IPv4 address, one from the managed IPv6 subnets, and one of each automatic subnet."""
    taken: list[FixedIp] = []
    managed = [subnet for subnet in ground.subnets if not is_automatic(subnet)]
    for version in (4, 6):
        family = [subnet for subnet in managed if subnet.cidr.version == version]
        if family:
            taken.append(_take_any(work, port, family, len(taken)))
    for subnet in ground.subnets:
        if is_automatic(subnet):
            taken.append(_take_automatic(work, port, subnet, len(taken)))
    return replace(port, fixed_ips=tuple(taken))


def assign(work: Work, port: Port, ground: Ground, wanted: Sequence[FixedIpRequest]) -> Port:
    """What is wanted, in that order, and nothing else; addresses that the port has already stay."""
    if len(wanted) > MOST:
        raise invalid("fixed_ips", f"a port has at most {MOST}.")
    kept = _kept(port, ground, wanted)
    for fixed in port.fixed_ips:
        if fixed not in kept.values():
            addresses.release(work.connection, fixed.subnet_id, fixed.address)
    taken: list[FixedIp] = []
    for position, request in enumerate(wanted):
        if position in kept:
            addresses.place(work.connection, port.id, kept[position], position)
            taken.append(kept[position])
        else:
            taken.append(_take(work, port, ground, request, position))
    return replace(port, fixed_ips=tuple(taken))


def follow_mac(work: Work, port: Port, ground: Ground) -> Port:
    """The port with the automatic addresses of the MAC that it has now."""
    moved = []
    for position, fixed in enumerate(port.fixed_ips):
        subnet = ground.subnet(fixed.subnet_id)
        if is_automatic(subnet):
            addresses.release(work.connection, fixed.subnet_id, fixed.address)
            moved.append(_take_automatic(work, port, subnet, position))
        else:
            moved.append(fixed)
    return replace(port, fixed_ips=tuple(moved))


def add(work: Work, port: Port, subnet: Subnet) -> Port:
    """The port with one more address, of that subnet."""
    fixed = _take_any(work, port, [subnet], len(port.fixed_ips))
    return replace(port, fixed_ips=(*port.fixed_ips, fixed))


def add_lowest(work: Work, port: Port, subnet: Subnet) -> Port:
    """The same with the lowest free one: what nobody asked for leaves alone those that people choose."""
    if is_automatic(subnet):
        return add(work, port, subnet)
    holder = Holder(port=port.id, position=len(port.fixed_ips))
    found = addresses.take_next(work.connection, subnet.id, subnet.pools, holder, None)
    if found is None:
        raise exhausted(port.network_id)
    fixed = FixedIp(subnet.id, found)
    return replace(port, fixed_ips=(*port.fixed_ips, fixed))


def _kept(port: Port, ground: Ground, wanted: Sequence[FixedIpRequest]) -> Mapping[int, FixedIp]:
    """Which of its addresses the port keeps, by the place in the request: named ones first."""
    left = list(port.fixed_ips)
    kept: dict[int, FixedIp] = {}
    for by_address in (True, False):
        for position, request in enumerate(wanted):
            if (request.address is not None) is by_address:
                for fixed in [one for one in left if _answers(one, ground, request)][:1]:
                    left.remove(fixed)
                    kept[position] = fixed
    return kept


def _answers(fixed: FixedIp, ground: Ground, request: FixedIpRequest) -> bool:
    if request.subnet_id is not None and ground.subnet(request.subnet_id).id != fixed.subnet_id:
        return False
    return request.address is None or request.address == fixed.address


def _take(work: Work, port: Port, ground: Ground, request: FixedIpRequest, position: int) -> FixedIp:
    if request.address is None:
        if request.subnet_id is None:
            raise invalid("fixed_ips", "each needs a subnet_id or an ip_address.")
        return _take_any(work, port, [ground.subnet(request.subnet_id)], position)
    return _take_named(work, port, _home(ground, request, request.address), request.address, position)


def _home(ground: Ground, request: FixedIpRequest, address: Address) -> Subnet:
    """The subnet that a named address is of."""
    among = ground.subnets if request.subnet_id is None else [ground.subnet(request.subnet_id)]
    for subnet in among:
        if address in subnet.cidr:
            return subnet
    where = f"subnet {request.subnet_id}" if request.subnet_id else f"a subnet of network {ground.network.id}"
    raise invalid("fixed_ips", f"IP address {address} is not a valid IP for {where}.")


def _take_named(work: Work, port: Port, subnet: Subnet, address: Address, position: int) -> FixedIp:
    check_usable(subnet, address, "fixed_ips")
    of_router = port.device_owner.startswith(_ROUTERS)
    if is_automatic(subnet) and not of_router and address != address_on(subnet.cidr, port.mac):
        why = f"{address} cannot be chosen: guests of subnet {subnet.id} make their own addresses."
        raise invalid("fixed_ips", why)
    reserved = address == subnet.gateway_ip and not of_router
    holder = Holder(port=port.id, position=position)
    if reserved or not addresses.take(work.connection, subnet.id, address, holder):
        raise already_allocated(address, subnet, "fixed_ips")
    return FixedIp(subnet.id, address)


def _take_any(work: Work, port: Port, subnets: Sequence[Subnet], position: int) -> FixedIp:
    """From the first of the subnets that has a free address."""
    for subnet in subnets:
        if is_automatic(subnet):
            return _take_automatic(work, port, subnet, position)
        holder = Holder(port=port.id, position=position)
        found = addresses.take_free(work.connection, subnet.id, subnet.pools, holder, work.world.rng)
        if found is not None:
            return FixedIp(subnet.id, found)
    raise exhausted(port.network_id)


def _take_automatic(work: Work, port: Port, subnet: Subnet, position: int) -> FixedIp:
    address = address_on(subnet.cidr, port.mac)
    if not addresses.take(work.connection, subnet.id, address, Holder(port=port.id, position=position)):
        raise already_allocated(address, subnet, "mac_address")
    return FixedIp(subnet.id, address)


def check_usable(subnet: Subnet, address: Address, field: str) -> None:
    """Raises InvalidError for addresses that no one interface can have."""
    if not is_usable(subnet.cidr, address):
        raise invalid(field, f"{address} is not a usable address of {subnet.cidr}.")


def is_usable(cidr: Prefix, address: Address) -> bool:
    """Whether one interface of the prefix can have the address."""
    if address not in cidr:
        return False
    if cidr.prefixlen >= cidr.max_prefixlen - 1:
        return True
    if cidr.version == 6:
        return address != cidr.network_address  # the subnet-router anycast address (RFC 4291, 2.6.1)
    return address not in {cidr.network_address, cidr.broadcast_address}


def already_allocated(address: Address, subnet: Subnet, field: str) -> ConflictError:
    message = f"IP address {address} already allocated in subnet {subnet.id}."
    return NamedConflictError("IpAddressAlreadyAllocated", message, field)


def exhausted(network: NetworkId) -> ConflictError:
    message = f"No more IP addresses available on network {network}."
    return NamedConflictError("IpAddressGenerationFailure", message, "fixed_ips")
