"""The table of the Networking API's resources, and of netwright's own: wiring is a row."""

from __future__ import annotations

from typing import Final

from netwright.api import floating_ips, groups, logs, networks, ports, rules, subnets, vpn_peers, vpns
from netwright.control import address_scopes, filters, ip_availability, segments, subnet_pools
from netwright.control import groups as control_groups
from netwright.control.documents import Documents
from netwright.control.nouns import Noun, Nouns
from netwright.control.readings import Reading
from netwright.model import resources as described
from netwright.store import tables

_ROWS: Final = (
    Noun(
        described.address_scopes.RESOURCE,
        Documents(
            described.address_scopes.RESOURCE,
            tables.address_scopes,
            checked=address_scopes.checked,
            changed=address_scopes.changed,
        ),
        tables.address_scopes,
    ),
    Noun(
        described.subnet_pools.RESOURCE,
        Documents(
            described.subnet_pools.RESOURCE,
            tables.subnet_pools,
            checked=subnet_pools.checked,
            changed=subnet_pools.changed,
            shown=subnet_pools.shown,
        ),
        tables.subnet_pools,
    ),
    Noun(
        described.segments.RESOURCE,
        Documents(
            described.segments.RESOURCE,
            tables.segments,
            checked=segments.checked,
            changed=segments.changed,
        ),
        tables.segments,
    ),
    Noun(
        described.ip_availabilities.RESOURCE,
        Reading(ip_availability.find),
        tables.networks,
        filters={"ip_version": filters.networks_ip_version},
    ),
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
