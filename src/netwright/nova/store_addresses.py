"""Who DHCP and DNS are for: the fixed IPs in the store (address_source.py)."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import IPv4Address

from netwright.control import classic_networks
from netwright.control.world import World
from netwright.model.classic import Life
from netwright.nova.address_source import FixedAddress
from netwright.store import classic_fixed_ips
from netwright.store.rows import Where


class StoreAddresses:
    """An AddressSource: instances' IPv4 ones, those that wait for the end of their leases among them."""

    def __init__(self, world: World) -> None:
        self._world = world

    def of_network(self, network_id: str, host: str | None = None) -> Sequence[FixedAddress]:
        """By address; with `host` those of instances there. Raises NetworkNotFound."""
        with self._world.look() as connection:
            network = classic_networks.get_in(connection, network_id).id
            lives = [Life.ALLOCATED.value, Life.WAITING.value]
            where: Where = {"network_id": (network,), "life": lives}
            if host is not None:
                where = {**where, "host": (host,)}
            found = classic_fixed_ips.find(connection, where)
            uuids = {one.instance_uuid for one in found if one.instance_uuid is not None}
            first = classic_fixed_ips.first_nics(connection, uuids)
        addresses = [
            FixedAddress(
                address=one.address,
                mac=one.mac,
                hostname=one.hostname or f"host-{str(one.address).replace('.', '-')}",
                instance_uuid=one.instance_uuid,
                instance_host=one.host or "",
                vif_id=one.port_id or "",
                allocated=one.life is Life.ALLOCATED,
                leased=one.leased,
                default_route=first.get(one.instance_uuid) == one.nic,
            )
            for one in found
            if isinstance(one.address, IPv4Address) and one.mac is not None and one.instance_uuid is not None
        ]
        return sorted(addresses, key=lambda one: one.address)
