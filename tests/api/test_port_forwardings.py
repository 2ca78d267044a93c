"""Port forwardings of floating IPs over HTTP, what refuses them, and what hosts are told of them."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
from served import Answer, Client

from netwright.model.ids import FloatingIpId, HostName
from netwright.model.plan import ForwardsItem, HostPlan, ItemKey, Noun
from netwright.wire.codec import decode_update

HOST = HostName("h1")
THIRD = itertools.count(1)


@dataclass(frozen=True)
class Place:
    """A floating IP without a port, and a plugged port on a network of the host."""

    client: Client
    floating: dict
    port: dict

    @property
    def path(self) -> str:
        return f"/v2.0/floatingips/{self.floating['id']}/port_forwardings"

    @property
    def address(self) -> str:
        return self.port["fixed_ips"][0]["ip_address"]

    def send(self, **given: object) -> Answer:
        usual = {
            "protocol": "tcp",
            "internal_port_id": self.port["id"],
            "internal_ip_address": self.address,
        }
        return self.client.send("POST", self.path, {"port_forwarding": {**usual, **given}})

    def make(self, **given: object) -> dict:
        answer = self.send(**given)
        assert answer.status == 201, answer
        return answer.body["port_forwarding"]

    def change(self, made: dict, **given: object) -> Answer:
        return self.client.send("PUT", f"{self.path}/{made['id']}", {"port_forwarding": given})

    def planned(self) -> list[tuple[object, ...]]:
        """What the host is told of the floating IP."""
        plan = decode_update(self.client.send("GET", f"/v1/plan?host={HOST}").raw)
        assert isinstance(plan, HostPlan)
        item = plan.items.get(ItemKey(Noun.FORWARDS, FloatingIpId(self.floating["id"])))
        if not isinstance(item, ForwardsItem):
            return []
        assert str(item.address) == self.floating["floating_ip_address"]
        return [
            (one.protocol, one.external.first, one.external.last, str(one.address), one.internal.first)
            for one in item.forwards
        ]


@pytest.fixture
def place(client: Client) -> Place:
    third = next(THIRD)
    outside = client.make("network", **{"router:external": True})
    client.make("subnet", network_id=outside["id"], cidr=f"203.0.{third}.0/24")
    inside = client.host_network(f"10.77.{third}.0/24")
    tap = {"netwright:attachment": {"kind": "tap"}, "binding:host_id": HOST}
    port = client.make("port", network_id=inside["id"], **tap)
    return Place(client, client.make("floatingip", floating_network_id=outside["id"]), port)


def test_a_forwarding_is_made_shown_changed_and_deleted(place: Place) -> None:
    """Single ports are shown as such and as ranges; the floating IP shows it too, and is in use by it."""
    made = place.make(external_port=8080, internal_port=80, description="web")
    assert made["external_port_range"] == "8080:8080"
    assert made["internal_port_range"] == "80:80"
    assert (made["protocol"], made["internal_port_id"], made["description"]) == (
        "tcp",
        place.port["id"],
        "web",
    )
    assert "project_id" not in made
    assert place.client.get(f"{place.path}/{made['id']}") == {"port_forwarding": made}
    floating = place.client.get(f"/v2.0/floatingips/{place.floating['id']}")["floatingip"]
    assert [one["id"] for one in floating["port_forwardings"]] == [made["id"]]
    assert place.planned() == [("tcp", 8080, 8080, place.address, 80)]
    changed = place.change(made, protocol="udp", external_port=53).body["port_forwarding"]
    assert (changed["protocol"], changed["external_port"], changed["internal_port"]) == ("udp", 53, 80)
    assert place.planned() == [("udp", 53, 53, place.address, 80)]
    assert place.client.send("DELETE", f"{place.path}/{made['id']}").status == 204
    assert place.planned() == []


def test_ranges_are_made_and_found(place: Place) -> None:
    """As many inside as outside, or one; lists are filtered, and know no other floating IP's forwardings."""
    many = place.make(external_port_range="1000:1010", internal_port_range="2000:2010")
    one = place.make(external_port_range="3000:3010", internal_port=22)
    assert (many["external_port"], many["internal_port"], one["internal_port"]) == (None, None, 22)
    place.make(protocol="UDP", external_port=1000, internal_port=2000)
    listed = place.client.get(f"{place.path}?protocol=tcp&sort_key=external_port_range")["port_forwardings"]
    assert [each["id"] for each in listed] == [many["id"], one["id"]]
    other = place.client.make("floatingip", floating_network_id=place.floating["floating_network_id"])
    assert place.client.get(f"/v2.0/floatingips/{other['id']}/port_forwardings") == {"port_forwardings": []}
    wrong = f"/v2.0/floatingips/{other['id']}/port_forwardings/{many['id']}"
    assert place.client.send("GET", wrong).kind == "PortForwardingNotFound"


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"external_port": 0, "internal_port": 80}, "external_port"),
        ({"external_port": 70000, "internal_port": 80}, "external_port"),
        ({"external_port_range": "9:8", "internal_port": 80}, "external_port_range"),
        ({"external_port_range": "1-9", "internal_port": 80}, "external_port_range"),
        ({"external_port": 80, "external_port_range": "80:81", "internal_port": 80}, "external_port_range"),
        ({"external_port_range": "1:9", "internal_port_range": "1:8"}, "internal_port_range"),
        ({"external_port": 80, "internal_port_range": "1:8"}, "internal_port_range"),
        ({"external_port_range": "1:2000", "internal_port_range": "2:2001"}, "internal_port_range"),
        ({"internal_port": 80}, "external_port"),
        ({"external_port": 80}, "internal_port"),
        ({"external_port": 80, "internal_port": 80, "protocol": "icmp"}, "protocol"),
        (
            {"external_port": 80, "internal_port": 80, "internal_ip_address": "10.9.9.9"},
            "internal_ip_address",
        ),
        ({"external_port": 80, "internal_port": 80, "internal_ip_address": "fd00::1"}, "internal_ip_address"),
        ({"external_port": 8085, "internal_port": 99}, "external_port"),
        ({"external_port": 9999, "internal_port": 85}, "internal_port"),
    ],
)
def test_what_cannot_be_forwarded_is_named(place: Place, given: dict, field: str) -> None:
    """Each is a 400 whose message has the attribute's name; so is a port that is forwarded already."""
    place.make(external_port_range="8080:8089", internal_port_range="80:89")
    answer = place.send(**given)
    assert answer.status == 400, answer
    assert field in answer.message
    assert len(place.planned()) == 1


