"""Filters of lists that are no column's: each as a condition on its noun's table."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final

import sqlalchemy as sa

from netwright.model.caller import Caller
from netwright.model.kinds import Flag
from netwright.store import rbac
from netwright.store.addresses import key_of
from netwright.store.rows import NotIn, Where
from netwright.store.tables import addresses, networks, port_groups, subnets

_ADDRESS: Final = "ip_address"
_SUBNET: Final = "subnet_id"


def fixed_ips(values: Sequence[str], caller: Caller) -> Where | None:
    """`ip_address=…` and `subnet_id=…`: an address that is one of these, on one of those. Parts of addresses
    are looked for in what is shown."""
    del caller
    wanted: dict[str, list[str]] = {}
    for value in values:
        name, _, text = value.partition("=")
        wanted.setdefault(name, []).append(text)
    if wanted.keys() - {_ADDRESS, _SUBNET}:
        return None
    statement = sa.select(addresses.c.port_id).where(addresses.c.port_id.is_not(None))
    if _ADDRESS in wanted:
        statement = statement.where(addresses.c.address.in_(_keys(wanted[_ADDRESS])))
    if _SUBNET in wanted:
        statement = statement.where(addresses.c.subnet_id.in_(wanted[_SUBNET]))
    return {"id": statement}


def security_groups(values: Sequence[str], caller: Caller) -> Where:
    """Ports in one of the groups."""
    del caller
    return {"id": sa.select(port_groups.c.port_id).where(port_groups.c.group_id.in_(values))}


def ip_version(values: Sequence[str], caller: Caller) -> Where:
    """Subnets of these families."""
    del caller
    return {"id": sa.select(subnets.c.id).where(_of_versions(values))}


def networks_ip_version(values: Sequence[str], caller: Caller) -> Where:
    """Networks with subnets of these families."""
    del caller
    return {"id": sa.select(subnets.c.network_id).where(_of_versions(values))}


def subnets_shared(values: Sequence[str], caller: Caller) -> Where:
    """Subnets of networks that are shared with the caller, or of others."""
    return _flagged(values, "shared", rbac.ids_shared("network", caller.project))


def subnets_external(values: Sequence[str], caller: Caller) -> Where:
    """Subnets of external networks, or of others."""
    del caller
    return _flagged(values, "router:external", sa.select(networks.c.id).where(networks.c.external))


def _of_versions(values: Sequence[str]) -> sa.ColumnElement[bool]:
    """Only IPv6 prefixes are written with colons."""
    is_v6 = subnets.c.cidr.contains(":")
    wanted = [is_v6 if value == "6" else ~is_v6 for value in values if value in {"4", "6"}]
    return sa.or_(sa.false(), *wanted)


def _flagged(values: Sequence[str], name: str, those: sa.Select[tuple[str]]) -> Where:
    wanted = {Flag().read(value, name) for value in values}
    if len(wanted) > 1:
        return {}
    return {"network_id": those if True in wanted else NotIn(those)}


def _keys(texts: Sequence[str]) -> list[bytes]:
    found = []
    for text in texts:
        try:
            found.append(key_of(ip_address(text)))
        except ValueError:
            continue  # nobody has it
    return found
