"""The Networking API's resources over HTTP."""

from __future__ import annotations

import itertools
from urllib.parse import urlsplit

import pytest
from asking import networks
from served import Client, served
from worlds import world

from netwright.control import reports
from netwright.control.network_links import NetworkType
from netwright.control.networks import NetworkRequest
from netwright.model.errors import ConflictError
from netwright.model.ids import HostName, LinkName
from netwright.model.intent import HostTap
from netwright.model.plan import PortItem
from netwright.model.report import HostFacts, Report
from netwright.store.address_tables import segments
from netwright.wire.codec import decode_update, encode_report

THIRD = itertools.count(1)


def cidr() -> str:
    return f"10.77.{next(THIRD)}.0/24"


def test_a_port_gets_an_address_a_mac_and_the_default_group(client: Client) -> None:
    """A port asked for with nothing but its network can talk: address of the pool, MAC, project's default group."""
    network = client.host_network(cidr())
    port = client.make("port", network_id=network["id"])
    subnet = client.get(f"/v2.0/subnets?network_id={network['id']}")["subnets"][0]
    group = client.get("/v2.0/security-groups?name=default")["security_groups"][0]
    assert port["fixed_ips"][0]["subnet_id"] == subnet["id"]
    assert port["mac_address"].startswith("fa:16:3e:")
    assert port["security_groups"] == [group["id"]]
    assert port["status"] == "DOWN"
    assert client.get(f"/v2.0/ports/{port['id']}")["port"] == port


def test_the_default_group_lets_all_out_and_members_in(client: Client) -> None:
    """The default group has four rules: egress of both families to anywhere, ingress of both from itself."""
    (group,) = client.get("/v2.0/security-groups?name=default")["security_groups"]
    found = {
        (rule["direction"], rule["ethertype"], rule["remote_group_id"])
        for rule in group["security_group_rules"]
    }
    assert found == {
        ("egress", "IPv4", None), ("egress", "IPv6", None),
        ("ingress", "IPv4", group["id"]), ("ingress", "IPv6", group["id"]),
    }  # fmt: skip


def test_a_port_may_choose_its_address_and_keep_it(client: Client) -> None:
    """A chosen address is given, another port cannot have it, and an update that keeps it by subnet does not move it."""
    network = client.host_network(ours := cidr())
    address = ours.replace("0/24", "77")
    port = client.make("port", network_id=network["id"], fixed_ips=[{"ip_address": address}])
    subnet = port["fixed_ips"][0]["subnet_id"]
    again = client.send(
        "POST", "/v2.0/ports", {"port": {"network_id": network["id"], "fixed_ips": [{"ip_address": address}]}}
    )
    assert (again.status, again.kind) == (409, "IpAddressAlreadyAllocated")
    both = client.change("port", port["id"], fixed_ips=[{"subnet_id": subnet}, {"subnet_id": subnet}])
    assert both["fixed_ips"][0]["ip_address"] == address
    assert len({fixed["ip_address"] for fixed in both["fixed_ips"]}) == 2
    assert client.change("port", port["id"], fixed_ips=[])["fixed_ips"] == []
    assert client.make("port", network_id=network["id"], fixed_ips=[{"ip_address": address}])


def test_guests_of_automatic_subnets_have_the_address_of_their_mac(client: Client) -> None:
    """On a SLAAC subnet a port's address is the EUI-64 one, also for ports that were there before the subnet."""
    network = client.host_network(cidr())
    early = client.make("port", network_id=network["id"], mac_address="02:00:00:00:00:01")
    client.make(
        "subnet", network_id=network["id"], cidr="fd77::/64", ip_version=6,
        ipv6_ra_mode="slaac", ipv6_address_mode="slaac",
    )  # fmt: skip
    late = client.make("port", network_id=network["id"], mac_address="02:00:00:00:00:02")
    shown = client.get(f"/v2.0/ports/{early['id']}")["port"]
    assert [fixed["ip_address"] for fixed in shown["fixed_ips"]][1:] == ["fd77::ff:fe00:1"]
    assert [fixed["ip_address"] for fixed in late["fixed_ips"]][1:] == ["fd77::ff:fe00:2"]


