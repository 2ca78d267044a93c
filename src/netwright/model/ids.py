"""Identifiers and names that are not just strings."""

from __future__ import annotations

import hashlib
import re
from typing import Final, NewType

NetworkId = NewType("NetworkId", str)
SubnetId = NewType("SubnetId", str)
PortId = NewType("PortId", str)
GroupId = NewType("GroupId", str)
RuleId = NewType("RuleId", str)
AddressGroupId = NewType("AddressGroupId", str)
FloatingIpId = NewType("FloatingIpId", str)
RouterId = NewType("RouterId", str)
PortForwardingId = NewType("PortForwardingId", str)
LogId = NewType("LogId", str)
VpnId = NewType("VpnId", str)
VpnPeerId = NewType("VpnPeerId", str)
QosPolicyId = NewType("QosPolicyId", str)
ProjectId = NewType("ProjectId", str)
HostName = NewType("HostName", str)
LinkName = NewType("LinkName", str)
"""A network interface's name: at most 15 bytes (IFNAMSIZ less its NUL)."""
NamespaceName = NewType("NamespaceName", str)
"""A network namespace under /run/netns."""
Mac = NewType("Mac", str)
"""Six lower-case hexadecimal octets joined by colons."""
MAC_FORM: Final = re.compile(r"[0-9a-f]{2}(:[0-9a-f]{2}){5}")
UUID_FORM: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
"""What ids are, in lower case."""

MOST_INTEGER: Final = (1 << 31) - 1
"""What a column of whole numbers holds."""

HOST_NAMESPACE: Final = NamespaceName("")
"""The namespace that the agent itself runs in."""

BRIDGE_PREFIX: Final = "brq"
"""How the names of bridges begin that nobody gave another name."""
LAST_ID: Final = (1 << 32) - 2
"""The last number of a user or group: the one after it stands for none (setuid(2))."""
PORT_PREFIX: Final = "tap"
SHAPER_PREFIX: Final = "ifb"
_TAIL: Final = 11


def bridge_name(network: NetworkId) -> LinkName:
    """`brq` and the first 11 characters of the id, as Neutron's bridges are named."""
    return LinkName(f"{BRIDGE_PREFIX}{network[:_TAIL]}")


def port_link_name(port: PortId) -> LinkName:
    """`tap` and the first 11 characters of the id: the name under which a VMM may create it."""
    return LinkName(f"{PORT_PREFIX}{port[:_TAIL]}")


def shaper_link_name(port: LinkName) -> LinkName:
    """`ifb` and what follows `tap` in the name of the port's link: where what its guest sends queues up."""
    return LinkName(f"{SHAPER_PREFIX}{port.removeprefix(PORT_PREFIX)}")


def vpn_link_name(vpn: VpnId) -> LinkName:
    """`wg` and the first 11 characters of the id."""
    return LinkName(f"wg{vpn[:_TAIL]}")


def dhcp_namespace(network: NetworkId) -> NamespaceName:
    """`qdhcp-` and the network's id, as Neutron names it."""
    return NamespaceName(f"qdhcp-{network}")


def dhcp_peer_name(network: NetworkId) -> LinkName:
    """The end inside the DHCP namespace of the pair that joins it to the network's bridge."""
    return LinkName(f"ns-{network[:_TAIL]}")


def bridge_mac(network: NetworkId) -> Mac:
    """A locally administered address from the id, so that it never changes with the bridge's ports."""
    digits = network.replace("-", "")[:10]
    return Mac(":".join(["fe", *(digits[at : at + 2] for at in range(0, 10, 2))]))


def host_bridge_mac(network: NetworkId, host: HostName) -> Mac:
    """One for each host, where bridges of several hosts are on one wire."""
    digits = hashlib.sha256(f"{network} {host}".encode()).hexdigest()[:10]
    return Mac(":".join(["fe", *(digits[at : at + 2] for at in range(0, 10, 2))]))


def dhcp_link_name(network: NetworkId) -> LinkName:
    """The end on the bridge of the pair into the DHCP namespace."""
    return LinkName(f"dhp{network[:_TAIL]}")
