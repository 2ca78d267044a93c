"""Metering labels and flavors: kept as admins give them, refused where they contradict each other."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from askers import Asker, trusting
from served import Client

from netwright.model.caller import Role

LABELS, RULES = "/v2.0/metering/metering-labels", "/v2.0/metering/metering-label-rules"


@pytest.fixture(scope="module")
def site() -> Iterator[Client]:
    with trusting() as (_, client):
        yield client


@pytest.fixture
def admin(site: Client) -> Asker:
    return Asker(site, Role.ADMIN, "admin")


def test_labels_have_rules_and_take_them_along(admin: Asker) -> None:
    """Both are listed by id, and a label's rules go with it."""
    label = admin.make(LABELS, "metering_label", {"name": "out", "description": "sold by the byte"})
    rule = admin.make(
        RULES,
        "metering_label_rule",
        {"metering_label_id": label["id"], "direction": "ingress", "remote_ip_prefix": "10.0.0.0/24"},
    )
    assert (rule["excluded"], rule["source_ip_prefix"], label["shared"]) == (False, None, False)
    assert admin.get(f"{LABELS}?id={label['id']}") == {"metering_labels": [label]}
    assert admin.get(f"{LABELS}?id=33") == {"metering_labels": []}
    assert admin.get(f"{RULES}/{rule['id']}") == {"metering_label_rule": rule}
    assert admin.send("DELETE", f"{LABELS}/{label['id']}").status == 204
    assert admin.get(RULES) == {"metering_label_rules": []}


def test_rules_of_a_label_do_not_overlap(admin: Asker) -> None:
    """The same traffic counted twice is 409; another direction or prefix is not the same."""
    label = admin.make(LABELS, "metering_label", {})["id"]

    def make(**more: object) -> int:
        body = {"metering_label_id": label, "direction": "ingress", **more}
        return admin.send("POST", RULES, {"metering_label_rule": body}).status

    assert make(remote_ip_prefix="10.0.0.0/24") == 201
    assert make(remote_ip_prefix="10.0.0.0/16") == 409
    assert make(remote_ip_prefix="10.0.0.0/16", direction="egress") == 201
    assert make(remote_ip_prefix="10.0.1.0/24") == 201
    assert make(remote_ip_prefix="fd00::/64") == 201
    assert make(source_ip_prefix="10.0.0.0/24", destination_ip_prefix="10.9.0.0/24") == 201
    assert make(source_ip_prefix="10.0.0.0/24", destination_ip_prefix="10.9.0.0/16") == 409
    assert make(source_ip_prefix="10.0.0.0/24", destination_ip_prefix="10.8.0.0/16") == 201
    assert make() == 400
    assert make(remote_ip_prefix="10.5.0.0/24", source_ip_prefix="10.0.0.0/24") == 400
    assert make(remote_ip_prefix="10.0.0.0/24", metering_label_id=label[::-1]) in {400, 404}


def test_metering_is_for_admins(site: Client, admin: Asker) -> None:
    """To a member there are no labels, and the member makes none."""
    member = Asker(site, Role.MEMBER, "blue")
    label = admin.make(LABELS, "metering_label", {"project_id": "blue"})["id"]
    assert member.get(LABELS)["metering_labels"] == []
    assert [member.send(method, f"{LABELS}/{label}").status for method in ("GET", "DELETE")] == [404, 404]
    assert member.send("POST", LABELS, {"metering_label": {}}).status == 403


def test_flavors_come_to_profiles(site: Client, admin: Asker) -> None:
    """A profile is bound once, held while a flavor has it, and is what the flavor comes to."""
    flavor = admin.make("/v2.0/flavors", "flavor", {"name": "gold", "service_type": "flavors"})
    profile = admin.make("/v2.0/service_profiles", "service_profile", {"metainfo": "{}"})["id"]
    path = f"/v2.0/flavors/{flavor['id']}"
    body = {"service_profile": {"id": profile}}
    assert (flavor["service_type"], flavor["enabled"], flavor["service_profiles"]) == ("FLAVORS", True, [])
    assert admin.send("GET", f"{path}/next_providers").status == 404
    assert admin.send("POST", f"{path}/service_profiles", body).status == 201
    assert admin.send("POST", f"{path}/service_profiles", body).kind == "FlavorServiceProfileBindingExists"
    assert admin.get(path)["flavor"]["service_profiles"] == [profile]
    assert admin.get(f"{path}/next_providers")["next_providers"][0]["metainfo"] == "{}"
    assert admin.send("DELETE", f"/v2.0/service_profiles/{profile}").kind == "ServiceProfileInUse"
    assert admin.send("DELETE", f"{path}/service_profiles/{profile}").status == 204
    assert (
        admin.send("DELETE", f"{path}/service_profiles/{profile}").kind
        == "FlavorServiceProfileBindingNotFound"
    )
    assert admin.send("DELETE", f"/v2.0/service_profiles/{profile}").status == 204
    member = Asker(site, Role.MEMBER, "blue")
    assert member.get(path)["flavor"]["name"] == "gold"
    assert member.send("POST", "/v2.0/flavors", {"flavor": {"service_type": "FLAVORS"}}).status == 403
    assert member.get("/v2.0/service_profiles")["service_profiles"] == []


def test_flavors_that_mean_nothing_are_refused(admin: Asker) -> None:
    """An unknown service, and a profile that says neither with what nor how."""
    assert admin.send("POST", "/v2.0/flavors", {"flavor": {"service_type": "TEA"}}).status == 400
    assert admin.send("POST", "/v2.0/service_profiles", {"service_profile": {}}).status == 400
