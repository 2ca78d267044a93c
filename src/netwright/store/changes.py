"""The log of what was written: read from a generation on, it says what a plan's delta must look at."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum
from typing import Final, NamedTuple

import sqlalchemy as sa

from netwright.model.ids import HostName
from netwright.store.tables import changes

_INSERT: Final = changes.insert()
_SINCE: Final = (
    sa.select(changes.c.noun, changes.c.id, changes.c.host)
    .where(changes.c.seq > sa.bindparam("base"))
    .where(sa.or_(changes.c.host.is_(None), changes.c.host == sa.bindparam("host")))
    .distinct()
)


class Touched(StrEnum):
    """What a row of the log is about; control.touched says which items that may change."""

    NETWORK = "network"
    """The network or one of its subnets."""
    NETWORK_ITEM = "network_item"
    """Only the network's own item: whether a plan needs it."""
    PORT = "port"
    GROUP = "group"
    """The group's rules, or whether a plan needs it."""
    GROUP_USE = "group_use"
    """Only whether a host's plan needs the group: a port that was plugged there has left it, or the host."""
    GROUP_NAME = "group_name"
    ADDRESS_GROUP = "address_group"
    """Its prefixes, or whether a plan needs it."""
    FLOATING_IP = "floating_ip"
    """The floating IP or one of its port forwardings."""
    VPN = "vpn"
    """The VPN or one of its peers."""
    QOS_POLICY = "qos_policy"
    """A policy's rules."""
    GATEWAY = "gateway"
    """The network, and who serves its ports."""


class Change(NamedTuple):
    noun: Touched
    id: str
    host: HostName | None = None
    """Whose plan alone it concerns; None: anybody's."""


def record(connection: sa.Connection, touched: Iterable[Change]) -> None:
    """Adds to the log, in the transaction that makes the changes."""
    rows = [
        {"noun": change.noun.value, "id": change.id, "host": change.host} for change in dict.fromkeys(touched)
    ]
    if rows:
        connection.execute(_INSERT, rows)


def generation(connection: sa.Connection) -> int:
    """The seq of the newest change; 0 before the first."""
    newest = sa.select(changes.c.seq).order_by(changes.c.seq.desc()).limit(1)
    return connection.execute(newest).scalar() or 0


def reaches_back_to(connection: sa.Connection, base: int) -> bool:
    """Whether every change after `base` is still in the log, and `base` has been."""
    oldest = sa.select(changes.c.seq).order_by(changes.c.seq).limit(1)
    first = connection.execute(oldest).scalar() or 1
    return first - 1 <= base <= generation(connection)


def since(connection: sa.Connection, base: int, host: HostName) -> frozenset[Change]:
    """What changed after that generation and may concern that host."""
    found = connection.execute(_SINCE, {"base": base, "host": host})
    return frozenset(Change(Touched(noun), changed, of) for noun, changed, of in found)


def ids_since(connection: sa.Connection, noun: Touched, base: int) -> frozenset[str]:
    """Those of the noun that changed after that generation."""
    found = sa.select(changes.c.id).where(changes.c.seq > base, changes.c.noun == noun.value)
    return frozenset(connection.execute(found).scalars())


def forget(connection: sa.Connection, keep: int) -> None:
    """Drops all but the newest `keep` rows."""
    last = generation(connection) - keep
    connection.execute(changes.delete().where(changes.c.seq <= last))
