"""`netwright-manage`: nova-manage's commands on the store, with and without a server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from asking import groups
from nova.managers import uuid
from nova.old_nova import FLOATING_IPS, old_nova, sample
from served import client_of, serving

from netwright.cli import manage_command
from netwright.cli.errors import Exit
from netwright.cli.manage import main, root
from netwright.control import classic_networks
from netwright.control.groups import GroupRequest
from netwright.nova.options import NetworkOptions
from netwright.nova.options_file import read_options

PRIVATE = ("network", "create", "--label", "private", "--fixed_range_v4", "10.0.0.0/8", "--num_networks", "3")


@dataclass
class Ran:
    code: int
    out: str
    err: str


class Manage:
    """The command on a state directory of its own."""

    def __init__(self, state: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.state, self._capsys = state, capsys

    def run(self, *arguments: str, before: tuple[str, ...] = ()) -> Ran:
        code = main(["--state-dir", str(self.state), *before, *arguments])
        said = self._capsys.readouterr()
        return Ran(code, said.out, said.err)

    def ok(self, *arguments: str, before: tuple[str, ...] = ()) -> str:
        ran = self.run(*arguments, before=before)
        assert ran.code == 0, ran
        return ran.out

    def json(self, *arguments: str, before: tuple[str, ...] = ()) -> list[dict]:
        return json.loads(self.ok(*arguments, "--format", "json", before=before))

    def world(self):
        return manage_command.opened({"state_dir": self.state, "connection": None})


@pytest.fixture
def manage(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Manage:
    return Manage(tmp_path / "state", capsys)


def test_networks_are_made_and_what_was_made_is_printed(manage: Manage) -> None:
    """The old documentation's command makes three networks of sixteen addresses, and lists them."""
    out = manage.ok(*PRIVATE, "--network_size", "16")
    for number, prefix in enumerate(("10.0.0.0/28", "10.0.0.16/28", "10.0.0.32/28")):
        (line,) = [line for line in out.splitlines() if prefix in line]
        assert f"private_{number}" in line
    assert [one["cidr"] for one in manage.json("network", "list")] == [
        "10.0.0.0/28",
        "10.0.0.16/28",
        "10.0.0.32/28",
    ]


def test_options_may_be_written_with_dashes(manage: Manage) -> None:
    """Underscores and dashes mean the same, for every option that has one."""
    given = ("--label", "x", "--fixed-range-v4", "10.0.0.0/24", "--fixed-range-v6", "fd00:1::/64")
    more = (
        "--gateway",
        "10.0.0.254",
        "--gateway-v6",
        "fd00:1::9",
        "--bridge",
        "br7",
        "--bridge-interface",
        "eth7",
    )
    rest = (
        "--multi-host",
        "T",
        "--dns1",
        "9.9.9.9",
        "--dns2",
        "8.8.8.8",
        "--uuid",
        uuid(7),
        "--priority",
        "3",
    )
    (made,) = manage.json(
        "network", "create", *given, *more, *rest, "--fixed-cidr", "10.0.0.0/25", "--project-id", "p"
    )
    wanted = {
        "uuid": uuid(7), "label": "x", "cidr": "10.0.0.0/24", "cidr_v6": "fd00:1::/64", "gateway": "10.0.0.254",
        "gateway_v6": "fd00:1::9", "bridge": "br7", "bridge_interface": "eth7", "multi_host": True,
        "dns1": "9.9.9.9", "dns2": "8.8.8.8", "priority": 3, "project_id": "p",
    }  # fmt: skip
    assert {name: made[name] for name in wanted} == wanted
    for command in root.commands.values():
        for one in [command, *getattr(command, "commands", {}).values()]:
            for param in one.params:
                for spelled in param.opts:
                    if "_" in spelled:
                        assert spelled.replace("_", "-") in param.opts


