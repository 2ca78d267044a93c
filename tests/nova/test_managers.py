"""What managers' networks are to projects, instances and those who look for them."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from pathlib import Path
from types import SimpleNamespace

import pytest
from asking import floating_ips, networks, subnets
from nova.managers import (
    ADMIN,
    ALICE,
    BOB,
    addresses,
    boot,
    flat,
    flat_dhcp,
    instance,
    serving,
    uuid,
    vlan,
    world_of,
)
from worlds import world

from netwright.control.floating_ips import FloatingIpRequest
from netwright.control.networks import NetworkRequest
from netwright.control.subnets import SubnetRequest
from netwright.model.errors import ConflictError, InvalidError
from netwright.model.ids import Mac, NetworkId
from netwright.model.intent import GatewayHosts, GatewayPlace, Network
from netwright.nova import exception
from netwright.nova.ip_filter import compiled, range_of
from netwright.nova.ipv6 import to_global
from netwright.nova.manager import (
    FlatDHCPManager,
    FlatManager,
    NetworkManager,
    RPCAllocateFixedIP,
    VlanManager,
)
from netwright.nova.minidns import MiniDNS
from netwright.nova.network_refs import parse_network
from netwright.nova.store_addresses import StoreAddresses


def test_the_classes_have_novas_attributes() -> None:
    """Each topology has the class attributes that it had, the version of its calls, and its place in the MRO."""
    told = {
        kind: (kind.DHCP, kind.SHOULD_CREATE_BRIDGE, kind.SHOULD_CREATE_VLAN, kind.timeout_fixed_ips)
        for kind in (NetworkManager, FlatManager, FlatDHCPManager, VlanManager)
    }
    assert told == {
        NetworkManager: (False, False, False, True),
        FlatManager: (False, False, False, False),
        FlatDHCPManager: (True, True, False, True),
        VlanManager: (True, True, True, True),
    }
    assert [list(kind.required_create_args) for kind in (FlatManager, FlatDHCPManager, VlanManager)] == [
        ["bridge"],
        ["bridge"],
        ["bridge_interface"],
    ]
    assert NetworkManager.target.version == "1.16"
    for kind in (FlatDHCPManager, VlanManager):
        mro = kind.__mro__
        assert mro.index(RPCAllocateFixedIP) < mro.index(NetworkManager)


def test_a_projects_first_instance_claims_a_network() -> None:
    """Each project gets the next free network with its first instance, and keeps it; then none is left."""
    with vlan() as manager:
        manager.create_networks(ADMIN, "net", cidr="10.0.0.0/16", num_networks=2, network_size=256)
        assert addresses(boot(manager, 1, ALICE)) == ["10.0.0.3"]
        assert addresses(boot(manager, 2, BOB)) == ["10.0.1.3"]
        assert addresses(boot(manager, 3, ALICE)) == ["10.0.0.4"]
        assert [one.project_id for one in manager.get_all_networks(ADMIN)] == ["alice", "bob"]
        with pytest.raises(exception.NoMoreNetworks):
            boot(manager, 4, SimpleNamespace(project_id="carol", is_admin=False))
        (mine,) = manager.get_all_networks(ALICE)
        api = networks.get(world_of(manager), mine.uuid).value
        assert (api.project_id, api.shared) == ("alice", False)


def test_another_projects_network_is_not_there() -> None:
    """Under VlanManager a project sees and uses its own networks only; administrators see all."""
    with vlan() as manager:
        manager.create_networks(ADMIN, "net", cidr="10.0.0.0/16", num_networks=2, network_size=256)
        boot(manager, 1, ALICE)
        (mine,) = manager.get_all_networks(ALICE)
        with pytest.raises(exception.NetworkNotFoundForProject):
            boot(manager, 2, BOB, requested_networks=[(mine.uuid, None)])
        with pytest.raises(exception.NetworkNotFound):
            manager.get_network(BOB, mine.uuid)
        assert manager.get_network(ADMIN, mine.uuid) == mine
        assert manager.get_all_networks(BOB) == []
        assert addresses(boot(manager, 3, ALICE, requested_networks=[(mine.uuid, None)])) == ["10.0.0.4"]


def test_flat_networks_are_everybodys() -> None:
    """Flat managers show their networks to all, and give instances those without a VLAN."""
    with flat_dhcp() as manager:
        manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", bridge="br100")
        tagged = VlanManager(world_of(manager), options=manager.options)
        (other,) = tagged.create_networks(ADMIN, "vlan", cidr="10.1.0.0/24", bridge_interface="eth1")
        assert len(manager.get_all_networks(BOB)) == 2
        assert addresses(boot(manager, 1)) == ["10.0.0.2"]
        assert boot(manager, 2, requested_networks=[(other.uuid, None)]) == []


def test_networks_are_given_to_projects_and_taken() -> None:
    """add_network_to_project claims that network or the next; associate sets and clears host and project."""
    with world() as here:
        manager = serving(VlanManager, here)
        manager.create_networks(ADMIN, "net", cidr="10.0.0.0/16", num_networks=2, network_size=256)
        second = manager.get_all_networks(ADMIN)[1]
        assert manager.add_network_to_project(ADMIN, "alice", second.uuid).project_id == "alice"
        assert manager.add_network_to_project(ADMIN, "bob").label == "net_0"
        with pytest.raises(exception.NoMoreNetworks):
            manager.add_network_to_project(ADMIN, "carol")
        manager.associate(ADMIN, second.uuid, {"host": "h7", "project": "bob"})
        now = manager.get_network(ADMIN, second.uuid)
        assert (now.host, now.project_id) == ("h7", "bob")
        manager.associate(ADMIN, second.uuid, {"host": "h8"})
        assert manager.get_network(ADMIN, second.uuid).host == "h8"
        manager.associate(ADMIN, second.uuid, {"project": None})
        assert manager.get_network(ADMIN, second.uuid).project_id is None
        manager.disassociate_network(ADMIN, second.uuid)
        assert manager.get_network(ADMIN, second.uuid).host is None
        with pytest.raises(InvalidError):
            manager.associate(ADMIN, second.uuid, {"colour": "red"})
        with pytest.raises(exception.NetworkNotFound):
            manager.associate(ADMIN, uuid(9), {"host": "h7"})
    with flat_dhcp() as manager, pytest.raises(NotImplementedError):
        manager.add_network_to_project(ADMIN, "alice")


def test_a_network_has_the_host_that_was_first() -> None:
    """set_network_host tells the host that the network has, also where another was faster."""
    with world() as here:
        manager, other = (serving(FlatDHCPManager, here, host=host) for host in ("h1", "h2"))
        (net,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", bridge="br100")
        assert manager.set_network_host(ADMIN, net) == "h1"
        assert other.set_network_host(ADMIN, net) == "h1"
        assert manager.get_network(ADMIN, net.id).host == "h1"


def test_agents_hold_gateways_as_networks_ask() -> None:
    """One host's, each host's own or shared: what nova's row says is what the agents are told, by name too."""
    with flat_dhcp(flat_interface="eth1") as manager:
        here = world_of(manager)

        def made(number: int, **more: object) -> Network:
            links = {"bridge": f"br{number}", "bridge_interface": f"eth{number}"}
            (net,) = manager.create_networks(ADMIN, "net", cidr=f"10.0.{number}.0/24", **links, **more)
            return networks.get(here, NetworkId(net.uuid)).value

        one = made(1)
        assert (one.gateway_hosts, one.bridge, one.uplink) == (GatewayHosts.ONE, "br1", "eth1")
        assert made(2, multi_host=True).gateway_hosts is GatewayHosts.OWN
        assert made(3, multi_host=True, share_address=True).shared_gateway
        with pytest.raises(ConflictError, match="eth1 joins network"):
            manager.create_networks(ADMIN, "net", cidr="10.0.4.0/24", bridge="br4")
        tagged = VlanManager(here, options=manager.options)
        tagged.create_networks(ADMIN, "net", cidr="10.1.0.0/24", vlan=77, project_id="alice")
        tagged.associate(ADMIN, 4, {"host": "h7"})
        (vlan_net,) = tagged.get_all_networks(ALICE)
        found = networks.get(here, NetworkId(vlan_net.uuid)).value
        assert found.vlan is not None
        assert (found.vlan.id, found.bridge, found.gateway_host) == (77, "br77", "h7")
        assert vlan_net.host == "h7"


