"""The table of the Networking API's resources, and of netwright's own: wiring is a row."""

from __future__ import annotations

from typing import Final

from netwright.api import (
    address_groups,
    floating_ips,
    groups,
    logs,
    networks,
    port_forwardings,
    ports,
    qos,
    rules,
    subnets,
    vpn_peers,
    vpns,
)
from netwright.control import floating_ip_pools, routers
from netwright.control import groups as control_groups
from netwright.control.nouns import Noun, Nouns
from netwright.model import resources as described
from netwright.store import tables

ADDRESS_GROUPS: Final = Noun(
    described.address_groups.RESOURCE, address_groups.AddressGroups(), tables.address_groups
)
_ROWS: Final = (
    Noun(described.networks.RESOURCE, networks.Networks(), tables.networks),
    Noun(described.subnets.RESOURCE, subnets.Subnets(), tables.subnets),
    Noun(described.ports.RESOURCE, ports.Ports(), tables.ports),
    Noun(
        described.security_groups.RESOURCE,
        groups.Groups(),
        tables.groups,
        before_list=control_groups.ensure_default,
    ),
    ADDRESS_GROUPS,
    Noun(described.security_groups.RULE, rules.Rules(), tables.rules),
    Noun(described.floating_ips.RESOURCE, floating_ips.FloatingIps(), tables.floating_ips),
    Noun(described.routers.POOL, floating_ip_pools.ACTS),
    Noun(described.routers.RESOURCE, routers.Routers(), tables.routers),
    Noun(described.port_forwardings.RESOURCE, port_forwardings.PortForwardings(), tables.port_forwardings),
    Noun(described.logs.RESOURCE, logs.Logs(), tables.logs),
    *qos.ALL,
    Noun(described.vpns.RESOURCE, vpns.Vpns(), tables.vpns),
    Noun(described.vpns.PEER, vpn_peers.VpnPeers(), tables.vpn_peers),
)
NOUNS: Final[Nouns] = {row.resource.plural: row for row in _ROWS}