def test_vlans_are_numbered_as_asked(manage: Manage) -> None:
    """With --manager vlan each network has a VLAN, a VPN port and a bridge; it needs an interface for them."""
    vlan = ("--manager", "vlan")
    ran = manage.run(*PRIVATE, before=vlan)
    assert (ran.code, "bridge_interface" in ran.err) == (2, True)
    made = manage.json(
        *PRIVATE, "--bridge_interface", "eth1", "--vlan_start", "200", "--vpn", "2000", before=vlan
    )
    assert [(one["vlan"], one["bridge"], one["vpn_public_port"]) for one in made] == [
        (200, "br200", 2000),
        (201, "br201", 2001),
        (202, "br202", 2002),
    ]
    (one,) = manage.json(
        "network", "create", "--label", "y", "--fixed_range_v4", "10.9.0.0/24", "--vlan", "300", "--bridge_interface", "eth1",
        before=vlan,
    )  # fmt: skip
    assert one["vlan"] == 300


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("network", "create"), 2),
        (("network", "create", "--label", "x", "--fixed_range_v4", "10.0.0.0/33"), 2),
        (("network", "create", "--label", "a\nb", "--fixed_range_v4", "10.1.0.0/24"), 2),
        (
            ("network", "create", "--label", "x", "--fixed_range_v4", "10.1.0.0/24", "--multi_host", "maybe"),
            2,
        ),
        (("network", "create", "--label", "x", "--fixed_range_v4", "10.1.0.0/24", "--bridge", "a b"), 2),
        (("network", "create", "--label", "x", "--fixed_range_v4", "10.0.0.0/24"), 4),
        (("network", "delete"), 2),
        (("network", "delete", "--fixed_range", "10.77.0.0/24"), 3),
        (("network", "delete", "--uuid", "x"), 3),
        (("network", "modify", "--fixed_range", "10.0.0.0/24"), 2),
        (("network", "modify", "--fixed_range", "10.0.0.0/24", "--project", "p", "--disassociate-host"), 2),
        (("network", "modify", "--fixed_range", "10.77.0.0/24", "--project", "p"), 3),
        (("fixed", "reserve", "--address", "10.77.0.1"), 3),
        (("fixed", "reserve", "--address", "x"), 2),
        (("fixed", "reserve"), 2),
        (("fixed", "unreserve", "--address", "10.0.0.9"), 3),
        (("floating", "create"), 2),
        (("floating", "create", "--ip_range", "10.0.0.0/8"), 2),
        (("floating", "create", "--ip_range", "203.0.113.0/31"), 2),
        (("floating", "create", "--ip_range", "203.0.113.9"), 4),
        (("floating", "delete", "--ip_range", "198.51.100.1"), 3),
        (("vpn", "change", "--project", "nobody", "--ip", "192.0.2.1", "--port", "1000"), 3),
        (("vpn", "change", "--project", "p", "--ip", "192.0.2", "--port", "1000"), 2),
        (("vpn", "change", "--project", "p", "--ip", "192.0.2.1", "--port", "x"), 2),
        (("project", "quota"), 2),
        (("project", "quota", "--project", "p", "--key", "cores", "--value", "1"), 2),
        (("project", "quota", "--project", "p", "--key", "networks"), 2),
        (("project", "quota", "--project", "p", "--key", "networks", "--value", "many"), 2),
        (("project", "quota", "--project", "p", "--key", "networks", "--value", "\u00b2"), 2),
        (("project", "quota", "--project", "p", "--key", "networks", "--value", "9" * 30), 2),
        (("vpn", "change", "--project", "p", "--ip", "192.0.2.1", "--port", "\u00b2"), 2),
        (("vpn", "change", "--project", "p", "--ip", "192.0.2.1", "--port", "9" * 5000), 2),
        (("import-nova",), 2),
        (("import-nova", "--connection", "nonsense"), 2),
        (("network", "destroy"), 2),
        (("network", "list", "--format", "xml"), 2),
    ],
)
def test_what_cannot_be_has_its_exit_code(manage: Manage, arguments: tuple[str, ...], code: int) -> None:
    """Bad input is 2, what is not there 3, what is in use or taken 4; one line says why, and nothing changes."""
    manage.ok("network", "create", "--label", "one", "--fixed_range_v4", "10.0.0.0/24")
    manage.ok("floating", "create", "--ip_range", "203.0.113.9")
    before = manage.json("network", "list"), manage.json("floating", "list"), manage.json("fixed", "list")
    ran = manage.run(*arguments)
    assert (ran.code, len(ran.err.splitlines()), ran.out) == (code, 1, "")
    assert (
        manage.json("network", "list"),
        manage.json("floating", "list"),
        manage.json("fixed", "list"),
    ) == before