def test_a_router_network_has_a_dhcp_port_while_a_subnet_has_dhcp(client: Client) -> None:
    """The DHCP port comes with the first such subnet, has an address on each, and goes with the last."""
    network = client.make("network")
    listing = f"/v2.0/ports?network_id={network['id']}"
    first = client.make("subnet", network_id=network["id"], cidr="10.0.0.0/24")
    second = client.make("subnet", network_id=network["id"], cidr="10.0.1.0/24")
    (port,) = client.get(listing)["ports"]
    assert port["device_owner"] == "network:dhcp"
    assert {fixed["subnet_id"] for fixed in port["fixed_ips"]} == {first["id"], second["id"]}
    assert client.send("DELETE", f"/v2.0/ports/{port['id']}").status == 409
    client.change("subnet", first["id"], enable_dhcp=False)
    (port,) = client.get(listing)["ports"]
    assert [fixed["subnet_id"] for fixed in port["fixed_ips"]] == [second["id"]]
    client.drop("subnet", second["id"])
    assert client.get(listing)["ports"] == []
    client.change("subnet", first["id"], enable_dhcp=True)
    client.drop("network", network["id"])


def test_a_dhcp_port_is_switched_off_and_on(client: Client) -> None:
    """Off it is DOWN and hosts serve nothing on its network; on again it is as before. Nothing else of it changes."""
    network = client.make("network")["id"]
    client.make("subnet", network_id=network, cidr="10.0.0.0/24")
    tap = {"netwright:attachment": {"kind": "tap"}, "binding:host_id": "h1"}
    guest = client.make("port", network_id=network, **tap)
    (port,) = client.get(f"/v2.0/ports?network_id={network}&device_owner=network:dhcp")["ports"]

    def served() -> tuple[object, ...]:
        items = client.get("/v1/plan?host=h1")["body"]["items"]
        (item,) = [one for one in items if one["is"] == "NetworkItem" and one["id"] == network]
        return item.get("dhcp_mac"), item["subnets"][0].get("held")

    before = served()
    assert before == (port["mac_address"], port["fixed_ips"][0]["ip_address"])
    off = client.change("port", port["id"], admin_state_up=False)
    assert (off["status"], off["admin_state_up"], served()) == ("DOWN", False, (None, None))
    assert client.change("port", port["id"], admin_state_up=True)["status"] == "ACTIVE"
    assert served() == before
    answer = client.send("PUT", f"/v2.0/ports/{port['id']}", {"port": {"device_id": "mine"}})
    assert (answer.status, answer.kind) == (409, "PortInUse")
    client.drop("port", guest["id"])
    client.drop("network", network)


def test_a_gateway_is_shared_while_there_is_a_wire(client: Client) -> None:
    """The attribute is off at first, is kept and shown, and refuses to outlive the uplink."""
    wire = {"netwright:gateway_place": "host", "provider:physical_network": "eth1"}
    network = client.make("network", **wire)
    assert network["netwright:shared_gateway"] is False
    shared = client.change("network", network["id"], **{"netwright:shared_gateway": True})
    assert shared["netwright:shared_gateway"] is True
    gone = {"network": {"provider:physical_network": None}}
    answer = client.send("PUT", f"/v2.0/networks/{network['id']}", gone)
    assert (answer.status, "netwright:shared_gateway" in answer.message) == (400, True)
    client.drop("network", network["id"])


