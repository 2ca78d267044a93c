"""The table of the Networking API's resources, and of netwright's own: wiring is a row."""

from __future__ import annotations

from typing import Final

from netwright.api import floating_ips, groups, logs, networks, ports, rules, subnets, vpn_peers, vpns
from netwright.control import filters
from netwright.control import groups as control_groups
from netwright.control.nouns import Noun, Nouns
from netwright.model import resources as described
from netwright.store import tables

_ROWS: Final = (
    Noun(described.networks.RESOURCE, networks.Networks(), tables.networks),
    Noun(
        described.subnets.RESOURCE,
        subnets.Subnets(),
        tables.subnets,
        filters={
            "ip_version": filters.ip_version,
            "shared": filters.subnets_shared,
            "router:external": filters.subnets_external,
        },
    ),
    Noun(
        described.ports.RESOURCE,
        ports.Ports(),
        tables.ports,
        filters={"fixed_ips": filters.fixed_ips, "security_groups": filters.security_groups},
    ),
    Noun(
        described.security_groups.RESOURCE,
        groups.Groups(),
        tables.groups,
        before_list=control_groups.ensure_default,
    ),
    Noun(described.security_groups.RULE, rules.Rules(), tables.rules),
    Noun(described.floating_ips.RESOURCE, floating_ips.FloatingIps(), tables.floating_ips),
    Noun(described.logs.RESOURCE, logs.Logs(), tables.logs),
    Noun(described.vpns.RESOURCE, vpns.Vpns(), tables.vpns),
    Noun(described.vpns.PEER, vpn_peers.VpnPeers(), tables.vpn_peers),
)
NOUNS: Final[Nouns] = {row.resource.plural: row for row in _ROWS}