def test_a_network_changes_hands_and_goes(manage: Manage) -> None:
    """modify gives it to a project and a host and takes it back; a project's network is not deleted."""
    manage.ok("network", "create", "--label", "one", "--fixed_range_v4", "10.0.0.0/24")
    one = ("--fixed_range", "10.0.0.0/24")
    (network,) = manage.json("network", "modify", *one, "--project", "p", "--host", "h9")
    assert (network["project_id"], network["host"]) == ("p", "h9")
    assert manage.run("network", "delete", *one).code == 4
    (network,) = manage.json("network", "modify", *one, "--disassociate-project", "--disassociate_host")
    assert (network["project_id"], network["host"]) == (None, None)
    manage.ok("network", "delete", *one)
    assert manage.json("network", "list") == []


def test_a_network_changes_hands_whole_or_not_at_all(manage: Manage) -> None:
    """Where the host's name cannot be, the network is not the project's either."""
    manage.ok("network", "create", "--label", "one", "--fixed_range_v4", "10.0.0.0/24")
    one = ("--fixed_range", "10.0.0.0/24")
    assert manage.run("network", "modify", *one, "--project", "p", "--host", "no host").code == 2
    (network,) = manage.json("network", "list")
    assert (network["project_id"], network["host"]) == (None, None)


def test_fixed_ips_are_reserved_and_listed(manage: Manage) -> None:
    """A reserved address is listed and not given out; unreserved it is free; --host shows one host's."""
    manage.ok("network", "create", "--label", "one", "--fixed_range_v4", "10.0.0.0/29")
    for number in (2, 3, 4):
        manage.ok("fixed", "reserve", "--address", f"10.0.0.{number}")
    listed = manage.json("fixed", "list")
    assert [(one["address"], one["state"]) for one in listed] == [
        (f"10.0.0.{at}", "reserved") for at in (2, 3, 4)
    ]
    assert manage.run("fixed", "reserve", "--address", "10.0.0.2").code == 0
    manage.ok("fixed", "unreserve", "--address", "10.0.0.3")
    assert [one["address"] for one in manage.json("fixed", "list")] == ["10.0.0.2", "10.0.0.4"]
    assert manage.json("fixed", "list", "--host", "h9") == []


def test_floating_ips_come_go_and_are_listed(manage: Manage) -> None:
    """create, list and delete of ranges; defaults are nova's pool and interface."""
    assert "6 floating IPs" in manage.ok(
        "floating", "create", "--ip_range", "203.0.113.0/29", "--pool", "pub"
    )
    manage.ok("floating", "create", "--ip-range", "198.51.100.7", "--interface", "eth3")
    found = {
        one["address"]: (one["pool"], one["interface"], one["project_id"])
        for one in manage.json("floating", "list")
    }
    assert len(found) == 7
    assert found["203.0.113.6"] == ("pub", "eth0", None)
    assert found["198.51.100.7"] == ("nova", "eth3", None)
    assert manage.json("floating", "list", "--host", "h1") == []
    assert "6 floating IPs" in manage.ok("floating", "delete", "--ip_range", "203.0.113.0/29")
    assert [one["address"] for one in manage.json("floating", "list")] == ["198.51.100.7"]


