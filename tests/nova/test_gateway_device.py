"""A network's gateway comes first on its device, and what was there before stays; floating IPs come and go."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Sequence
from ipaddress import ip_address

import pytest
from nova.net_hosts import NetHost, flat_network

from netwright.kernel import netns, rtnetlink
from netwright.kernel.addresses import Addresses
from netwright.kernel.netns import Namespaces
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.nova.linux_net import (
    bind_floating_ip,
    create_tap_dev,
    enable_ipv4_forwarding,
    initialize_gateway_device,
    send_arp_for_ip,
    unbind_floating_ip,
)
from netwright.testing.namespaces import add_addresses, eventually, ip, run
from netwright.testing.wires import Wire

DEV = "gw0"
WANTED = "192.168.1.1/24"
EVENTS = 0x1 | 0x10 | 0x40 | 0x100 | 0x400
"""Groups of rtnetlink(7): links, addresses and routes of both families."""


def network(**changed: object) -> dict[str, object]:
    return flat_network(cidr="192.168.1.0/24", dhcp_server="192.168.1.1", gateway="192.168.1.1") | changed


@pytest.fixture(params=["0", "1"])
def gate(place: NetHost, request: pytest.FixtureRequest) -> NetHost:
    """With a device that holds nothing, on hosts that promote secondary addresses and on hosts that do not."""
    create_tap_dev(DEV, on=place.on)
    run(place.name, ["sysctl", "-qw", f"net.ipv4.conf.{DEV}.promote_secondaries={request.param}"])
    return place


def line_of(host: NetHost, address: str) -> str:
    return next(
        line
        for line in ip(host.name, "-o", "-4", "address", "show", "dev", DEV).splitlines()
        if address in line
    )


def test_a_device_without_addresses_gets_the_gateway(gate: NetHost) -> None:
    """The DHCP server's address is put on it with the network's prefix and broadcast address."""
    initialize_gateway_device(DEV, network(), on=gate.on)
    assert gate.addresses(DEV) == [WANTED]
    assert "brd 192.168.1.255 scope global" in line_of(gate, WANTED)


def test_the_gateway_comes_before_what_was_there(gate: NetHost) -> None:
    """Another address, with its broadcast address, is behind the gateway afterwards."""
    ip(gate.name, "address", "add", "192.168.0.1/24", "brd", "192.168.0.255", "dev", DEV)
    initialize_gateway_device(DEV, network(), on=gate.on)
    assert gate.addresses(DEV) == [WANTED, "192.168.0.1/24"]
    assert "brd 192.168.0.255 scope global" in line_of(gate, "192.168.0.1")


def test_a_leased_address_keeps_its_lifetime(gate: NetHost) -> None:
    """A dynamic address is dynamic behind the gateway too, with what is left of its lifetime."""
    ip(
        gate.name,
        "address",
        "add",
        "192.168.0.1/24",
        "dev",
        DEV,
        "valid_lft",
        "3600",
        "preferred_lft",
        "1800",
    )
    initialize_gateway_device(DEV, network(), on=gate.on)
    assert gate.addresses(DEV) == [WANTED, "192.168.0.1/24"]
    said = line_of(gate, "192.168.0.1")
    assert "dynamic" in said
    assert 3500 < int(said.split("valid_lft ")[1].split("sec")[0]) <= 3600


@pytest.mark.parametrize(
    "before",
    [
        ["192.168.1.7/24"],
        ["192.168.1.7/24", "192.168.1.8/24", "192.168.0.1/24"],
        ["192.168.0.1/24", "192.168.0.2/24", "192.168.1.7/24", "10.9.0.1/16"],
        ["192.168.0.1/24", "192.168.1.1/24"],
        ["192.168.0.1/24", "192.168.1.7/24", "192.168.1.1/24", "192.168.1.8/24"],
        ["192.168.1.1/32", "192.168.0.1/24"],
    ],
    ids=" ".join,
)
def test_whatever_was_there_the_gateway_is_first_and_all_are_there(
    gate: NetHost, before: Sequence[str]
) -> None:
    """Secondary addresses of the gateway's own or another subnet, or the gateway itself further behind: none is lost."""
    add_addresses(gate.name, DEV, *before)
    initialize_gateway_device(DEV, network(), on=gate.on)
    now = gate.addresses(DEV)
    assert now[0] == WANTED
    assert sorted(now) == sorted({WANTED, *before})
    assert "secondary" not in line_of(gate, WANTED)


