"""Project VPNs over HTTP, and what hosts are told of them."""

from __future__ import annotations

import itertools
import subprocess
from configparser import ConfigParser

import pytest
from served import Client

from netwright.control import vpn_keys
from netwright.model.ids import HostName, VpnId
from netwright.model.plan import HostPlan, ItemKey, Noun, VpnItem
from netwright.model.vpn_plans import ForwardPlan, WireGuardPlan
from netwright.wire.codec import decode_update

THIRD = itertools.count(1)
HOST = HostName("h1")


@pytest.fixture
def network(client: Client) -> dict:
    return client.host_network(f"10.78.{next(THIRD)}.0/24")


def inside(client: Client, network: dict, number: int) -> str:
    """An address of the network."""
    (subnet,) = client.get(f"/v2.0/subnets?network_id={network['id']}")["subnets"]
    return subnet["cidr"].replace("0/24", str(number))


def forward(client: Client, network: dict, **more: object) -> dict:
    return client.make("vpn", network_id=network["id"], private_address=inside(client, network, 9), **more)


def wireguard(client: Client, network: dict, **more: object) -> dict:
    given = {"public_address": "192.0.2.9", "peer_range": f"10.90.{next(THIRD)}.0/24", **more}
    return client.make("vpn", network_id=network["id"], kind="wireguard", **given)


def planned(client: Client, vpn: dict) -> VpnItem | None:
    """The VPN as a host that is a gateway is told of it."""
    plan = decode_update(client.send("GET", f"/v1/plan?host={HOST}").raw)
    assert isinstance(plan, HostPlan)
    item = plan.items.get(ItemKey(Noun.VPN, VpnId(vpn["id"])))
    return item if isinstance(item, VpnItem) else None


def refused(client: Client, **attributes: object) -> tuple[int, str]:
    answer = client.send("POST", "/v1/vpns", {"vpn": attributes})
    return answer.status, answer.kind


def test_a_forward_is_told_to_the_host_until_it_goes(client: Client, network: dict) -> None:
    """A VPN's port and guest are in the plan, change with it, and leave with it."""
    vpn = forward(client, network, name="office")
    assert (vpn["kind"], vpn["public_address"], vpn["name"]) == ("forward", None, "office")
    assert client.get("/v1/vpns?name=office")["vpns"] == [vpn]
    item = planned(client, vpn)
    assert item is not None
    assert item.way == ForwardPlan(item.prefixes[0][9], 1194)
    assert (item.public_port, item.public_address) == (vpn["public_port"], None)
    client.change("vpn", vpn["id"], public_port=4500, public_address="192.0.2.7")
    item = planned(client, vpn)
    assert item is not None
    assert (item.public_port, str(item.public_address)) == (4500, "192.0.2.7")
    client.drop("vpn", vpn["id"])
    assert planned(client, vpn) is None


def test_a_network_takes_its_vpns_along(client: Client, network: dict) -> None:
    """Deleting a network deletes its VPNs and their peers, and tells the hosts."""
    vpn = wireguard(client, network)
    peer = client.make("vpn_peer", vpn_id=vpn["id"])
    client.drop("network", network["id"])
    assert client.send("GET", f"/v1/vpns/{vpn['id']}").status == 404
    assert client.send("GET", f"/v1/vpn-peers/{peer['id']}").status == 404
    assert planned(client, vpn) is None


def test_a_forward_does_not_follow_its_address_into_another_network(client: Client, network: dict) -> None:
    """A subnet that goes takes the forward out of the plan, though another project has the prefix next."""
    vpn = forward(client, network)
    (subnet,) = client.get(f"/v2.0/subnets?network_id={network['id']}")["subnets"]
    client.make("subnet", network_id=network["id"], cidr=f"10.79.{next(THIRD)}.0/24")
    client.drop("subnet", subnet["id"])
    assert planned(client, vpn) is None
    other = client.make("network", project_id="red", **{"netwright:gateway_place": "host"})
    client.make("subnet", network_id=other["id"], cidr=subnet["cidr"])
    assert planned(client, vpn) is None
    client.change("vpn", vpn["id"], private_address=inside(client, network, 9))
    assert planned(client, vpn) is not None


def test_a_forward_never_leads_to_the_host_itself(client: Client, network: dict) -> None:
    """An address that becomes the gateway's is no guest's: no group would judge what comes to the host's own port."""
    (subnet,) = client.get(f"/v2.0/subnets?network_id={network['id']}")["subnets"]
    vpn = forward(client, network)
    pool = {"start": inside(client, network, 100), "end": inside(client, network, 200)}
    client.change("subnet", subnet["id"], allocation_pools=[pool])
    client.change("subnet", subnet["id"], gateway_ip=vpn["private_address"])
    assert planned(client, vpn) is None
    client.change("subnet", subnet["id"], gateway_ip=subnet["gateway_ip"])
    assert planned(client, vpn) is not None


