"""The clients that people have already: openstack, openstacksdk and netwright's own command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from identity_fixtures import PASSWORD, Town, here, town
from openstack_command import openstack

from netwright.cli.main import main

__all__ = ["here"]
DOMAINS = {
    "OS_USER_DOMAIN_NAME": "Default",
    "OS_PROJECT_DOMAIN_NAME": "Default",
    "OS_IDENTITY_API_VERSION": "3",
}


def url(town: Town) -> str:
    assert town.server.address is not None
    return f"http://{town.server.address[0]}:{town.server.address[1]}"


def openrc(town: Town, capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    """What `netwright identity bootstrap` prints, as an environment."""
    capsys.readouterr()
    words = ["identity", "bootstrap", "--auth-url", f"{url(town)}/v3", "-f", "json"]
    assert main(["--server", str(town.server.socket_path), *words]) == 0
    found: dict[str, str] = json.loads(capsys.readouterr().out)
    return found


def test_the_openstack_client_tours_identity(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With what bootstrap printed it issues tokens, makes projects, users, roles and credentials, and their owners get in."""
    with town(tmp_path) as fresh:
        admin = openrc(fresh, capsys)

        show = ("-f", "json")
        assert openstack(admin, "token", "issue", *show)["project_id"] == "default"
        blue = openstack(admin, "project", "create", "blue", "--description", "sky", *show)
        ann = openstack(admin, "user", "create", "ann", "--password", PASSWORD, "--project", "blue", *show)
        openstack(admin, "role", "add", "member", "--user", "ann", "--project", "blue")
        assert {one["Name"] for one in openstack(admin, "project", "list", *show)} == {"admin", "blue"}
        assert {one["Name"] for one in openstack(admin, "user", "list", *show)} == {"admin", "ann"}
        names = openstack(admin, "role", "assignment", "list", "--user", "ann", "--names", *show)
        assert [(one["Role"], one["Project"]) for one in names] == [("member", "blue@Default")]
        openstack(admin, "project", "set", "blue", "--description", "sea")
        assert openstack(admin, "project", "show", "blue", *show)["description"] == "sea"

        own = {**DOMAINS, "OS_AUTH_URL": f"{url(fresh)}/v3", "OS_USERNAME": "ann", "OS_PASSWORD": PASSWORD,
               "OS_PROJECT_NAME": "blue"}  # fmt: skip
        made = openstack(own, "network", "create", "n", *show)
        assert made["project_id"] == blue["id"]
        given = openstack(own, "application", "credential", "create", "ci", "--role", "reader", *show)
        program = {
            "OS_AUTH_TYPE": "v3applicationcredential",
            "OS_AUTH_URL": f"{url(fresh)}/v3",
            "OS_APPLICATION_CREDENTIAL_ID": given.get("id") or given["ID"],
            "OS_APPLICATION_CREDENTIAL_SECRET": given.get("secret") or given["Secret"],
        }
        assert [one["Name"] for one in openstack(program, "network", "list", *show)] == ["n"]
        direct = {
            "OS_AUTH_TYPE": "http_basic",
            "OS_USERNAME": "ann",
            "OS_PASSWORD": PASSWORD,
            "OS_ENDPOINT": url(fresh),
        }
        assert [one["Name"] for one in openstack(direct, "network", "list", *show)] == ["n"]
        openstack(own, "network", "delete", "n")
        openstack(own, "application", "credential", "delete", "ci")
        openstack(admin, "user", "delete", ann["id"])
        openstack(admin, "project", "delete", "blue")


def connect(town: Town, name: str, project: str | None, password: str = PASSWORD):
    from openstack.connection import Connection  # noqa: PLC0415  # what it imports warns

    return Connection(
        auth_url=f"{url(town)}/v3",
        username=name,
        password=password,
        project_name=project,
        user_domain_id="default",
        project_domain_id="default",
        region_name="RegionOne",
    )


@pytest.mark.filterwarnings("ignore")  # of what it imports, and of its own options
def test_openstacksdk_finds_its_way_from_identity(here: Town) -> None:
    """Given only Identity's address it discovers Identity and the Networking API, and makes users of both."""
    root = here.user(here.project(), "admin")
    admin = connect(here, root["name"], None)
    blue = admin.identity.create_project(name="sdk-blue", description="made by the SDK")
    ann = admin.identity.create_user(name="sdk-ann", password=PASSWORD, default_project_id=blue.id)
    admin.identity.assign_project_role_to_user(blue, ann, admin.identity.find_role("member"))
    assert admin.identity.find_project("sdk-blue").id == blue.id
    own = connect(here, "sdk-ann", "sdk-blue")
    made = own.network.create_network(name="sdk")
    assert made.project_id == blue.id
    assert [one.name for one in own.network.networks()] == ["sdk"]
    assert [one.id for one in own.identity.projects()] == [blue.id]
    own.network.delete_network(made)
    admin.identity.update_user(ann, is_enabled=False)
    with pytest.raises(Exception, match="401"):
        list(own.network.networks())
    admin.identity.delete_user(ann)
    admin.identity.delete_project(blue)
    assert admin.identity.find_project("sdk-blue") is None


