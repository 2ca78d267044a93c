"""Who gets in, with what, where to, and for how long."""

from __future__ import annotations

import threading
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path

import click
import pytest
from identity_fixtures import PASSWORD, Town, auth, basic, here, identified, shown, town
from served import Client, serving

from netwright.agent.server import Server as AgentsServer
from netwright.api.identities import IdentityMode
from netwright.api.server import open_server
from netwright.cli import service
from netwright.model.errors import InvalidError, ServerGoneError
from netwright.model.ids import HostName
from netwright.model.plan import HostPlan
from netwright.wire.unix_http import UnixConnection

__all__ = ["here"]


def test_nobody_gets_in_without_a_proof(here: Town) -> None:
    """Over the network, every path of the API but the public ones answers 401 and says how to prove who asks."""
    for path in ("/v2.0/networks", "/v2.0/extensions", "/v1/status", "/v1/plan?host=h1", "/v1/watch?host=h1",
                 "/metrics", "/v1/vpns"):  # fmt: skip
        answer = here.guest.send("GET", path)
        assert answer.status == 401, path
        assert answer.headers["www-authenticate"].endswith('/v3"')
        assert answer.kind == "Unauthorized"
    for path in ("/v3/projects", "/v3/users", "/v3/auth/tokens", "/v3/auth/catalog"):
        answer = here.guest.send("GET", path)
        assert (answer.status, answer.body["error"]["code"]) == (401, 401)
        assert "www-authenticate" in answer.headers
    for path in ("/", "/v2.0", "/v3", "/v3/", "/healthz"):
        assert here.guest.send("GET", path).status == 200
    assert [one["id"] for one in here.guest.get("/")["versions"]] == ["v2.0"]


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Auth-Token": "x"},
        {"Authorization": "Bearer x"},
        {"Authorization": "Basic x"},
        {"Authorization": "Digest x"},
        {"Authorization": "Basic Og=="},
        {"X-Auth-Token": "x" * 10_000},
        basic("nobody"),
        basic("admin", "\0"),
    ],
)
def test_a_proof_that_does_not_hold_opens_nothing(here: Town, headers: dict[str, str]) -> None:
    """It is 401 over the network, and over the socket too: what is shown holds."""
    assert here.status(headers) == 401
    assert here.admin.send("GET", "/v2.0/networks", headers=headers).status == 401


def test_every_kind_of_proof_opens_its_project(here: Town) -> None:
    """Password, token and Bearer see the same project's things, and no other's."""
    blue, red = here.project(), here.project()
    ann, bob = here.user(blue), here.user(red)
    made = here.guest.send("POST", "/v2.0/networks", {"network": {"name": "n"}}, basic(ann["name"])).body
    assert made["network"]["project_id"] == blue["id"]
    token = here.token(ann)
    for headers in (basic(ann["name"]), shown(token), {"Authorization": f"Bearer {token}"}):
        answer = here.guest.send("GET", "/v2.0/networks", headers=headers)
        assert [one["id"] for one in answer.body["networks"]] == [made["network"]["id"]]
    path = f"/v2.0/networks/{made['network']['id']}"
    assert here.status(shown(here.token(bob)), path) == 404


def test_the_socket_needs_no_proof(here: Town) -> None:
    """Who may open it is admin, in the project that X-Project-Id names; a proof that is shown holds instead."""
    answer = here.admin.send("POST", "/v2.0/networks", {"network": {}}, {"X-Project-Id": "any"})
    assert answer.body["network"]["project_id"] == "any"
    reader = here.user(here.project(), "reader")
    answer = here.admin.send("POST", "/v2.0/networks", {"network": {}}, basic(reader["name"]))
    assert answer.status == 403


def test_agents_and_operators_are_admins(here: Town) -> None:
    """Over the network the doors of agents and /metrics open for admins only."""
    blue = here.project()
    member, admin = here.user(blue), here.user(blue, "admin")
    for path in ("/v1/status", "/v1/plan?host=h1", "/metrics"):
        assert here.status(basic(member["name"]), path) == 403
        assert here.status(basic(admin["name"]), path) == 200
    assert here.status(basic(member["name"]), "/v1/watch?host=h1") == 403


def test_an_agent_on_another_host_shows_an_admins_token(here: Town) -> None:
    """With it the plan comes over the network; with none, or a member's, nothing does."""
    blue = here.project()
    host, port = here.server.address
    for role, works in (("admin", True), ("member", False)):
        agent = AgentsServer(f"http://{host}:{port}", here.token(here.user(blue, role)))
        if works:
            assert isinstance(next(agent.watch(HostName("far"), 0)), HostPlan)
        else:
            with pytest.raises(ServerGoneError, match="403"):
                next(agent.watch(HostName("far"), 0))
    with pytest.raises(ServerGoneError, match="401"):
        next(AgentsServer(f"http://{host}:{port}").watch(HostName("far"), 0))


