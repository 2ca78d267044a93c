"""What linux_net writes for dnsmasq and radvd, word by word."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from ipaddress import IPv4Address, IPv6Network
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from nova.dhcp_hosts import CONTEXT, NETWORK, Addresses, fixed, network

from netwright.model.errors import InvalidError
from netwright.model.ids import LinkName
from netwright.nova.dhcp_text import dnsmasq_argv
from netwright.nova.linux_host import LinuxHost, linux_host
from netwright.nova.linux_net import (
    get_dhcp_hosts,
    get_dhcp_leases,
    get_dhcp_opts,
    get_dns_hosts,
    update_dhcp_hostfile_with_text,
)
from netwright.nova.network_refs import parse_network
from netwright.nova.options import NetworkOptions
from netwright.nova.radvd import ra_text

DEV = LinkName("br100")


def host(*found: Any, **options: Any) -> LinuxHost:
    return linux_host(
        NetworkOptions(state_path=Path("/state"), host="host-a", **options), Addresses(list(found))
    )


def argv(given: dict[str, object], **options: Any) -> list[str]:
    return dnsmasq_argv(parse_network(given), DEV, host(**options).options, "/usr/bin/netwright-dhcpbridge")


COMMON = [
    "--strict-order",
    "--bind-interfaces",
    "--conf-file=",
    "--pid-file=/state/networks/nova-br100.pid",
    "--dhcp-optsfile=/state/networks/nova-br100.opts",
    "--listen-address=10.0.0.1",
    "--except-interface=lo",
    "--dhcp-range=set:private,10.0.0.3,static,255.255.255.0,86400s",
    "--dhcp-lease-max=256",
    "--dhcp-hostsfile=/state/networks/nova-br100.conf",
    "--dhcp-script=/usr/bin/netwright-dhcpbridge",
    "--no-hosts",
    "--leasefile-ro",
    "--dhcp-authoritative",
    "--dhcp-ignore=tag:!known",
]


def test_dnsmasqs_words_are_these_in_this_order() -> None:
    """The argv of nova-network, in its order, and two words of ours; with the domain when there is one."""
    assert argv(network()) == [*COMMON, "--domain=novalocal"]
    assert argv(network(), dhcp_domain="") == COMMON


def test_name_servers_close_the_list() -> None:
    """With dns1 alone: no other resolver, and that server; dns_server comes before the network's."""
    options = {"dhcp_domain": "", "use_network_dns_servers": True}
    assert argv(network(), **options) == [*COMMON, "--no-resolv", "--server=8.8.4.4"]
    both = argv(network(dns2="8.8.8.8"), dns_server=("192.0.2.1",), **options)
    assert both[len(COMMON) :] == [
        "--no-resolv",
        *(f"--server={one}" for one in ("192.0.2.1", "8.8.4.4", "8.8.8.8")),
    ]


def test_multi_host_adds_the_names_of_all() -> None:
    """With multi_host there is a file of names, after the domain."""
    assert argv(network(multi_host=True))[len(COMMON) :] == [
        "--domain=novalocal",
        "--addn-hosts=/state/networks/nova-br100.hosts",
    ]


def test_a_label_is_one_plain_tag() -> None:
    """Spaces, commas and colons of a label do not reach dnsmasq; a network without one is called by its id."""
    assert argv(network(label="my net, 2nd:x"))[7].startswith("--dhcp-range=set:my-net-2nd-x,10.0.0.3,")
    assert argv(network(label=""))[7].startswith(f"--dhcp-range=set:{NETWORK},10.0.0.3,")


@pytest.mark.parametrize("domain", ["a b", "-x", "x,y", "a\nb", ".", "x."])
def test_a_domain_that_is_none_is_refused(domain: str) -> None:
    """dhcp_domain is a name, or nothing."""
    with pytest.raises(InvalidError):
        argv(network(), dhcp_domain=domain)


def test_hosts_are_the_allocated_ones_once_a_mac() -> None:
    """MAC, name with domain and address of what is allocated; of two addresses of one MAC the first."""
    given = [fixed(5), fixed(6, allocated=False), fixed(7), fixed(8, mac=fixed(5).mac)]
    assert get_dhcp_hosts(CONTEXT, network(), given, on=host()) == (
        "fa:16:3e:00:00:05,vm5.novalocal,10.0.0.5\nfa:16:3e:00:00:07,vm7.novalocal,10.0.0.7"
    )


