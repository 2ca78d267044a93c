"""Subnet pools: what they may be, and the prefixes that subnets are given from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import sqlalchemy as sa

from netwright.control.bodies import Values
from netwright.control.nouns import View
from netwright.control.refusals import NamedConflictError, NamedInvalidError, in_use, invalid
from netwright.control.world import Work
from netwright.model import prefixes as arithmetic
from netwright.model.caller import Caller
from netwright.model.errors import ConflictError
from netwright.model.intent import Prefix
from netwright.store import documents, rows, subnets
from netwright.store.address_tables import address_scopes, subnet_pools
from netwright.store.tables import subnets as subnet_table

_SHORTEST: Final = {4: 8, 6: 64}
_LONGEST: Final = {4: 32, 6: 128}
_QUOTA_UNIT: Final = {4: 32, 6: 64}
"""The length of the prefixes that a pool's quota counts."""
_LENGTHS: Final = ("min_prefixlen", "default_prefixlen", "max_prefixlen")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A subnet that is to be taken from a pool: this very prefix, or any of a length."""

    project_id: str
    version: int | None
    cidr: Prefix | None = None
    length: int | None = None


def checked(work: Work, old: View | None, values: Values, caller: Caller) -> Values:
    """Raises InvalidError, or ConflictError where its address scope has some of the addresses already."""
    found = dict(values)
    if "prefixes" in found:
        found["prefixes"] = _prefixes(old, found["prefixes"])
    whole = {**(old or {}), **found}
    prefixes = _parsed(whole["prefixes"])
    version = found["ip_version"] = prefixes[0].version
    if old is None:
        found |= _bounds(whole, version)
        whole |= found
    _check_lengths(whole, version)
    _check_scope(work, old, whole, caller)
    if found.get("is_default"):
        _refuse_second_default(work, version, str(whole.get("id", "")))
    return found | {name: _number(found[name]) for name in _LENGTHS if name in found}


def shown(connection: sa.Connection, views: list[View]) -> None:
    """The Networking API has lengths as text."""
    del connection
    for view in views:
        view.update({name: str(view[name]) for name in _LENGTHS})


def changed(work: Work, old: View | None, new: View | None) -> None:
    """Raises ConflictError where one that subnets are from is to go."""
    if new is not None or old is None:
        return
    if rows.exists(work.connection, subnet_table, {"subnetpool_id": (old["id"],)}):
        raise in_use("SubnetPool", str(old["id"]), "subnets are allocated from it")


def add_prefixes(work: Work, pool: View, more: Iterable[Prefix], caller: Caller) -> list[str]:
    """The pool's prefixes with those joined to them. Raises InvalidError, ConflictError."""
    return _replaced(work, pool, [*_parsed(pool["prefixes"]), *more], caller)


def remove_prefixes(work: Work, pool: View, gone: Iterable[Prefix], caller: Caller) -> list[str]:
    """The pool's prefixes without those. Raises InvalidError where subnets have some of them."""
    cut = list(gone)
    if arithmetic.overlap(_used(work.connection, str(pool["id"])), cut):
        raise _illegal("subnets are allocated from what is to be removed")
    return _replaced(work, pool, arithmetic.without(_parsed(pool["prefixes"]), cut), caller)


def onboard(work: Work, pool: View, network: str, caller: Caller) -> list[View]:
    """The network's subnets of the pool's IP version become the pool's; its prefixes grow by theirs.

    Raises InvalidError where there are none, or one is of another pool.
    """
    theirs = [
        record.value
        for record in subnets.find(work.connection, {"network_id": (network,)})
        if record.value.cidr.version == pool["ip_version"]
    ]
    if not theirs:
        raise invalid("network_id", f"network {network} has no subnets of IPv{pool['ip_version']}.")
    if any(subnet.subnetpool_id for subnet in theirs):
        raise _illegal("subnets of the network are of a pool already")
    ranges = [subnet.cidr for subnet in theirs]
    if arithmetic.overlap(_parsed(pool["prefixes"]), ranges):
        raise _illegal("the pool has addresses of these subnets already")
    add_prefixes(work, pool, ranges, caller)
    for subnet in theirs:
        documents.save(work.connection, subnet_table, subnet.id, {"subnetpool_id": pool["id"]}, work.now)
    return [{"id": subnet.id, "cidr": str(subnet.cidr)} for subnet in theirs]


def default_of(connection: sa.Connection, version: int | None) -> str:
    """The default pool of the IP version. Raises InvalidError where there is none."""
    where = {"is_default": (True,), "ip_version": (version,)}
    for pool in documents.find(connection, subnet_pools, where):
        return str(pool["id"])
    raise NamedInvalidError(
        "BadRequest", "use_default_subnetpool", f"no default subnet pool found for IPv{version}."
    )