def test_an_admin_acts_for_any_project_and_others_for_their_own(here: Town) -> None:
    """X-Project-Id and X-Project-Name choose where an admin acts, and where others have a role; else it is refused."""
    blue, red = here.project(), here.project("rød")
    admin, both = here.user(blue, "admin"), here.user(blue)
    here.give(both, red, "reader")
    chosen = {"network": {"name": "x"}}
    named = {"X-Project-Name": "rød".encode()}
    for headers in ({"X-Project-Id": red["id"]}, named):
        made = here.guest.send("POST", "/v2.0/networks", chosen, {**basic(admin["name"]), **headers}).body
        assert made["network"]["project_id"] == red["id"]
        assert (
            here.guest.send("POST", "/v2.0/networks", chosen, {**basic(both["name"]), **headers}).status
            == 403
        )
        assert here.status({**basic(both["name"]), **headers}) == 200
    assert here.status(basic(both["name"], X_Project_Id="elsewhere")) == 401
    assert here.status({**shown(here.token(both)), "X-Project-Id": red["id"]}) == 403
    assert here.status({**shown(here.token(admin)), "X-Project-Id": red["id"]}) == 200


def test_a_password_opens_the_only_project_or_the_default_one(here: Town) -> None:
    """With several projects and no default one the request must name it; without any it is refused."""
    blue, red = here.project(), here.project()
    ann = here.user()
    assert here.status(basic(ann["name"])) == 401
    here.give(ann, blue, "member")
    assert here.status(basic(ann["name"])) == 200
    here.give(ann, red, "member")
    assert here.status(basic(ann["name"])) == 401
    assert here.status(basic(ann["name"], X_Project_Id=red["id"])) == 200


def test_tokens_end_with_what_they_stand_on(here: Town) -> None:
    """A changed password, a disabled user or project, a lost role, a deleted user: its tokens are no good at once."""

    def patch(path: str, **body: object) -> None:
        noun = path.split("/")[2].rstrip("s")
        assert here.admin.send("PATCH", path, {noun: body}).status == 200

    for number in range(5):
        blue = here.project()
        ann = here.user(blue)
        token = here.token(ann)
        assert here.status(shown(token)) == 200
        user, project = f"/v3/users/{ann['id']}", f"/v3/projects/{blue['id']}"
        match number:
            case 0:
                patch(user, password="another password")
                assert here.status(basic(ann["name"])) == 401
                assert here.status(basic(ann["name"], "another password")) == 200
            case 1:
                patch(user, enabled=False)
            case 2:
                patch(project, enabled=False)
            case 3:
                assert here.admin.send("DELETE", f"{project}/users/{ann['id']}/roles/member").status == 204
            case 4:
                assert here.admin.send("DELETE", user).status == 204
        assert here.status(shown(token)) == 401
        assert number == 0 or here.status(basic(ann["name"])) == 401


def test_a_user_that_is_enabled_again_needs_a_new_token(here: Town) -> None:
    """Tokens from before do not come back."""
    ann = here.user(here.project())
    token = here.token(ann)
    for enabled in (False, True):
        here.admin.send("PATCH", f"/v3/users/{ann['id']}", {"user": {"enabled": enabled}})
    assert here.status(shown(token)) == 401
    assert here.status(shown(here.token(ann))) == 200


def test_a_token_says_what_it_opens(here: Town) -> None:
    """It names user, project, roles and catalog; HEAD checks it; deleted, it opens nothing."""
    blue = here.project()
    ann = here.user(blue)
    told = here.ask_token(
        auth(ann["name"], scope={"project": {"name": blue["name"], "domain": {"name": "Default"}}})
    )
    token = told.body["token"]
    assert token["user"]["id"] == ann["id"]
    assert token["project"]["id"] == blue["id"]
    assert {role["name"] for role in token["roles"]} == {"member", "reader"}
    host, port = here.server.address
    urls = {one["type"]: one["endpoints"][0]["url"] for one in token["catalog"]}
    assert urls == {"identity": f"http://{host}:{port}/v3", "network": f"http://{host}:{port}"}
    secret = told.headers["x-subject-token"]
    headers = {**shown(secret), "X-Subject-Token": secret}
    assert here.guest.send("GET", "/v3/auth/tokens", headers=headers).body["token"] == token
    assert here.guest.send("HEAD", "/v3/auth/tokens", headers=headers).status == 200
    assert here.guest.send("DELETE", "/v3/auth/tokens", headers=headers).status == 204
    assert here.status(shown(secret)) == 401
    gone = {**shown(here.token(ann)), "X-Subject-Token": secret}
    assert here.guest.send("GET", "/v3/auth/tokens", headers=gone).status == 404


