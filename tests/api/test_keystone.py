"""Callers whom a real Keystone knows."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import pytest
from identity_fixtures import basic, identified, shown
from keystone_server import ADMIN_PASSWORD, Keystone, keystone
from served import Answer, Client, serving

from netwright.api.identities import IdentityMode
from netwright.api.server import Server
from netwright.wire.unix_http import UnixConnection

pytestmark = [
    pytest.mark.slow,
    # Keystone's libraries warn of each other.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning", "ignore::FutureWarning"),
]
_CONFIG = """[keystone_authtoken]
auth_type = password
auth_url = {url}
www_authenticate_uri = {url}
username = admin
password = {password}
project_name = admin
user_domain_name = Default
project_domain_name = Default
service_token_roles_required = true
service_type = network
"""


@dataclass(frozen=True)
class Cloud:
    keystone: Keystone
    admin: str
    server: Server

    def project(self, name: str) -> str:
        return self.keystone.ask("POST", "/projects", {"project": {"name": name}}, self.admin)[0]["project"][
            "id"
        ]

    def user(self, name: str, project: str, role: str) -> str:
        """With a password that is the name twice; its id."""
        body = {"user": {"name": name, "password": name * 2}}
        user = self.keystone.ask("POST", "/users", body, self.admin)[0]["user"]["id"]
        found = self.keystone.ask("GET", f"/roles?name={role}", token=self.admin)[0]["roles"]
        path = f"/projects/{project}/users/{user}/roles/{found[0]['id']}"
        self.keystone.ask("PUT", path, token=self.admin)
        return user

    def ask(self, token: str, method: str = "GET", body: object = None, **headers: str) -> Answer:
        return self.send(method, "/v2.0/networks", body, {**shown(token), **headers})

    def send(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Over a connection of its own: Keystone takes its time, and idle ones are closed."""
        assert self.server.address is not None
        client = Client(HTTPConnection(*self.server.address, timeout=60))
        try:
            return client.send(method, path, body, headers)
        finally:
            client.connection.close()


@pytest.fixture(scope="module")
def cloud() -> Iterator[Cloud]:
    with tempfile.TemporaryDirectory(prefix="netwright-test-") as made:
        directory = Path(made)
        (directory / "keystone").mkdir()
        with keystone(directory / "keystone") as real:
            config = directory / "keystone_authtoken.conf"
            config.write_text(_CONFIG.format(url=real.url, password=ADMIN_PASSWORD))
            with serving(directory, settings=identified(IdentityMode.KEYSTONE, config)) as server:
                yield Cloud(real, real.admin(), server)


@pytest.mark.timeout(300)
def test_keystones_users_have_keystones_roles(cloud: Cloud) -> None:
    """A member makes networks in its project, a reader sees them, others' are 404, an admin sees all."""
    blue, red = cloud.project("blue"), cloud.project("red")
    cloud.user("ann", blue, "member")
    cloud.user("rea", blue, "reader")
    cloud.user("bob", red, "member")
    ann, rea, bob = (cloud.keystone.token(name, name * 2, project) for name, project in
                     (("ann", "blue"), ("rea", "blue"), ("bob", "red")))  # fmt: skip
    made = cloud.ask(ann, "POST", {"network": {"name": "n"}})
    assert (made.status, made.body["network"]["project_id"]) == (201, blue)
    assert [one["name"] for one in cloud.ask(rea).body["networks"]] == ["n"]
    assert cloud.ask(rea, "POST", {"network": {}}).status == 403
    assert cloud.ask(bob).body["networks"] == []
    assert [one["name"] for one in cloud.ask(cloud.admin).body["networks"]] == ["n"]
    other = cloud.ask(cloud.admin, "POST", {"network": {}}, **{"X-Project-Id": red})
    assert other.body["network"]["project_id"] == red
    assert cloud.ask(ann, **{"X-Project-Id": red}).status == 403


@pytest.mark.timeout(300)
def test_what_keystone_does_not_know_is_refused(cloud: Cloud) -> None:
    """No token, a made-up one, a password, an unscoped token: 401, and the answer says where Keystone is."""
    blue = cloud.project("blue2")
    cloud.user("eve", blue, "member")
    unscoped = cloud.keystone.token("eve", "eveeve", None)
    for headers in ({}, shown("gAAAAAnonsense"), basic("eve", "eveeve"), shown(unscoped), {"X-Roles": "admin"},
                    {"X-Identity-Status": "Confirmed", "X-Project-Id": blue, "X-Roles": "admin"}):  # fmt: skip
        answer = cloud.send("GET", "/v2.0/networks", headers=headers)
        assert answer.status == 401, headers
        assert answer.headers["www-authenticate"] == f'Keystone uri="{cloud.keystone.url}"'
    assert cloud.send("GET", "/v3").status == 404


@pytest.mark.timeout(300)
def test_roles_that_a_request_claims_are_not_believed(cloud: Cloud) -> None:
    """Headers as the middleware itself would set are overwritten by what Keystone says."""
    blue = cloud.project("blue3")
    cloud.user("mal", blue, "reader")
    token = cloud.keystone.token("mal", "malmal", "blue3")
    claimed = {"X-Roles": "admin", "X-Role": "admin", "OpenStack-System-Scope": "all"}
    assert cloud.ask(token, "POST", {"network": {}}, **claimed).status == 403


@pytest.mark.timeout(300)
def test_the_socket_needs_no_keystone(cloud: Cloud) -> None:
    """Who may open it is admin; a token that is shown there holds."""
    local = Client(UnixConnection(cloud.server.socket_path, 60))
    assert local.send("POST", "/v2.0/networks", {"network": {}}, {"X-Project-Id": "any"}).status == 201
    assert local.send("GET", "/v2.0/networks", headers=shown("nonsense")).status == 401
    local.connection.close()


@pytest.mark.timeout(300)
def test_a_token_taken_back_is_refused_soon(cloud: Cloud) -> None:
    """A token that was never seen here is refused at once when Keystone has taken it back."""
    blue = cloud.project("blue4")
    cloud.user("zoe", blue, "member")
    token = cloud.keystone.token("zoe", "zoezoe", "blue4")
    cloud.keystone.revoke(token, cloud.admin)
    assert cloud.ask(token).status == 401