def test_a_projects_vpn_and_quotas_change(manage: Manage) -> None:
    """vpn change is of all the project's networks; quota lists limits and use, and takes unlimited and default."""
    for number in (1, 2):
        manage.ok(
            "network",
            "create",
            "--label",
            "n",
            "--fixed_range_v4",
            f"10.0.{number}.0/24",
            "--project_id",
            "p",
        )
    manage.ok("vpn", "change", "--project", "p", "--ip", "192.0.2.9", "--port", "1194")
    assert {
        (one["vpn_public_address"], one["vpn_public_port"]) for one in manage.json("network", "list")
    } == {("192.0.2.9", 1194)}
    assert manage.run("vpn", "change", "--project", "p", "--ip", "192.0.2.9", "--port", "70000").code == 2
    nobodys = manage.run("vpn", "change", "--project", "q", "--ip", "192.0.2.9", "--port", "1194")
    assert (nobodys.code, nobodys.err) == (3, "netwright: Project 'q' has no network.\n")

    def limits(*more: str) -> dict[str, tuple[int, int]]:
        listed = manage.json("project", "quota", "--project", "p", *more)
        return {one["resource"]: (one["limit"], one["used"]) for one in listed}

    assert limits() == {"fixed_ips": (-1, 0), "floating_ips": (10, 0), "networks": (-1, 2)}
    assert limits("--key", "floating_ips", "--value", "2")["floating_ips"] == (2, 0)
    assert limits("--key", "floating_ips", "--value", "unlimited")["floating_ips"] == (-1, 0)
    assert limits("--key", "floating_ips", "--value", "default")["floating_ips"] == (10, 0)


def test_a_scrubbed_project_has_no_networks_and_groups(manage: Manage) -> None:
    """Its networks are free for others, its security groups are gone; others' stay."""
    manage.ok("network", "create", "--label", "n", "--fixed_range_v4", "10.0.1.0/24", "--project_id", "p")
    manage.ok("network", "create", "--label", "m", "--fixed_range_v4", "10.0.2.0/24", "--project_id", "q")
    with manage.world() as world:
        for project in ("p", "q"):
            groups.create(world, [GroupRequest(project_id=project, name="web")])
    assert "1 networks, 2 security groups" in manage.ok("project", "scrub", "--project", "p")
    with manage.world() as world:
        assert [record.classic.project_id for record in classic_networks.find(world, {})] == [None, "q"]
        assert [record.value.project_id for record in groups.find(world, {"project_id": ("q",)})] == [
            "q",
            "q",
        ]


def test_it_works_beside_a_running_server(manage: Manage) -> None:
    """What the command makes the server has, and the other way round, on one database."""
    manage.state.mkdir()
    with serving(manage.state, tcp=False) as server:
        client = client_of(server)
        manage.ok("network", "create", "--label", "classic", "--fixed_range_v4", "10.0.0.0/24")
        manage.ok("floating", "create", "--ip_range", "203.0.113.0/29", "--pool", "pub")
        names = {one["name"]: one for one in client.get("/v2.0/networks")["networks"]}
        assert names.keys() == {"classic", "pub"}
        made = client.make("floatingip", floating_network_id=names["pub"]["id"], project_id="p")
        owned = [one for one in manage.json("floating", "list") if one["project_id"] == "p"]
        assert [one["address"] for one in owned] == [made["floating_ip_address"]]
        client.connection.close()


def test_another_database_may_be_named(manage: Manage, tmp_path: Path) -> None:
    """--connection takes a URL in the place of a state directory; one that does not open is exit code 1 or 2."""
    url = ("--connection", f"sqlite:///{tmp_path / 'other.db'}")
    manage.ok("floating", "create", "--ip_range", "203.0.113.4", before=url)
    assert manage.json("floating", "list") == []
    assert len(manage.json("floating", "list", before=url)) == 1
    assert manage.run("floating", "list", before=("--connection", "sqlite:////nowhere/x.db")).code == 1
    assert manage.run("floating", "list", before=("--connection", "what://x")).code == 2


def test_lists_are_tables_json_and_yaml(manage: Manage) -> None:
    """The same rows in each format; --quiet prints ids."""
    manage.ok("floating", "create", "--ip_range", "203.0.113.4")
    assert yaml.safe_load(manage.ok("floating", "list", "--format", "yaml")) == manage.json(
        "floating", "list"
    )
    assert "203.0.113.4" in manage.ok("floating", "list", "--format", "table")
    assert manage.ok("floating", "list", "--quiet") == "3405803780\n"
    bad = manage.run("network", "delete", "--uuid", "x", "--format", "json")
    assert json.loads(bad.err)["error"]["type"] == "NetworkNotFound"
    assert "--fixed_range or --uuid" in manage.run("network", "delete").err