def test_a_network_is_deleted_when_nobody_needs_it() -> None:
    """Neither a project's network nor one with allocated addresses goes; by uuid or either prefix others do."""
    with vlan() as manager:
        (net,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", cidr_v6="fd00::/64")
        boot(manager, 1)
        with pytest.raises(exception.NetworkHasProject):
            manager.delete_network(ADMIN, None, net.uuid)
        with pytest.raises(exception.NetworkInUse) as refused:
            manager.delete_network(ADMIN, "10.0.0.0/24", require_disassociated=False)
        assert refused.value.code == 409
        manager.lease_fixed_ip(ADMIN, "10.0.0.3")
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        manager.associate(ADMIN, net.uuid, {"project": None})
        manager.delete_network(ADMIN, "fd00::/64")
        assert manager.get_all_networks(ADMIN) == []
        assert networks.find(world_of(manager), {}) == []
        for wrong in (("10.0.0.0/24", None), (None, uuid(9))):
            with pytest.raises(exception.NetworkNotFound):
                manager.delete_network(ADMIN, *wrong)
        with pytest.raises(exception.InvalidCidr):
            manager.delete_network(ADMIN, "nothing")
        manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", vlan=net.vlan)


def test_network_info_has_novas_shape() -> None:
    """Type, bridge, two subnets, DHCP server, meta and rate stand where they stood; IPv6 follows the MAC."""
    with vlan() as manager:
        manager.create_networks(
            ADMIN, "net", cidr="10.0.0.0/24", cidr_v6="fd00::/64", dns1="9.9.9.9", dns2="9.9.9.10"
        )
        (vif,) = boot(manager, 1, rxtx_factor=2.0)
        (net,) = manager.get_all_networks(ADMIN)
        six = str(to_global(net.cidr_v6, Mac(str(vif["address"])), "alice"))
        assert vif["type"] == "bridge"
        assert vif["id"] == manager.get_vifs_by_instance(ADMIN, uuid(1))[0].uuid
        assert "rxtx_cap" not in vif
        network = vif["network"]
        assert network["id"] == net.uuid
        assert network["bridge"] == "br100"
        assert network["label"] == "net"
        assert network["meta"] == {
            "tenant_id": "alice",
            "mtu": 1500,
            "should_create_bridge": True,
            "should_create_vlan": True,
            "vlan": 100,
            "bridge_interface": "eth1",
        }
        four, sixes = network["subnets"]
        assert (four["cidr"], four["gateway"]["address"]) == ("10.0.0.0/24", "10.0.0.1")
        assert [server["address"] for server in four["dns"]] == ["9.9.9.9", "9.9.9.10"]
        assert four["meta"] == {"dhcp_server": "10.0.0.1"}
        assert [(ip["address"], ip["type"], ip["floating_ips"]) for ip in four["ips"]] == [
            ("10.0.0.3", "fixed", [])
        ]
        assert (sixes["cidr"], sixes["gateway"]["address"], sixes["meta"]) == ("fd00::/64", "fd00::1", {})
        assert [ip["address"] for ip in sixes["ips"]] == [six]


def test_without_ipv6_there_is_a_second_subnet_without_a_prefix() -> None:
    """nova's readers expect two subnets: the second one's cidr is None where there is no IPv6."""
    with flat() as manager:
        manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", bridge="br100")
        (vif,) = boot(manager, 1)
        four, six = vif["network"]["subnets"]
        assert (four["cidr"], four["meta"]) == ("10.0.0.0/24", {})
        assert (six["cidr"], six["ips"], six["gateway"]) == (None, [], None)
        assert vif["network"]["bridge"] == "br100"


def test_flat_networks_are_injected_where_options_say_so() -> None:
    """flat_injected marks the networks of FlatManager, whose guests have files in the place of DHCP."""
    with flat(flat_injected=True) as manager:
        manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", bridge="br100")
        (vif,) = boot(manager, 1)
        assert vif["network"]["meta"]["injected"] is True


def test_an_ipv6_network_alone_has_interfaces_too() -> None:
    """Without IPv4 an instance has an interface with its IPv6 address, which was passed over of old."""
    with flat_dhcp() as manager:
        manager.create_networks(ADMIN, "six", cidr_v6="fd01::/64", bridge="br100")
        (vif,) = boot(manager, 1)
        four, six = vif["network"]["subnets"]
        assert four["cidr"] is None
        assert len(six["ips"]) == 1
        assert manager.get_fixed_ip_by_address(ADMIN, six["ips"][0]["address"]).instance_uuid == uuid(1)
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        assert manager.get_vifs_by_instance(ADMIN, uuid(1)) == []


def test_the_account_identifier_makes_other_ipv6_addresses() -> None:
    """With ipv6_backend=account_identifier addresses hold the project's digest, and ports have those."""
    with flat_dhcp(ipv6_backend="account_identifier") as manager:
        manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", cidr_v6="fd00::/64", bridge="br100")
        info = boot(manager, 1)
        mac = Mac(str(info[0]["address"]))
        (net,) = manager.get_all_networks(ADMIN)
        derived = to_global(net.cidr_v6, mac, "alice", "account_identifier")
        assert addresses(info) == ["10.0.0.2", str(derived)]
        assert derived.packed[8:] == bytes.fromhex("522b276a" + "ff" + mac.replace(":", "")[6:])


def test_floating_ips_stand_beside_the_fixed_one() -> None:
    """A floating IP of the store shows at the fixed IP that it stands for, and its instance is found by it."""
    with flat_dhcp() as manager:
        here = world_of(manager)
        manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", bridge="br100")
        boot(manager, 1)
        (port,) = manager.get_vifs_by_instance(ADMIN, uuid(1))
        (outside,) = networks.create(
            here, [NetworkRequest(external=True, gateway_place=GatewayPlace.HOST, nat=False)]
        )
        subnets.create(
            here, [SubnetRequest(network_id=outside.value.id, cidr=IPv4Network("198.51.100.0/24"))]
        )
        floating_ips.create(
            here,
            [
                FloatingIpRequest(
                    network_id=outside.value.id, port_id=port.uuid, address=IPv4Address("198.51.100.9")
                )
            ],
        )
        (vif,) = manager.get_instance_nw_info(ADMIN, uuid(1), None, "h1")
        (ip,) = vif["network"]["subnets"][0]["ips"]
        assert [one["address"] for one in ip["floating_ips"]] == ["198.51.100.9"]
        found = manager.get_instance_uuids_by_ip_filter(ADMIN, {"ip": r"198\.51\.100"})
        assert found == [{"instance_uuid": uuid(1), "ip": "198.51.100.9"}]


def test_instances_are_found_by_their_addresses() -> None:
    """fixed_ip is exact; ip and ip6 are patterns, matched from the beginning; what is given back is not found."""
    with flat_dhcp() as manager:
        manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", cidr_v6="fd00::/64", bridge="br100")
        infos = [boot(manager, number) for number in range(1, 13)]
        six = addresses(infos[0])[1]

        def found(**filters: str) -> list[str]:
            told = manager.get_instance_uuids_by_ip_filter(ADMIN, filters)
            return [str(int(one["instance_uuid"][-12:])) for one in told]

        assert found(fixed_ip="10.0.0.3") == ["2"]
        assert found(fixed_ip="10.0.0.99") == []
        assert found(ip=r"^10\.0\.0\.2$") == ["1"]
        assert found(ip="10.0.0.1") == ["9", "10", "11", "12"]
        assert found(ip=r"10\.0\.0\.1[0-1]") == ["9", "10"]
        assert found(ip="0.0.0") == []
        assert found(ip=r"10\.0\.1\.") == []
        assert found(ip6=six) == ["1"]
        assert found(ip6="fd00") != []
        manager.lease_fixed_ip(ADMIN, "10.0.0.2")
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        assert found(fixed_ip="10.0.0.2") == found(ip=r"10\.0\.0\.2$") == found(ip6=six) == []
        for wrong in (
            {"ip": "(a+)+$"},
            {"ip": "[" * 9},
            {"ip": "1" * 200},
            {"ip6": ".*.*.*.*.*"},
            {"fixed_ip": "x"},
        ):
            with pytest.raises(InvalidError):
                found(**wrong)


@pytest.mark.parametrize(
    ("pattern", "first", "last"),
    [
        (r"^10\.1\.2\.3$", "10.1.2.3", "10.1.2.3"),
        (r"10\.1\.2\.3", "10.1.2.0", "10.1.2.255"),
        (r"10\.1\.", "10.1.0.0", "10.1.255.255"),
        (r"10\.1", "10.0.0.0", "10.255.255.255"),
        (r"1.2.3.4", "0.0.0.0", "255.255.255.255"),
        (r"10\.|11\.", "0.0.0.0", "255.255.255.255"),
        (r"999\.1\.", "0.0.0.0", "255.255.255.255"),
        (r"[0-9]*", "0.0.0.0", "255.255.255.255"),
        (r"10*\.1\.", "0.0.0.0", "255.255.255.255"),
        (r"10\.0\.1\.?", "10.0.0.0", "10.0.255.255"),
        (r"10\.0\.1\.*2", "10.0.0.0", "10.0.255.255"),
        (r"10\.0\.1\.{0,1}", "10.0.0.0", "10.0.255.255"),
        (r"10\.0\.1\.+", "10.0.1.0", "10.0.1.255"),
    ],
)
def test_a_pattern_is_looked_for_where_it_can_fit(pattern: str, first: str, last: str) -> None:
    """Whole octets at a pattern's beginning bound the rows that are read; none that fits is left out."""
    within = range_of(pattern)
    assert (str(within.first), str(within.last)) == (first, last)
    compiled(pattern, "ip")


def test_the_store_is_an_address_source() -> None:
    """DHCP is told of each interface's addresses, whose default route is the first's, and who waits for a release."""
    with flat_dhcp() as manager:
        nets = [
            manager.create_networks(ADMIN, "net", cidr=f"10.0.{number}.0/24", bridge="br100")[0]
            for number in range(2)
        ]
        boot(manager, 1)
        boot(manager, 2, host="h2")
        manager.lease_fixed_ip(ADMIN, "10.0.0.2")
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        source = StoreAddresses(world_of(manager))
        one, two = source.of_network(nets[0].uuid)
        assert (str(one.address), one.hostname, one.allocated, one.leased) == ("10.0.0.2", "vm1", False, True)
        assert (str(two.address), two.instance_host, two.default_route) == ("10.0.0.3", "h2", True)
        assert two.vif_id == manager.get_vifs_by_instance(ADMIN, uuid(2))[0].uuid
        (second,) = source.of_network(nets[1].uuid, "h2")
        assert (str(second.address), second.default_route) == ("10.0.1.3", False)
        assert source.of_network(nets[0].uuid, "h9") == []


def test_leases_are_listed_for_dnsmasq() -> None:
    """Leased addresses stand in the lease file's format, also of instances that are gone; others do not."""
    with flat_dhcp(dhcp_lease_time=100) as manager:
        (net,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", bridge="br100")
        macs = [str(boot(manager, number)[0]["address"]) for number in (1, 2)]
        manager.lease_fixed_ip(ADMIN, "10.0.0.2")
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        (line,) = manager.get_dhcp_leases(ADMIN, net).splitlines()
        expiry, *rest = line.split(" ")
        assert rest == [macs[0], "10.0.0.2", "vm1", "*"]
        assert int(expiry) > world_of(manager).clock().timestamp()


def test_a_multi_host_network_costs_an_address_a_host() -> None:
    """Each host that serves its own guests has an address of the network, told to its guests as their DHCP
    server and gateway; with a shared address all have the network's."""
    with flat_dhcp() as manager:
        (own,) = manager.create_networks(ADMIN, "own", cidr="10.0.0.0/24", bridge="br100", multi_host=True)
        manager.init_host()
        boot(manager, 1, host="h1")
        four = manager.get_instance_nw_info(ADMIN, uuid(1), None, "h1")[0]["network"]["subnets"][0]
        assert own.host is None
        assert manager.get_network(ADMIN, own.id).host is None
        assert four["meta"] == {"dhcp_server": "10.0.0.1"}


def test_parsed_models_are_network_refs() -> None:
    """linux_net's functions take a manager's network as it is."""
    with vlan() as manager:
        (net,) = manager.create_networks(
            ADMIN, "net", cidr="10.0.0.0/24", cidr_v6="fd00::/64", dns1="9.9.9.9"
        )
        found = parse_network(net)
        assert (found.uuid, found.vlan, found.bridge, found.cidr) == (net.uuid, 100, "br100", net.cidr)
        assert (found.dhcp_server, found.gateway_v6) == (net.dhcp_server, net.gateway_v6)


def test_an_instance_that_moves_takes_its_interfaces_along() -> None:
    """After migrate_instance_finish its ports are bound to the new host, with the addresses that it had."""
    with flat_dhcp() as manager:
        (net,) = manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", bridge="br100")
        before = boot(manager, 1)
        manager.migrate_instance_start(ADMIN, uuid(1), source="h1", dest="h2")
        manager.migrate_instance_finish(ADMIN, uuid(1), source="h1", dest="h2")
        assert addresses(manager.get_instance_nw_info(ADMIN, uuid(1), None, "h2")) == addresses(before)
        (address,) = StoreAddresses(world_of(manager)).of_network(net.uuid)
        assert address.instance_host == "h2"


def test_instances_have_names_while_they_have_addresses(tmp_path: Path) -> None:
    """The instance DNS driver has the address under display name and uuid, and under none when it is given back."""
    options = {
        "instance_dns_manager": "nova.network.minidns.MiniDNS",
        "instance_dns_domain": "cloud.example.org",
        "minidns_file": tmp_path / "dns.txt",
    }
    with flat_dhcp(**options) as manager:
        driver = MiniDNS(manager.options)
        driver.create_domain("cloud.example.org")
        manager.create_networks(ADMIN, "net", cidr="10.0.0.0/24", bridge="br100")
        boot(manager, 1)
        assert sorted(driver.get_entries_by_address("10.0.0.2", "cloud.example.org")) == [uuid(1), "vm-1"]
        boot(manager, 2, instance=instance(2) | {"display_name": "VM 1"})
        assert driver.get_entries_by_name("vm-1", "cloud.example.org") == ["10.0.0.2"]
        manager.deallocate_for_instance(ADMIN, instance=instance(1))
        assert driver.get_entries_by_address("10.0.0.2", "cloud.example.org") == []
        assert driver.get_entries_by_address("10.0.0.3", "cloud.example.org") == [uuid(2)]


def test_there_is_no_backdoor() -> None:
    """get_backdoor_port says that there is none."""
    with flat_dhcp() as manager:
        assert manager.get_backdoor_port(ADMIN) is None
