"""Which addresses are leased: what hosts' DHCP servers told, kept beside who has the address by right."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from netwright.control import classic_fixed_ips
from netwright.control.world import World
from netwright.model.ids import MAC_FORM, Mac, NetworkId, SubnetId
from netwright.model.intent import Address, Subnet
from netwright.model.leases import LeaseChange, LeaseEvent
from netwright.store import leases as store
from netwright.store import subnets
from netwright.store.leases import LeaseKey, LeaseRecord

Leases = dict[LeaseKey, LeaseRecord]


def lease(world: World, address: Address, mac: Mac | None = None, network: NetworkId | None = None) -> bool:
    """A client has the address; False where that was known, or the address is on no subnet of ours."""
    return bool(record(world, [LeaseEvent(LeaseChange.TAKEN, network or "", address, mac)]))


def release(world: World, address: Address, mac: Mac | None = None, network: NetworkId | None = None) -> bool:
    """The client has it no more; False where that was known, or another client has it by now.

    Without a MAC, whoever had it.
    """
    return bool(record(world, [LeaseEvent(LeaseChange.RELEASED, network or "", address, mac)]))


def record(world: World, events: Sequence[LeaseEvent]) -> list[LeaseRecord]:
    """The leases that are now other than they were.

    Events that name no address of a subnet, or a MAC that is none, are ignored: whoever tells them would tell
    them again for ever, and nothing after them.
    """
    with world.look() as connection:
        # A thousand leases told again cost a look, and no write.
        if not _differing(connection, events, world.clock()):
            return []
    with world.work() as work:
        changed = _differing(work.connection, events, work.now)
        store.save(work.connection, changed)
        for one in changed:
            classic_fixed_ips.hear(work, one.address, one.mac, is_held=one.is_held)
    return changed


def is_leased(world: World, subnet: SubnetId, address: Address) -> bool:
    """Whether a client has it, as far as was told."""
    key = LeaseKey(subnet, address)
    with world.look() as connection:
        found = store.of_keys(connection, [key])
    return key in found and found[key].is_held


def of_network(world: World, network: NetworkId) -> list[LeaseRecord]:
    """The last lease of each address of the network that ever had one, by address; released ones too."""
    with world.look() as connection:
        return store.of_network(connection, network)


def of_address(world: World, address: Address) -> list[LeaseRecord]:
    """Its last lease on each subnet that has it."""
    with world.look() as connection:
        return store.of_address(connection, address)


def stale(world: World, before: datetime) -> list[LeaseRecord]:
    """Leases since before that moment of clients whom no port with that address and MAC stands for.

    Their release was lost, or is late.
    """
    with world.look() as connection:
        return store.unowned(connection, before)


def forget(world: World, keys: Collection[LeaseKey]) -> None:
    """Takes their rows away: what was released and is dealt with, or what is stale."""
    with world.work() as work:
        store.forget(work.connection, keys)


def _differing(connection: sa.Connection, events: Sequence[LeaseEvent], now: datetime) -> list[LeaseRecord]:
    placed = list(_placed(connection, events))
    before = store.of_keys(connection, {key for key, _ in placed})
    after = after_events(before, placed, now)
    return [record for key, record in after.items() if before.get(key) != record]


def after_events(
    before: Mapping[LeaseKey, LeaseRecord], events: Iterable[tuple[LeaseKey, LeaseEvent]], now: datetime
) -> Leases:
    """The leases after these events, in their order."""
    leases = dict(before)
    for key, event in events:
        known = leases.get(key)
        is_same = known is not None and (event.mac is None or known.mac in {None, event.mac})
        if event.change is LeaseChange.TAKEN:
            if not (known and is_same and known.is_held):
                leases[key] = LeaseRecord(key.subnet, key.address, event.mac, now)
        elif known and is_same and known.is_held:
            leases[key] = replace(known, released_at=now)
    return leases


def _placed(connection: sa.Connection, events: Iterable[LeaseEvent]) -> Iterator[tuple[LeaseKey, LeaseEvent]]:
    """Each event with the subnet of its network that its address is on.

    Where no network was told, the one subnet of all that it is on; where several are, none.
    """
    by_network: dict[str, Sequence[Subnet]] = {}
    for event in events:
        if event.network not in by_network:
            where = {"network_id": (event.network,)} if event.network else {}
            by_network[event.network] = [found.value for found in subnets.find(connection, where)]
        found = [subnet.id for subnet in by_network[event.network] if event.address in subnet.cidr]
        if len(found) == 1 and (event.mac is None or MAC_FORM.fullmatch(event.mac)):
            yield LeaseKey(found[0], event.address), event