def test_help_has_examples(manage: Manage) -> None:
    """Every command has a help text; those that are long have examples."""
    assert "Examples:" in manage.ok("--help")
    for name, command in root.commands.items():
        for sub in getattr(command, "commands", {}):
            assert manage.ok(name, sub, "--help").startswith("Usage: netwright-manage")
    assert "--fixed_range_v4 10.0.0.0/8" in manage.ok("network", "create", "--help")
    assert manage.run().code == 2


def test_what_is_no_text_is_bad_input_and_a_closed_pipe_is_quiet(manage: Manage) -> None:
    """Arguments that are not UTF-8 have exit code 2; who reads no further, as `head` does, gets no traceback."""
    assert manage.run(*PRIVATE[:3], os.fsdecode(b"\xff"), *PRIVATE[4:]).code == 2
    reader, writer = os.pipe()
    os.close(reader)
    argv = [sys.executable, "-c", "from netwright.cli.manage import main; raise SystemExit(main())", "--help"]
    done = subprocess.run(argv, stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (Exit.BROKEN_PIPE, b"")


def test_a_nova_deployment_is_brought(manage: Manage) -> None:
    """import-nova lists first and writes nothing; with --apply it does it, and then there is nothing to do."""
    with old_nova() as old:
        sample(old)
        ran = manage.run("import-nova", "--connection", old.url)
        assert (ran.code, "would be made" in ran.err) == (0, True)
        assert manage.json("network", "list") == []
        steps = manage.json("import-nova", "--connection", old.url, "--apply")
        assert {one["state"] for one in steps} == {"make"}
        assert len(manage.json("network", "list")) == 3
        again = manage.json("import-nova", "--connection", old.url, "--apply")
        assert {one["state"] for one in again} == {"there"}
        old.add(FLOATING_IPS, address="nonsense")
        assert manage.run("import-nova", "--connection", old.url).code == 4


def test_a_configuration_files_options_hold(manage: Manage, tmp_path: Path) -> None:
    """nova.conf's defaults, manager and lists are taken; other sections and options are not."""
    conf = tmp_path / "nova.conf"
    conf.write_text(
        "# nova\n[DEFAULT]\nnum_networks = 2\nnetwork_size=32\nvlan-interface = eth5\nmulti_host=True\n"
        "dmz_cidr=10.1.0.0/16,\n  10.2.0.0/16\nforward_bridge_interface=eth0\nforward_bridge_interface=eth1\n"
        "rabbit_host=nowhere\ndefault_floating_pool = 'pub'\n[libvirt]\nnum_networks=9\n"
    )
    made = manage.json(
        "network",
        "create",
        "--label",
        "x",
        "--fixed_range_v4",
        "10.0.0.0/24",
        before=("--config-file", str(conf)),
    )
    assert [(one["cidr"], one["vlan"], one["bridge_interface"], one["multi_host"]) for one in made] == [
        ("10.0.0.0/27", 100, "eth5", True),
        ("10.0.0.32/27", 101, "eth5", True),
    ]
    options = read_options([conf])
    assert options.dmz_cidr == ("10.1.0.0/16", "10.2.0.0/16")
    assert options.forward_bridge_interface == ("eth0", "eth1")
    assert options.default_floating_pool == "pub"
    assert read_options([]) == NetworkOptions()


@pytest.mark.parametrize(
    "line",
    ["num_networks=many", "multi_host=perhaps", "ipv6_backend=x", "my_ip=$other", "network_manager=a.B"],
)
def test_a_wrong_configuration_file_is_bad_input(manage: Manage, tmp_path: Path, line: str) -> None:
    """A value that an option cannot have, or that refers to another option, is exit code 2; so is no file."""
    conf = tmp_path / "nova.conf"
    conf.write_text(f"[DEFAULT]\n{line}\n")
    for path in (conf, tmp_path / "none.conf"):
        assert manage.run("network", "list", before=("--config-file", str(path))).code == 2
