"""The descriptors of all resources, a file for each noun."""

from netwright.model.resources import (
    floating_ips,
    logs,
    networks,
    ports,
    qos,
    routers,
    security_groups,
    subnets,
    vpns,
)

__all__ = [
    "floating_ips",
    "logs",
    "networks",
    "ports",
    "qos",
    "routers",
    "security_groups",
    "subnets",
    "vpns",
]