def allocate(work: Work, pool_id: str, wanted: Wanted) -> Prefix:
    """A prefix of the pool that no subnet has. Raises InvalidError, ConflictError."""
    (pool,) = documents.find(work.connection, subnet_pools, {"id": (pool_id,)})
    if wanted.version not in {None, pool["ip_version"]}:
        raise invalid("ip_version", f"{wanted.version} is not that of subnet pool {pool_id}.")
    length = wanted.cidr.prefixlen if wanted.cidr else wanted.length
    length = _number(pool["default_prefixlen"]) if length is None else length
    _check_length(pool, length)
    _check_quota(work.connection, pool, wanted.project_id, length)
    free = arithmetic.free(_parsed(pool["prefixes"]), _used(work.connection, pool_id))
    if wanted.cidr is None:
        found = arithmetic.best(free, length)
        if found is None:
            raise _exhausted(f"Insufficient prefix space to allocate subnet size /{length}")
        return found
    if not arithmetic.covers(free, wanted.cidr):
        raise _exhausted("Cannot allocate requested subnet from the available set of prefixes")
    return wanted.cidr


def scope_of(connection: sa.Connection, pool_id: str | None) -> str | None:
    """The address scope that the pool is in."""
    if pool_id is None:
        return None
    statement = sa.select(subnet_pools.c.address_scope_id).where(subnet_pools.c.id == pool_id)
    return connection.execute(statement).scalar()


def refuse_strangers(
    connection: sa.Connection, theirs: Iterable[tuple[int, str | None]], new: tuple[int, str | None]
) -> None:
    """A network's subnets of one IP version are all of one pool, or of one address scope, or of none.

    Each is its IP version and its pool. Raises InvalidError.
    """
    version, pool = new
    pools = {other for other_version, other in theirs if other_version == version}
    if not pools - {pool}:
        return
    scopes = {scope_of(connection, other) for other in pools}
    if None in scopes:
        why = "subnets hosted on the same network must be allocated from the same subnet pool."
        raise NamedInvalidError("NetworkSubnetPoolAffinityError", "subnetpool_id", why)
    if scopes != {scope_of(connection, pool)}:
        why = "subnets on the same network must belong to the same address scope."
        raise NamedInvalidError("NetworkAddressScopeAffinityError", "subnetpool_id", why)


def _replaced(work: Work, pool: View, wanted: Iterable[Prefix], caller: Caller) -> list[str]:
    prefixes = list(map(str, arithmetic.joined(wanted)))
    if not prefixes:
        raise NamedInvalidError("EmptySubnetPoolPrefixList", "prefixes", "must not be empty.")
    _check_versions(_parsed(prefixes))
    _check_scope(work, pool, {**pool, "prefixes": prefixes}, caller)
    documents.save(work.connection, subnet_pools, str(pool["id"]), {"prefixes": prefixes}, work.now)
    return prefixes


def _prefixes(old: View | None, given: object) -> list[str]:
    found = _parsed(given)
    if not found:
        raise NamedInvalidError("EmptySubnetPoolPrefixList", "prefixes", "must not be empty.")
    _check_versions(found)
    whole = arithmetic.joined(found)
    if old is not None and not all(arithmetic.covers(whole, one) for one in _parsed(old["prefixes"])):
        why = "existing prefixes must be a subset of the new prefixes."
        raise NamedInvalidError("IllegalSubnetPoolPrefixUpdate", "prefixes", why)
    return list(map(str, whole))


def _check_versions(prefixes: Iterable[Prefix]) -> None:
    if len({prefix.version for prefix in prefixes}) > 1:
        why = "cannot mix IPv4 and IPv6 prefixes in a subnet pool."
        raise NamedInvalidError("PrefixVersionMismatch", "prefixes", why)


def _bounds(values: Mapping[str, object], version: int) -> Values:
    """The lengths that a new pool has where it names none."""
    least = values.get("min_prefixlen", _SHORTEST[version])
    return {
        "min_prefixlen": least,
        "max_prefixlen": values.get("max_prefixlen", _LONGEST[version]),
        "default_prefixlen": values.get("default_prefixlen", least),
        "default_quota": values.get("default_quota"),
        "address_scope_id": values.get("address_scope_id"),
    }


