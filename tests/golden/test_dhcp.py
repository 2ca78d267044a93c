"""Whole texts, as dnsmasq gets them."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from netwright.model.dhcp_options import DhcpOption
from netwright.model.host import Dnsmasq, FileKind, Traits
from netwright.model.ids import NamespaceName
from netwright.model.intent import GatewayPlace, HostRoute
from netwright.model.plan import NetworkItem, Serving, SubnetPlan
from netwright.render.dhcp import network_dhcp, port_dhcp
from netwright.testing.samples import NETWORK, sample_address, sample_network, sample_port, sample_subnet

TRAITS = Traits("/run/netwright", bridge_conntrack=False)
V4 = sample_subnet("10.20.0.0/22")
SLAAC = sample_subnet("2001:db8:1::/64", Serving.SLAAC, number=2)
STATEFUL = sample_subnet("2001:db8:2::/64", Serving.DHCPV6_STATEFUL, number=3)
STATELESS = sample_subnet("2001:db8:3::/64", Serving.DHCPV6_STATELESS, number=4)
HELD_APART = replace(
    V4,
    held=ip_address("10.20.0.2"),
    dns_nameservers=(ip_address("192.0.2.53"), ip_address("192.0.2.54")),
    host_routes=(HostRoute(ip_network("10.99.0.0/16"), ip_address("10.20.0.254")),),
)
NETWORKS = {
    "host_v4": sample_network(V4),
    "host_dual": sample_network(V4, SLAAC),
    "host_v6": sample_network(SLAAC, STATEFUL, STATELESS),
    "host_isolated": sample_network(
        replace(V4, gateway_ip=None, dns_nameservers=(ip_address("0.0.0.0"),)),
        replace(SLAAC, gateway_ip=None),
    ),
    "router_dual": sample_network(HELD_APART, replace(STATEFUL, announced=False), place=GatewayPlace.ROUTER),
}


def rendered(network: NetworkItem) -> Dnsmasq:
    return network_dhcp(network, TRAITS)[NETWORK]


@pytest.mark.parametrize("name", NETWORKS)
def test_configurations_are_these(name: str) -> None:
    """A network's configuration is, line by line, the one on file."""
    assert rendered(NETWORKS[name]).config == (Path(__file__).parent / f"dnsmasq_{name}.conf").read_text()


@pytest.mark.parametrize("name", NETWORKS)
def test_dnsmasq_takes_them(name: str, tmp_path: Path) -> None:
    """The real dnsmasq finds no fault with any of them."""
    (tmp_path / "dnsmasq" / NETWORK / "tags").mkdir(parents=True)
    text = rendered(NETWORKS[name]).config.replace(TRAITS.directory, str(tmp_path))
    (tmp_path / "conf").write_text(text)
    subprocess.run(["dnsmasq", "--test", f"--conf-file={tmp_path / 'conf'}"], check=True, capture_output=True)


def test_a_network_whose_leases_are_followed_has_a_script() -> None:
    """The script's line is all that it has more."""
    bare, followed = (rendered(replace(NETWORKS["host_v4"], lease_events=told)) for told in (False, True))
    assert followed.config == bare.config + "dhcp-script=/usr/bin/netwright-dhcpbridge\n"


def test_a_router_network_has_its_daemon_in_a_namespace_of_its_own() -> None:
    """Host networks are served from the host's namespace, router networks from qdhcp-."""
    assert rendered(NETWORKS["host_v4"]).namespace == NamespaceName("")
    assert rendered(NETWORKS["router_dual"]).namespace == NamespaceName(f"qdhcp-{NETWORK}")


@pytest.mark.parametrize(
    "subnet",
    [replace(V4, serving=Serving.STATIC), replace(V4, held=None), replace(SLAAC, serving=Serving.STATIC)],
)
def test_nothing_to_serve_is_no_daemon(subnet: SubnetPlan) -> None:
    """Without an address of ours on a subnet that is served there is no daemon."""
    assert network_dhcp(sample_network(subnet), TRAITS) == {}


def test_a_port_of_every_kind() -> None:
    """One line a served address with the port's MAC, one line a name; SLAAC addresses are named only."""
    port = sample_port(
        sample_address(V4, "10.20.0.9"),
        sample_address(V4, "10.20.0.10"),
        sample_address(SLAAC, "2001:db8:1::f816:3eff:fe00:1"),
        sample_address(STATEFUL, "2001:db8:2::9"),
        sample_address(STATELESS, "2001:db8:3::f816:3eff:fe00:1"),
    )
    dhcp, dns = port_dhcp(port).values()
    assert dhcp == (
        "fa:16:3e:00:00:01,10.20.0.9,guest1.example.internal\n"
        "fa:16:3e:00:00:01,[2001:db8:2::9],guest1.example.internal\n"
        "fa:16:3e:00:00:01,1d\n"
    )
    assert dns == (
        "10.20.0.9 guest1.example.internal guest1\n"
        "10.20.0.10 guest1.example.internal guest1\n"
        "2001:db8:1:0:f816:3eff:fe00:1 guest1.example.internal guest1\n"
        "2001:db8:2::9 guest1.example.internal guest1\n"
        "2001:db8:3:0:f816:3eff:fe00:1 guest1.example.internal guest1\n"
    )


def test_a_port_of_static_addresses_has_names_only() -> None:
    """A subnet without DHCP gets no reservation file."""
    static = replace(V4, serving=Serving.STATIC)
    assert [key.kind.value for key in port_dhcp(sample_port(sample_address(static, "10.20.0.9")))] == ["dns"]


def test_a_host_route_to_everywhere_takes_the_gateways_place() -> None:
    """The classless routes name one default route only."""
    everywhere = HostRoute(ip_network("0.0.0.0/0"), ip_address("10.20.0.254"))
    text = rendered(sample_network(replace(V4, host_routes=(everywhere,)))).config
    assert "0.0.0.0/0,10.20.0.254\n" in text
    assert "0.0.0.0/0,10.20.0.1" not in text


def test_a_ports_own_options_are_lines_of_their_own() -> None:
    """Numbers for names, a tag of the port's own, text in quotes where it is not plain; none without DHCP."""
    options = (
        DhcpOption("bootfile-name", "pxelinux.0"),
        DhcpOption("dns-server", "192.0.2.53,192.0.2.54"),
        DhcpOption("router", ""),
        DhcpOption("67", 'a "b" # \\'),
        DhcpOption("224", '"one, two"'),
        DhcpOption("bootfile-url", "http://[2001:db8::1]/x", 6),
    )
    bare = sample_port(sample_address(V4, "10.20.0.5"))
    files = {key.kind: text for key, text in port_dhcp(replace(bare, dhcp_options=options)).items()}
    own = "tag:p00000001-90e7-4000-8000-000000000000"
    assert files[FileKind.OPTIONS].splitlines() == [
        f"{own},67,pxelinux.0",
        f"{own},6,192.0.2.53,192.0.2.54",
        f"{own},3",
        f'{own},67,"a \\"b\\" # \\\\"',
        f'{own},224,"one, two"',
        f"{own},option6:59,http://[2001:db8::1]/x",
    ]
    assert files[FileKind.TAGS] == f"dhcp-mac=set:p{bare.id},{bare.mac}\n"
    static = sample_port(sample_address(replace(V4, serving=Serving.STATIC), "10.20.0.5"))
    kinds = {key.kind for key in port_dhcp(replace(static, dhcp_options=options))}
    assert kinds == {FileKind.DNS}