def test_a_bridge_bears_the_name_that_its_network_gives_it(client: Client) -> None:
    """The name is one network's alone, can be given up, and does not change while a port is plugged."""
    network = client.make("network", **{"netwright:bridge": "br100"})
    assert network["netwright:bridge"] == "br100"
    assert client.make("network")["netwright:bridge"] is None
    client.make("network", **{"provider:physical_network": "eth7"})
    for taken in ("br100", "eth7"):
        answer = client.send("POST", "/v2.0/networks", {"network": {"netwright:bridge": taken}})
        assert (answer.status, answer.kind) == (409, "BridgeNameInUse")
    port = client.make(
        "port",
        network_id=network["id"],
        **{"netwright:attachment": {"kind": "tap"}, "binding:host_id": "h1"},
    )
    path = f"/v2.0/networks/{network['id']}"
    answer = client.send("PUT", path, {"network": {"netwright:bridge": "br101"}})
    assert (answer.status, answer.kind) == (409, "BridgeInUse")
    client.change("network", network["id"], name="same", **{"netwright:bridge": "br100"})
    client.change("port", port["id"], **{"netwright:attachment": {"kind": "none"}})
    assert client.change("network", network["id"], **{"netwright:bridge": None})["netwright:bridge"] is None
    client.make("network", **{"netwright:bridge": "br100"})


@pytest.mark.parametrize("name", ["lo", "tap0123456789", "brq01234567-89", "wg01234567-89"])
def test_a_link_of_netwrights_own_is_no_way_out(client: Client, name: str) -> None:
    """Neither loopback nor what netwright makes by itself is taken for a network's uplink."""
    answer = client.send("POST", "/v2.0/networks", {"network": {"provider:physical_network": name}})
    assert answer.status == 400
    assert answer.message.startswith("provider:physical_network")


def test_a_link_without_vlans_is_one_networks(client: Client) -> None:
    """A link is on one bridge: a second flat network is refused, not given the first one's wire; others share."""
    wire = {"provider:physical_network": "eth8"}
    first = client.make("network", **wire)
    answer = client.send("POST", "/v2.0/networks", {"network": wire})
    assert (answer.status, answer.kind) == (409, "FlatNetworkInUse")
    assert first["id"] in answer.message
    other = client.make("network", **{"provider:physical_network": "eth9"})
    outside = client.make("network", **wire, **{"router:external": True})
    client.make("network", **wire, **{"provider:network_type": "vlan", "provider:segmentation_id": 8})
    for network, change in ((other, wire), (outside, {"router:external": False})):
        answer = client.send("PUT", f"/v2.0/networks/{network['id']}", {"network": change})
        assert (answer.status, answer.kind) == (409, "FlatNetworkInUse")
    client.change("network", first["id"], name="same", **wire)
    client.drop("network", first["id"])
    client.change("network", other["id"], **wire)


def test_a_vlan_is_one_networks(client: Client) -> None:
    """Many VLANs share a link; one of them is one network's, which shows it and keeps it with another link."""
    vlan = {"provider:network_type": "vlan", "provider:physical_network": "eth5"}
    made = [client.make("network", **vlan, **{"provider:segmentation_id": number}) for number in (1, 4094)]
    shown = [(one["provider:network_type"], one["provider:segmentation_id"]) for one in made]
    assert shown == [("vlan", 1), ("vlan", 4094)]
    again = {"network": {**vlan, "provider:segmentation_id": 4094}}
    answer = client.send("POST", "/v2.0/networks", again)
    assert (answer.status, answer.kind) == (409, "VlanIdInUse")
    other = client.make("network", **{**again["network"], "provider:physical_network": "eth6"})
    path = f"/v2.0/networks/{other['id']}"
    for link, status in (("eth5", 409), (None, 400), ("eth4", 200)):
        answer = client.send("PUT", path, {"network": {"provider:physical_network": link}})
        assert answer.status == status, link
    assert client.get(path)["network"]["provider:segmentation_id"] == 4094
    for name in ("provider:segmentation_id", "provider:network_type"):
        assert client.send("PUT", path, {"network": {name: 7}}).status == 400
    wire = {"provider:physical_network": "eth5"}
    types = [client.make("network", **one)["provider:network_type"] for one in ({}, wire)]
    assert types == ["local", "flat"]


