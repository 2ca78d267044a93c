"""create_networks: what it takes, in which order it refuses, how it splits, slides, numbers and reserves."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network

import pytest
from asking import networks, subnets
from nova.managers import ADMIN, ALICE, flat, flat_dhcp, reserved, vlan, world_of

from netwright.control.networks import NetworkRequest
from netwright.control.subnets import SubnetRequest
from netwright.model.errors import ConflictError, InvalidError
from netwright.model.intent import GatewayPlace
from netwright.nova import exception
from netwright.nova.manager import NetworkManager
from netwright.nova.network_layout import keep_clear


def cidrs(manager: NetworkManager, **given: object) -> list[str]:
    return [str(one.cidr) for one in manager.create_networks(ADMIN, "net", **given)]


@pytest.mark.parametrize(
    ("given", "refusal", "field"),
    [
        ({"network_size": "foo"}, exception.InvalidIntValue, "network_size"),
        ({"num_networks": "x"}, exception.InvalidIntValue, "num_networks"),
        ({"vpn_start": "x"}, exception.InvalidIntValue, "vpn_start"),
        ({"label": "", "cidr": None}, exception.NetworkNotCreated, "label"),
        ({"label": "x" * 256}, exception.LabelTooLong, "label"),
        ({"label": "a\nb"}, InvalidError, "label"),
        ({"cidr": None}, exception.NetworkNotCreated, "cidr"),
        ({"bridge": None}, exception.NetworkNotCreated, "bridge"),
        ({"bridge": "a b"}, InvalidError, "bridge"),
        ({"cidr": "192.168.0.0/33"}, exception.InvalidCidr, "cidr"),
        ({"cidr": "fd00::/64"}, exception.InvalidCidr, "cidr"),
        ({"cidr_v6": "10.0.0.0/8"}, exception.InvalidCidr, "cidr_v6"),
        ({"fixed_cidr": "10.1.0.0/24"}, exception.AddressOutOfRange, "fixed_cidr"),
        ({"fixed_cidr": "nothing"}, exception.InvalidCidr, "fixed_cidr"),
        ({"allowed_start": "10.0.1.10"}, exception.AddressOutOfRange, "allowed_start"),
        ({"allowed_end": "nothing"}, exception.InvalidAddress, "allowed_end"),
        ({"allowed_start": "10.0.0.9", "allowed_end": "10.0.0.8"}, exception.AddressOutOfRange, "allowed_start"),
        ({"gateway": "10.9.0.1"}, exception.AddressOutOfRange, "gateway"),
        ({"dhcp_server": "10.9.0.1"}, exception.AddressOutOfRange, "dhcp_server"),
        ({"gateway_v6": "fe80::1", "cidr_v6": "fd00::/64"}, exception.AddressOutOfRange, "gateway_v6"),
        ({"dns1": "ns.example.org"}, exception.InvalidAddress, "dns1"),
        ({"multi_host": "perhaps"}, InvalidError, "multi_host"),
        ({"uuid": "../x"}, InvalidError, "uuid"),
        ({"num_networks": 2, "network_size": 256}, exception.InvalidCidr, "cidr"),
        ({"gateway": "10.0.0.0", "dhcp_server": "10.0.0.5"}, exception.AddressOutOfRange, "gateway"),
        ({"gateway": "10.0.0.255", "dhcp_server": "10.0.0.5"}, exception.AddressOutOfRange, "gateway"),
        ({"dhcp_server": "10.0.0.255"}, exception.AddressOutOfRange, "dhcp_server"),
        ({"priority": 10**30}, exception.InvalidIntValue, "priority"),
        ({"mtu": -(10**30)}, exception.InvalidIntValue, "mtu"),
        ({"cidr": None, "cidr_v6": "fd00::/48", "num_networks": 10**9}, exception.InvalidCidr, "cidr_v6"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(
    given: dict[str, object], refusal: type[InvalidError], field: str
) -> None:
    """Each argument that cannot be is refused by nova's exception, which names it, and nothing is made."""
    with flat_dhcp() as manager:
        whole: dict[str, object] = {"label": "net", "cidr": "10.0.0.0/24", "bridge": "br100", **given}
        with pytest.raises(refusal) as refused:
            manager.create_networks(ADMIN, **whole)
        assert (type(refused.value), refused.value.field) == (refusal, field)
        assert manager.get_all_networks(ADMIN) == []


