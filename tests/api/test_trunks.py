"""Trunks: what they carry, what cannot be carried, and what holds the ports."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest
from askers import Asker, trusting
from served import Client

from netwright.model.caller import Role


@pytest.fixture(scope="module")
def site() -> Iterator[Client]:
    with trusting() as (_, client):
        yield client


@pytest.fixture
def blue(site: Client) -> Asker:
    return Asker(site, Role.MEMBER, "blue")


def port(who: Asker, mtu: int = 1500) -> dict:
    network = who.make("/v2.0/networks", "network", {"mtu": mtu})["id"]
    return who.make("/v2.0/ports", "port", {"network_id": network})


def vlan(port_id: str, number: int) -> dict:
    return {"port_id": port_id, "segmentation_type": "vlan", "segmentation_id": number}


def trunk(who: Asker, *carried: dict, **more: object) -> dict:
    body = {"port_id": port(who)["id"], "sub_ports": list(carried), **more}
    return who.make("/v2.0/trunks", "trunk", body)


def change(who: Asker, of: dict, act: str, *carried: dict) -> tuple[int, str]:
    answer = who.send("PUT", f"/v2.0/trunks/{of['id']}/{act}_subports", {"sub_ports": list(carried)})
    return answer.status, "" if answer.status == 200 else answer.kind


def test_a_trunk_carries_what_it_is_told_to(blue: Asker) -> None:
    """Subports come with it or later, are told of by the trunk and by its port, and go one by one."""
    first, second = vlan(port(blue)["id"], 2), vlan(port(blue)["id"], 4)
    made = trunk(blue, first)
    path = f"/v2.0/trunks/{made['id']}"
    assert (made["sub_ports"], made["status"], made["tags"]) == ([first], "DOWN", [])
    added = blue.send("PUT", f"{path}/add_subports", {"sub_ports": [second]})
    assert (added.status, added.body["sub_ports"]) == (200, [first, second])
    assert blue.get(f"{path}/get_subports") == {"sub_ports": [first, second]}
    assert blue.get(path)["trunk"]["revision_number"] > made["revision_number"]
    details = blue.get(f"/v2.0/ports/{made['port_id']}")["port"]["trunk_details"]
    assert details["trunk_id"] == made["id"]
    assert [one["port_id"] for one in details["sub_ports"]] == [first["port_id"], second["port_id"]]
    assert all(one["mac_address"] for one in details["sub_ports"])
    assert change(blue, made, "remove", {"port_id": first["port_id"]}) == (200, "")
    assert blue.get(path)["trunk"]["sub_ports"] == [second]
    assert change(blue, made, "remove", first) == (404, "SubPortNotFound")
    assert blue.send("DELETE", path).status == 204
    assert blue.get(f"/v2.0/ports/{made['port_id']}")["port"]["trunk_details"] is None


def test_a_port_that_a_trunk_has_is_held(blue: Asker) -> None:
    """Neither the parent nor what it carries can be deleted, nor be another trunk's, before the trunk goes."""
    carried = port(blue)["id"]
    made = trunk(blue, vlan(carried, 2))
    for one, kind in ((made["port_id"], "PortInUseAsTrunkParent"), (carried, "PortInUseAsSubPort")):
        assert blue.send("DELETE", f"/v2.0/ports/{one}").kind == kind
        assert change(blue, trunk(blue), "add", vlan(one, 9)) == (409, kind)
    again = blue.send("POST", "/v2.0/trunks", {"trunk": {"port_id": made["port_id"]}})
    assert (again.status, again.kind) == (409, "TrunkPortInUse")
    assert blue.send("POST", "/v2.0/trunks", {"trunk": {"port_id": carried}}).kind == "PortInUseAsSubPort"
    assert change(blue, made, "add", vlan(made["port_id"], 3)) == (409, "PortInUseAsTrunkParent")
    assert blue.send("DELETE", f"/v2.0/trunks/{made['id']}").status == 204
    assert blue.send("DELETE", f"/v2.0/ports/{carried}").status == 204


def test_subports_that_cannot_be_are_refused(blue: Asker) -> None:
    """No such port 404; a segment twice 400, one in use 409; parts missing 400; an MTU that does not fit 409."""
    made, there, large = trunk(blue, vlan(port(blue)["id"], 2)), port(blue)["id"], port(blue, 9000)["id"]
    assert change(blue, made, "add", vlan(str(uuid.uuid4()), 3)) == (404, "PortNotFound")
    assert change(blue, made, "add", vlan(there, 2)) == (409, "DuplicateSubPort")
    assert change(blue, made, "add", vlan(there, 3), vlan(port(blue)["id"], 3))[0] == 400
    assert change(blue, made, "add", vlan(there, 3), vlan(there, 4))[0] == 400
    assert change(blue, made, "add", vlan(there, 4095))[0] == 400
    assert change(blue, made, "add", vlan(large, 5)) == (409, "SubPortMtuGreaterThanTrunkPortMtu")
    inherited = {"port_id": there, "segmentation_type": "inherit"}
    assert change(blue, made, "add", inherited)[0] == 400
    for part in ("port_id", "segmentation_type", "segmentation_id"):
        lacking = {name: value for name, value in vlan(there, 3).items() if name != part}
        assert change(blue, made, "add", lacking)[0] == 400
        body = {"trunk": {"port_id": port(blue)["id"], "sub_ports": [lacking]}}
        assert blue.send("POST", "/v2.0/trunks", body).status == 400
    whole = blue.send("PUT", f"/v2.0/trunks/{made['id']}/add_subports", {"sub_ports": vlan(there, 3)})
    assert whole.status == 400
    assert len(blue.get(f"/v2.0/trunks/{made['id']}")["trunk"]["sub_ports"]) == 1


def test_a_disabled_trunk_is_left_as_it_is(blue: Asker) -> None:
    """Nothing is added or removed and it is not deleted before it is enabled again."""
    carried = vlan(port(blue)["id"], 2)
    made = trunk(blue, carried, admin_state_up=False)
    path = f"/v2.0/trunks/{made['id']}"
    assert change(blue, made, "add", vlan(port(blue)["id"], 3)) == (409, "TrunkDisabled")
    assert change(blue, made, "remove", carried) == (409, "TrunkDisabled")
    assert blue.send("DELETE", path).kind == "TrunkDisabled"
    assert blue.send("PUT", path, {"trunk": {"admin_state_up": True}}).status == 200
    assert blue.send("DELETE", path).status == 204


def test_a_stranger_carries_nothing_of_others(site: Client, blue: Asker) -> None:
    """Ports of another project are not found, neither as parent nor to be carried."""
    red, theirs = Asker(site, Role.MEMBER, "red"), port(blue)["id"]
    assert red.send("POST", "/v2.0/trunks", {"trunk": {"port_id": theirs}}).status == 404
    assert change(red, trunk(red), "add", vlan(theirs, 2)) == (404, "PortNotFound")
    assert red.send("GET", f"/v2.0/trunks/{trunk(blue)['id']}").status == 404