def _check_lengths(values: Mapping[str, object], version: int) -> None:
    lengths = [_number(values[name]) for name in _LENGTHS]
    for name, length in zip(_LENGTHS, lengths, strict=True):
        if length > _LONGEST[version]:
            why = f"prefix '{length}' not supported in IPv{version} pool."
            raise NamedInvalidError("UnsupportedMinSubnetPoolPrefix", name, why)
    if lengths != sorted(lengths):
        shown = ", ".join(f"{name}={length}" for name, length in zip(_LENGTHS, lengths, strict=True))
        why = f"Illegal prefix bounds: {shown}."
        raise NamedInvalidError("IllegalSubnetPoolPrefixBounds", "default_prefixlen", why)


def _check_scope(work: Work, old: View | None, pool: Mapping[str, object], caller: Caller) -> None:
    """The pool's prefixes are its address scope's only ones. Raises InvalidError, ConflictError."""
    scope = pool.get("address_scope_id")
    if scope is None:
        return
    (found,) = documents.find(work.connection, address_scopes, {"id": (scope,)})
    version = _parsed(pool["prefixes"])[0].version
    if found["ip_version"] != version:
        raise NamedInvalidError(
            "IllegalSubnetPoolIpVersionAssociationToAddressScope",
            "address_scope_id",
            f"address scope {scope} is of IPv{found['ip_version']}, the pool of IPv{version}.",
        )
    before = old["prefixes"] if old is not None and old["address_scope_id"] == scope else pool["prefixes"]
    if pool["prefixes"] != before and not _owns(found, caller):
        raise _illegal(f"it is in address scope {scope}, which is another project's")
    for other in documents.find(work.connection, subnet_pools, {"address_scope_id": (scope,)}):
        same = other["id"] == pool.get("id")
        if not same and arithmetic.overlap(_parsed(pool["prefixes"]), _parsed(other["prefixes"])):
            message = (
                f"Subnet pools within address scope {scope} must have unique prefixes: see {other['id']}."
            )
            raise NamedConflictError("AddressScopePrefixConflict", message, "prefixes")


def _owns(scope: Mapping[str, object], caller: Caller) -> bool:
    return caller.is_admin or scope["project_id"] == caller.project


def _refuse_second_default(work: Work, version: int, pool: str) -> None:
    where = {"is_default": (True,), "ip_version": (version,)}
    if any(other["id"] != pool for other in documents.find(work.connection, subnet_pools, where)):
        why = f"there is a default subnet pool of IPv{version} already: only one may be."
        raise invalid("is_default", why)


def _check_length(pool: Mapping[str, object], length: int) -> None:
    least, most = _number(pool["min_prefixlen"]), _number(pool["max_prefixlen"])
    if length < least:
        why = f"unable to allocate subnet with prefix length {length}, minimum allowed prefix is {least}."
        raise NamedInvalidError("MinPrefixSubnetAllocationError", "prefixlen", why)
    if length > most:
        why = f"unable to allocate subnet with prefix length {length}, maximum allowed prefix is {most}."
        raise NamedInvalidError("MaxPrefixSubnetAllocationError", "prefixlen", why)


def _check_quota(connection: sa.Connection, pool: Mapping[str, object], project: str, length: int) -> None:
    quota = pool["default_quota"]
    if not quota:
        return
    unit = _QUOTA_UNIT[_number(pool["ip_version"])]
    theirs = [prefix.prefixlen for prefix in _used(connection, str(pool["id"]), project)]
    if sum(2.0 ** (unit - each) for each in (*theirs, length)) > _number(quota):
        message = "Per-project subnet pool prefix quota exceeded."
        raise NamedConflictError("SubnetPoolQuotaExceeded", message, "subnetpool_id")


def _used(connection: sa.Connection, pool: str, project: str | None = None) -> list[Prefix]:
    where: rows.Where = {"subnetpool_id": (pool,)}
    if project is not None:
        where = {**where, "project_id": (project,)}
    statement = sa.select(subnet_table.c.cidr).where(*rows.conditions(subnet_table, where))
    return list(map(rows.prefix, connection.execute(statement).scalars()))


def _parsed(texts: object) -> list[Prefix]:
    return [rows.prefix(str(one)) for one in texts] if isinstance(texts, list) else []


def _number(value: object) -> int:
    return int(value) if isinstance(value, int | str) else 0


def _illegal(reason: str) -> NamedInvalidError:
    return NamedInvalidError("IllegalSubnetPoolUpdate", "prefixes", f"illegal subnet pool update: {reason}.")


def _exhausted(reason: str) -> ConflictError:
    return NamedConflictError("SubnetAllocationError", f"Failed to allocate subnet: {reason}.", "cidr")