def test_the_first_fault_is_the_one_that_is_told() -> None:
    """Numbers are looked at before the label, the label before prefixes, those before what must be there."""
    with flat_dhcp() as manager:
        wrong: list[tuple[str, object, type[InvalidError]]] = [
            ("network_size", "x", exception.InvalidIntValue),
            ("label", "", exception.NetworkNotCreated),
            ("cidr", "10.0.0.0/99", exception.NetworkNotCreated),  # bridge is missing
            ("bridge", "br100", exception.InvalidCidr),
        ]
        given = {name: value for name, value, _ in wrong if name != "bridge"}
        mended = {"network_size": None, "label": "net", "bridge": "br100"}
        for name, _, refusal in wrong:
            with pytest.raises(refusal):
                manager.create_networks(ADMIN, **{"bridge": None, **given})
            if name in mended:
                given[name] = mended[name]
            if name == "label":
                given["bridge"] = None
            if name == "cidr":
                given["bridge"] = "br100"


@pytest.mark.parametrize("number", [0, 4095, "foo", -1])
def test_a_vlan_that_there_cannot_be_is_a_value_error(number: object) -> None:
    """VLANs are whole numbers from 1 to 4094; others are refused as a ValueError, as they were."""
    with vlan() as manager:
        with pytest.raises(ValueError, match="vlan"):
            cidrs(manager, cidr="10.0.0.0/24", vlan=number)
        with pytest.raises(ValueError, match="vlan_start"):
            cidrs(manager, cidr="10.0.0.0/8", vlan_start=4090, num_networks=10)
        with pytest.raises(ValueError, match="does not have"):
            cidrs(manager, cidr="10.0.0.0/24", network_size=256, num_networks=2)


def test_vlans_go_on_from_those_that_there_are() -> None:
    """The start counts on by the networks that exist, and past those in use; a second of a number is refused."""
    for start, count, expected in ((100, 1, [102]), (100, 2, [102, 103]), (99, 1, [102])):
        with vlan() as manager:
            for number in (100, 101):
                manager.create_networks(ADMIN, f"net{number}", cidr=f"10.{number}.0.0/24", vlan=number)
            made = manager.create_networks(
                ADMIN, "more", cidr="10.0.0.0/16", num_networks=count, vlan_start=start, network_size=256
            )
            assert [one.vlan for one in made] == expected
            assert [one.bridge for one in made] == [f"br{number}" for number in expected]
            with pytest.raises(exception.DuplicateVlan):
                cidrs(manager, cidr="10.200.0.0/24", vlan=100)


def test_several_networks_of_one_vlan_have_the_numbers_behind_it() -> None:
    """An explicit VLAN is the first network's; the others follow it, and the VPN's ports do likewise."""
    with vlan() as manager:
        made = manager.create_networks(
            ADMIN, "net", cidr="10.0.0.0/16", num_networks=3, network_size=256, vlan=7, vpn_start=2000
        )
        assert [one.vlan for one in made] == [7, 8, 9]
        assert [one.vpn_public_port for one in made] == [2000, 2001, 2002]
        assert [one.label for one in made] == ["net_0", "net_1", "net_2"]
        assert [one.id for one in made] == [1, 2, 3]


def test_numbers_at_the_end_of_the_vlans_are_found_again_at_the_beginning() -> None:
    """Where there is none above those in use, the lowest free VLAN is taken."""
    with vlan() as manager:
        cidrs(manager, cidr="10.1.0.0/24", vlan=4094)
        cidrs(manager, cidr="10.2.0.0/24", vlan=102)
        made = manager.create_networks(ADMIN, "net", cidr="10.3.0.0/24", vlan_start=100)
        assert [one.vlan for one in made] == [1]


def test_networks_slide_past_what_is_in_use() -> None:
    """A candidate that is in use, or has a part that is, gives way to the next one of its size."""

    def clear(whole: str, size: int, count: int, used: list[str]) -> list[str]:
        net = IPv4Network(whole)
        wanted = list(net.subnets(new_prefix=size))[:count]
        return [str(one) for one in keep_clear(wanted, net, map(IPv4Network, used))]

    assert clear("192.168.0.0/16", 24, 4, ["192.168.2.0/24"]) == [
        f"192.168.{one}.0/24" for one in (0, 1, 3, 4)
    ]
    assert clear("192.168.2.0/24", 27, 3, ["192.168.2.8/29"]) == [
        f"192.168.2.{one}/27" for one in (32, 64, 96)
    ]
    for used in (["192.168.2.128/25"], ["192.0.0.0/8"], ["192.168.2.0/24"]):
        with pytest.raises(exception.CidrConflict):
            clear("192.168.2.0/24", 24, 1, used)
    with pytest.raises(exception.CidrConflict):
        clear("192.168.2.0/24", 26, 3, ["192.168.2.8/29", "192.168.2.64/26", "192.168.2.128/26"])
    # Of old a network could slide onto one that was in use, when that came earlier in the list.
    assert clear("10.0.0.0/24", 26, 1, ["10.0.0.64/26", "10.0.0.0/27"]) == ["10.0.0.128/26"]