def test_what_is_right_already_is_not_touched(gate: NetHost) -> None:
    """With the gateway first, nothing on the device changes, whatever follows: the kernel tells of no event."""
    add_addresses(gate.name, DEV, WANTED, "192.168.0.1/24")
    initialize_gateway_device(DEV, network(), on=gate.on)
    assert gate.addresses(DEV) == [WANTED, "192.168.0.1/24"]
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as events:
        events.bind((0, EVENTS))
        initialize_gateway_device(DEV, network(), on=gate.on)
        with pytest.raises(BlockingIOError):
            events.recv(1 << 16, socket.MSG_DONTWAIT)


def test_routes_over_the_device_are_there_afterwards_with_all_their_words(gate: NetHost) -> None:
    """A default route, a static one, one with a source address and IPv6's are as they were."""
    add_addresses(gate.name, DEV, "192.168.0.1/24", "192.168.1.7/24", "2001:db8:5::1/64")
    ip(gate.name, "route", "add", "default", "via", "192.168.0.254", "dev", DEV, "metric", "50")
    ip(
        gate.name,
        "route",
        "add",
        "172.16.0.0/12",
        "via",
        "192.168.0.253",
        "dev",
        DEV,
        "proto",
        "static",
        "src",
        "192.168.0.1",
    )
    ip(
        gate.name,
        "route",
        "add",
        "172.15.0.0/16",
        "via",
        "192.168.1.253",
        "dev",
        DEV,
        "src",
        "192.168.1.7",
        "mtu",
        "1400",
    )
    ip(gate.name, "route", "add", "172.14.0.0/16", "dev", DEV, "table", "77", "src", "192.168.1.7")
    ip(gate.name, "-6", "route", "add", "2001:db8:6::/48", "via", "2001:db8:5::2", "dev", DEV)
    before = gate.routes(DEV), ip(gate.name, "route", "show", "table", "77")
    assert len(before[0]) == 4
    initialize_gateway_device(DEV, network(), on=gate.on)
    assert gate.addresses(DEV)[0] == WANTED
    assert (gate.routes(DEV), ip(gate.name, "route", "show", "table", "77")) == before


def test_the_ipv6_gateway_is_there_with_ipv6(place: NetHost) -> None:
    """cidr_v6 brings gateway_v6, or else the prefix's first address, usable at once; without use_ipv6 nothing."""
    create_tap_dev(DEV, on=place.on)
    without = place.with_options(use_ipv6=False)
    initialize_gateway_device(DEV, network(cidr_v6="2001:db8:1::/64"), on=without)
    assert place.addresses(DEV, "-6") == []
    initialize_gateway_device(DEV, network(cidr_v6="2001:db8:1::/64"), on=place.on)
    initialize_gateway_device(
        DEV, network(cidr_v6="2001:db8:2::/64", gateway_v6="2001:db8:2::ff"), on=place.on
    )
    initialize_gateway_device(DEV, network(cidr_v6="2001:db8:3::/64", gateway_v6="fe80::1"), on=place.on)
    assert sorted(place.addresses(DEV, "-6")) == ["2001:db8:1::1/64", "2001:db8:2::ff/64", "2001:db8:3::1/64"]
    assert "nodad" in ip(place.name, "-6", "address", "show", "dev", DEV)
    assert run(place.name, ["sysctl", "-n", "net.ipv6.conf.all.forwarding"]).stdout == "1\n"


def test_the_gateway_stands_for_a_dhcp_server_that_is_not_named(place: NetHost) -> None:
    """Without dhcp_server the network's gateway is the address; without either, or without cidr, InvalidError; no network, nothing."""
    create_tap_dev(DEV, on=place.on)
    initialize_gateway_device(DEV, None, on=place.on)
    assert place.addresses(DEV) == []
    for changed in ({"dhcp_server": None, "gateway": None}, {"cidr": None}):
        with pytest.raises(InvalidError, match="gateway"):
            initialize_gateway_device(DEV, network(**changed), on=place.on)
    initialize_gateway_device(DEV, network(dhcp_server=None, gateway="192.168.1.254"), on=place.on)
    assert place.addresses(DEV) == ["192.168.1.254/24"]


