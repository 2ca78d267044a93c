"""The extensions of the Networking API that work here, all of each: alias and name."""

from __future__ import annotations

from typing import Final

NAMES: Final[dict[str, str]] = {
    "address-group": "Address group",
    "allowed-address-pairs": "Allowed Address Pairs",
    "binding": "Port Binding",
    "dns-integration": "DNS Integration",
    "expose-port-forwarding-in-fip": "Expose Port Forwarding in Floating IP",
    "external-net": "Neutron external network",
    "extra_dhcp_opt": "Neutron Extra DHCP options",
    "fip-port-details": "Floating IP Port Details Extension",
    "floating-ip-port-forwarding": "Floating IP Port Forwarding",
    "floating-ip-port-forwarding-description": "Floating IP Port Forwarding new attribute description",
    "floating-ip-port-forwarding-port-ranges": "Floating IP Port Forwarding support port ranges",
    "logging": "Logging API Extension",
    "net-mtu": "Network MTU",
    "net-mtu-writable": "Network MTU (writable)",
    "netwright-attachment": "Plugging of ports into namespaces and taps",
    "netwright-gateway-place": "Gateways on hosts or in routers",
    "netwright-guest": "What the metadata service tells guests",
    "netwright-revocation": "What becomes of connections that a security group revokes",
    "pagination": "Pagination support",
    "port-security": "Port Security",
    "project-id": "project_id field enabled",
    "provider": "Provider Network",
    "security-group": "security-group",
    "security-groups-normalized-cidr": "Normalized CIDR field for security group rules",
    "security-groups-remote-address-group": "Remote address group id field for security group rules",
    "sorting": "Sorting support",
    "standard-attr-description": "standard-attr-description",
    "standard-attr-revisions": "Resource revision numbers",
    "standard-attr-timestamp": "Resource timestamps",
    "stateful-security-group": "Stateful security group",
}