def test_hosts_with_a_single_default_gateway_have_tags() -> None:
    """With use_single_default_gateway each line ends in its interface's tag."""
    found = get_dhcp_hosts(CONTEXT, network(), [fixed(5)], on=host(use_single_default_gateway=True))
    assert found == "fa:16:3e:00:00:05,vm5.novalocal,10.0.0.5,net:NW-5"


def test_an_empty_domain_leaves_no_dot() -> None:
    """Names without a domain are bare, and never a word that dnsmasq knows."""
    on = host(dhcp_domain="")
    assert get_dhcp_hosts(CONTEXT, network(), [fixed(5, "web")], on=on).split(",")[1] == "web"
    assert get_dhcp_hosts(CONTEXT, network(), [fixed(5, "Ignore")], on=on).split(",")[1] == "host-Ignore"


def test_a_long_name_keeps_its_ends() -> None:
    """Of more than 63 characters the first two and the last sixty stay, with a hyphen between."""
    long = "ab" + "x" * 20 + "y" * 60
    line = get_dhcp_hosts(CONTEXT, network(), [fixed(5, long)], on=host())
    assert line.split(",")[1] == f"ab-{'y' * 60}.novalocal"


def test_a_lease_has_the_name_that_its_guest_gets() -> None:
    """Of a name that is too long what is left is the same in both files, and never more than dnsmasq reads."""
    one = fixed(5, "a" * 40 + "." + "b" * 260, leased=True)
    line = get_dhcp_hosts(CONTEXT, network(), [one], on=host())
    name = line.split(",")[1].removesuffix(".novalocal")
    assert get_dhcp_leases(CONTEXT, network(), on=host(one)).split()[3] == name
    assert len(name) == 63


def test_a_name_of_nothing_is_made_of_the_address() -> None:
    """Where no character of a name is left, the guest has one all the same."""
    line = get_dhcp_hosts(CONTEXT, network(), [fixed(5, "…,\n")], on=host())
    assert line == "fa:16:3e:00:00:05,host-10-0-0-5.novalocal,10.0.0.5"


def test_options_name_the_gateway() -> None:
    """One line for all: the gateway, or that there is none."""
    assert get_dhcp_opts(CONTEXT, network(), [fixed(5)], on=host()) == "3,10.0.0.1"
    assert get_dhcp_opts(CONTEXT, network(gateway=None), [fixed(5)], on=host()) == "3"


def test_options_with_a_single_default_gateway() -> None:
    """Only an instance's first interface is told of the gateway; what is not allocated has no line."""
    given = [
        fixed(0),
        fixed(3, default_route=False),
        fixed(4, default_route=False),
        fixed(5, allocated=False),
    ]
    on = host(use_single_default_gateway=True)
    assert get_dhcp_opts(CONTEXT, network(gateway="192.168.0.1"), given, on=on) == (
        "NW-0,3,192.168.0.1\nNW-3,3\nNW-4,3"
    )


@pytest.mark.parametrize(
    ("given", "options", "gateway"),
    [
        ({"multi_host": True}, {}, "10.0.0.2"),
        ({"multi_host": True, "share_address": True}, {}, "10.0.0.1"),
        ({"multi_host": True}, {"share_dhcp_address": True}, "10.0.0.1"),
        ({}, {}, "10.0.0.1"),
    ],
)
def test_who_the_gateway_is(given: dict[str, object], options: dict[str, Any], gateway: str) -> None:
    """With multi_host the host's own DHCP address, unless all hosts share one; else the network's gateway."""
    where = network(dhcp_server="10.0.0.2", **given)
    assert get_dhcp_opts(CONTEXT, where, [fixed(5)], on=host(**options)) == f"3,{gateway}"


