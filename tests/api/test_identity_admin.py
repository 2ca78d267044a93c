"""Projects, users and roles over Identity v3, and who may do what with them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from identity_fixtures import PASSWORD, Town, auth, basic, here, shown
from served import Answer

from netwright.api.identity_paths import PATHS

__all__ = ["here"]


def asked(town: Town, headers: dict[str, str], method: str, path: str, body: object = None) -> Answer:
    return town.guest.send(method, path, body, headers)


def test_projects_are_made_found_changed_and_deleted(here: Town) -> None:
    """An admin's project is found by id and name, keeps what it is not asked to change, and goes."""
    made = here.project("blue sky")
    assert (made["enabled"], made["domain_id"], made["parent_id"]) == (True, "default", "default")
    path = f"/v3/projects/{made['id']}"
    assert here.admin.get("/v3/projects?name=blue%20sky")["projects"] == [made]
    assert here.admin.get(path)["project"] == made
    changed = here.admin.send("PATCH", path, {"project": {"description": "above", "colour": "blue"}}).body[
        "project"
    ]
    assert (changed["name"], changed["description"], changed["colour"]) == ("blue sky", "above", "blue")
    assert here.admin.send("POST", "/v3/projects", {"project": {"name": "blue sky"}}).status == 409
    assert here.admin.send("DELETE", path).status == 204
    assert here.admin.send("GET", path).status == 404


def test_a_project_with_things_in_it_stays(here: Town) -> None:
    """It is 409 and says what is left; its default security group goes with it; the first project stays."""
    blue = here.project()
    headers = {"X-Project-Id": blue["id"], "Idempotency-Key": "once"}
    network = here.admin.send("POST", "/v2.0/networks", {"network": {}}, headers).body["network"]
    here.admin.send("GET", "/v2.0/security-groups", headers=headers)
    path = f"/v3/projects/{blue['id']}"
    refused = here.admin.send("DELETE", path)
    assert refused.status == 409
    assert "1 networks" in refused.body["error"]["message"]
    here.admin.drop("network", network["id"])
    assert here.admin.send("DELETE", path).status == 204
    groups = here.admin.get("/v2.0/security-groups")["security_groups"]
    assert blue["id"] not in {group["project_id"] for group in groups}
    assert here.admin.send("DELETE", "/v3/projects/default").status == 403


def test_what_only_says_something_goes_with_its_project_unless_it_is_in_use(here: Town) -> None:
    """A pool in its scope, groups that name one another, a shared QoS policy: all go, or none while one is used."""
    blue = here.project()
    headers = {"X-Project-Id": blue["id"]}

    def make(noun: str, **body: object) -> dict[str, object]:
        plural = {"policy": "qos/policies", "rbac_policy": "rbac-policies"}.get(noun, f"{noun}s").replace(
            "_", "-"
        )
        answer = here.admin.send("POST", f"/v2.0/{plural}", {noun: body}, headers)
        assert answer.status == 201, answer.body
        return answer.body[noun]

    def shown_of(path: str, plural: str) -> set[object]:
        listed = here.admin.get(f"/v2.0/{path}")[plural]
        return {one["id"] for one in listed if one["project_id"] == blue["id"]}

    scope = make("address_scope", name="scope", ip_version=4)
    make("subnetpool", name="pool", prefixes=["10.0.0.0/16"], address_scope_id=scope["id"])
    offices = make("address_group", addresses=["10.1.0.0/24"])
    group = make("security_group", name="web")
    for remote in ({"remote_group_id": group["id"]}, {"remote_address_group_id": offices["id"]}):
        make("security_group_rule", security_group_id=group["id"], direction="ingress", **remote)
    policy = make("policy", name="slow")
    make(
        "rbac_policy",
        object_type="qos_policy",
        object_id=policy["id"],
        action="access_as_shared",
        target_tenant="*",
    )
    theirs = here.admin.send("POST", "/v2.0/networks", {"network": {}}).body["network"]
    others = {"object_type": "network", "object_id": theirs["id"], "action": "access_as_shared"}
    make("rbac_policy", **others, target_tenant="red")
    body = {"network": {"qos_policy_id": policy["id"]}}
    user = here.admin.send("POST", "/v2.0/networks", body).body["network"]
    path = f"/v3/projects/{blue['id']}"
    refused = here.admin.send("DELETE", path)
    assert refused.status == 409
    assert policy["id"] in refused.body["error"]["message"]
    assert group["id"] in shown_of("security-groups", "security_groups")
    assert shown_of("subnetpools", "subnetpools")
    here.admin.drop("network", user["id"])
    assert here.admin.send("DELETE", path).status == 204
    for plural, where in (("subnetpools", "subnetpools"), ("address_scopes", "address-scopes"),
                          ("security_groups", "security-groups"), ("address_groups", "address-groups"),
                          ("policies", "qos/policies"), ("rbac_policies", "rbac-policies")):  # fmt: skip
        assert not shown_of(where, plural), plural