def test_networks_of_the_store_are_slid_past() -> None:
    """What an earlier call made is kept clear of, in whole and in part."""
    with flat_dhcp() as manager:
        cidrs(manager, cidr="192.168.2.0/24", bridge="br1")
        more = cidrs(manager, cidr="192.168.0.0/16", num_networks=4, network_size=256, bridge="br1")
        assert more == [f"192.168.{one}.0/24" for one in (0, 1, 3, 4)]
        with pytest.raises(exception.CidrConflict):
            cidrs(manager, cidr="192.168.2.0/25", bridge="br1")
        assert exception.CidrConflict.code == 409


def test_host_networks_of_the_api_are_slid_past() -> None:
    """A prefix that the Networking API's users routed on hosts is not made a second time."""
    with flat_dhcp() as manager:
        here = world_of(manager)
        (network,) = networks.create(here, [NetworkRequest(gateway_place=GatewayPlace.HOST)])
        subnets.create(here, [SubnetRequest(network_id=network.value.id, cidr=IPv4Network("10.0.0.0/24"))])
        made = cidrs(manager, cidr="10.0.0.0/16", num_networks=2, network_size=256, bridge="br1")
        assert made == ["10.0.1.0/24", "10.0.2.0/24"]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"cidr": "10.0.0.0/24", "network_size": 100}, ["10.0.0.0/25"]),
        ({"cidr": "10.0.0.0/24"}, ["10.0.0.0/24"]),
        ({"cidr": "10.0.0.77/25"}, ["10.0.0.0/25"]),
        ({"cidr": "10.0.0.0/8"}, ["10.0.0.0/24"]),
        ({"cidr": "10.0.0.0/8", "ipam": True}, ["10.0.0.0/8"]),
        ({"cidr": "10.0.0.0/24", "num_networks": 3}, ["10.0.0.0/26", "10.0.0.64/26", "10.0.0.128/26"]),
        ({"cidr": "10.0.0.0/8", "num_networks": "2", "network_size": "65536"}, ["10.0.0.0/16", "10.1.0.0/16"]),
    ],
)  # fmt: skip
def test_sizes_are_powers_of_two(given: dict[str, object], expected: list[str]) -> None:
    """A size asked for is rounded up; one that follows from the whole is at most the option's; several fit."""
    with flat_dhcp() as manager:
        assert cidrs(manager, bridge="br100", **given) == expected


def test_a_small_vlan_network_needs_no_size() -> None:
    """A prefix smaller than the option's size makes a network of its own size, where it was refused of old."""
    with vlan() as manager:
        assert cidrs(manager, cidr="10.0.0.0/28") == ["10.0.0.0/28"]


def test_ipv6_networks_are_64s() -> None:
    """Each network gets a /64 of the IPv6 prefix, its first address as gateway; IPv6 alone is enough."""
    with flat_dhcp() as manager:
        made = manager.create_networks(
            ADMIN, "net", cidr="10.0.0.0/23", cidr_v6="fd00::/48", num_networks=2, bridge="br100"
        )
        assert [str(one.cidr_v6) for one in made] == ["fd00::/64", "fd00:0:0:1::/64"]
        assert [str(one.gateway_v6) for one in made] == ["fd00::1", "fd00:0:0:1::1"]
        (six,) = manager.create_networks(ADMIN, "six", cidr_v6="fd01::/64", bridge="br100")
        assert (six.cidr, six.gateway, str(six.cidr_v6)) == (None, None, "fd01::/64")
        for given in ({"cidr_v6": "fd02::/80"}, {"cidr_v6": "fd02::/48", "ipam": True}):
            with pytest.raises(exception.InvalidCidr):
                manager.create_networks(ADMIN, "six", bridge="br100", **given)
        with pytest.raises(ConflictError):
            manager.create_networks(ADMIN, "six", cidr_v6="fd01::/64", bridge="br100")


def test_a_vlan_network_may_be_ipv6_alone() -> None:
    """VlanManager needs no IPv4 prefix, which it fell over of old."""
    with vlan() as manager:
        (made,) = manager.create_networks(ADMIN, "six", cidr_v6="fd01::/64")
        assert (made.vlan, str(made.cidr_v6), made.vpn_private_address) == (100, "fd01::/64", None)


