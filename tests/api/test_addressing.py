"""What networks, subnets and ports have beside what every one has: segments, availability, service types, notes."""

from __future__ import annotations

import pytest
from askers import Asker, trusting
from served import Client

from netwright.model.caller import Role


def test_a_network_has_a_segment_that_follows_it(client: Client) -> None:
    """A network's own segment says what it is on the wire; it goes with the network, and is never the last to go before."""
    network = client.make("network", **{"provider:physical_network": "eth7", "provider:network_type": "flat"})
    (own,) = client.get(f"/v2.0/segments?network_id={network['id']}")["segments"]
    assert (own["network_type"], own["physical_network"], own["segmentation_id"]) == ("flat", "eth7", None)
    client.change("network", network["id"], **{"provider:physical_network": "eth8"})
    assert client.get(f"/v2.0/segments/{own['id']}")["segment"]["physical_network"] == "eth8"
    assert client.send("DELETE", f"/v2.0/segments/{own['id']}").kind == "SegmentInUse"
    more = client.make(
        "segment", network_id=network["id"], network_type="vlan", segmentation_id=7, name="far"
    )
    subnet = client.make("subnet", network_id=network["id"], cidr="10.61.0.0/24", segment_id=more["id"])
    assert client.get(f"/v2.0/networks/{network['id']}")["network"]["l2_adjacency"] is False
    assert client.send("DELETE", f"/v2.0/segments/{more['id']}").kind == "SegmentInUse"
    body = {"subnet": {"network_id": network["id"], "cidr": "10.62.0.0/24", "ip_version": 4}}
    assert client.send("POST", "/v2.0/subnets", body).status == 400
    client.drop("subnet", subnet["id"])
    client.drop("segment", more["id"])
    client.drop("network", network["id"])
    assert client.send("GET", f"/v2.0/segments/{own['id']}").status == 404


VLAN = {"provider:network_type": "vlan", "provider:physical_network": "eth9", "provider:segmentation_id": 9}
FLAT = {
    "provider:network_type": "flat",
    "provider:physical_network": "eth9",
    "provider:segmentation_id": None,
}


def test_segments_may_stand_for_provider_attributes(client: Client) -> None:
    """A list of segments makes the network of its first; beside provider attributes, or with one twice, it is refused."""
    made = client.make("network", segments=[VLAN])
    assert (made["provider:segmentation_id"], made["segments"]) == (9, None)
    client.drop("network", made["id"])
    for wrong in (
        {"segments": [VLAN, VLAN]},
        {"segments": [VLAN], "provider:network_type": "flat"},
        {"segments": [FLAT, {**VLAN, "provider:segmentation_id": None}]},
        {"segments": [{"provider:network_type": "vxlan"}]},
        {"segments": [{"provider:physical_network": "eth9"}]},
    ):
        assert client.send("POST", "/v2.0/networks", {"network": wrong}).status == 400, wrong
    assert not client.get("/v2.0/segments?physical_network=eth9")["segments"]
    tagged = client.send("POST", "/v2.0/networks", {"network": {"vlan_transparent": True}})
    assert (tagged.status, tagged.kind) == (409, "VlanTransparencyDriverError")


def test_a_network_of_several_segments_shows_them_all(client: Client) -> None:
    """Its own first, which provider attributes tell too; as they come and go, so does the list."""
    network = client.make("network", segments=[VLAN, FLAT])
    path = f"/v2.0/networks/{network['id']}"
    assert network["segments"] == client.get(path)["network"]["segments"] == [VLAN, FLAT]
    assert {name: network[name] for name in VLAN} == VLAN
    (flat,) = client.get(f"/v2.0/segments?network_id={network['id']}&network_type=flat")["segments"]
    client.drop("segment", flat["id"])
    assert client.get(path)["network"]["segments"] is None
    client.make("segment", network_id=network["id"], network_type="local")
    assert len(client.get(path)["network"]["segments"]) == 2
    client.drop("network", network["id"])
    assert not client.get(f"/v2.0/segments?network_id={network['id']}")["segments"]


def test_members_are_not_shown_segments() -> None:
    """What a network is on the wire is for admins to see and say."""
    with trusting() as (_, client):
        member = Asker(client, Role.MEMBER, "blue")
        assert "segments" not in member.make("/v2.0/networks", "network", {})
        assert member.send("POST", "/v2.0/networks", {"network": {"segments": [VLAN]}}).status == 403


