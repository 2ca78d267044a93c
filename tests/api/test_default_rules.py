"""Rules that new security groups have from the beginning."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from askers import Asker, trusting
from served import Client

from netwright.model.caller import Role

PATH, NOUN = "/v2.0/default-security-group-rules", "default_security_group_rule"
PARTS = (
    "direction",
    "ethertype",
    "protocol",
    "port_range_min",
    "port_range_max",
    "remote_ip_prefix",
    "remote_group_id",
)


@pytest.fixture(scope="module")
def site() -> Iterator[Client]:
    with trusting() as (_, client):
        yield client


@pytest.fixture
def admin(site: Client) -> Asker:
    return Asker(site, Role.ADMIN, "admin")


def parts(rule: dict, own: str) -> tuple[object, ...]:
    return tuple("PARENT" if rule[part] == own else rule[part] for part in PARTS)


def rules_of(group: dict) -> set[tuple[object, ...]]:
    return {parts(rule, group["id"]) for rule in group["security_group_rules"]}


@pytest.fixture
def untouched() -> Iterator[Client]:
    with trusting() as (_, client):
        yield client


def test_new_groups_have_what_the_templates_say(untouched: Client) -> None:
    """Default groups and others each have those for their kind, also after templates came and went."""
    admin = Asker(untouched, Role.ADMIN, "admin")

    def templates(use: str) -> set[tuple[object, ...]]:
        listed = admin.get(f"{PATH}?{use}=true")["default_security_group_rules"]
        return {parts(rule, "") for rule in listed}

    def groups_of(project: str) -> tuple[dict, dict]:
        member = Asker(untouched, Role.MEMBER, project)
        made = member.make("/v2.0/security-groups", "security_group", {"name": "web"})
        (default,) = member.get("/v2.0/security-groups?name=default")["security_groups"]
        assert rules_of(default) == templates("used_in_default_sg")
        assert rules_of(made) == templates("used_in_non_default_sg") != rules_of(default)
        assert all(rule["belongs_to_default_sg"] for rule in default["security_group_rules"])
        assert not any(rule["belongs_to_default_sg"] for rule in made["security_group_rules"])
        return default, made

    before = groups_of("first")
    ssh = {"direction": "ingress", "protocol": "tcp", "port_range_max": 22}
    admin.make(PATH, NOUN, {**ssh, "port_range_min": 22, "used_in_default_sg": True})
    admin.make(PATH, NOUN, {**ssh, "port_range_min": 21})
    for rule in admin.get(f"{PATH}?direction=egress&ethertype=IPv6")["default_security_group_rules"]:
        assert admin.send("DELETE", f"{PATH}/{rule['id']}").status == 204
    after = groups_of("second")
    assert [len(rules_of(group)) for group in (*before, *after)] == [4, 2, 4, 3]


def test_an_admin_finds_a_project_with_its_default_group(admin: Asker) -> None:
    """A list that names a project has that project's default group, though nobody of it was ever there."""
    (found,) = admin.get("/v2.0/security-groups?project_id=newborn")["security_groups"]
    assert (found["name"], found["project_id"]) == ("default", "newborn")


def test_a_rule_is_there_once_for_each_kind_of_group(admin: Asker) -> None:
    """The same for a kind that has it is 409, for the other kind alone it is not."""
    rule = {"direction": "ingress", "protocol": "udp", "port_range_min": 5, "port_range_max": 5}

    def make(default: bool, other: bool) -> int:
        body = {**rule, "used_in_default_sg": default, "used_in_non_default_sg": other}
        return admin.send("POST", PATH, {NOUN: body}).status

    assert make(default=True, other=False) == 201
    assert make(default=True, other=True) == 409
    assert make(default=False, other=True) == 201
    assert make(default=False, other=False) == 201


@pytest.mark.parametrize(
    "body",
    [
        {"direction": "ingress", "protocol": "tea"},
        {"direction": "ingress", "port_range_min": 5, "port_range_max": 5},
        {"direction": "ingress", "remote_group_id": "PARENT", "remote_ip_prefix": "10.0.0.0/8"},
        {"direction": "ingress", "remote_ip_prefix": "fd00::/8"},
        {"direction": "ingress", "remote_group_id": "somebody"},
        {"direction": "sideways"},
        {},
    ],
    ids=str,
)
def test_what_no_rule_can_be_is_refused(admin: Asker, body: dict) -> None:
    """As a template, too, it is 400."""
    assert admin.send("POST", PATH, {NOUN: body}).status == 400


def test_members_read_templates_only(site: Client) -> None:
    """Listing is for all, making and deleting for admins."""
    member = Asker(site, Role.MEMBER, "blue")
    listed = member.get(PATH)["default_security_group_rules"]
    assert member.send("POST", PATH, {NOUN: {"direction": "ingress"}}).status == 403
    assert member.send("DELETE", f"{PATH}/{listed[0]['id']}").status == 403
