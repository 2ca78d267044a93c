"""What nova hands over, parsed: models, dicts and JSON alike, and what is wrong with the rest."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
from nova.clouds import instance, vif

from netwright.model.errors import InvalidError
from netwright.nova.instances import parse_instance, parse_network_info


class Model(dict[str, object]):
    """As nova's network models: a dict with attributes of its own."""


def as_objects(thing: object) -> object:
    """The same with attributes in the place of keys."""
    if isinstance(thing, dict):
        return SimpleNamespace(**{name: as_objects(part) for name, part in thing.items()})
    return [as_objects(part) for part in thing] if isinstance(thing, list) else thing


def test_models_dicts_objects_and_json_say_the_same() -> None:
    """A network_info means the same in every form that nova has given it."""
    plain = [dict(vif(1, "10.31.0.11", "fd31::11")), dict(vif(2, "10.31.0.12"))]
    parsed = parse_network_info(plain)
    assert [str(subnet.cidr) for subnet in parsed[0].subnets] == ["10.31.0.0/24", "fd31::/64"]
    assert [str(one) for subnet in parsed[0].subnets for one in subnet.addresses] == [
        "10.31.0.11",
        "fd31::11",
    ]
    assert parse_network_info([Model(one) for one in plain]) == parsed
    assert parse_network_info(as_objects(plain)) == parsed
    assert parse_network_info(json.dumps(plain)) == parsed
    assert parse_network_info(tuple(plain)) == parsed
    assert parse_network_info([]) == parse_network_info(None) == ()


@pytest.mark.parametrize(
    "groups",
    [
        ["web", "db"],
        [{"name": "web"}, {"name": "db"}],
        SimpleNamespace(objects=[SimpleNamespace(name="web"), SimpleNamespace(name="db")]),
    ],
)
def test_an_instances_groups_may_be_names_or_models(groups: object) -> None:
    """A list of either, or nova's list object."""
    parsed = parse_instance({**instance(1), "security_groups": groups})
    assert parsed.groups == ("web", "db")
    assert parsed == parse_instance(SimpleNamespace(**{**instance(1), "security_groups": groups}))


def test_a_subnet_without_a_cidr_is_none() -> None:
    """Of old an IPv6 subnet was always there, empty where there was no IPv6."""
    one = json.loads(json.dumps(vif(1, "10.31.0.11")))
    one["network"]["subnets"].append({"cidr": None, "ips": [], "gateway": {"address": None}})
    assert len(parse_network_info([one])[0].subnets) == 1


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (("id",), "eth0; nft flush ruleset", "network_info[0].id"),
        (("id",), None, "network_info[0].id"),
        (("address",), "fa:16:3e", "network_info[0].address"),
        (("devname",), "vnet0", "network_info[0].devname"),
        (("network", "bridge"), "br100; reboot", "network_info[0].network.bridge"),
        (("network", "id"), 7, "network_info[0].network.id"),
        (("network", "subnets"), {"cidr": "10.0.0.0/8"}, "network_info[0].network.subnets"),
        (("network", "subnets", 0, "cidr"), "10.31.0.1/24", "network_info[0].network.subnets[0].cidr"),
        (
            ("network", "subnets", 0, "ips", 0, "address"),
            "10.31.0",
            "network_info[0].network.subnets[0].ips[0]",
        ),
        (
            ("network", "subnets", 0, "ips", 0, "address"),
            "10.32.0.1",
            "network_info[0].network.subnets[0].ips",
        ),
    ],
)
def test_what_is_wrong_is_named_by_its_place(path: tuple[str | int, ...], value: object, field: str) -> None:
    """Each malformed field is refused before anything is written, with where it stands."""
    one = json.loads(json.dumps(vif(1, "10.31.0.11")))
    inner = one
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = value
    with pytest.raises(InvalidError) as refused:
        parse_network_info([one])
    assert refused.value.field == field


@pytest.mark.parametrize("info", [42, {"id": 1}, "{}", '"x"', "not json"])
def test_a_network_info_is_a_list(info: object) -> None:
    """Anything else is refused."""
    with pytest.raises(InvalidError):
        parse_network_info(info)


def test_an_instance_has_an_id() -> None:
    """uuid, or the older number."""
    with pytest.raises(InvalidError, match="uuid"):
        parse_instance({})
    assert parse_instance({"id": 7}).id == "7"
    assert parse_instance(instance(1)).id == instance(1)["uuid"]