def test_leases_are_those_that_are_leased() -> None:
    """Also of what is allocated no more; with multi_host of instances here only; a name or a star."""
    given = [
        fixed(5, "web", leased=True),
        fixed(6),
        replace(fixed(7, leased=True, allocated=False), hostname=""),
        fixed(8, "there", leased=True, instance_host="host-b"),
    ]
    lines = get_dhcp_leases(CONTEXT, network(), on=host(*given)).splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == [
        "fa:16:3e:00:00:05 10.0.0.5 web *",
        "fa:16:3e:00:00:07 10.0.0.7 * *",
        "fa:16:3e:00:00:08 10.0.0.8 there *",
    ]
    here = get_dhcp_leases(CONTEXT, network(multi_host=True), on=host(*given)).splitlines()
    assert [line.split()[2] for line in here] == ["10.0.0.5", "10.0.0.7"]
    short, long = (
        int(get_dhcp_leases(CONTEXT, network(), on=host(*given, dhcp_lease_time=time)).split()[0])
        for time in (0, 86400 * 365)
    )
    assert long - short > 86400 * 364


def test_names_are_those_of_all_hosts() -> None:
    """Addresses and full names of what is allocated anywhere."""
    given = [fixed(5, "web"), fixed(6, "there", instance_host="host-b"), fixed(7, allocated=False)]
    assert get_dns_hosts(CONTEXT, network(multi_host=True), on=host(*given)) == (
        "10.0.0.5\tweb.novalocal\n10.0.0.6\tthere.novalocal"
    )


def models() -> Iterator[object]:
    vif = SimpleNamespace(address="FA:16:3E:00:00:05")
    instance = SimpleNamespace(hostname="web", host="host-a")
    yield SimpleNamespace(
        address=IPv4Address("10.0.0.5"), virtual_interface=vif, virtual_interface_id=3, instance=instance,
        instance_uuid="u", allocated=True, leased=False, default_route=True,
    )  # fmt: skip
    yield {
        "address": "10.0.0.6", "virtual_interface": {"address": "fa:16:3e:00:00:06"}, "virtual_interface_id": 4,
        "instance": {"hostname": "db"}, "allocated": True, "default_route": False,
    }  # fmt: skip
    yield {"address": "10.0.0.7", "virtual_interface": None, "allocated": True}


def test_novas_own_fixed_ips_are_taken() -> None:
    """Models and dicts do as well; a fixed IP without an interface has no line, a wrong one is told by its field."""
    on = host(use_single_default_gateway=True)
    assert get_dhcp_hosts(CONTEXT, network(), models(), on=on) == (
        "fa:16:3e:00:00:05,web.novalocal,10.0.0.5,net:NW-3\nfa:16:3e:00:00:06,db.novalocal,10.0.0.6,net:NW-4"
    )
    assert get_dhcp_opts(CONTEXT, network(), models(), on=on) == "NW-3,3,10.0.0.1\nNW-4,3"
    wrong = [{"address": "10.0.0.5", "virtual_interface": {"address": "x,y"}}]
    with pytest.raises(InvalidError) as refused:
        get_dhcp_hosts(CONTEXT, network(), wrong, on=on)
    assert refused.value.field == "fixed_ip.virtual_interface"


def test_the_hosts_file_is_written_whole(tmp_path: Path) -> None:
    """update_dhcp_hostfile_with_text puts the text where the device's daemon reads it, readable for all."""
    on = linux_host(NetworkOptions(state_path=tmp_path))
    for text in ("one", "two\nthree"):
        update_dhcp_hostfile_with_text("br100", text, on=on)
        path = tmp_path / "networks" / "nova-br100.conf"
        assert (path.read_text(), path.stat().st_mode & 0o777) == (text, 0o644)
    assert [one.name for one in path.parent.iterdir()] == ["nova-br100.conf"]
    with pytest.raises(InvalidError):
        update_dhcp_hostfile_with_text("../br100", "", on=on)


def test_radvds_file_is_this() -> None:
    """An interface that announces one prefix, on link, for hosts' own addresses."""
    assert ra_text(DEV, IPv6Network("2001:db8::/64")) == (
        "interface br100\n{\n   AdvSendAdvert on;\n   MinRtrAdvInterval 3;\n   MaxRtrAdvInterval 10;\n"
        "   prefix 2001:db8::/64\n   {\n        AdvOnLink on;\n        AdvAutonomous on;\n   };\n};\n"
    )