def test_a_vlan_that_nobody_names_is_a_free_one(client: Client) -> None:
    """Of those of its link that neither a network nor a further segment has."""
    vlan = {"provider:network_type": "vlan", "provider:physical_network": "eth8"}
    made = [client.make("network", **vlan, name=f"v{number}") for number in range(4)]
    numbers = [one["provider:segmentation_id"] for one in made]
    assert len(set(numbers)) == 4
    assert all(1 <= number <= 4094 for number in numbers)


def test_the_last_free_vlan_is_found_and_then_there_is_none() -> None:
    """Whatever the random start; a network more is a conflict that says so."""
    wire = {"uplink": "eth9", "network_type": NetworkType.VLAN}
    with world() as here:
        (home,) = networks.create(here, [NetworkRequest(**wire, segmentation_id=1)])
        more = {"network_id": home.value.id, "network_type": "vlan", "physical_network": "eth9"}
        taken = [{**more, "segmentation_id": number} for number in range(2, 4095) if number != 77]
        with here.work() as work:
            stamps = {"created_at": work.now, "updated_at": work.now, "revision": 1, "description": ""}
            rows = [{**one, **stamps, "id": here.new_id()} for one in taken]
            work.connection.execute(segments.insert(), rows)
        (last,) = networks.create(here, [NetworkRequest(**wire)])
        assert last.value.vlan is not None
        assert last.value.vlan.id == 77
        with pytest.raises(ConflictError, match="all VLANs of eth9 are in use"):
            networks.create(here, [NetworkRequest(**wire)])


def test_the_device_of_a_vlan_has_a_name_of_its_own() -> None:
    """`vlan<N>`, unless a host or another network has that; then after its link, cut to what fits; then none."""
    with world() as here:

        def named(uplink: str, bridge: str | None = None) -> str:
            asked = NetworkRequest(
                network_type=NetworkType.VLAN, uplink=uplink, segmentation_id=4000, bridge=bridge
            )
            (made,) = networks.create(here, [asked])
            assert made.value.vlan is not None
            return made.value.vlan.link

        assert named("eth0") == "vlan4000"
        assert named("enp129s0f0np0") == "enp129s0f0.4000"
        with pytest.raises(ConflictError, match=r"vlan4000 and enp129s0f0\.4000"):
            named("enp129s0f0np1")
        with pytest.raises(ConflictError, match="is a link of network"):
            networks.create(here, [NetworkRequest(uplink="vlan4000")])
        with pytest.raises(ConflictError, match="is a link of network"):
            networks.create(here, [NetworkRequest(bridge="vlan4000")])
        facts = HostFacts(links=(LinkName("eth1.4000"),))
        reports.receive(here, Report(HostName("h7"), 1, converged=True, complete=True, facts=facts))
        with pytest.raises(ConflictError, match="other links"):
            named("eth1")
        assert named("eth2", "vlan-bridge") == "eth2.4000"


def test_a_bridge_is_not_called_as_a_hosts_own_link() -> None:
    """A host that reports a link of that name, not netwright's, has the name refused."""
    facts = HostFacts(links=(LinkName("br-lan"),))
    told = Report(HostName("h7"), generation=1, converged=True, complete=True, facts=facts)
    with served() as (_, client):
        assert client.send("POST", "/v1/report", encode_report(told)).status == 204
        answer = client.send("POST", "/v2.0/networks", {"network": {"netwright:bridge": "br-lan"}})
    assert (answer.status, "host h7" in answer.message) == (409, True)


def test_two_router_networks_may_overlap_and_two_host_networks_may_not(client: Client) -> None:
    """Overlapping prefixes are refused only where the host itself would have to route both."""
    ours = cidr()
    for _ in range(2):
        network = client.make("network")
        client.make("subnet", network_id=network["id"], cidr=ours)
    client.host_network(ours)
    other = client.make("network", **{"netwright:gateway_place": "host"})
    answer = client.send("POST", "/v2.0/subnets", {"subnet": {"network_id": other["id"], "cidr": ours}})
    assert answer.status == 409
    assert "cidr" in answer.message


