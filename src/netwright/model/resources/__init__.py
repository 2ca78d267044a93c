"""The descriptors of all resources, a file for each noun."""

from netwright.model.resources import (
    address_groups,
    agents,
    default_rules,
    flavors,
    floating_ips,
    logs,
    metering,
    networks,
    port_forwardings,
    ports,
    qos,
    rbac_policies,
    security_groups,
    subnets,
    trunks,
    vpns,
)

__all__ = [
    "address_groups",
    "agents",
    "default_rules",
    "flavors",
    "floating_ips",
    "logs",
    "metering",
    "networks",
    "port_forwardings",
    "ports",
    "qos",
    "rbac_policies",
    "security_groups",
    "subnets",
    "trunks",
    "vpns",
]
