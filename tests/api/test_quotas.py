"""Quotas over HTTP: who sees and sets them, and what they refuse."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from askers import SETTINGS, Asker
from served import Client, client_of, serving

from netwright.model.caller import Role


@pytest.fixture(scope="module")
def site() -> Iterator[Client]:
    settings = replace(SETTINGS, quotas={"network": 3, "rbac_policy": 10})
    with (
        tempfile.TemporaryDirectory(prefix="netwright-test-") as directory,
        serving(Path(directory), settings=settings) as server,
    ):
        client = client_of(server)
        yield client
        client.connection.close()


@pytest.fixture
def admin(site: Client) -> Asker:
    return Asker(site, Role.ADMIN, "admin")


def test_a_project_has_the_defaults_until_it_has_limits_of_its_own(admin: Asker) -> None:
    """PUT sets some, the others stay; the project is listed then; DELETE brings the defaults back."""
    path = "/v2.0/quotas/some"
    usual = admin.get(path)["quota"]
    assert (usual["network"], usual["port"], usual["rbac_policy"]) == (3, -1, 10)
    answer = admin.send("PUT", path, {"quota": {"port": "7", "network": 0}})
    assert (answer.status, answer.body["quota"]) == (200, {**usual, "port": 7, "network": 0})
    assert admin.get(path)["quota"] == answer.body["quota"]
    assert admin.get(f"{path}/default")["quota"] == usual
    (listed,) = admin.get("/v2.0/quotas")["quotas"]
    assert listed == {**answer.body["quota"], "project_id": "some", "tenant_id": "some"}
    assert admin.send("DELETE", path).status == 204
    assert admin.send("DELETE", path).kind == "TenantQuotaNotFound"
    assert admin.get(path)["quota"] == usual
    assert admin.get("/v2.0/quotas")["quotas"] == []


def test_more_than_the_quota_is_refused(site: Client, admin: Asker) -> None:
    """Also where several are made at once, of which none is made then; -1 lifts the limit."""
    green = Asker(site, Role.MEMBER, "green")
    for _ in range(2):
        green.make("/v2.0/networks", "network", {})
    answer = green.send("POST", "/v2.0/networks", {"networks": [{}, {}]})
    assert (answer.status, answer.kind) == (409, "OverQuota")
    assert len(green.get("/v2.0/networks")["networks"]) == 2
    green.make("/v2.0/networks", "network", {})
    assert green.send("POST", "/v2.0/networks", {"network": {}}).status == 409
    assert admin.send("PUT", "/v2.0/quotas/green", {"quota": {"network": -1}}).status == 200
    assert green.send("POST", "/v2.0/networks", {"networks": [{}, {}]}).status == 201
    details = green.get("/v2.0/quotas/green/details.json")["quota"]
    assert details["network"] == {"limit": -1, "used": 5, "reserved": 0}


def test_a_limit_below_what_there_is_must_be_forced(site: Client, admin: Asker) -> None:
    """Without force it is 400 and nothing is set."""
    yellow = Asker(site, Role.MEMBER, "yellow")
    yellow.make("/v2.0/networks", "network", {})
    path = "/v2.0/quotas/yellow"
    for how in ({}, {"check_limit": True}, {"force": False}):
        assert admin.send("PUT", path, {"quota": {"port": 1, "network": 0, **how}}).status == 400
    assert admin.get(path)["quota"]["port"] == -1
    assert admin.send("PUT", path, {"quota": {"network": 0, "force": True}}).body["quota"]["network"] == 0


@pytest.mark.parametrize(
    "quota", [{"network": -2}, {"network": "many"}, {"network": 1 << 31}, {"fixed_ips": 1}, {"odd": 1}]
)
def test_a_limit_that_is_none_is_refused(admin: Asker, quota: dict) -> None:
    """A number below -1, no number, too large a one, and the name of nothing that is counted."""
    assert admin.send("PUT", "/v2.0/quotas/some", {"quota": quota}).status == 400


def test_members_see_their_own_quotas_and_set_none(site: Client) -> None:
    """Their own project's may be read; others', and any change, are 403."""
    member = Asker(site, Role.MEMBER, "violet")
    for tail in ("", "/default", "/details"):
        assert member.send("GET", f"/v2.0/quotas/violet{tail}").status == 200
        assert member.send("GET", f"/v2.0/quotas/green{tail}").status == 403
    assert member.get("/v2.0/quotas/project") == {"project": {"project_id": "violet"}}
    assert member.get("/v2.0/quotas/tenant") == {"tenant": {"tenant_id": "violet"}}
    assert member.send("GET", "/v2.0/quotas").status == 403
    assert member.send("PUT", "/v2.0/quotas/violet", {"quota": {"network": 9}}).status == 403
    assert member.send("DELETE", "/v2.0/quotas/violet").status == 403