def test_a_floating_ip_stands_for_a_port_until_it_goes(client: Client) -> None:
    """A floating IP comes from the external network's pool, is associated once, and outlives its port."""
    outside = client.make("network", **{"router:external": True, "provider:physical_network": "eth0"})
    client.make("subnet", network_id=outside["id"], cidr="192.0.2.0/24", enable_dhcp=False)
    inside = client.host_network(cidr())
    port = client.make("port", network_id=inside["id"])
    floating = client.make("floatingip", floating_network_id=outside["id"], port_id=port["id"])
    assert floating["fixed_ip_address"] == port["fixed_ips"][0]["ip_address"]
    assert floating["status"] == "ACTIVE"
    body = {"floatingip": {"floating_network_id": outside["id"], "port_id": port["id"]}}
    second = client.send("POST", "/v2.0/floatingips", body)
    assert (second.status, second.kind) == (409, "FloatingIPPortAlreadyAssociated")
    taken = {
        "floatingip": {
            "floating_network_id": outside["id"],
            "floating_ip_address": floating["floating_ip_address"],
        }
    }
    assert client.send("POST", "/v2.0/floatingips", taken).status == 409
    assert client.send("DELETE", f"/v2.0/networks/{outside['id']}").kind == "NetworkInUse"
    client.drop("port", port["id"])
    assert client.get(f"/v2.0/floatingips/{floating['id']}")["floatingip"]["port_id"] is None
    client.drop("floatingip", floating["id"])
    client.drop("network", outside["id"])


def test_a_floating_ip_needs_a_way_out(client: Client) -> None:
    """Association with a port of a router network is refused, and the message names what would work."""
    outside = client.make("network", **{"router:external": True})
    client.make("subnet", network_id=outside["id"], cidr="198.51.100.0/24")
    inside = client.make("network")
    client.make("subnet", network_id=inside["id"], cidr="10.0.0.0/24")
    port = client.make("port", network_id=inside["id"])
    body = {"floatingip": {"floating_network_id": outside["id"], "port_id": port["id"]}}
    answer = client.send("POST", "/v2.0/floatingips", body)
    assert (answer.status, answer.kind) == (404, "ExternalGatewayForFloatingIPNotFound")
    assert "netwright:gateway_place host" in answer.message


def test_what_is_in_use_is_not_deleted(client: Client) -> None:
    """Networks and subnets with ports, and groups of ports, are refused with the Networking API's types."""
    network = client.host_network(cidr())
    group = client.make("security_group", name="used")
    port = client.make("port", network_id=network["id"], security_groups=[group["id"]])
    for path, kind in (
        (f"networks/{network['id']}", "NetworkInUse"),
        (f"subnets/{port['fixed_ips'][0]['subnet_id']}", "SubnetInUse"),
        (f"security-groups/{group['id']}", "SecurityGroupInUse"),
    ):
        answer = client.send("DELETE", f"/v2.0/{path}")
        assert (answer.status, answer.kind) == (409, kind)
    client.drop("port", port["id"])
    client.drop("network", network["id"])
    client.drop("security_group", group["id"])


def test_bulk_is_all_or_nothing(client: Client) -> None:
    """Of several ports in one request, none is made if one cannot be."""
    network = client.host_network(cidr())
    good = {"network_id": network["id"], "name": "one"}
    made = client.send("POST", "/v2.0/ports", {"ports": [good, {**good, "name": "two"}]})
    assert (made.status, len(made.body["ports"])) == (201, 2)
    bad = client.send(
        "POST", "/v2.0/ports", {"ports": [{**good, "name": "three"}, {**good, "mac_address": "x"}]}
    )
    assert bad.status == 400
    listed = client.get(f"/v2.0/ports?network_id={network['id']}")["ports"]
    assert sorted(port["name"] for port in listed) == ["one", "two"]


