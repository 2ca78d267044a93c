"""The extensions of the Networking API that work here, all of each: alias and name."""

from __future__ import annotations

from typing import Final

NAMES: Final[dict[str, str]] = {
    "allowed-address-pairs": "Allowed Address Pairs",
    "binding": "Port Binding",
    "dns-integration": "DNS Integration",
    "external-net": "Neutron external network",
    "fip-port-details": "Floating IP Port Details Extension",
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
    "qos": "Quality of Service",
    "qos-bw-limit-direction": "Direction for QoS bandwidth limit rule",
    "qos-bw-minimum-ingress": "Ingress direction for QoS minimum bandwidth rule",
    "qos-default": "QoS default policy",
    "qos-fip": "Floating IP QoS",
    "qos-fip-network-policy": "QoS floating IP network policy ID",
    "qos-port-network-policy": "QoS port network policy ID",
    "qos-pps": "QoS Rule Type Packet per Second Extension",
    "qos-pps-minimum": "QoS minimum packet rate rule",
    "qos-pps-minimum-rule-alias": "QoS minimum packet rate rule alias",
    "qos-rule-type-details": "Details of QoS rule types",
    "qos-rules-alias": "Quality of Service rules alias API",
    "security-group": "security-group",
    "security-groups-normalized-cidr": "Normalized CIDR field for security group rules",
    "sorting": "Sorting support",
    "standard-attr-description": "standard-attr-description",
    "standard-attr-revisions": "Resource revision numbers",
    "standard-attr-timestamp": "Resource timestamps",
    "stateful-security-group": "Stateful security group",
}
