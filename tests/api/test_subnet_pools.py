"""Subnet pools and address scopes over HTTP."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_network

import pytest
from served import Answer, Client, client_of

from netwright.api.server import Server

POOL = "/v2.0/subnetpools"


def pool(client: Client, *prefixes: str, **attributes: object) -> dict:
    answer = client.send(
        "POST", POOL, {"subnetpool": {"name": "p", "prefixes": list(prefixes), **attributes}}
    )
    assert answer.status == 201, answer
    return answer.body["subnetpool"]


def take(client: Client, pool_id: str, network: str = "", **attributes: object) -> Answer:
    """A subnet from the pool, on a network of its own where none is named."""
    network = network or client.make("network")["id"]
    body = {"network_id": network, "ip_version": 4, "subnetpool_id": pool_id, **attributes}
    return client.send("POST", "/v2.0/subnets", {"subnet": body})


def test_a_pool_has_lengths_of_its_ip_version(client: Client) -> None:
    """Prefixes are joined, the version is theirs, lengths have the defaults of the version and are text."""
    four = pool(client, "10.1.0.0/17", "10.1.128.0/17", min_prefixlen=20)
    assert four["prefixes"] == ["10.1.0.0/16"]
    assert [four[f"{name}_prefixlen"] for name in ("min", "default", "max")] == ["20", "20", "32"]
    assert (four["ip_version"], four["shared"], four["is_default"], four["address_scope_id"]) == (
        4,
        False,
        False,
        None,
    )
    six = pool(client, "2001:db8::/40")
    assert [six[f"{name}_prefixlen"] for name in ("min", "default", "max")] == ["64", "64", "128"]


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"prefixes": []}, "EmptySubnetPoolPrefixList"),
        ({"prefixes": ["10.0.0.0/8", "2001:db8::/32"]}, "PrefixVersionMismatch"),
        ({"prefixes": ["10.0.0.0/8"], "min_prefixlen": 28, "max_prefixlen": 24}, "IllegalSubnetPoolPrefixBounds"),
        ({"prefixes": ["10.0.0.0/8"], "default_prefixlen": 33}, "UnsupportedMinSubnetPoolPrefix"),
        ({"prefixes": ["nonsense"]}, "InvalidInput"),
        ({"prefixes": ["10.0.0.0/8"], "default_quota": -1}, "InvalidInput"),
        ({"prefixes": ["10.0.0.0/8"], "address_scope_id": "x"}, "InvalidInput"),
        ({}, "InvalidInput"),
    ],
)  # fmt: skip
def test_a_pool_that_makes_no_sense_is_refused(client: Client, attributes: dict, kind: str) -> None:
    """Each is a 400 with the Networking API's type of error."""
    answer = client.send("POST", POOL, {"subnetpool": {"name": "p", **attributes}})
    assert (answer.status, answer.kind) == (400, kind)


def test_subnets_are_taken_from_a_pool(client: Client) -> None:
    """A subnet has the default length, or the one that it asks for, or the very prefix; never what another has."""
    made = pool(client, "10.2.0.0/24", default_prefixlen=26, min_prefixlen=25)
    first = take(client, made["id"]).body["subnet"]
    assert (first["cidr"], first["subnetpool_id"]) == ("10.2.0.0/26", made["id"])
    named = take(client, made["id"], cidr="10.2.0.128/25").body["subnet"]
    assert named["cidr"] == "10.2.0.128/25"
    small = take(client, made["id"], prefixlen=28).body["subnet"]
    assert small["cidr"] == "10.2.0.64/28"
    again = take(client, made["id"], cidr="10.2.0.128/26")
    assert (again.status, again.kind) == (409, "SubnetAllocationError")
    outside = take(client, made["id"], cidr="10.3.0.0/26")
    assert (outside.status, outside.kind) == (409, "SubnetAllocationError")
    full = take(client, made["id"], prefixlen=25)
    assert (full.status, full.kind) == (409, "SubnetAllocationError")
    client.drop("subnet", named["id"])
    assert take(client, made["id"], prefixlen=25).body["subnet"]["cidr"] == "10.2.0.128/25"
    assert len(client.get(f"/v2.0/subnets?subnetpool_id={made['id']}")["subnets"]) == 3
    used = client.send("DELETE", f"{POOL}/{made['id']}")
    assert (used.status, used.kind) == (409, "SubnetPoolInUse")


@pytest.mark.parametrize(
    ("attributes", "kind"),
    [
        ({"prefixlen": 24}, "MinPrefixSubnetAllocationError"),
        ({"prefixlen": 30}, "MaxPrefixSubnetAllocationError"),
        ({"prefixlen": 26, "cidr": "10.4.0.0/26"}, "InvalidInput"),
        ({"ip_version": 6}, "InvalidInput"),
        ({"allocation_pools": [{"start": "10.4.0.2", "end": "10.4.0.9"}]}, "InvalidInput"),
        ({"use_default_subnetpool": True}, "InvalidInput"),
        ({"subnetpool_id": "prefix_delegation"}, "InvalidInput"),
    ],
)
def test_what_a_pool_cannot_give_is_refused(client: Client, attributes: dict, kind: str) -> None:
    """Each is a 400 with the Networking API's type of error."""
    made = pool(client, "10.4.0.0/16", min_prefixlen=25, max_prefixlen=29)
    answer = take(client, made["id"], **attributes)
    assert (answer.status, answer.kind) == (400, kind)