def test_lists_are_filtered_sorted_and_paged(client: Client) -> None:
    """Filters choose, sort_key orders, limit and marker walk all of the list by its links, fields cut."""
    network = client.host_network(cidr())
    for name in ("c", "a", "b", "d"):
        client.make("port", network_id=network["id"], name=name, admin_state_up=name != "d")
    base = f"/v2.0/ports?network_id={network['id']}"
    names = [port["name"] for port in client.get(base + "&sort_key=name&sort_dir=desc")["ports"]]
    assert names == ["d", "c", "b", "a"]
    walked, url = [], base + "&sort_key=name&limit=2&fields=name&fields=id"
    while url:
        page = client.get(url)
        assert all(set(port) == {"name", "id"} for port in page["ports"])
        walked += [port["name"] for port in page["ports"]]
        parts = [urlsplit(link["href"]) for link in page.get("ports_links", []) if link["rel"] == "next"]
        url = f"{parts[0].path}?{parts[0].query}" if parts else ""
    assert walked == ["a", "b", "c", "d"]
    assert len(client.get(base + "&name=a&name=b")["ports"]) == 2
    assert len(client.get(base + "&admin_state_up=False")["ports"]) == 1
    address = client.get(base + "&name=a")["ports"][0]["fixed_ips"][0]["ip_address"]
    (found,) = client.get(f"{base}&fixed_ips=ip_address={address}")["ports"]
    assert found["name"] == "a"


def test_rules_come_back_as_they_were_written(client: Client) -> None:
    """A rule's protocol is echoed, its meaning may be there only once, and its description can change."""
    group = client.make("security_group", name="rules")
    asked = {"security_group_id": group["id"], "direction": "ingress", "protocol": "TCP"}
    made = client.make("security_group_rule", **asked, port_range_min=80, port_range_max="443")
    assert (made["protocol"], made["port_range_max"]) == ("TCP", 443)
    same = {**asked, "protocol": 6, "port_range_min": 80, "port_range_max": 443}
    answer = client.send("POST", "/v2.0/security-group-rules", {"security_group_rule": same})
    assert (answer.status, answer.kind) == (409, "SecurityGroupRuleExists")
    assert client.change("security_group_rule", made["id"], description="x")["description"] == "x"
    assert (
        len(client.get(f"/v2.0/security-groups/{group['id']}")["security_group"]["security_group_rules"]) == 3
    )


@pytest.mark.parametrize(
    ("given", "shown", "prefix"),
    [
        ("10.0.0.34/24", "10.0.0.34/24", "10.0.0.0/24"),
        ("10.0.0.34", "10.0.0.34/32", "10.0.0.34/32"),
        ("2001:DB8:0::7/64", "2001:db8::7/64", "2001:db8::/64"),
    ],
)
def test_a_rules_prefix_is_shown_as_it_was_given(client: Client, given: str, shown: str, prefix: str) -> None:
    """Beside it in its normal form, which is what it means: the same prefix in other words is the same rule."""
    group = client.make("security_group", name="prefixes")["id"]
    asked = {
        "direction": "ingress",
        "ethertype": "IPv6" if ":" in given else "IPv4",
        "security_group_id": group,
    }
    made = client.make("security_group_rule", remote_ip_prefix=given, **asked)
    assert (made["remote_ip_prefix"], made["normalized_cidr"]) == (shown, prefix)
    again = {"security_group_rule": {"remote_ip_prefix": prefix, **asked}}
    assert client.send("POST", "/v2.0/security-group-rules", again).kind == "SecurityGroupRuleExists"
    bare = client.make("security_group_rule", remote_group_id=group, **asked)
    assert (bare["remote_ip_prefix"], bare["normalized_cidr"]) == (None, None)


