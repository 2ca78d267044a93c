"""Bad input is refused with the Networking API's status and a message that names the field."""

from __future__ import annotations

import pytest
from hypothesis import strategies as st
from served import Client, client_of

NETWORK = {"netwright:gateway_place": "host"}
WIRE = {"provider:physical_network": "eth1"}
VLAN = {"provider:network_type": "vlan", **WIRE}
SUBNET = {"cidr": "10.99.0.0/24", "ip_version": 4}
POOL = {"start": "10.99.0.10", "end": "10.99.0.20"}

CASES = [
    ("network", {"name": "n" * 256}, "name"),
    ("network", {"name": "two\nlines"}, "name"),
    ("network", {"name": "nul\0"}, "name"),
    ("network", {"description": "d" * 256}, "description"),
    ("network", {"mtu": 70000}, "mtu"),
    ("network", {"mtu": True}, "mtu"),
    ("network", {"admin_state_up": "perhaps"}, "admin_state_up"),
    ("network", {"id": "mine"}, "id"),
    ("network", {"nonsense": 1}, "nonsense"),
    ("network", {"provider:network_type": "vxlan"}, "provider:network_type"),
    ("network", {"provider:physical_network": "a/b"}, "provider:physical_network"),
    ("network", {"dns_domain": "under_score.lan"}, "dns_domain"),
    ("network", {"netwright:gateway_place": "cloud"}, "netwright:gateway_place"),
    ("network", {"netwright:shared_gateway": "perhaps", **NETWORK}, "netwright:shared_gateway"),
    ("network", {"netwright:shared_gateway": True, **NETWORK}, "netwright:shared_gateway"),
    ("network", {"netwright:shared_gateway": True, **WIRE}, "netwright:shared_gateway"),
    (
        "network",
        {"netwright:shared_gateway": True, "router:external": True, **NETWORK, **WIRE},
        "netwright:shared_gateway",
    ),
    ("network", {"netwright:gateway_hosts": "some", **NETWORK}, "netwright:gateway_hosts"),
    ("network", {"netwright:gateway_hosts": "one"}, "netwright:gateway_hosts"),
    (
        "network",
        {"netwright:gateway_hosts": "own", "router:external": True, **NETWORK},
        "netwright:gateway_hosts",
    ),
    (
        "network",
        {"netwright:gateway_hosts": "own", "netwright:shared_gateway": True, **NETWORK, **WIRE},
        "netwright:gateway_hosts",
    ),
    ("network", {"netwright:gateway_host": "h1", **NETWORK}, "netwright:gateway_host"),
    (
        "network",
        {"netwright:gateway_host": "h1", "netwright:gateway_hosts": "own", **NETWORK},
        "netwright:gateway_host",
    ),
    (
        "network",
        {"netwright:gateway_host": "a/b", "netwright:gateway_hosts": "one", **NETWORK},
        "netwright:gateway_host",
    ),
    ("network", {"netwright:gateways": [], **NETWORK}, "netwright:gateways"),
    ("network", {"provider:network_type": "flat"}, "provider:physical_network"),
    ("network", {"provider:network_type": "local", **WIRE}, "provider:physical_network"),
    (
        "network",
        {"provider:network_type": "vlan", "provider:segmentation_id": 7},
        "provider:physical_network",
    ),
    ("network", {"provider:network_type": "flat", "provider:segmentation_id": 7, **WIRE}, "segmentation_id"),
    ("network", {"provider:segmentation_id": 7, **WIRE}, "segmentation_id"),
    ("network", {**VLAN, "provider:segmentation_id": 7, "router:external": True}, "segmentation_id"),
    *(
        ("network", {**VLAN, "provider:segmentation_id": number}, "segmentation_id")
        for number in (0, -1, 4095, "x", True, 1 << 40)
    ),
    *(
        ("network", {"netwright:bridge": name}, "netwright:bridge")
        for name in (
            "",
            "a" * 16,
            "br 1",
            "br/1",
            "../x",
            "-i",
            "1x",
            "lo",
            "all",
            "default",
            "tap1",
            "brq1",
            "wg12345678-ab",
            7,
        )
    ),
    ("subnet", {"cidr": "10.99.0.5/24"}, "cidr"),
    ("subnet", {"cidr": "10.99.0.0/33"}, "cidr"),
    ("subnet", {"cidr": "224.0.0.0/24"}, "cidr"),
    ("subnet", {"cidr": "0.0.0.0/0"}, "cidr"),
    ("subnet", {"cidr": 7}, "cidr"),
    ("subnet", {}, "cidr"),
    ("subnet", {**SUBNET, "ip_version": 6}, "ip_version"),
    ("subnet", {**SUBNET, "gateway_ip": "10.98.0.1"}, "gateway_ip"),
    ("subnet", {**SUBNET, "gateway_ip": "10.99.0.0"}, "gateway_ip"),
    ("subnet", {**SUBNET, "gateway_ip": "10.99.0.255"}, "gateway_ip"),
    ("subnet", {**SUBNET, "gateway_ip": None}, "gateway_ip"),
    (
        "subnet",
        {**SUBNET, "allocation_pools": [{"start": "10.98.0.1", "end": "10.98.0.2"}]},
        "allocation_pools",
    ),
    (
        "subnet",
        {**SUBNET, "allocation_pools": [{"start": POOL["end"], "end": POOL["start"]}]},
        "allocation_pools",
    ),
    ("subnet", {**SUBNET, "allocation_pools": [POOL, {**POOL, "start": "10.99.0.15"}]}, "allocation_pools"),
    ("subnet", {**SUBNET, "allocation_pools": [{"start": "10.99.0.1"}]}, "allocation_pools"),
    ("subnet", {**SUBNET, "dns_nameservers": ["x"]}, "dns_nameservers"),
    ("subnet", {**SUBNET, "dns_nameservers": ["fd00::1"]}, "dns_nameservers"),
    ("subnet", {**SUBNET, "host_routes": [{"destination": "10.0.0.0/8"}]}, "host_routes"),
    ("subnet", {**SUBNET, "ipv6_ra_mode": "slaac"}, "ipv6_ra_mode"),
    ("subnet", {"cidr": "fd00::/80", "ipv6_address_mode": "slaac"}, "ipv6_address_mode"),
    ("subnet", {"cidr": "10.99.0.0/31"}, "enable_dhcp"),
    ("port", {"mac_address": "01:00:5e:00:00:01"}, "mac_address"),
    ("port", {"mac_address": "00:00:00:00:00:00"}, "mac_address"),
    ("port", {"mac_address": "x"}, "mac_address"),
    ("port", {"fixed_ips": [{"ip_address": "192.0.2.1"}]}, "fixed_ips"),
    ("port", {"fixed_ips": [{"ip_address": "10.99.0.255"}]}, "fixed_ips"),
    ("port", {"fixed_ips": [{}]}, "fixed_ips"),
    ("port", {"fixed_ips": "all"}, "fixed_ips"),
    ("port", {"dns_name": "-x"}, "dns_name"),
    ("port", {"dns_name": 'a"b'}, "dns_name"),
    ("port", {"dns_name": "\u212a"}, "dns_name"),
    ("network", {"dns_domain": "\u212a.example"}, "dns_domain"),
    ("port", {"device_owner": "network:dhcp"}, "device_owner"),
    (
        "port",
        {"allowed_address_pairs": [{"ip_address": f"192.0.2.{last}"} for last in range(11)]},
        "allowed_address_pairs",
    ),
    ("port", {"allowed_address_pairs": [{"mac_address": "02:00:00:00:00:01"}]}, "allowed_address_pairs"),
    ("port", {"binding:vnic_type": "direct"}, "binding:vnic_type"),
    ("port", {"binding:profile": ["x"]}, "binding:profile"),
    ("port", {"binding:host_id": "a/b"}, "binding:host_id"),
    ("port", {"netwright:attachment": {"kind": "vmm-tap"}}, "netwright:attachment"),
    *(
        ("port", {"netwright:attachment": {"kind": "tap", name: value}}, "netwright:attachment")
        for name in ("owner", "group")
        for value in (-1, 4294967295, 1 << 64, "root", "0x0", True, 1.5, [0], {})
    ),
    ("port", {"netwright:attachment": {"kind": "none", "owner": 0}}, "netwright:attachment"),
    (
        "port",
        {"netwright:attachment": {"kind": "namespace", "namespace": "x", "link": "e", "group": 0}},
        "netwright:attachment",
    ),
    (
        "port",
        {"netwright:attachment": {"kind": "namespace", "namespace": "../x", "link": "eth0"}},
        "netwright:attachment",
    ),
    (
        "port",
        {"netwright:attachment": {"kind": "namespace", "namespace": "x", "link": "e" * 16}},
        "netwright:attachment",
    ),
    ("port", {"netwright:attachment": {"kind": "namespace", "namespace": "x"}}, "netwright:attachment"),
    ("port", {"allowed_address_pairs": [{"ip_address": "fe80::%x/64"}]}, "allowed_address_pairs"),
    ("port", {"netwright:guest": {"user_data": "***"}}, "netwright:guest"),
    ("port", {"netwright:guest": {"public_keys": {"k": "two\nlines"}}}, "netwright:guest"),
    ("port", {"netwright:guest": {"shoe_size": 44}}, "shoe_size"),
    ("security_group", {"name": "a\u2028b"}, "name"),
    ("security_group_rule", {"protocol": "tcp", "port_range_min": 2, "port_range_max": 1}, "port_range_min"),
    ("security_group_rule", {"protocol": "tcp", "port_range_min": 2}, "port_range_max"),
    (
        "security_group_rule",
        {"protocol": "tcp", "port_range_min": 1, "port_range_max": 65536},
        "port_range_max",
    ),
    ("security_group_rule", {"protocol": "icmp", "port_range_min": 256}, "port_range_min"),
    ("security_group_rule", {"protocol": "icmp", "port_range_max": 1}, "port_range_max"),
    ("security_group_rule", {"protocol": "gre", "port_range_min": 1, "port_range_max": 1}, "port_range_min"),
    ("security_group_rule", {"protocol": "icmpv6", "ethertype": "IPv4"}, "protocol"),
    ("security_group_rule", {"protocol": "256"}, "protocol"),
    ("security_group_rule", {"protocol": "nonsense"}, "protocol"),
    ("security_group_rule", {"remote_ip_prefix": "fd00::/8"}, "remote_ip_prefix"),
    (
        "security_group_rule",
        {"ethertype": "IPv6", "remote_ip_prefix": "2001:db8::%x accept/64"},
        "remote_ip_prefix",
    ),
    ("subnet", {"ip_version": 6, "cidr": "2001:db8::%x/64"}, "cidr"),
    ("security_group_rule", {"direction": "sideways"}, "direction"),
    ("floatingip", {"floating_ip_address": "fd00::1"}, "floating_ip_address"),
]


