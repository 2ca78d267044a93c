"""The descriptors of all resources, a file for each noun."""

from netwright.model.resources import (
    agents,
    default_rules,
    flavors,
    floating_ips,
    logs,
    metering,
    networks,
    ports,
    qos,
    rbac_policies,
    security_groups,
    subnets,
    trunks,
    vpns,
)

__all__ = [
    "agents",
    "default_rules",
    "flavors",
    "floating_ips",
    "logs",
    "metering",
    "networks",
    "ports",
    "qos",
    "rbac_policies",
    "security_groups",
    "subnets",
    "trunks",
    "vpns",
]
