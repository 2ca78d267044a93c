"""Tags of any resource: set, found by, counted as changes."""

from __future__ import annotations

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


def test_tags_are_put_read_and_taken_away(blue: Asker) -> None:
    """One is put with 201, told of with 204, a list replaces all with 200, and each goes with 204."""
    network = blue.make("/v2.0/networks", "network", {})
    assert network["tags"] == []
    path = f"/v2.0/networks/{network['id']}/tags"
    assert blue.send("PUT", f"{path}/red").status == 201
    assert blue.send("PUT", f"{path}/red").status == 201
    assert blue.send("GET", f"{path}/red").status == 204
    assert blue.send("PUT", f"{path}/black.or.white").status == 201
    assert blue.get(path) == {"tags": ["black.or.white", "red"]}
    answer = blue.send("PUT", path, {"tags": ["green", "red"]})
    assert (answer.status, answer.body) == (200, {"tags": ["green", "red"]})
    assert blue.send("POST", path, {"tags": ["blue"]}).body == {"tags": ["blue", "green", "red"]}
    assert blue.get(f"/v2.0/networks/{network['id']}")["network"]["tags"] == ["blue", "green", "red"]
    assert blue.send("DELETE", f"{path}/red").status == 204
    gone = blue.send("DELETE", f"{path}/red")
    assert (gone.status, gone.kind) == (404, "TagNotFound")
    assert blue.send("GET", f"{path}/red").status == 404
    assert blue.send("PUT", f"{path}/a%2Fb%20c").status == 201
    assert blue.get(path) == {"tags": ["a/b c", "blue", "green"]}
    assert blue.send("DELETE", f"{path}/a%2Fb%20c").status == 204
    assert blue.send("PUT", f"{path}/").status == 400
    assert blue.send("DELETE", path).status == 204
    assert blue.get(path) == {"tags": []}


def test_a_change_of_tags_is_a_change_of_the_thing(blue: Asker) -> None:
    """The revision counts up once for each change, and not where nothing changes; If-Match holds."""
    network = blue.make("/v2.0/networks", "network", {})
    path = f"/v2.0/networks/{network['id']}"

    def revision() -> int:
        return blue.get(path)["network"]["revision_number"]

    first = revision()
    blue.send("PUT", f"{path}/tags/red")
    assert revision() == first + 1
    blue.send("PUT", f"{path}/tags/red")
    assert revision() == first + 1
    stale = blue.send("PUT", f"{path}/tags", {"tags": []}, {"If-Match": f"revision_number={first}"})
    assert stale.status == 412
    blue.send("DELETE", f"{path}/tags/red")
    assert revision() == first + 2


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"tags": "red"},
        {"tags": ["red", "red"]},
        {"tags": [1]},
        {"tags": [""]},
        {"tags": ["x" * 256]},
        {"tags": ["\0"]},
    ],
    ids=str,
)
def test_tags_that_are_none_are_refused(blue: Asker, body: dict) -> None:
    """A body without a list of different texts of 1 to 255 characters is 400 and changes nothing."""
    network = blue.make("/v2.0/networks", "network", {})
    path = f"/v2.0/networks/{network['id']}/tags"
    for method in ("PUT", "POST"):
        assert blue.send(method, path, body).status == 400
    assert blue.get(path) == {"tags": []}


def test_things_are_found_by_their_tags(blue: Asker) -> None:
    """All of some tags, any of them, not all of them, none of them."""
    given = ({"red"}, {"red", "blue"}, {"red", "blue", "green"}, {"green"}, set())
    ids = []
    for tags in given:
        group = blue.make("/v2.0/security-groups", "security_group", {"name": "tagged"})
        blue.send("PUT", f"/v2.0/security-groups/{group['id']}/tags", {"tags": sorted(tags)})
        ids.append(group["id"])
    expected = {
        "tags=red": [0, 1, 2],
        "tags=red,blue": [1, 2],
        "tags-any=blue": [1, 2],
        "tags-any=red,blue": [0, 1, 2],
        "not-tags=red": [3, 4],
        "not-tags=red,blue": [0, 3, 4],
        "not-tags-any=blue": [0, 3, 4],
        "not-tags-any=red,blue": [3, 4],
        "tags=red&not-tags=green": [0, 1],
    }
    for query, wanted in expected.items():
        found = blue.get(f"/v2.0/security-groups?name=tagged&{query}")["security_groups"]
        assert {one["id"] for one in found} == {ids[at] for at in wanted}, query


def test_ports_are_made_with_tags(blue: Asker) -> None:
    """A port's POST may name tags, also where several are made at once; other resources' may not."""
    network = blue.make("/v2.0/networks", "network", {})["id"]
    ports = [{"network_id": network, "tags": ["b", "a"]}, {"network_id": network}]
    answer = blue.send("POST", "/v2.0/ports", {"ports": ports})
    assert [port["tags"] for port in answer.body["ports"]] == [["a", "b"], []]
    assert [port["tags"] for port in blue.get(f"/v2.0/ports?network_id={network}&tags=a")["ports"]] == [
        ["a", "b"]
    ]
    assert blue.send("POST", "/v2.0/networks", {"network": {"tags": ["a"]}}).status == 400


def test_only_who_may_change_a_thing_tags_it(site: Client, blue: Asker) -> None:
    """A reader of the project may read tags; another project's member does not see the thing."""
    network = blue.make("/v2.0/networks", "network", {})["id"]
    path = f"/v2.0/networks/{network}/tags"
    reader, stranger = Asker(site, Role.READER, "blue"), Asker(site, Role.MEMBER, "red")
    assert (reader.send("GET", path).status, reader.send("PUT", f"{path}/x").status) == (200, 403)
    assert {stranger.send(method, f"{path}/x").status for method in ("GET", "PUT", "DELETE")} == {404}
