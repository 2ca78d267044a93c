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
from netwright.control import (
    address_scopes,
    agents,
    default_rules,
    filters,
    flavors,
    floating_ip_pools,
    ip_availability,
    metering,
    routers,
    segments,
    subnet_pools,
    trunks,
    zones,
)
from netwright.control import groups as control_groups
from netwright.control.documents import Documents
from netwright.control.listed import Listed
from netwright.control.nouns import Noun, Nouns
from netwright.control.rbac_policies import RbacPolicies
from netwright.model import resources as described
from netwright.store import address_tables as addressing
from netwright.store import governance_tables as governing
from netwright.store import router_tables, tables

ADDRESS_GROUPS: Final = Noun(
    described.address_groups.RESOURCE, address_groups.AddressGroups(), tables.address_groups
)
_ROWS: Final = (
    Noun(
        described.address_scopes.RESOURCE,
        Documents(
            described.address_scopes.RESOURCE,
            addressing.address_scopes,
            checked=address_scopes.checked,
            changed=address_scopes.changed,
        ),
        addressing.address_scopes,
    ),
    Noun(
        described.subnet_pools.RESOURCE,
        Documents(
            described.subnet_pools.RESOURCE,
            addressing.subnet_pools,
            checked=subnet_pools.checked,
            changed=subnet_pools.changed,
            shown=subnet_pools.shown,
        ),
        addressing.subnet_pools,
    ),
    Noun(described.segments.RESOURCE, segments.acts(), addressing.segments),
    Noun(
        described.ip_availabilities.RESOURCE,
        Listed(ip_availability.find),
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
        tell=ports.tell,
    ),
    Noun(
        described.security_groups.RESOURCE,
        groups.Groups(),
        tables.groups,
        before_list=control_groups.ensure_default,
    ),
    ADDRESS_GROUPS,
    Noun(described.security_groups.RULE, rules.Rules(), tables.rules),
    Noun(described.floating_ips.RESOURCE, floating_ips.FloatingIps(), tables.floating_ips),
    Noun(described.routers.POOL, Listed(floating_ip_pools.find)),
    Noun(described.routers.RESOURCE, routers.Routers(), router_tables.routers),
    Noun(described.port_forwardings.RESOURCE, port_forwardings.PortForwardings(), tables.port_forwardings),
    Noun(described.logs.RESOURCE, logs.Logs(), tables.logs),
    *qos.ALL,
    Noun(described.vpns.RESOURCE, vpns.Vpns(), tables.vpns),
    Noun(described.vpns.PEER, vpn_peers.VpnPeers(), tables.vpn_peers),
    Noun(described.rbac_policies.RESOURCE, RbacPolicies(), governing.rbac_policies),
    Noun(described.agents.RESOURCE, agents.Agents(), tell=agents.tell),
    Noun(described.agents.ZONE, Listed(zones.zones), tell=zones.tell),
    Noun(described.agents.PROVIDER, Listed(zones.providers)),
    Noun(described.flavors.RESOURCE, flavors.Flavors(), governing.flavors),
    Noun(
        described.flavors.PROFILE,
        Documents(
            described.flavors.PROFILE,
            governing.service_profiles,
            checked=flavors.check_profile,
            changed=flavors.profile_changed,
        ),
        governing.service_profiles,
    ),
    Noun(
        described.metering.RESOURCE,
        Documents(described.metering.RESOURCE, governing.metering_labels),
        governing.metering_labels,
    ),
    Noun(
        described.metering.RULE,
        Documents(described.metering.RULE, governing.metering_label_rules, checked=metering.check_rule),
        governing.metering_label_rules,
    ),
    Noun(described.trunks.RESOURCE, trunks.Trunks(), governing.trunks),
    Noun(
        described.default_rules.RESOURCE,
        Documents(described.default_rules.RESOURCE, governing.default_rules, checked=default_rules.check),
        governing.default_rules,
    ),
)
NOUNS: Final[Nouns] = {row.resource.plural: row for row in _ROWS}
