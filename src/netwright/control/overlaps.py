"""Prefixes that cannot be routed twice: those of host networks, and of the hosts' own routes."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from netwright.control.refusals import NamedConflictError, invalid
from netwright.control.world import Work
from netwright.model.ids import NetworkId
from netwright.model.intent import Prefix, Subnet, WireGuard
from netwright.store import hosts, subnets, vpns


def refuse_in_network(cidr: Prefix, others: Iterable[Subnet]) -> None:
    """Raises InvalidError where another subnet of the same network has some of these addresses."""
    for other in others:
        if overlap(cidr, other.cidr):
            raise invalid(
                "cidr", f"{cidr} overlaps with another subnet of this network, {other.id} ({other.cidr})."
            )


def refuse_in_use(work: Work, cidr: Prefix, apart_from: NetworkId) -> None:
    """The same as refuse_on_hosts, which tells nobody but admins whose addresses they are."""
    try:
        refuse_on_hosts(work.connection, cidr, apart_from)
    except NamedConflictError as error:
        if work.caller is None or work.caller.is_admin:
            raise
        message = f"cidr {cidr} overlaps with addresses that are in use elsewhere."
        raise NamedConflictError("CidrOverlapsHostNetwork", message, "cidr") from error


def refuse_on_hosts(
    connection: sa.Connection, cidr: Prefix, apart_from: NetworkId | None, field: str = "cidr"
) -> None:
    """Raises ConflictError, about that field, where somebody has some of these addresses.

    That is another host network, a VPN's peers, or a host's own route.
    """
    for subnet, network, prefix in subnets.of_host_networks(connection):
        if network != apart_from and overlap(cidr, prefix):
            raise NamedConflictError(
                "CidrOverlapsHostNetwork",
                f"{field} {cidr} overlaps with subnet {subnet} ({prefix}) of another host network.",
                field,
            )
    for vpn in vpns.find(connection, {"kind": (vpns.WIREGUARD,)}):
        way = vpn.value.way
        if isinstance(way, WireGuard) and overlap(cidr, way.peers):
            message = f"{field} {cidr} overlaps with the peers of VPN {vpn.value.id} ({way.peers})."
            raise NamedConflictError("CidrOverlapsVpn", message, field)
    for host in hosts.every(connection):
        for route in host.facts.routes:
            if overlap(cidr, route):
                message = f"{field} {cidr} overlaps with the route to {route} of host {host.name}."
                raise NamedConflictError("CidrOverlapsHostRoute", message, field)


def overlap(one: Prefix, other: Prefix) -> bool:
    """Whether they share addresses; prefixes of different families never do."""
    return one.version == other.version and one.overlaps(other)