def test_others_tokens_are_not_told(here: Town) -> None:
    """Only an admin sees what another's token opens, or takes it back."""
    blue = here.project()
    ann, bob, root = here.user(blue), here.user(blue), here.user(blue, "admin")
    theirs = here.token(ann)
    for method in ("GET", "DELETE"):
        headers = {**shown(here.token(bob)), "X-Subject-Token": theirs}
        assert here.guest.send(method, "/v3/auth/tokens", headers=headers).status == 404
    headers = {**shown(here.token(root)), "X-Subject-Token": theirs}
    assert here.guest.send("GET", "/v3/auth/tokens", headers=headers).status == 200


def test_an_unscoped_token_is_for_identity_only(here: Town) -> None:
    """It lists one's projects and is exchanged for a scoped one, which ends no later; networks it does not see."""
    blue = here.project()
    ann = here.user(blue)
    told = here.ask_token(auth(ann["name"], scope="unscoped"))
    assert "project" not in told.body["token"]
    assert "roles" not in told.body["token"]
    secret = told.headers["x-subject-token"]
    assert here.status(shown(secret)) == 401
    listed = here.guest.send("GET", "/v3/auth/projects", headers=shown(secret)).body["projects"]
    assert [one["id"] for one in listed] == [blue["id"]]
    body = {
        "identity": {"methods": ["token"], "token": {"id": secret}},
        "scope": {"project": {"id": blue["id"]}},
    }
    scoped = here.ask_token({"auth": body})
    assert scoped.status == 201
    assert scoped.body["token"]["expires_at"] == told.body["token"]["expires_at"]
    assert here.status(shown(scoped.headers["x-subject-token"])) == 200


@pytest.mark.parametrize(
    "scope",
    [{"project": {"id": "elsewhere"}}, {"project": {"name": "none"}}, {"domain": {"id": "default"}},
     {"system": {"all": True}}, {"project": {"name": "x", "domain": {"id": "other"}}}],
)  # fmt: skip
def test_a_scope_without_a_role_is_refused(here: Town, scope: object) -> None:
    """Projects that are not one's own, domains and the system are 401, whether or not they are there."""
    ann = here.user(here.project())
    assert here.ask_token(auth(ann["name"], scope=scope)).status == 401


def test_wrong_passwords_and_unknown_names_are_answered_alike(here: Town) -> None:
    """Nobody learns from an answer who exists; after some wrong ones the guesser has to wait, though the next is right."""
    ann = here.user(here.project())
    known, unknown = (here.ask_token(auth(name, "wrong password")) for name in (ann["name"], "nobody at all"))
    assert (known.status, known.body) == (unknown.status, unknown.body)
    answers = [here.ask_token(auth(ann["name"], "wrong password")).status for _ in range(12)]
    assert set(answers) == {401, 429}
    last = here.ask_token(auth(ann["name"]))
    assert last.status == 429
    assert int(last.headers["retry-after"]) >= 1
    assert here.admin.send("POST", "/v3/auth/tokens", auth(ann["name"])).status == 201


def test_a_guesser_waits_whatever_it_says_of_where_it_comes_from(here: Town) -> None:
    """Another X-Forwarded-For with each guess, in whatever form, makes no new client of who comes from loopback."""
    ann = here.user(here.project())
    forwarded = (f"198.51.100.{number}, ::{number}" for number in range(1, 13))
    answers = [_guess(here, ann, "wrong password", {"X-Forwarded-For": one}) for one in forwarded]
    assert set(answers) == {401, 429}
    assert _guess(here, ann, PASSWORD, {"X-Forwarded-For": "192.0.2.7", "X-Real-IP": "192.0.2.7"}) == 429


def test_a_guesser_on_this_host_is_one_whichever_address_it_takes(here: Town) -> None:
    """All of 127.0.0.0/8 is one client: there is no other in it with each guess."""
    assert here.server.address is not None
    ann, answers = here.user(here.project()), []
    for number in range(1, 13):
        connection = HTTPConnection(*here.server.address, timeout=10, source_address=(f"127.0.7.{number}", 0))
        answers.append(Client(connection).send("POST", "/v3/auth/tokens", auth(ann["name"], "wrong")).status)
        connection.close()
    assert set(answers) == {401, 429}