def test_addresses_are_counted(client: Client) -> None:
    """What is available is what the allocation pools hold, what is used what ports have, for each subnet and all."""
    network = client.make("network", name="counted")
    path = f"/v2.0/network-ip-availabilities/{network['id']}"
    before = client.get(path)["network_ip_availability"]
    assert (before["total_ips"], before["used_ips"], before["network_name"]) == (0, 0, "counted")
    client.make("subnet", network_id=network["id"], cidr="10.63.0.0/28", enable_dhcp=False)
    client.make("subnet", network_id=network["id"], cidr="2001:db8:63::/48", enable_dhcp=False, ip_version=6)
    client.make("port", network_id=network["id"])
    after = client.get(path)["network_ip_availability"]
    each = {one["ip_version"]: (one["total_ips"], one["used_ips"]) for one in after["subnet_ip_availability"]}
    assert each == {4: (13, 1), 6: (2**80 - 2, 1)}
    assert (after["total_ips"], after["used_ips"]) == (13 + 2**80 - 2, 2)
    url = "/v2.0/network-ip-availabilities?network_name=counted"
    assert len(client.get(f"{url}&ip_version=6&limit=1")["network_ip_availabilities"]) == 1
    assert client.send("DELETE", path).status == 405


def test_subnets_serve_ports_of_their_types(client: Client) -> None:
    """Unasked a port gets addresses of subnets of its owner's type or of none; asked for by name it gets any."""
    network = client.make("network")
    cidrs = {"10.64.1.0/24": ["compute:a"], "10.64.2.0/24": ["compute:b"]}
    made = {
        cidr: client.make("subnet", network_id=network["id"], cidr=cidr, service_types=types)["id"]
        for cidr, types in cidrs.items()
    }
    port = client.make("port", network_id=network["id"], device_owner="compute:b")
    assert port["fixed_ips"][0]["subnet_id"] == made["10.64.2.0/24"]
    stranger = {"port": {"network_id": network["id"], "device_owner": "compute:c"}}
    refused = client.send("POST", "/v2.0/ports", stranger)
    assert (refused.status, refused.kind) == (409, "IpAddressGenerationFailureNoMatchingSubnet")
    named = {"port": {**stranger["port"], "fixed_ips": [{"subnet_id": made["10.64.1.0/24"]}]}}
    assert client.send("POST", "/v2.0/ports", named).status == 201
    client.change("subnet", made["10.64.1.0/24"], service_types=[])
    assert client.send("POST", "/v2.0/ports", stranger).status == 201


def test_a_port_keeps_what_others_know(client: Client) -> None:
    """Profile, data plane status, uplink propagation and domain are kept through updates of anything else."""
    network = client.make("network")
    port = client.make(
        "port", network_id=network["id"], propagate_uplink_status=False, dns_domain="test.org.",
        **{"binding:profile": {"slot": {"bus": 1}}},
    )  # fmt: skip
    assert (port["ip_allocation"], port["data_plane_status"], port["resource_request"]) == (
        "none",
        None,
        None,
    )
    client.change("port", port["id"], data_plane_status="DOWN")
    shown = client.change("port", port["id"], name="other")
    assert shown["binding:profile"] == {"slot": {"bus": 1}}
    assert (shown["data_plane_status"], shown["propagate_uplink_status"], shown["dns_domain"]) == (
        "DOWN", False, "test.org.",
    )  # fmt: skip
    assert client.change("port", port["id"], **{"binding:profile": None})["binding:profile"] == {}


def test_a_null_mac_asks_for_a_new_one(client: Client) -> None:
    """mac_address null gives the port another MAC, with the addresses that it makes."""
    network = client.make("network")
    modes = {"ipv6_ra_mode": "slaac", "ipv6_address_mode": "slaac"}
    client.make("subnet", network_id=network["id"], cidr="2001:db8:65::/64", ip_version=6, **modes)
    port = client.make("port", network_id=network["id"])
    changed = client.change("port", port["id"], mac_address=None)
    assert changed["mac_address"] != port["mac_address"]
    assert changed["fixed_ips"] != port["fixed_ips"]


def test_subnets_of_external_networks_are_seen() -> None:
    """Everybody sees external networks' subnets, and finds them by that; a private one's are a stranger's 404."""
    with trusting() as (_, client):
        outside = client.make("network", **{"router:external": True})
        seen = client.make("subnet", network_id=outside["id"], cidr="198.51.100.0/24")
        private = client.make("network")
        unseen = client.make("subnet", network_id=private["id"], cidr="10.66.0.0/24")
        assert (seen["router:external"], unseen["router:external"]) == (True, False)
        stranger = Asker(client, Role.MEMBER, "strangers")
        found = stranger.get("/v2.0/subnets?router:external=true")["subnets"]
        assert [one["id"] for one in found] == [seen["id"]]
        assert stranger.get("/v2.0/subnets?shared=true")["subnets"] == []
        assert stranger.send("GET", f"/v2.0/subnets/{unseen['id']}").status == 404


@pytest.mark.parametrize("types", [["nonsense"], ["compute:a", "compute:a"], [7], "compute:a"])
def test_service_types_are_owners(client: Client, types: object) -> None:
    """What is no owner of ports, or there twice, is a 400."""
    network = client.make("network")
    body = {"subnet": {"network_id": network["id"], "cidr": "10.67.0.0/24", "service_types": types}}
    assert client.send("POST", "/v2.0/subnets", body).status == 400