def test_the_default_group_stays(client: Client) -> None:
    """The default group is not renamed, no other takes its name, and where an admin deletes it, it comes anew."""
    (group,) = client.get("/v2.0/security-groups?name=default&project_id=p7")["security_groups"] or [
        client.make("security_group", name="other", project_id="p7")
    ]
    (group,) = client.get("/v2.0/security-groups?name=default&project_id=p7")["security_groups"]
    path = f"/v2.0/security-groups/{group['id']}"
    assert client.send("PUT", path, {"security_group": {"name": "x"}}).status == 409
    other = client.send("POST", "/v2.0/security-groups", {"security_group": {"name": "default"}})
    assert other.kind == "SecurityGroupDefaultAlreadyExists"


def test_plugging_binds_to_the_host_and_is_exclusive(client: Client) -> None:
    """A port plugged without a host is bound to the server's; a link name in a namespace is one port's."""
    network = client.host_network(cidr())
    where = {"kind": "namespace", "namespace": "g1", "link": "eth0"}
    port = client.make("port", network_id=network["id"], **{"netwright:attachment": where})
    assert (port["binding:host_id"], port["netwright:attachment"]) == ("h1", where)
    body = {"port": {"network_id": network["id"], "netwright:attachment": where}}
    assert client.send("POST", "/v2.0/ports", body).kind == "AttachmentInUse"
    unplugged = client.change("port", port["id"], **{"netwright:attachment": {"kind": "none"}})
    assert unplugged["netwright:attachment"] == {"kind": "none"}
    assert client.send("POST", "/v2.0/ports", body).status == 201


def test_projects_come_from_the_body_or_the_header(client: Client) -> None:
    """The body's project_id counts before its tenant_id, that before X-Project-Id, that before `default`."""
    header = {"X-Project-Id": "from-header"}
    for body, expected in (
        ({}, "from-header"), ({"tenant_id": "t"}, "t"), ({"project_id": "p", "tenant_id": "p"}, "p"),
    ):  # fmt: skip
        made = client.send("POST", "/v2.0/networks", {"network": body}, header).body["network"]
        assert made["project_id"] == made["tenant_id"] == expected
    assert client.make("network")["project_id"] == "default"


@pytest.mark.parametrize(
    "path", ["/", "/v2.0", "/v2.0/", "/v2.0/extensions", "/v2.0/extensions/binding", "/v1/status"]
)
def test_documents_are_there(client: Client, path: str) -> None:
    """Version, extension and status documents answer with JSON."""
    assert client.get(path)


def test_requests_are_counted_by_their_template(client: Client) -> None:
    """/metrics shows the template of a path, never an id."""
    client.send("GET", "/v2.0/ports/secret-id")
    text = client.send("GET", "/metrics").raw.decode()
    assert 'netwright_api_requests_total{method="GET",route="/v2.0/ports/{id}",status="404"}' in text
    assert "secret-id" not in text


def test_a_taps_users_are_kept_and_planned(client: Client) -> None:
    """Numbers, as they were given, to the last one; without them they are not told, and each change tells the host."""
    network = client.make("network")
    last = {"kind": "tap", "owner": 4294967294, "group": 0}
    where = {"binding:host_id": "h1", "netwright:attachment": last}
    port = client.make("port", network_id=network["id"], **where)
    assert port["netwright:attachment"] == last
    for given, told, tap in (
        (last, last, HostTap(4294967294, 0)),
        ({"kind": "tap", "owner": "7", "group": None}, {"kind": "tap", "owner": 7}, HostTap(7)),
        ({"kind": "tap"}, {"kind": "tap"}, HostTap()),
    ):
        client.change("port", port["id"], **{"netwright:attachment": given})
        (listed,) = client.get(f"/v2.0/ports?id={port['id']}")["ports"]
        assert listed["netwright:attachment"] == told
        plan = decode_update(client.send("GET", "/v1/plan?host=h1").raw)
        (item,) = [one for one in plan.items.values() if isinstance(one, PortItem) and one.id == port["id"]]
        assert item.attachment == tap
    gone = client.change("port", port["id"], **{"netwright:attachment": {"kind": "none"}})
    assert gone["netwright:attachment"] == {"kind": "none"}
