"""The names of nova.network.linux_net that there are so far."""

from __future__ import annotations

from netwright.nova.bridge_driver import LinuxBridgeInterfaceDriver
from netwright.nova.devices import (
    _create_veth_pair,
    _set_device_mtu,
    bind_floating_ip,
    create_tap_dev,
    create_veth_pair,
    delete_bridge_dev,
    delete_net_dev,
    device_exists,
    enable_ipv4_forwarding,
    initialize_gateway_device,
    send_arp_for_ip,
    set_device_mtu,
    set_vf_interface_vlan,
    unbind_floating_ip,
)
from netwright.nova.dhcp import (
    NetworkDhcpReleaseFailed,
    kill_dhcp,
    release_dhcp,
    restart_dhcp,
    update_dhcp,
    update_dns,
)
from netwright.nova.dhcp_files import (
    get_dhcp_hosts,
    get_dhcp_leases,
    get_dhcp_opts,
    get_dns_hosts,
    update_dhcp_hostfile_with_text,
)
from netwright.nova.dhcp_rules import (
    _add_dhcp_mangle_rule,
    _add_dnsmasq_accept_rules,
    _remove_dhcp_mangle_rule,
    _remove_dnsmasq_accept_rules,
)
from netwright.nova.ebtables import (
    ensure_ebtables_rules,
    isolate_dhcp_address,
    remove_ebtables_rules,
    remove_isolate_dhcp_address,
)
from netwright.nova.forward_rules import get_gateway_rules
from netwright.nova.host_files import is_pid_cmdline_correct, write_to_file
from netwright.nova.interface_drivers import LinuxNetInterfaceDriver, get_dev, plug, unplug
from netwright.nova.iptables import (
    IptablesManager,
    IptablesOptions,
    IptablesRule,
    IptablesTable,
    get_binary_name,
)
from netwright.nova.neutron_bridge_driver import NeutronLinuxBridgeInterfaceDriver
from netwright.nova.radvd import kill_ra, update_ra

__all__ = [
    "IptablesManager",
    "IptablesOptions",
    "IptablesRule",
    "IptablesTable",
    "LinuxBridgeInterfaceDriver",
    "LinuxNetInterfaceDriver",
    "NetworkDhcpReleaseFailed",
    "NeutronLinuxBridgeInterfaceDriver",
    "_add_dhcp_mangle_rule",
    "_add_dnsmasq_accept_rules",
    "_create_veth_pair",
    "_remove_dhcp_mangle_rule",
    "_remove_dnsmasq_accept_rules",
    "_set_device_mtu",
    "bind_floating_ip",
    "create_tap_dev",
    "create_veth_pair",
    "delete_bridge_dev",
    "delete_net_dev",
    "device_exists",
    "enable_ipv4_forwarding",
    "ensure_ebtables_rules",
    "get_binary_name",
    "get_dev",
    "get_dhcp_hosts",
    "get_dhcp_leases",
    "get_dhcp_opts",
    "get_dns_hosts",
    "get_gateway_rules",
    "initialize_gateway_device",
    "is_pid_cmdline_correct",
    "isolate_dhcp_address",
    "kill_dhcp",
    "kill_ra",
    "plug",
    "release_dhcp",
    "remove_ebtables_rules",
    "remove_isolate_dhcp_address",
    "restart_dhcp",
    "send_arp_for_ip",
    "set_device_mtu",
    "set_vf_interface_vlan",
    "unbind_floating_ip",
    "unplug",
    "update_dhcp",
    "update_dhcp_hostfile_with_text",
    "update_dns",
    "update_ra",
    "write_to_file",
]
