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
from netwright.nova.floating import (
    clean_conntrack,
    ensure_floating_forward,
    floating_ebtables_rules,
    floating_forward_rules,
    remove_floating_forward,
)
from netwright.nova.forward_rules import get_gateway_rules
from netwright.nova.fp_ports import create_fp_dev, delete_fp_dev
from netwright.nova.host_files import is_pid_cmdline_correct, write_to_file
from netwright.nova.interface_drivers import LinuxNetInterfaceDriver, get_dev, plug, unplug
from netwright.nova.iptables import (
    IptablesManager,
    IptablesOptions,
    IptablesRule,
    IptablesTable,
    get_binary_name,
)
from netwright.nova.ivs_ports import create_ivs_vif_port, delete_ivs_vif_port
from netwright.nova.nat import add_snat_rule, ensure_metadata_ip, init_host, metadata_accept, metadata_forward
from netwright.nova.neutron_bridge_driver import NeutronLinuxBridgeInterfaceDriver
from netwright.nova.ovs_driver import LinuxOVSInterfaceDriver
from netwright.nova.ovs_ports import (
    OvsConfigurationFailure,
    create_ovs_vif_port,
    delete_ovs_vif_port,
    update_device_mtu,
)
from netwright.nova.radvd import kill_ra, update_ra
from netwright.nova.vpn import ensure_vpn_forward, remove_vpn_forward

__all__ = [
    "IptablesManager",
    "IptablesOptions",
    "IptablesRule",
    "IptablesTable",
    "LinuxBridgeInterfaceDriver",
    "LinuxNetInterfaceDriver",
    "LinuxOVSInterfaceDriver",
    "NetworkDhcpReleaseFailed",
    "NeutronLinuxBridgeInterfaceDriver",
    "OvsConfigurationFailure",
    "_add_dhcp_mangle_rule",
    "_add_dnsmasq_accept_rules",
    "_create_veth_pair",
    "_remove_dhcp_mangle_rule",
    "_remove_dnsmasq_accept_rules",
    "_set_device_mtu",
    "add_snat_rule",
    "bind_floating_ip",
    "clean_conntrack",
    "create_fp_dev",
    "create_ivs_vif_port",
    "create_ovs_vif_port",
    "create_tap_dev",
    "create_veth_pair",
    "delete_bridge_dev",
    "delete_fp_dev",
    "delete_ivs_vif_port",
    "delete_net_dev",
    "delete_ovs_vif_port",
    "device_exists",
    "enable_ipv4_forwarding",
    "ensure_ebtables_rules",
    "ensure_floating_forward",
    "ensure_metadata_ip",
    "ensure_vpn_forward",
    "floating_ebtables_rules",
    "floating_forward_rules",
    "get_binary_name",
    "get_dev",
    "get_dhcp_hosts",
    "get_dhcp_leases",
    "get_dhcp_opts",
    "get_dns_hosts",
    "get_gateway_rules",
    "init_host",
    "initialize_gateway_device",
    "is_pid_cmdline_correct",
    "isolate_dhcp_address",
    "kill_dhcp",
    "kill_ra",
    "metadata_accept",
    "metadata_forward",
    "plug",
    "release_dhcp",
    "remove_ebtables_rules",
    "remove_floating_forward",
    "remove_isolate_dhcp_address",
    "remove_vpn_forward",
    "restart_dhcp",
    "send_arp_for_ip",
    "set_device_mtu",
    "set_vf_interface_vlan",
    "unbind_floating_ip",
    "unplug",
    "update_device_mtu",
    "update_dhcp",
    "update_dhcp_hostfile_with_text",
    "update_dns",
    "update_ra",
    "write_to_file",
]
