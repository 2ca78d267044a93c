"""Application credentials: long-lived secrets for programs."""

from __future__ import annotations

import pytest
from identity_fixtures import PASSWORD, Town, basic, here, shown
from served import Answer

__all__ = ["here"]


def make(town: Town, user: dict, headers: dict[str, str] | None = None, **body: object) -> Answer:
    path = f"/v3/users/{user['id']}/application_credentials"
    shown_headers = basic(user["name"]) if headers is None else headers
    return town.guest.send("POST", path, {"application_credential": {"name": "ci", **body}}, shown_headers)


def made(town: Town, user: dict, **body: object) -> dict:
    answer = make(town, user, **body)
    assert answer.status == 201, answer
    return answer.body["application_credential"]


def exchange(town: Town, **credential: object) -> Answer:
    identity = {"methods": ["application_credential"], "application_credential": credential}
    return town.ask_token({"auth": {"identity": identity}})


def test_a_secret_opens_its_project_in_every_way(here: Town) -> None:
    """As bearer, as token, and exchanged for a token by id or by name; it is told once and listed never."""
    blue = here.project()
    ann = here.user(blue)
    one = made(here, ann)
    secret = one["secret"]
    by_id = exchange(here, id=one["id"], secret=secret)
    by_name = exchange(here, name="ci", user={"name": ann["name"]}, secret=secret)
    assert by_id.body["token"]["project"]["id"] == blue["id"]
    tokens = [answer.headers["x-subject-token"] for answer in (by_id, by_name)]
    for headers in (shown(secret), {"Authorization": f"Bearer {secret}"}, *map(shown, tokens)):
        assert here.status(headers) == 200
    path = f"/v3/users/{ann['id']}/application_credentials"
    listed = here.guest.send("GET", path, headers=basic(ann["name"])).body["application_credentials"]
    assert [(entry["id"], "secret" in entry) for entry in listed] == [(one["id"], False)]


@pytest.mark.parametrize("wrong", [{"id": "other"}, {"secret": "x" * 40}, {"id": None, "name": "other"}])
def test_a_secret_is_for_its_own_credential(here: Town, wrong: dict[str, object]) -> None:
    """With another id, name or secret there is no token."""
    ann = here.user(here.project())
    one = made(here, ann)
    given = {"id": one["id"], "secret": one["secret"], "user": {"id": ann["id"]}, **wrong}
    assert exchange(here, **given).status == 401


def test_a_credential_is_never_above_its_user(here: Town) -> None:
    """A wider role is refused; a narrower one holds; when the user's shrinks, so does the credential's."""
    blue = here.project()
    ann = here.user(blue)
    assert make(here, ann, roles=[{"name": "admin"}]).status == 403
    reader, own = made(here, ann, roles=[{"id": "reader"}]), made(here, ann, name="own")
    body = {"network": {"name": "x"}}
    assert here.guest.send("POST", "/v2.0/networks", body, shown(reader["secret"])).status == 403
    assert here.guest.send("POST", "/v2.0/networks", body, shown(own["secret"])).status == 201
    here.give(ann, blue, "reader")
    path = f"/v3/projects/{blue['id']}/users/{ann['id']}/roles/member"
    assert here.admin.send("DELETE", path).status == 204
    assert here.guest.send("POST", "/v2.0/networks", body, shown(own["secret"])).status == 403
    assert here.status(shown(own["secret"])) == 200


def test_a_credential_ends_when_told(here: Town) -> None:
    """Deleted, or its user disabled or out of the project, it and its tokens open nothing; a new password keeps it."""
    blue = here.project()
    ann = here.user(blue)
    first, second = made(here, ann), made(here, ann, name="second")
    token = exchange(here, id=first["id"], secret=first["secret"]).headers["x-subject-token"]
    here.admin.send("PATCH", f"/v3/users/{ann['id']}", {"user": {"password": "another password"}})
    assert here.status(shown(first["secret"])) == 200
    path = f"/v3/users/{ann['id']}/application_credentials/{first['id']}"
    assert here.guest.send("DELETE", path, headers=basic(ann["name"], "another password")).status == 204
    assert here.status(shown(first["secret"])) == 401
    assert here.status(shown(token)) == 401
    role = f"/v3/projects/{blue['id']}/users/{ann['id']}/roles/member"
    here.admin.send("DELETE", role)
    assert here.status(shown(second["secret"])) == 401
    here.give(ann, blue, "member")
    assert here.status(shown(second["secret"])) == 401


def test_a_restricted_credential_makes_no_others(here: Town) -> None:
    """Nor does it change the password or delete credentials; an unrestricted one may make others."""
    ann = here.user(here.project())
    one, free = made(here, ann), made(here, ann, name="free", unrestricted=True)
    assert make(here, ann, shown(one["secret"]), name="more").status == 403
    assert make(here, ann, shown(free["secret"]), name="more").status == 201
    path = f"/v3/users/{ann['id']}"
    body = {"user": {"original_password": PASSWORD, "password": "another password"}}
    assert here.guest.send("POST", f"{path}/password", body, shown(one["secret"])).status == 403
    own = f"{path}/application_credentials/{one['id']}"
    assert here.guest.send("DELETE", own, headers=shown(one["secret"])).status == 403


def test_nobody_makes_one_for_another(here: Town) -> None:
    """Not even an admin on the network; who may open the socket does, and says for which project."""
    blue = here.project()
    ann, root = here.user(blue), here.user(blue, "admin")
    assert make(here, ann, basic(root["name"])).status == 403
    path = f"/v3/users/{ann['id']}/application_credentials"
    body = {"name": "by socket", "project_id": blue["id"]}
    assert here.admin.send("POST", path, {"application_credential": body}).status == 201


@pytest.mark.parametrize(
    "body",
    [{"secret": "short"}, {"expires_at": "yesterday"}, {"expires_at": "2001-01-01T00:00:00Z"}, {"roles": [1]},
     {"roles": [{"name": "king"}]}, {"name": ""}, {"access_rules": [{"path": "/"}]}, {"name": "ci\n"}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(here: Town, body: dict[str, object]) -> None:
    """Weak secrets, past moments, unknown roles and access rules are 400."""
    assert make(here, here.user(here.project()), **body).status == 400


def test_names_are_a_users_own(here: Town) -> None:
    """Twice the same name is 409; two users may have the same."""
    blue = here.project()
    ann, bob = here.user(blue), here.user(blue)
    made(here, ann)
    made(here, bob)
    assert make(here, ann).status == 409


def test_a_credential_begets_none_above_itself(here: Town) -> None:
    """One that may make others is bounded by its own role, not by its user's."""
    blue = here.project()
    ann = here.user(blue, role="admin")
    one = made(here, ann, roles=[{"name": "reader"}], unrestricted=True)
    assert make(here, ann, shown(one["secret"]), name="up", roles=[{"name": "member"}]).status == 403
    child = make(here, ann, shown(one["secret"]), name="same")
    assert child.status == 201
    assert [role["name"] for role in child.body["application_credential"]["roles"]] == ["reader"]