def test_users_are_made_found_changed_and_deleted(here: Town) -> None:
    """No answer ever has a password or a hash of it; what else was given is kept."""
    made = here.user(email="ann@example.org")
    assert not [key for key in made if "hash" in key or key == "password"]
    path = f"/v3/users/{made['id']}"
    assert here.admin.get(f"/v3/users?name={made['name']}")["users"] == [made]
    changed = here.admin.send("PATCH", path, {"user": {"name": made["name"] + "-x"}}).body["user"]
    assert changed["email"] == "ann@example.org"
    for body in ({"name": changed["name"]}, {"name": ""}, {"name": "a\nb"}, {"name": "z", "password": "short"},
                 {"name": 1}, {}, {"name": "z", "domain_id": "other"}, {"name": "z" * 300},
                 {"name": "z", "junk": "x" * 20_000}):  # fmt: skip
        assert here.admin.send("POST", "/v3/users", {"user": body}).status in {400, 409}, body
    assert here.admin.send("DELETE", path).status == 204
    assert here.admin.send("GET", path).status == 404


def test_a_user_without_a_password_does_not_get_in_by_one(here: Town) -> None:
    """Neither an empty one nor any other."""
    body = {"user": {"name": "nopass"}}
    assert here.admin.send("POST", "/v3/users", body).status == 201
    for password in ("", "None", PASSWORD):
        assert here.status(basic("nopass", password)) == 401


def test_users_see_themselves_and_their_projects(here: Town) -> None:
    """Others are 404 or not in the list; what is an admin's is 403."""
    blue, red = here.project(), here.project()
    ann, bob = here.user(blue), here.user(red)
    mine = shown(here.token(ann))
    assert [one["id"] for one in asked(here, mine, "GET", "/v3/projects").body["projects"]] == [blue["id"]]
    assert [one["id"] for one in asked(here, mine, "GET", "/v3/users").body["users"]] == [ann["id"]]
    assert asked(here, mine, "GET", f"/v3/projects/{blue['id']}").status == 200
    assert asked(here, mine, "GET", f"/v3/users/{ann['id']}").status == 200
    assert asked(here, mine, "GET", f"/v3/projects/{red['id']}").status == 404
    assert asked(here, mine, "GET", f"/v3/users/{bob['id']}").status == 404
    assert asked(here, mine, "GET", f"/v3/users/{bob['id']}/projects").status == 403
    found = asked(here, mine, "GET", "/v3/role_assignments").body["role_assignments"]
    assert [one["user"]["id"] for one in found] == [ann["id"]]
    found = asked(here, mine, "GET", f"/v3/role_assignments?user.id={bob['id']}").body["role_assignments"]
    assert found == []


READABLE = {
    "/", "/v3", "/v3/", "/v3/auth/catalog", "/v3/auth/projects", "/v3/auth/domains", "/v3/projects", "/v3/users",
    "/v3/roles", "/v3/roles/{role}", "/v3/role_assignments", "/v3/domains", "/v3/domains/{id}", "/v3/regions",
    "/v3/regions/{id}", "/v3/services", "/v3/services/{id}", "/v3/endpoints", "/v3/endpoints/{id}",
}  # fmt: skip
"""What every user may read."""


@pytest.mark.parametrize("role", ["reader", "member"])
def test_only_admins_change_anything_of_others(here: Town, role: str) -> None:
    """Every path and method, asked about somebody else: nothing is done, and nothing told but what all may read."""
    blue = here.project()
    ann, bob = here.user(blue, role), here.user(blue)
    mine = shown(here.token(ann))
    names = {"project": blue["id"], "user": bob["id"], "role": "admin", "id": "default"}
    for template, handlers in PATHS.items():
        for method in handlers:
            if template == "/v3/auth/tokens" or (template in READABLE and method == "GET"):
                continue
            if (template, method) == ("/v3/projects/{project}", "GET"):  # of which one is a member
                continue
            body = {noun: {"name": "x", "enabled": True, "password": PASSWORD, "original_password": PASSWORD}
                    for noun in ("project", "user", "role", "application_credential")}  # fmt: skip
            answer = asked(here, mine, method, template.format(**names), body if method != "GET" else None)
            assert answer.status in {403, 404}, (template, method, answer)
    assert here.status(basic(bob["name"])) == 200


