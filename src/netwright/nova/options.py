"""nova-network's options by their own names, as one value that is passed in."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True, slots=True)
class NetworkOptions:
    """Defaults are those of nova-network, but where docs/nova.md says why not. Times are in seconds."""

    my_ip: str = "127.0.0.1"
    host: str = field(default_factory=socket.gethostname)
    state_path: Path = Path("/var/lib/netwright/nova")

    network_manager: str = "nova.network.manager.VlanManager"
    l3_lib: str = "nova.network.l3.LinuxNetL3"
    network_driver: str = "nova.network.linux_net"
    linuxnet_interface_driver: str = "nova.network.linux_net.LinuxBridgeInterfaceDriver"
    multi_host: bool = False
    fake_network: bool = False
    use_ipv6: bool = True
    ipv6_backend: Literal["rfc2462", "account_identifier"] = "rfc2462"

    flat_network_bridge: str | None = None
    flat_network_dns: str = "8.8.4.4"
    flat_injected: bool = False
    flat_interface: str | None = None
    vlan_start: int = 100
    vlan_interface: str | None = None
    num_networks: int = 1
    network_size: int = 256
    cnt_vpn_clients: int = 0
    vpn_ip: str | None = None
    """None: my_ip."""
    vpn_start: int = 1000
    share_dhcp_address: bool = False
    network_device_mtu: int | None = None

    fixed_ip_disassociate_timeout: int = 600
    service_down_time: int = 60
    """After which a host that says nothing is dead, and another one serves its networks."""
    create_unique_mac_address_attempts: int = 5
    teardown_unused_network_gateway: bool = False
    force_dhcp_release: bool = True
    update_dns_entries: bool = False
    dns_update_periodic_interval: int = -1
    dhcp_domain: str = "novalocal"
    instance_dns_manager: str = "nova.network.noop_dns_driver.NoopDNSDriver"
    instance_dns_domain: str = ""
    floating_ip_dns_manager: str = "nova.network.noop_dns_driver.NoopDNSDriver"
    minidns_file: Path | None = None
    """None: dnstest.txt in state_path."""
    dnsmasq_dns_directory: Path | None = None
    """None: names in networks_path."""
    ldap_dns_url: str = "ldap://ldap.example.com:389"
    """ldaps://, unless the wire is trusted: the password goes over it."""
    ldap_dns_user: str = "uid=admin,ou=people,dc=example,dc=org"
    ldap_dns_password: str = field(default="password", repr=False)
    ldap_dns_timeout: int = 10
    ldap_dns_soa_hostmaster: str = "hostmaster@example.org"
    ldap_dns_servers: tuple[str, ...] = ("dns.example.org",)
    ldap_dns_base_dn: str = "ou=hosts,dc=example,dc=org"
    ldap_dns_soa_refresh: int = 1800
    ldap_dns_soa_retry: int = 3600
    ldap_dns_soa_expiry: int = 86400
    ldap_dns_soa_minimum: int = 7200

    dhcpbridge: str = "netwright-dhcpbridge"
    dhcpbridge_flagfile: tuple[str, ...] = ()
    lease_directory: Path = Path("/run/netwright/leases")
    """Where the agent reads what dhcpbridge notes: `leases` in its run directory."""
    public_interface: str = "eth0"
    routing_source_ip: str | None = None
    """None: my_ip. Empty: no SNAT."""
    dhcp_lease_time: int = 86400
    dns_server: tuple[str, ...] = ()
    use_network_dns_servers: bool = False
    dmz_cidr: tuple[str, ...] = ()
    force_snat_range: tuple[str, ...] = ()
    dnsmasq_config_file: str = ""
    linuxnet_ovs_integration_bridge: str = "br-int"
    send_arp_for_ha: bool = True
    """False as of old: neighbours of a gateway or a floating IP that moved ask the dead host for a minute."""
    send_arp_for_ha_count: int = 1
    use_single_default_gateway: bool = False
    forward_bridge_interface: tuple[str, ...] = ("all",)
    metadata_host: str | None = None
    """None: my_ip."""
    metadata_port: int = 8775
    iptables_top_regex: str = ""
    iptables_bottom_regex: str = ""
    iptables_drop_action: str = "DROP"
    ovs_vsctl_timeout: int = 120
    """For a change of Open vSwitch's, whichever way it is made."""
    ovsdb_connection: str = "unix:/var/run/openvswitch/db.sock"
    """`unix:PATH` or `tcp:ADDRESS:PORT`: where ovsdb-server listens."""
    ebtables_exec_attempts: int = 3
    ebtables_retry_interval: float = 1.0

    default_floating_pool: str = "nova"
    auto_assign_floating_ip: bool = False
    quota_fixed_ips: int = -1
    quota_floating_ips: int = 10
    enable_network_quota: bool = False
    quota_networks: int = 3

    @property
    def networks_path(self) -> Path:
        """Where dnsmasq's and radvd's files are."""
        return self.state_path / "networks"

    @property
    def minidns_path(self) -> Path:
        return self.minidns_file or self.state_path / "dnstest.txt"

    @property
    def names_path(self) -> Path:
        """The directory of DnsmasqDNS."""
        return self.dnsmasq_dns_directory or self.networks_path / "names"

    @property
    def metadata_address(self) -> str:
        return self.metadata_host or self.my_ip

    @property
    def vpn_address(self) -> str:
        return self.vpn_ip or self.my_ip

    @property
    def snat_address(self) -> str:
        """The source of what leaves; empty: it is not translated."""
        return self.my_ip if self.routing_source_ip is None else self.routing_source_ip