def test_ports_are_handed_out_one_by_one_and_never_twice(client: Client, network: dict) -> None:
    """VPNs without a port get different ones from 1000 on; one that another VPN listens at is refused."""
    first, second = forward(client, network), forward(client, network)
    assert 1000 <= first["public_port"] < second["public_port"]
    where = {"network_id": network["id"], "private_address": first["private_address"]}
    assert refused(client, **where, public_port=first["public_port"]) == (409, "VpnPortInUse")
    given = {**where, "public_port": 700, "public_address": "192.0.2.1"}
    client.make("vpn", **given)
    assert refused(client, **given) == (409, "VpnPortInUse")
    client.make("vpn", **given | {"public_address": "192.0.2.2"})
    assert client.send("PUT", f"/v1/vpns/{first['id']}", {"vpn": {"public_port": 700}}).status == 400
    moved = client.send("PUT", f"/v1/vpns/{first['id']}", {"vpn": {"public_port": second["public_port"]}})
    assert (moved.status, moved.kind) == (409, "VpnPortInUse")


def test_what_cannot_be_is_refused_and_says_why(client: Client, network: dict) -> None:
    """Wrong addresses, ports, ranges and networks are 400 or 409, and leave nothing."""
    own = {"network_id": network["id"]}
    far = client.make("network")["id"]
    range_ = {"kind": "wireguard", "public_address": "192.0.2.9", "peer_range": "10.91.0.0/24"}
    guest = {"private_address": inside(client, network, 9)}
    before = client.get("/v1/vpns")
    for wrong in (
        {}, {"network_id": far, **guest} | {"public_port": 0}, own, {**own, "private_address": "192.0.2.1"},
        {**own, "private_address": inside(client, network, 1)}, {**own, "private_address": "fd00::1"},
        {**own, **guest, "public_port": 999}, {**own, **guest, "public_port": 65536},
        {**own, **guest, "kind": "ipsec"}, {**own, **guest, "peer_range": "10.91.0.0/24"},
        {**own, **range_, "public_address": None}, {**own, **range_, "peer_range": "10.91.0.0/31"},
        {**own, **range_, "peer_range": "fd00::/64"}, {**own, **range_, "peer_range": "224.0.0.0/24"},
    ):  # fmt: skip
        assert refused(client, **wrong)[0] in {400, 409}, wrong
    assert refused(client, network_id=far, **guest) == (409, "VpnNetworkHasNoGateway")
    overlapping = inside(client, network, 0) + "/25"
    assert refused(client, **own, **range_ | {"peer_range": overlapping}) == (409, "CidrOverlapsHostNetwork")
    answer = client.send("POST", "/v1/vpns", {"vpn": {**own, **range_, "peer_range": overlapping}})
    assert answer.message.startswith(f"peer_range {overlapping} overlaps with subnet")
    assert client.get("/v1/vpns") == before


@pytest.mark.parametrize(
    "address", ["0.0.0.0", "127.0.0.53", "169.254.169.254", "224.0.0.251", "255.255.255.255"]
)
def test_only_what_a_host_can_be_called_by_is_a_public_address(
    client: Client, network: dict, address: str
) -> None:
    """Loopback (a host's own resolver), link-local (metadata), multicast and broadcast are refused, also later."""
    guest = {"network_id": network["id"], "private_address": inside(client, network, 9)}
    taken = {**guest, "public_address": address, "public_port": 53}
    answer = client.send("POST", "/v1/vpns", {"vpn": taken})
    assert (answer.status, "public_address" in answer.message) == (400, True)
    vpn = forward(client, network)
    assert client.send("PUT", f"/v1/vpns/{vpn['id']}", {"vpn": {"public_address": address}}).status == 400


def test_a_subnet_does_not_take_the_peers_addresses(client: Client, network: dict) -> None:
    """Neither a new host subnet nor another VPN may have addresses of a VPN's range."""
    vpn = wireguard(client, network)
    other = client.make("network", **{"netwright:gateway_place": "host"})
    body = {"subnet": {"network_id": other["id"], "cidr": vpn["peer_range"]}}
    answer = client.send("POST", "/v2.0/subnets", body)
    assert (answer.status, answer.kind) == (409, "CidrOverlapsVpn")
    given = {"kind": "wireguard", "public_address": "192.0.2.9", "peer_range": vpn["peer_range"]}
    assert refused(client, network_id=network["id"], **given) == (409, "CidrOverlapsVpn")