def test_the_command_makes_users_and_is_one(
    here: Town, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the socket it makes project, user, role and token; over the network it shows them, as people would set them."""

    def run(*words: str, server: str = str(here.server.socket_path), code: int = 0) -> str:
        capsys.readouterr()
        assert main(["--server", server, *words]) == code, capsys.readouterr().err
        return capsys.readouterr().out

    run("project", "create", "cli")
    run("user", "create", "cleo", "--project", "cli", "--role", "member", "--password", PASSWORD)
    assert json.loads(run("role", "list", "--user", "cleo", "-f", "json"))[0]["role"]["name"] == "member"
    assert run("role", "list", "--user", "cleo").split()[3:] == ["cleo", "cli", "member"]
    secret = run(
        "token", "create", "ci", "--user", "cleo", "--role", "reader", "-c", "secret", "-f", "value"
    ).strip()
    run("network", "list", server=url(here), code=1)
    monkeypatch.setenv("OS_USERNAME", "cleo")
    monkeypatch.setenv("OS_PASSWORD", PASSWORD)
    monkeypatch.setenv("OS_PROJECT_NAME", "cli")
    run("security-group", "create", "cli-group", server=url(here))
    run("token", "create", "own", server=url(here))
    assert {one["name"] for one in json.loads(run("token", "list", "-f", "json", server=url(here)))} == {
        "ci",
        "own",
    }
    monkeypatch.setenv("NETWRIGHT_TOKEN", secret)
    assert "cli-group" in run("security-group", "list", server=url(here))
    run("security-group", "delete", "cli-group", server=url(here), code=1)
    monkeypatch.delenv("NETWRIGHT_TOKEN")
    monkeypatch.delenv("OS_PASSWORD")
    clouds = {"clouds": {"here": {"auth": {"username": "cleo", "password": PASSWORD, "project_name": "cli"}}}}
    (tmp_path / "clouds.yaml").write_text(yaml.safe_dump(clouds))
    monkeypatch.chdir(tmp_path)
    run("--cloud", "here", "security-group", "delete", "cli-group", server=url(here))
    run("token", "delete", "ci", "--user", "cleo")
    run("user", "set", "cleo", "--disable")
    assert json.loads(run("user", "show", "cleo", "-f", "json"))["enabled"] is False
    run("role", "remove", "member", "--user", "cleo", "--project", "cli")
    run("user", "delete", "cleo")
    run("project", "delete", "cli")


def test_a_quota_is_of_a_project_by_name_or_id(
    here: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An admin sets, shows and unsets by either; a member reads its own; a name of no project is told, and no id."""

    def run(*words: str, server: str = str(here.server.socket_path), code: int = 0) -> str:
        capsys.readouterr()
        assert main(["--server", server, "quota", *words]) == code, capsys.readouterr().err
        return capsys.readouterr().out

    project, other = here.project("sky blue/grey"), here.project()
    user = here.user(project)
    run("set", "sky blue/grey", "network=7")
    for named in ("sky blue/grey", project["id"]):
        assert json.loads(run("show", named, "-f", "json"))["network"]["limit"] == 7
    run("set", "sky", "network=1", code=3)
    monkeypatch.setenv("OS_USERNAME", user["name"])
    monkeypatch.setenv("OS_PASSWORD", PASSWORD)
    for named in ("sky blue/grey", project["id"]):
        assert json.loads(run("show", named, "-f", "json", server=url(here)))["network"]["limit"] == 7
    run("set", "sky blue/grey", "network=9", server=url(here), code=1)
    run("show", other["name"], server=url(here), code=3)
    run("unset", "sky blue/grey")
    assert project["id"] not in run("list")


def test_bootstrap_is_safe_to_repeat(here: Town, capsys: pytest.CaptureFixture[str]) -> None:
    """Each run gives a fresh password that works, and the one before works no more."""
    passwords = [openrc(here, capsys)["OS_PASSWORD"] for _ in range(2)]
    assert here.ask_token(_admin(passwords[0])).status == 401
    told = here.ask_token(_admin(passwords[1])).body["token"]
    assert (told["project"]["name"], told["roles"][0]["name"]) == ("admin", "admin")


def _admin(password: str) -> dict:
    user = {"name": "admin", "domain": {"id": "default"}, "password": password}
    return {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}


def test_a_member_makes_networks_with_the_command(
    here: Town, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A host network is refused in words that say what to add, and with that it is made, with its subnet."""
    project = here.project()
    monkeypatch.setenv("OS_USERNAME", here.user(project)["name"])
    monkeypatch.setenv("OS_PASSWORD", PASSWORD)
    monkeypatch.setenv("OS_PROJECT_NAME", project["name"])
    words = ["--server", url(here), "network", "create", "lan", "--cidr", "10.22.0.0/24", "-f", "json"]
    assert main(words) == 1
    assert "only admins make host networks; add --router" in capsys.readouterr().err
    assert main([*words, "--router"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["network"]["netwright:gateway_place"] == "router"
    assert (made["network"]["project_id"], made["subnets"][0]["cidr"]) == (project["id"], "10.22.0.0/24")
