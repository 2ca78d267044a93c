"""The descriptors of all resources, a file for each noun."""

from netwright.model.resources import (
    address_scopes,
    floating_ips,
    ip_availabilities,
    logs,
    networks,
    ports,
    security_groups,
    segments,
    subnet_pools,
    subnets,
    vpns,
)

__all__ = [
    "address_scopes",
    "floating_ips",
    "ip_availabilities",
    "logs",
    "networks",
    "ports",
    "security_groups",
    "segments",
    "subnet_pools",
    "subnets",
    "vpns",
]