def test_forwarding_is_switched_on(place: NetHost) -> None:
    """A gateway's host forwards IPv4; enable_ipv4_forwarding alone does so too, and again without harm."""
    create_tap_dev(DEV, on=place.on)
    for switch in (
        lambda: initialize_gateway_device(DEV, network(), on=place.on),
        lambda: enable_ipv4_forwarding(on=place.on),
    ):
        run(place.name, ["sysctl", "-qw", "net.ipv4.ip_forward=0"])
        for _ in range(2):
            switch()
            assert run(place.name, ["sysctl", "-n", "net.ipv4.ip_forward"]).stdout == "1\n"


def test_threads_that_make_one_gateway_at_once_do_not_fail(gate: NetHost) -> None:
    """Four at the same time: the gateway is first, and nothing is lost."""
    add_addresses(gate.name, DEV, "192.168.0.1/24", "192.168.1.7/24")
    failed: list[BaseException] = []

    def make() -> None:
        with netns.inside(gate.name):
            try:
                initialize_gateway_device(DEV, network(), on=gate.on)
            except KernelRefusedError as error:
                failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert gate.addresses(DEV)[0] == WANTED
    assert len(gate.addresses(DEV)) == 3


def announcements(frames: Sequence[bytes], address: str) -> list[int]:
    """The operations of gratuitous ARP for that address, from the host's MAC to everyone."""
    packed = ip_address(address).packed
    mine = [
        frame for frame in frames if frame[12:14] == b"\x08\x06" and frame[28:32] == frame[38:42] == packed
    ]
    assert all(frame[:6] == b"\xff" * 6 and frame[6:12] == frame[22:28] for frame in mine)
    return [struct.unpack_from(">H", frame, 20)[0] for frame in mine]


def test_arp_tells_whose_an_address_is(place: NetHost) -> None:
    """send_arp_for_ip sends a request and a reply for the address to everyone, `count` times."""
    wire, seen = Wire(place.wire), []
    send_arp_for_ip("192.0.2.2", "eth0", 2, on=place.on)
    assert eventually(lambda: (seen.extend(wire.waiting()), len(announcements(seen, "192.0.2.2")) == 4)[1])
    assert announcements(seen, "192.0.2.2") == [1, 2, 1, 2]
    wire.close()


def test_nobody_is_told_of_an_address_that_is_not_there(place: NetHost) -> None:
    """An address that the device does not hold, or no longer, a device that is not there, and a count of 0: no frame, no error."""
    wire = Wire(place.wire)
    send_arp_for_ip("192.0.2.9", "eth0", 3, on=place.on)
    send_arp_for_ip("192.0.2.2", "eth9", 3, on=place.on)
    send_arp_for_ip("192.0.2.2", "eth0", 0, on=place.on)
    add_addresses(place.name, "eth0", "192.0.2.10/24")
    send_arp_for_ip("192.0.2.10", "eth0", 5, on=place.on)
    ip(place.name, "address", "del", "192.0.2.10/24", "dev", "eth0")
    for thread in threading.enumerate():
        if thread.name == "arp-eth0":
            thread.join(10)
    seen = wire.waiting()
    assert announcements(seen, "192.0.2.9") == announcements(seen, "192.0.2.2") == []
    assert announcements(seen, "192.0.2.10") == [1, 2]
    wire.close()


def test_a_gateway_is_announced_if_asked_for(place: NetHost) -> None:
    """With send_arp_for_ha a gateway that is new on its device is announced; one that was there is not."""
    host, wire = place.with_options(send_arp_for_ha=True, send_arp_for_ha_count=1), Wire(place.wire)
    initialize_gateway_device("eth0", network(), on=host)
    assert announcements(wire.waiting(), "192.168.1.1") == [1, 2]
    initialize_gateway_device("eth0", network(), on=host)
    assert announcements(wire.waiting(), "192.168.1.1") == []
    wire.close()