@pytest.fixture(scope="module")
def parents(server) -> dict[str, dict[str, str]]:
    """What each kind must name beside what is wrong with it."""
    client = client_of(server)
    bare = client.make("network", **NETWORK)
    network = client.host_network(SUBNET["cidr"].replace("99", "98"))
    group = client.make("security_group")
    rule = {"security_group_id": group["id"], "direction": "ingress"}
    client.connection.close()
    return {
        "network": {}, "subnet": {"network_id": bare["id"]}, "port": {"network_id": network["id"]},
        "security_group": {}, "security_group_rule": rule, "floatingip": {"floating_network_id": network["id"]},
        "log": {"resource_type": "security_group"}, "address_group": {},
    }  # fmt: skip


@pytest.mark.parametrize(("kind", "attributes", "field"), CASES)
def test_what_is_wrong_is_named(client: Client, parents, kind: str, attributes: dict, field: str) -> None:
    """Each malformed attribute is a 400 whose message has the attribute's name."""
    body = {kind: {**parents[kind], **attributes}}
    answer = client.send("POST", f"/v2.0/{kind.replace('_', '-')}s", body)
    assert answer.status == 400, answer
    assert field in answer.message


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"1", b"\xff", b'{"network": 1}', b'{"network": {}, "x": 1}', b"[" * 100_000,
                                  b'{"networks": []}', b'{"networks": [1]}', b'{"network": {"name": "\\ud800"}}'])  # fmt: skip