def test_keys_are_pairs_and_private_ones_are_told_once(client: Client, network: dict) -> None:
    """wg(8) makes the same public keys; nothing but a new peer's answer and the host's plan has a private one."""
    vpn = wireguard(client, network)
    peer = client.make("vpn_peer", vpn_id=vpn["id"], name="laptop")
    assert _wg_pubkey(peer["private_key"]) == peer["public_key"]
    shown = client.get(f"/v1/vpn-peers/{peer['id']}")["vpn_peer"]
    assert "private_key" not in shown
    assert peer["private_key"] not in shown["config"]
    assert "private_key" not in client.get(f"/v1/vpns/{vpn['id']}")["vpn"]
    item = planned(client, vpn)
    assert item is not None
    assert isinstance(item.way, WireGuardPlan)
    assert _wg_pubkey(item.way.private_key) == vpn["public_key"]
    assert item.way.private_key not in repr(item)
    assert [(one.public_key, str(one.address)) for one in item.way.peers] == [
        (peer["public_key"], peer["address"])
    ]


def test_a_network_with_a_vpn_keeps_its_gateway(client: Client, network: dict) -> None:
    """It does not become an external one, where the VPN would lead nowhere, until the VPN is gone."""
    vpn = forward(client, network)
    change = {"network": {"router:external": True}}
    answer = client.send("PUT", f"/v2.0/networks/{network['id']}", change)
    assert (answer.status, answer.kind) == (409, "NetworkHasVpns")
    assert vpn["id"] in answer.message
    assert planned(client, vpn) is not None
    client.drop("vpn", vpn["id"])
    client.change("network", network["id"], **change["network"])


def test_a_key_pair_is_a_projects(client: Client, network: dict) -> None:
    """All WireGuard VPNs of a project have one public key, those of another project another."""
    ours = [wireguard(client, network, project_id="blue")["public_key"] for _ in range(2)]
    theirs = wireguard(client, network, project_id="red")["public_key"]
    assert ours[0] == ours[1] != theirs


def test_a_peers_configuration_is_one_of_wg_quick(client: Client, network: dict) -> None:
    """Keys, address, endpoint and what is reached are in it; a peer that keeps its key fills in one line."""
    vpn = wireguard(client, network, public_port=51820)
    peer = client.make("vpn_peer", vpn_id=vpn["id"])
    config = ConfigParser()
    config.read_string(peer["config"])
    assert config["Interface"]["PrivateKey"] == peer["private_key"]
    assert config["Interface"]["Address"] == f"{peer['address']}/32"
    assert config["Peer"]["PublicKey"] == vpn["public_key"]
    assert config["Peer"]["AllowedIPs"] == inside(client, network, 0) + "/24"
    assert config["Peer"]["Endpoint"] == "192.0.2.9:51820"
    own = vpn_keys.public_key(vpn_keys.new_private_key())
    brought = client.make("vpn_peer", vpn_id=vpn["id"], public_key=own)
    assert (brought["private_key"], brought["public_key"]) == (None, own)
    assert "\n# PrivateKey = " in brought["config"]


def test_peers_have_an_address_each_until_there_are_no_more(client: Client, network: dict) -> None:
    """Addresses and keys are one peer's; a full range, a foreign address and a broken key are refused."""
    vpn = wireguard(client, network, peer_range=f"10.92.{next(THIRD)}.0/29")
    made = [client.make("vpn_peer", vpn_id=vpn["id"]) for _ in range(5)]
    last = vpn["peer_range"].replace("0/29", "6")
    kept = {*(peer["address"] for peer in made)}
    assert len(kept) == 5

    def send(**more: object) -> int:
        return client.send("POST", "/v1/vpn-peers", {"vpn_peer": {"vpn_id": vpn["id"], **more}}).status

    assert send(address=made[0]["address"]) == 409
    assert send(public_key=made[0]["public_key"]) == send(public_key=vpn["public_key"]) == 409
    assert send(address="192.0.2.1") == send(public_key="abc") == send(public_key="A" * 43 + "=") == 400
    assert send(public_key="") == 400
    assert send() == 201
    assert send() == 409
    assert last in {peer["address"] for peer in client.get(f"/v1/vpn-peers?vpn_id={vpn['id']}")["vpn_peers"]}
    guest = forward(client, network)
    assert client.send("POST", "/v1/vpn-peers", {"vpn_peer": {"vpn_id": guest["id"]}}).status == 400


def _wg_pubkey(private_key: str) -> str:
    said = subprocess.run(["wg", "pubkey"], input=private_key, capture_output=True, text=True, check=True)
    return said.stdout.strip()
