"""Lists over HTTP: filters, orders and pages, which the database does where it can."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from served import Client, served


@pytest.fixture(scope="module")
def client() -> Iterator[Client]:
    with served() as (_, client):
        yield client


@pytest.fixture(scope="module")
def crowd(client: Client) -> dict:
    """A network with five ports, two of the same name, and their group."""
    network = client.make("network", name="crowd")
    client.make("subnet", network_id=network["id"], cidr="10.99.0.0/24", enable_dhcp=False)
    group = client.make("security_group", name="crowd")
    for number, name in enumerate(("c", "a", "b", "d", "a")):
        client.make(
            "port", network_id=network["id"], name=name, device_id="" if number else "vm",
            fixed_ips=[{"ip_address": f"10.99.0.{100 + number}"}],
            security_groups=[group["id"]] if number == 3 else [],
            description="dull" if number else "bright",
        )  # fmt: skip
    return {"network": network, "group": group, "base": f"/v2.0/ports?network_id={network['id']}"}


def walk(client: Client, url: str, way: str) -> Iterator[dict]:
    """All pages that follow, by their links."""
    while url:
        page = client.get(url)
        yield page
        links = [urlsplit(link["href"]) for link in page.get("ports_links", []) if link["rel"] == way]
        url = f"{links[0].path}?{links[0].query}" if links else ""


@pytest.mark.parametrize(
    "order", ["sort_key=name", "sort_key=name&sort_dir=desc", "sort_key=status", "", "sort_key=ip_allocation"]
)
def test_pages_forth_and_back_are_the_whole_list(client: Client, crowd: dict, order: str) -> None:
    """Walking by links, in either direction and by pages of any size, gives each port once, in the list's order."""
    url = f"{crowd['base']}&{order}"
    for limit in (1, 2, 5, 7):
        forth = [one["id"] for page in walk(client, f"{url}&limit={limit}", "next") for one in page["ports"]]
        assert len(set(forth)) == len(forth) == 5
        pages = list(walk(client, f"{url}&limit={limit}&page_reverse=True", "previous"))
        assert [one["id"] for page in reversed(pages) for one in page["ports"]] == forth
    if "name" in order:
        whole = [one["name"] for one in client.get(url)["ports"]]
        assert whole == sorted("abcda", reverse="desc" in order)
        assert whole == [one["name"] for one in client.get(f"{url}&limit=9")["ports"]]


def test_null_is_the_smallest_of_all(client: Client) -> None:
    """Things without a value of the sort key come first, and last where the order is turned round."""
    network = client.make("network")
    for last, gateway in ((1, None), (2, "10.98.2.7"), (3, None), (4, "10.98.4.9")):
        client.make("subnet", network_id=network["id"], cidr=f"10.98.{last}.0/24", gateway_ip=gateway)
    url = f"/v2.0/subnets?network_id={network['id']}&sort_key=gateway_ip"
    for turned in (False, True):
        found: list[object] = []
        marker = ""
        while len(found) < 4:
            page = client.get(f"{url}&sort_dir={'desc' if turned else 'asc'}&limit=1{marker}")["subnets"]
            found.append(page[0]["gateway_ip"])
            marker = f"&marker={page[0]['id']}"
        wanted = [None, None, "10.98.2.7", "10.98.4.9"]
        assert found == (wanted[::-1] if turned else wanted)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("name=a", "aa"),
        ("name=a&name=b", "aab"),
        ("name=a&name=b&device_id=vm", ""),
        ("device_id=vm", "c"),
        ("device_id=", "aabd"),
        ("description=bright", "c"),
        ("admin_state_up=TRUE", "aabcd"),
        ("port_security_enabled=0", ""),
        ("fixed_ips=ip_address%3D10.99.0.102", "b"),
        ("fixed_ips=ip_address%3D10.99.0.102&fixed_ips=ip_address%3D10.99.0.103", "bd"),
        ("fixed_ips=ip_address%3Dnonsense", ""),
        ("fixed_ips=ip_address_substr%3D.0.10", "aabcd"),
        ("fixed_ips=ip_address_substr%3D0.104", "a"),
        ("fixed_ips=ip_address_substr%3D.104&limit=1&sort_key=name", "a"),
        ("ip_allocation=none", ""),
        ("status=DOWN&binding:host_id=", "aabcd"),
        ("changed_since=2020-01-01T00:00:00", "aabcd"),
        ("changed_since=2120-01-01T00:00:00Z", ""),
    ],
)  # fmt: skip
def test_filters_choose(client: Client, crowd: dict, query: str, names: str) -> None:
    """A filter's values are alternatives, several filters hold at once, and an empty text is a value, too."""
    found = client.get(f"{crowd['base']}&{query}")["ports"]
    assert "".join(sorted(one["name"] for one in found)) == names


def test_ports_are_found_by_subnet_and_group(client: Client, crowd: dict) -> None:
    """`fixed_ips=subnet_id=` and `security_groups=` find the ports of a subnet and of a group."""
    subnet = client.get(f"/v2.0/subnets?network_id={crowd['network']['id']}")["subnets"][0]["id"]
    assert len(client.get(f"/v2.0/ports?fixed_ips=subnet_id%3D{subnet}")["ports"]) == 5
    found = client.get(f"/v2.0/ports?security_groups={crowd['group']['id']}")["ports"]
    assert [one["name"] for one in found] == ["d"]


@pytest.mark.parametrize(
    ("query", "named"),
    [
        ("unknown=1", "unknown"),
        ("sort_key=fixed_ips", "sort_key"),
        ("sort_key=nonsense", "sort_key"),
        ("admin_state_up=perhaps", "admin_state_up"),
        ("changed_since=yesterday", "changed_since"),
        ("limit=1&marker=00000000-0000-4000-8000-000000000000", "marker"),
    ],
)
def test_a_query_without_sense_is_refused(client: Client, query: str, named: str) -> None:
    """What is no filter, no order and no page is a 400 that names it."""
    answer = client.send("GET", f"/v2.0/ports?{query}")
    assert (answer.status, answer.kind) == (400, "InvalidInput")
    assert named in answer.message