def test_a_user_changes_its_own_password(here: Town) -> None:
    """With the old one only; what was given for the old one is no good any more."""
    ann = here.user(here.project())
    token = here.token(ann)
    path = f"/v3/users/{ann['id']}/password"
    wrong = {"user": {"original_password": "not that one", "password": "another password"}}
    assert asked(here, shown(token), "POST", path, wrong).status == 401
    right = {"user": {"original_password": PASSWORD, "password": "another password"}}
    assert asked(here, shown(token), "POST", path, right).status == 204
    assert here.status(shown(token)) == 401
    assert here.status(basic(ann["name"])) == 401
    assert here.status(basic(ann["name"], "another password")) == 200


def test_roles_are_three_and_are_given_and_taken(here: Town) -> None:
    """No other can be made; a role given twice is one; a role taken that was not there is 404."""
    assert [one["name"] for one in here.admin.get("/v3/roles")["roles"]] == ["admin", "member", "reader"]
    assert here.admin.send("POST", "/v3/roles", {"role": {"name": "member"}}).status == 409
    assert here.admin.send("POST", "/v3/roles", {"role": {"name": "king"}}).status == 403
    assert here.admin.send("DELETE", "/v3/roles/member").status == 403
    blue = here.project()
    ann = here.user(blue, "reader")
    path = f"/v3/projects/{blue['id']}/users/{ann['id']}/roles"
    here.give(ann, blue, "member")
    here.give(ann, blue, "member")
    assert [one["name"] for one in here.admin.get(path)["roles"]] == ["member", "reader"]
    assert here.admin.send("HEAD", f"{path}/member").status == 204
    assert here.admin.send("DELETE", f"{path}/member").status == 204
    assert here.admin.send("DELETE", f"{path}/member").status == 404
    assert here.admin.send("HEAD", f"{path}/member").status == 404
    for wrong in (f"/v3/projects/none/users/{ann['id']}/roles/member", f"{path}/king",
                  f"/v3/projects/{blue['id']}/users/none/roles/member"):  # fmt: skip
        assert here.admin.send("PUT", wrong).status == 404
    found = here.admin.get(f"/v3/role_assignments?user.id={ann['id']}&include_names")["role_assignments"]
    assert [(one["user"]["name"], one["role"]["name"]) for one in found] == [(ann["name"], "reader")]


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.sampled_from(["default", "admin", "unscoped"]),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from([
            "auth", "identity", "methods", "password", "token", "application_credential", "scope", "project", "user",
            "domain", "id", "name", "secret", "enabled", "description", "role", "roles", "expires_at", "options",
            "default_project_id", "original_password", "access_rules", "unrestricted", "project_id",
        ]) | st.text(max_size=5),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip
WRITES = [
    (template, method) for template, handlers in PATHS.items() for method in handlers if method != "GET"
]


@settings(max_examples=300)
@given(
    st.sampled_from(WRITES),
    JSON,
    st.sampled_from(["project", "user", "role", "auth", "application_credential"]),
)
def test_no_body_breaks_it(here: Town, path: tuple[str, str], body: object, noun: str) -> None:
    """Whatever JSON comes, by whomever, is answered with anything but 500, and an error in Keystone's form."""
    template, method = path
    where = template.format(project="p", user="u", role="r", id="i")
    for client in (here.admin, here.guest):
        for sent in (body, {noun: body}):
            answer = client.send(method, where, sent)
            assert answer.status < 500, answer
            assert answer.status < 400 or set(answer.body["error"]) == {"code", "message", "title"}


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[]", b"[" * 5000, b'{"auth": 1}', b'{"auth": "\\ud800"}']
)
def test_what_is_no_json_object_is_400(here: Town, body: bytes) -> None:
    """Broken text, deep nesting and wrong types are told, not stumbled over."""
    assert here.guest.send("POST", "/v3/auth/tokens", body).status == 400


def test_lone_surrogates_are_no_names(here: Town) -> None:
    """JSON can carry text that is no text: it is refused wherever it is kept or looked for."""
    body = b'{"user": {"name": "\\ud800", "password": "a long password"}}'
    assert here.admin.send("POST", "/v3/users", body).status == 400
    assert here.ask_token(auth("x", scope={"project": {"name": "\0"}})).status == 401
