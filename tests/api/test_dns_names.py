"""What ports are called in their networks' DNS."""

from __future__ import annotations

import itertools

from served import Client

THIRD = itertools.count(1)


def cidr() -> str:
    return f"10.76.{next(THIRD)}.0/24"


def test_names_become_dns_names_of_one_port_each(client: Client) -> None:
    """The first port of a name has it as its DNS name; a second one has its address's."""
    network = client.host_network(cidr(), dns_domain="lan.")
    first = client.make("port", network_id=network["id"], name="Web")
    second = client.make("port", network_id=network["id"], name="web")
    assert first["dns_assignment"][0]["fqdn"] == "web.lan."
    dashed = second["fixed_ips"][0]["ip_address"].replace(".", "-")
    assert second["dns_assignment"][0]["hostname"] == f"host-{dashed}"


def test_ports_of_a_project_may_share_a_dns_name(client: Client) -> None:
    """One that they ask for by `dns_name`: the plan calls them all so; a port of another project has its address's."""
    network = client.host_network(cidr(), dns_domain="lan.", shared=True)["id"]
    tap = {"netwright:attachment": {"kind": "tap"}, "binding:host_id": "h1", "network_id": network}
    first, second = (client.make("port", project_id="one", dns_name="Db", **tap) for _ in range(2))
    stranger = client.make("port", project_id="two", dns_name="db", **tap)
    assert [one["dns_assignment"][0]["fqdn"] for one in (first, second)] == ["db.lan."] * 2
    assert stranger["dns_assignment"][0]["hostname"].startswith("host-")
    items = {
        one["id"]: one for one in client.get("/v1/plan?host=h1")["body"]["items"] if one["is"] == "PortItem"
    }
    assert [items[one["id"]]["dns_name"] for one in (first, second)] == ["db"] * 2
    client.drop("port", first["id"])
    late = client.change("port", stranger["id"], name="too late")
    assert late["dns_assignment"][0]["hostname"].startswith("host-")
    client.change("port", second["id"], dns_name="")
    assert client.change("port", stranger["id"], name="now")["dns_assignment"][0]["hostname"] == "db"