def test_a_network_has_subnets_of_one_pool_for_each_ip_version(client: Client) -> None:
    """A second pool, or none, beside a pool's subnet is refused; pools of one address scope go together."""
    scope = client.make("address_scope", name="s", ip_version=4)
    network = client.make("network")
    first = pool(client, "10.5.0.0/16", default_prefixlen=24, address_scope_id=scope["id"])
    second = pool(client, "10.6.0.0/16", default_prefixlen=24, address_scope_id=scope["id"])
    foreign = pool(client, "10.7.0.0/16", default_prefixlen=24)
    assert take(client, first["id"], network["id"]).status == 201
    assert take(client, second["id"], network["id"]).status == 201
    stranger = take(client, foreign["id"], network["id"])
    assert (stranger.status, stranger.kind) == (400, "NetworkAddressScopeAffinityError")
    shown = client.get(f"/v2.0/networks/{network['id']}")["network"]
    assert (shown["ipv4_address_scope"], shown["ipv6_address_scope"]) == (scope["id"], None)
    other = client.make("network")
    client.make("subnet", network_id=other["id"], cidr="10.8.0.0/24", ip_version=4)
    mixed = take(client, foreign["id"], other["id"])
    assert (mixed.status, mixed.kind) == (400, "NetworkSubnetPoolAffinityError")
    six = pool(client, "2001:db8:9::/48")
    assert take(client, six["id"], other["id"], ip_version=6).status == 201


def test_a_scope_has_no_address_twice(client: Client) -> None:
    """Pools of one scope do not overlap, however they would come to; a scope is of one IP version, and stays while used."""
    scope = client.make("address_scope", name="unique", ip_version=4)
    first = pool(client, "10.10.0.0/16", address_scope_id=scope["id"])
    second = pool(client, "10.11.0.0/16", address_scope_id=scope["id"])
    late = pool(client, "10.10.9.0/24")
    attempts = [
        client.send(
            "POST",
            POOL,
            {"subnetpool": {"name": "p", "prefixes": ["10.10.3.7/24"], "address_scope_id": scope["id"]}},
        ),
        client.send("PUT", f"{POOL}/{late['id']}", {"subnetpool": {"address_scope_id": scope["id"]}}),
        client.send("PUT", f"{POOL}/{second['id']}", {"subnetpool": {"prefixes": ["10.8.0.0/14"]}}),
        client.send("PUT", f"{POOL}/{second['id']}/add_prefixes", {"prefixes": ["10.10.1.0/24"]}),
    ]
    assert {(one.status, one.kind) for one in attempts} == {(409, "AddressScopePrefixConflict")}
    used = client.send("DELETE", f"/v2.0/address-scopes/{scope['id']}")
    assert (used.status, used.kind) == (409, "AddressScopeInUse")
    six = client.make("address_scope", name="six", ip_version=6)
    wrong = client.send("PUT", f"{POOL}/{first['id']}", {"subnetpool": {"address_scope_id": six["id"]}})
    assert (wrong.status, wrong.kind) == (400, "IllegalSubnetPoolIpVersionAssociationToAddressScope")
    freed = client.send("PUT", f"{POOL}/{first['id']}", {"subnetpool": {"address_scope_id": None}})
    assert freed.body["subnetpool"]["address_scope_id"] is None
    shared = client.make("address_scope", name="open", ip_version=4, shared=True)
    closed = client.send("PUT", f"/v2.0/address-scopes/{shared['id']}", {"address_scope": {"shared": False}})
    assert (shared["shared"], closed.status) == (True, 400)
    assert client.send("POST", "/v2.0/address-scopes", {"address_scope": {"ip_version": 5}}).status == 400


def test_a_pool_grows_and_shrinks(client: Client) -> None:
    """Prefixes are added and taken away, but not from under subnets; a PUT never takes any away."""
    made = pool(client, "10.20.0.0/24", default_prefixlen=26)
    path = f"{POOL}/{made['id']}"
    assert client.send("PUT", f"{path}/add_prefixes", {"prefixes": ["10.20.1.0/24"]}).body == {
        "prefixes": ["10.20.0.0/23"]
    }
    cidr = take(client, made["id"]).body["subnet"]["cidr"]
    held = client.send("PUT", f"{path}/remove_prefixes", {"prefixes": [cidr]})
    assert (held.status, held.kind) == (400, "IllegalSubnetPoolUpdate")
    cut = client.send("PUT", f"{path}/remove_prefixes", {"prefixes": ["10.20.1.0/24"]})
    assert cut.body == {"prefixes": ["10.20.0.0/24"]}
    shrunk = client.send("PUT", path, {"subnetpool": {"prefixes": ["10.20.0.0/25"]}})
    assert (shrunk.status, shrunk.kind) == (400, "IllegalSubnetPoolPrefixUpdate")
    grown = client.send("PUT", path, {"subnetpool": {"prefixes": ["10.20.0.0/16"]}})
    assert grown.body["subnetpool"]["prefixes"] == ["10.20.0.0/16"]
    assert client.send("PUT", path, {"subnetpool": {"shared": True}}).status == 400
    assert client.send("PUT", f"{path}/remove_prefixes", {"prefixes": []}).status == 400