def test_a_24_of_vlans_reserves_four() -> None:
    """Network, gateway, VPN and broadcast address are never given out; without VLANs there is no VPN."""
    with vlan() as manager:
        (made,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
        assert reserved(manager, made) == ["0", "1", "2", "255"]
        assert (str(made.vpn_private_address), str(made.dhcp_start)) == ("10.0.0.2", "10.0.0.3")
    with flat_dhcp() as manager:
        (made,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", bridge="br100")
        assert reserved(manager, made) == ["0", "1", "255"]
        assert (str(made.gateway), str(made.dhcp_start)) == ("10.0.0.1", "10.0.0.2")


def test_the_ends_that_are_allowed_bound_what_is_given_out() -> None:
    """Between allowed_start and allowed_end gateway, DHCP server and VPN take theirs; 23 are reserved in all."""
    with vlan() as manager:
        (made,) = manager.create_networks(
            ADMIN,
            "net",
            cidr="10.0.0.0/24",
            allowed_start="10.0.0.10",
            allowed_end="10.0.0.245",
            dhcp_server="10.0.0.11",
        )
        assert [str(one) for one in (made.gateway, made.vpn_private_address, made.dhcp_start)] == [
            "10.0.0.10",
            "10.0.0.12",
            "10.0.0.13",
        ]
        assert len(reserved(manager, made)) == 23


def test_vpn_clients_have_the_networks_end() -> None:
    """cnt_vpn_clients addresses below the broadcast address are reserved."""
    with vlan(cnt_vpn_clients=5) as manager:
        (made,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
        assert reserved(manager, made)[3:] == ["250", "251", "252", "253", "254", "255"]


def test_a_given_gateway_is_nobody_elses() -> None:
    """Neither the VPN nor the first guest gets the gateway's address, which is told apart from the host's."""
    with vlan() as manager:
        (made,) = manager.create_networks(
            ADMIN, "net", cidr="10.0.0.0/24", gateway="10.0.0.1", dhcp_server="10.0.0.5"
        )
        assert [str(one) for one in (made.gateway, made.dhcp_server, made.vpn_private_address)] == [
            "10.0.0.1",
            "10.0.0.5",
            "10.0.0.2",
        ]
        (subnet,) = subnets.find(world_of(manager), {"network_id": (made.uuid,)})
        assert str(subnet.value.gateway_ip) == "10.0.0.5"
        assert [str(route.nexthop) for route in subnet.value.host_routes] == ["10.0.0.1"]


def test_fixed_cidr_is_where_addresses_come_from() -> None:
    """Only addresses of fixed_cidr are given out, also its first ones; each of several networks needs a part."""
    with flat_dhcp() as manager:
        (made,) = manager.create_networks(
            ADMIN, "net", cidr="10.0.0.0/24", fixed_cidr="10.0.0.128/26", bridge="br100"
        )
        free = set(map(str, range(256))) - set(reserved(manager, made))
        assert free == set(map(str, range(128, 192)))
        with pytest.raises(exception.AddressOutOfRange):
            manager.create_networks(
                ADMIN, "two", cidr="10.1.0.0/24", num_networks=2, fixed_cidr="10.1.0.0/26", bridge="br100"
            )


def test_each_of_several_networks_is_its_own_dhcp_server() -> None:
    """Two networks have two gateways, who are their DHCP servers; one address cannot be both networks'."""
    with flat_dhcp() as manager:
        made = manager.create_networks(
            ADMIN, "net", cidr="192.168.0.0/23", num_networks=2, network_size=256, bridge="br100"
        )
        assert [str(one.dhcp_server) for one in made] == ["192.168.0.1", "192.168.1.1"]
        assert all(one.gateway == one.dhcp_server for one in made)
        with pytest.raises(exception.AddressOutOfRange):
            manager.create_networks(
                ADMIN, "net", cidr="192.168.2.0/23", num_networks=2, dhcp_server="192.168.2.1", bridge="br100"
            )


def test_options_stand_in_for_what_is_left_out() -> None:
    """Bridge, interface, DNS server, MTU, multi_host and shared addresses come from the options."""
    options = {
        "flat_network_bridge": "br100", "flat_interface": "eth1", "flat_network_dns": "9.9.9.9",
        "network_device_mtu": 1450, "multi_host": True, "share_dhcp_address": True,
    }  # fmt: skip
    with flat_dhcp(**options) as manager:
        (made,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", dns2="9.9.9.10")
        assert (made.bridge, made.bridge_interface, made.mtu) == ("br100", "eth1", 1450)
        assert (made.multi_host, made.share_address) == (True, True)
        assert (str(made.dns1), str(made.dns2)) == ("9.9.9.9", "9.9.9.10")
        (other,) = manager.create_networks(ADMIN, "net", cidr="10.0.1.0/24", multi_host="F", mtu="1400")
        assert (other.multi_host, other.mtu) == (False, 1400)
    with vlan(flat_interface="eth2") as manager:
        (made,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24")
        assert made.bridge_interface == "eth1"


def test_a_network_keeps_the_uuid_that_it_is_given() -> None:
    """A uuid is one network's: it is kept, and refused for a second one, and for several at once."""
    wanted = "11111111-2222-4333-8444-555555555555"
    with flat(flat_network_bridge="br100") as manager:
        (made,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", uuid=wanted)
        assert made.uuid == wanted
        with pytest.raises(ConflictError):
            manager.create_networks(ADMIN, "net", cidr="10.1.0.0/24", uuid=wanted)
        with pytest.raises(InvalidError):
            manager.create_networks(ADMIN, "net", cidr="10.2.0.0/23", num_networks=2, uuid=wanted)


def test_a_networks_row_has_novas_fields() -> None:
    """What nova's row had can be read of the model, derived fields too."""
    with vlan() as manager:
        (made,) = manager.create_networks(
            ADMIN, "net", cidr="10.0.0.0/24", cidr_v6="fd00::/64", project_id="alice", priority=3
        )
        assert manager.get_network(ALICE, made.uuid) == manager.get_network(ADMIN, made.id) == made
        assert (made.netmask, made.broadcast) == (IPv4Address("255.255.255.0"), IPv4Address("10.0.0.255"))
        assert (made.project_id, made.priority, made.host) == ("alice", 3, None)
        assert str(made.netmask_v6) == "ffff:ffff:ffff:ffff::"


def test_networks_have_a_quota_where_it_is_asked_for() -> None:
    """With enable_network_quota a project has as many networks as it may, and no more."""
    with vlan(enable_network_quota=True, quota_networks=2) as manager:
        for number in range(2):
            cidrs(manager, cidr=f"10.{number}.0.0/24", project_id="alice")
        with pytest.raises(exception.NetworkLimitExceeded) as refused:
            cidrs(manager, cidr="10.9.0.0/24", project_id="alice")
        assert (refused.value.code, refused.value.limit) == (403, 2)
        cidrs(manager, cidr="10.9.0.0/24", project_id="bob")


def test_a_large_network_costs_no_row_for_an_address() -> None:
    """A /8 in 256 networks adds less than 1 MB to the database, and no row for an address that is free."""

    def size() -> int:
        with world_of(manager).look() as connection:
            pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
            return pages * connection.exec_driver_sql("PRAGMA page_size").scalar_one()

    with flat_dhcp() as manager:
        before = size()
        made = manager.create_networks(
            ADMIN, "net", cidr="10.0.0.0/8", num_networks=256, network_size=65536, bridge="br100"
        )
        assert [str(one.cidr) for one in (made[0], made[-1])] == ["10.0.0.0/16", "10.255.0.0/16"]
        with world_of(manager).look() as connection:
            held = connection.exec_driver_sql("SELECT count(*) FROM addresses").scalar_one()
        assert size() - before < 1_000_000
        assert held == 256


def test_no_two_vpns_have_one_port() -> None:
    """A network that is made after another one went does not take a third one's public port."""
    with vlan() as manager:
        first, *_ = manager.create_networks(
            ADMIN, "net", cidr="10.1.0.0/16", num_networks=3, network_size=256, vpn_start=1000
        )
        manager.delete_network(ADMIN, None, first.uuid)
        manager.create_networks(ADMIN, "net", cidr="10.2.0.0/16", num_networks=2, network_size=256)
        ports = [one.vpn_public_port for one in manager.get_all_networks(ADMIN)]
        assert len(set(ports)) == len(ports) == 4


@pytest.mark.parametrize("start", [-5, 0, 65536])
def test_a_vpns_port_is_a_port(start: int) -> None:
    """vpn_start beyond the ports that there are is refused, and nothing is made."""
    with vlan() as manager:
        with pytest.raises(ValueError, match="port"):
            manager.create_networks(ADMIN, "net", cidr="10.1.0.0/24", vpn_start=start)
        assert manager.get_all_networks(ADMIN) == []