def test_only_a_named_proxy_is_believed(tmp_path: Path) -> None:
    """Its clients wait each for themselves, whatever they put before what it adds; its scheme is the catalog's."""
    settings = replace(identified(IdentityMode.LOCAL), trusted_proxies=("127.0.0.0/8",))
    with town(tmp_path, settings) as here:
        ann = here.user(here.project())
        forwarded = (f"198.51.100.{number}, 192.0.2.7" for number in range(1, 13))
        answers = [_guess(here, ann, "wrong password", {"X-Forwarded-For": one}) for one in forwarded]
        assert set(answers) == {401, 429}
        assert _guess(here, ann, PASSWORD, {"X-Forwarded-For": "192.0.2.7"}) == 429
        assert _guess(here, ann, PASSWORD, {"X-Forwarded-For": "192.0.2.8"}) == 201
        answer = here.guest.send("GET", "/v3", headers={"X-Forwarded-Proto": "https"})
        assert answer.body["version"]["links"][0]["href"].startswith("https://")
        listened = here.admin.send("GET", "/v3", headers={"X-Forwarded-Proto": "https"})
        assert listened.body["version"]["links"][0]["href"].startswith("http://")


@pytest.mark.parametrize(("proxy", "scheme"), [("127.0.0.1", "https"), ("127.0.0.2", "http")])
def test_a_proxy_is_known_where_all_addresses_are_listened_at(
    tmp_path: Path, proxy: str, scheme: str
) -> None:
    """There a socket of both versions tells an IPv4 address in IPv6's form."""
    settings = replace(identified(IdentityMode.LOCAL), trusted_proxies=(proxy,))
    socket = tmp_path / "api.sock"
    server = open_server(f"sqlite:///{tmp_path}/netwright.db", HostName("h1"), socket, ("::", 0), settings)
    server.start()
    assert server.address is not None
    client = Client(HTTPConnection("127.0.0.1", server.address[1], timeout=10))
    answer = client.send("GET", "/v3", headers={"X-Forwarded-Proto": "https"})
    client.connection.close()
    server.stop()
    assert answer.body["version"]["links"][0]["href"].startswith(f"{scheme}://")


def test_no_scheme_is_believed_of_strangers(here: Town) -> None:
    """Links are as the server was asked, though the request says https."""
    answer = here.guest.send("GET", "/v3", headers={"X-Forwarded-Proto": "https"})
    assert answer.body["version"]["links"][0]["href"].startswith("http://")


@pytest.mark.parametrize(
    "text", ["0.0.0.0/0", "::/0", "10.0.0.1/8", "proxy.example", "", "*", "127.0.0.1,10.0.0.1"]
)
def test_a_proxy_that_is_no_address_is_refused(text: str) -> None:
    """A name, a list, everybody, or a prefix with bits beyond its length."""
    with pytest.raises(click.BadParameter):
        service.proxy_option.type.convert(text, None, None)


def _guess(town: Town, user: dict, password: str, headers: dict[str, str]) -> int:
    return town.guest.send("POST", "/v3/auth/tokens", auth(user["name"], password), headers).status


def test_a_crowd_of_guessers_does_not_stop_the_rest(here: Town) -> None:
    """While sixty guesses come at once, a request with a token is answered; each guess is refused or put off."""
    blue = here.project()
    token = here.token(here.user(blue))
    found: list[int] = []

    def guess(number: int) -> None:
        client = Client(type(here.guest.connection)(*here.server.address, timeout=30))
        found.append(client.send("POST", "/v3/auth/tokens", auth(f"nobody {number}")).status)
        client.connection.close()

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(60)]
    for thread in threads:
        thread.start()
    assert here.status(shown(token)) == 200
    for thread in threads:
        thread.join()
    assert len(found) == 60
    assert set(found) <= {401, 429}


def test_a_restarted_server_knows_the_tokens_of_before(tmp_path: Path) -> None:
    """Tokens and users are in the database; the tokens' own text is not."""
    with town(tmp_path) as before:
        ann = before.user(before.project())
        token = before.token(ann)
    with town(tmp_path) as after:
        assert after.status(shown(token)) == 200
        assert after.status(basic(ann["name"])) == 200
    kept = b"".join(one.read_bytes() for one in tmp_path.glob("netwright.db*"))
    assert token.encode() not in kept
    assert PASSWORD.encode() not in kept


def test_without_authentication_there_is_no_identity(tmp_path: Path) -> None:
    """Everybody is admin, and /v3 is not served."""
    with serving(tmp_path) as server:
        client = Client(UnixConnection(server.socket_path, 10))
        assert client.send("GET", "/v3").status == 404
        assert client.get("/v2.0/networks") == {"networks": []}
        assert [one["id"] for one in client.get("/")["versions"]] == ["v2.0"]
        client.connection.close()


def test_keystone_needs_its_settings(tmp_path: Path) -> None:
    """Without a file, or with one that says nothing, the server does not start."""
    with pytest.raises(InvalidError), serving(tmp_path, settings=identified(IdentityMode.KEYSTONE)):
        pass
