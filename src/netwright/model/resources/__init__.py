"""The descriptors of all resources, a file for each noun."""

from netwright.model.resources import (
    address_groups,
    floating_ips,
    logs,
    networks,
    port_forwardings,
    ports,
    qos,
    routers,
    security_groups,
    subnets,
    vpns,
)

__all__ = [
    "address_groups",
    "floating_ips",
    "logs",
    "networks",
    "port_forwardings",
    "ports",
    "qos",
    "routers",
    "security_groups",
    "subnets",
    "vpns",
]