def test_what_is_not_the_right_json_is_refused(client: Client, body: bytes) -> None:
    """Anything but one object with the resource in it is a 400."""
    assert client.send("POST", "/v2.0/networks", body).status == 400


def test_a_huge_body_is_refused(client: Client) -> None:
    """More than 1 MiB is a 413."""
    answer = client.send("POST", "/v2.0/networks", b" " * ((1 << 20) + 1))
    assert answer.status == 413
    client.connection.close()


def test_unknown_paths_and_methods_are_told_apart(client: Client) -> None:
    """A path that is not served is a 404, a method that a path has not is a 405, both with the usual body."""
    assert client.send("GET", "/v2.0/nonsense").kind == "HTTPNotFound"
    assert (
        client.send("DELETE", "/v2.0/ports").status,
        client.send("PATCH", "/v2.0/ports/x", {}).status,
    ) == (405, 405)


WORDS = st.sampled_from(
    ["", "x", "10.0.0.0/24", "10.98.0.7", "fd00::/64", "fd00::1%eth0", "IPv4", "ingress", "tcp", "slaac", "true",
     "02:00:00:00:00:01", "host", "none", "network:x", "\x7f", "\ud83d\ude00", "a" * 300]
)  # fmt: skip
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | WORDS
    | st.text(max_size=9)
)
KEYS = st.sampled_from(["kind", "namespace", "link", "start", "end", "ip_address", "subnet_id", "mac_address", "destination",
                        "nexthop", "hostname", "user_data", "public_keys", "meta"])  # fmt: skip


@pytest.mark.parametrize(
    "query",
    ["limit=x", "limit=-1", "marker=none", "sort_key=nonsense", "sort_key=id&sort_dir=up", "sort_dir=asc"],
)
def test_a_senseless_page_is_refused(client: Client, query: str) -> None:
    """Limits, markers and sort keys that make no sense are 400s that name them."""
    answer = client.send("GET", f"/v2.0/ports?{query}")
    assert answer.status == 400
    assert query.split("=", maxsplit=1)[0].split("_", maxsplit=1)[0] in answer.message