@pytest.mark.parametrize(("address", "ping"), [("192.0.2.40", "-4"), ("2001:db8::40", "-6")])
def test_a_floating_ip_is_reached_while_it_is_bound(place: NetHost, address: str, ping: str) -> None:
    """bind_floating_ip has the device answer for the address alone (/32, /128); unbind_floating_ip ends that; both twice without harm."""
    whole = f"{address}/{32 if ping == '-4' else 128}"
    for _ in range(2):
        bind_floating_ip(address, "eth0", on=place.on)
    assert whole in place.addresses("eth0", ping)
    run(place.wire, ["ping", "-c1", "-W2", address])
    for _ in range(2):
        unbind_floating_ip(address, "eth0", on=place.on)
    assert whole not in place.addresses("eth0", ping)
    assert run(place.wire, ["ping", "-c1", "-W1", address], check=False).returncode != 0


def test_neighbours_that_knew_another_host_find_the_floating_ip(place: NetHost) -> None:
    """With send_arp_for_ha a neighbour's old entry is overwritten when the address is bound here, each time it is bound."""
    host = place.with_options(send_arp_for_ha=True, send_arp_for_ha_count=1)
    for _ in range(2):
        ip(
            place.wire,
            "neighbour",
            "replace",
            "192.0.2.40",
            "lladdr",
            "02:00:00:00:00:99",
            "dev",
            "eth0",
            "nud",
            "stale",
        )
        bind_floating_ip("192.0.2.40", "eth0", on=host)
        assert eventually(lambda: place.mac("eth0") in ip(place.wire, "neighbour", "show", "192.0.2.40"))


def test_an_address_that_somebody_else_bound_stays(place: NetHost) -> None:
    """A /32 of the administrator's is neither changed by bind_floating_ip nor taken away by unbind_floating_ip."""
    add_addresses(place.name, "eth0", "192.0.2.40/32")
    bind_floating_ip("192.0.2.40", "eth0", on=place.on)
    unbind_floating_ip("192.0.2.40", "eth0", on=place.on)
    assert "192.0.2.40/32" in place.addresses("eth0")


def test_floating_ips_need_a_device(place: NetHost) -> None:
    """Binding to a device that is not there is an error that names it; unbinding from it is none; an address must be one."""
    with pytest.raises(KernelRefusedError, match="eth9: no such link"):
        bind_floating_ip("192.0.2.40", "eth9", on=place.on)
    unbind_floating_ip("192.0.2.40", "eth9", on=place.on)
    for text in ("192.0.2.40/24", "192.0.2.400", "x"):
        with pytest.raises(InvalidError):
            bind_floating_ip(text, "eth0", on=place.on)


def test_the_agent_does_not_see_these_addresses(place: NetHost, tmp_path) -> None:
    """Gateways and floating IPs bear protocols of their own, which the agent does not sweep."""
    initialize_gateway_device("eth0", network(cidr_v6="2001:db8:1::/64"), on=place.on)
    bind_floating_ip("192.0.2.40", "eth0", on=place.on)
    assert Addresses(Namespaces(tmp_path)).observe() == {}
    with rtnetlink.writer() as route:
        marks = {
            attributes.get("IFA_PROTO") for one in route.get_addr() for attributes in [dict(one["attrs"])]
        }
    assert {202, 203} <= marks


def test_a_fake_network_has_no_addresses(place: NetHost) -> None:
    """With fake_network nothing is bound, announced or forwarded."""
    host, before = place.with_options(fake_network=True), ip(place.name, "address")
    run(place.name, ["sysctl", "-qw", "net.ipv4.ip_forward=0"])
    initialize_gateway_device("eth0", network(cidr_v6="2001:db8:1::/64"), on=host)
    bind_floating_ip("192.0.2.40", "eth0", on=host)
    unbind_floating_ip("192.0.2.40", "eth0", on=host)
    send_arp_for_ip("192.0.2.2", "eth0", 1, on=host)
    enable_ipv4_forwarding(on=host)
    assert ip(place.name, "address") == before
    assert run(place.name, ["sysctl", "-n", "net.ipv4.ip_forward"]).stdout == "0\n"