def test_a_floating_ip_has_forwardings_or_a_port(place: Place) -> None:
    """Each refuses the other with the Networking API's own conflict, and forwardings keep it from going."""
    client, floating = place.client, f"/v2.0/floatingips/{place.floating['id']}"
    made = place.make(external_port=80, internal_port=80)
    for answer in (
        client.send("PUT", floating, {"floatingip": {"port_id": place.port["id"]}}),
        client.send("DELETE", floating),
    ):
        assert (answer.status, answer.kind) == (409, "FipInUseByPortForwarding")
    client.send("DELETE", f"{place.path}/{made['id']}")
    client.change("floatingip", place.floating["id"], port_id=place.port["id"])
    refused = place.send(external_port=80, internal_port=80)
    assert (refused.status, refused.kind) == (409, "FloatingIPPortAlreadyAssociated")
    other = client.make("floatingip", floating_network_id=place.floating["floating_network_id"])
    refused = Place(client, other, place.port).send(external_port=80, internal_port=80)
    assert (refused.status, refused.kind) == (409, "PortHasBindingFloatingIP")


def test_forwardings_go_with_their_port_and_its_addresses(place: Place) -> None:
    """A port that changes its address loses them, and one that is deleted too; the floating IP may go then."""
    client = place.client
    place.make(external_port=80, internal_port=80)
    (subnet,) = {fixed["subnet_id"] for fixed in place.port["fixed_ips"]}
    moved = place.address.rsplit(".", 1)[0] + ".200"
    moved_to = [{"subnet_id": subnet, "ip_address": moved}]
    port = client.change("port", place.port["id"], fixed_ips=moved_to)
    assert place.planned() == []
    place = Place(client, place.floating, port)
    place.make(external_port=80, internal_port=80)
    assert place.planned() == [("tcp", 80, 80, moved, 80)]
    client.drop("port", port["id"])
    assert place.planned() == []
    client.drop("floatingip", place.floating["id"])


def test_a_port_behind_a_router_is_not_reached(place: Place) -> None:
    """Only networks whose gateways are on hosts have a way out by themselves."""
    network = place.client.make("network")
    place.client.make("subnet", network_id=network["id"], cidr="10.76.0.0/24")
    port = place.client.make("port", network_id=network["id"])
    answer = Place(place.client, place.floating, port).send(external_port=80, internal_port=80)
    assert answer.status == 400
    assert "internal_port_id" in answer.message