def test_subnets_that_were_there_come_into_a_pool(client: Client) -> None:
    """Onboarding makes a network's subnets the pool's, whose prefixes grow by theirs; what is a pool's stays so."""
    network = client.make("network")
    client.make("subnet", network_id=network["id"], cidr="10.30.1.0/24", ip_version=4)
    made = pool(client, "10.31.0.0/16")
    path = f"{POOL}/{made['id']}/onboard_network_subnets"
    body = {"subnetpool": {"network_id": network["id"]}}
    assert client.send("PUT", path, body).status == 200
    (subnet,) = client.get(f"/v2.0/subnets?network_id={network['id']}")["subnets"]
    assert subnet["subnetpool_id"] == made["id"]
    assert client.get(f"{POOL}/{made['id']}")["subnetpool"]["prefixes"] == ["10.30.1.0/24", "10.31.0.0/16"]
    assert client.send("PUT", path, body).status == 400
    missing = {"subnetpool": {"network_id": "00000000-0000-4000-8000-000000000000"}}
    assert client.send("PUT", path, missing).status == 404


def test_the_default_pool_is_one_for_each_ip_version(client: Client) -> None:
    """Without a default pool a subnet cannot ask for it; there is one at most, and it is used."""
    network = client.make("network")
    body = {"subnet": {"network_id": network["id"], "ip_version": 4, "use_default_subnetpool": True}}
    assert client.send("POST", "/v2.0/subnets", body).status == 400
    made = pool(client, "10.40.0.0/16", default_prefixlen=24, is_default=True)
    second = client.send(
        "POST", POOL, {"subnetpool": {"name": "p", "prefixes": ["10.41.0.0/16"], "is_default": True}}
    )
    assert second.status == 400
    subnet = client.send("POST", "/v2.0/subnets", body).body["subnet"]
    assert (subnet["subnetpool_id"], subnet["cidr"]) == (made["id"], "10.40.0.0/24")


def test_a_quota_counts_addresses_of_each_project(client: Client) -> None:
    """What a project has of a pool is counted in addresses, and in /64s of IPv6."""
    made = pool(client, "10.50.0.0/16", default_quota=80, default_prefixlen=26)
    assert take(client, made["id"]).status == 201
    over = take(client, made["id"])
    assert (over.status, over.kind) == (409, "SubnetPoolQuotaExceeded")
    assert take(client, made["id"], prefixlen=28).status == 201
    assert take(client, made["id"], project_id="another").status == 201
    six = pool(client, "2001:db8:50::/48", default_quota=2)
    for status in (201, 201, 409):
        assert take(client, six["id"], ip_version=6).status == status


def test_no_prefix_is_given_twice(server: Server, client: Client) -> None:
    """Eight clients that take subnets of a pool at once get prefixes that do not overlap, until it is empty."""
    made = pool(client, "10.60.0.0/24", default_prefixlen=28)
    networks = [client.make("network")["id"] for _ in range(20)]

    def ask(network: str) -> Answer:
        mine = client_of(server)
        try:
            return take(mine, made["id"], network)
        finally:
            mine.connection.close()

    with ThreadPoolExecutor(8) as pool_of_threads:
        answers = list(pool_of_threads.map(ask, networks))
    given = [ip_network(one.body["subnet"]["cidr"]) for one in answers if one.status == 201]
    assert len(given) == len(set(given)) == 16
    assert {one.kind for one in answers if one.status != 201} == {"SubnetAllocationError"}


def test_a_networks_mtu_carries_its_subnets(client: Client) -> None:
    """A network may have any MTU, but none with a subnet whose IP version needs more (RFC 791, RFC 8200)."""
    for mtu, version, cidr in ((67, 4, "10.70.0.0/24"), (1279, 6, "2001:db8:70::/64")):
        network = client.make("network", mtu=mtu)
        body = {"subnet": {"network_id": network["id"], "ip_version": version, "cidr": cidr}}
        refused = client.send("POST", "/v2.0/subnets", body)
        assert (refused.status, refused.kind) == (409, "NetworkMTUSubnetConflict")
        client.change("network", network["id"], mtu=1280)
        assert client.send("POST", "/v2.0/subnets", body).status == 201
        path = f"/v2.0/networks/{network['id']}"
        assert client.send("PUT", path, {"network": {"mtu": mtu}}).kind == "NetworkMTUSubnetConflict"
    assert client.make("network", mtu=0)["mtu"] == 1500
