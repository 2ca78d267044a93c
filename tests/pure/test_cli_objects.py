"""What the commands make of the objects on the server."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from netwright.testing.fake_api import FakeApi

if TYPE_CHECKING:
    from cli_fixtures import Cli  # pytest must import it first, to rewrite its assertions

pytest_plugins = ["cli_fixtures"]
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def test_a_cidr_alone_makes_a_host_network_with_one_subnet(cli: Cli) -> None:
    """`network create --cidr` gives a host network and one subnet with DHCP, and prints both."""
    made = cli.ok("network", "create", "blue", "--cidr", "10.20.0.0/24")
    assert made["network"]["netwright:gateway_place"] == "host"
    assert made["network"]["subnets"] == [made["subnets"][0]["id"]]
    assert (
        made["subnets"][0] | {"cidr": "10.20.0.0/24", "enable_dhcp": True, "name": "blue"}
        == made["subnets"][0]
    )
    table = cli.run("network", "create", "red", "--cidr", "10.21.0.0/24").out
    assert "Subnet 10.21.0.0/24" in table
    assert "gateway_ip" in table


def test_options_find_the_subnet_they_belong_to(cli: Cli) -> None:
    """With an IPv4 and an IPv6 CIDR, gateways, pools and DNS servers go to the subnet that they fit."""
    four, six = cli.ok(
        "network", "create", "both", "--cidr", "10.20.0.0/24", "--cidr", "fd00:20::/64",
        "--gateway", "10.20.0.254", "--pool", "fd00:20::10-fd00:20::20",
        "--dns", "9.9.9.9", "--dns", "2620:fe::fe", "--ipv6-mode", "dhcpv6-stateful",
    )["subnets"]  # fmt: skip
    assert (four["gateway_ip"], four["dns_nameservers"], four["allocation_pools"]) == (
        "10.20.0.254",
        ["9.9.9.9"],
        [],
    )
    assert six["allocation_pools"] == [{"start": "fd00:20::10", "end": "fd00:20::20"}]
    assert six["dns_nameservers"] == ["2620:fe::fe"]
    assert six["ipv6_ra_mode"] == six["ipv6_address_mode"] == "dhcpv6-stateful"
    assert four["ipv6_ra_mode"] is None


@pytest.mark.parametrize(
    "option",
    [["--gateway", "10.9.0.1"], ["--pool", "10.9.0.1-10.9.0.9"], ["--dns", "fd00::1"], ["--gateway", "moon"]],
)
def test_an_option_for_no_subnet_is_refused(cli: Cli, api: FakeApi, option: list[str]) -> None:
    """An address that fits no CIDR is bad input, and nothing is made."""
    assert cli.run("network", "create", "blue", "--cidr", "10.20.0.0/24", *option).code == 2
    assert not api.objects["networks"]


def test_a_refused_subnet_takes_its_network_along(cli: Cli, api: FakeApi) -> None:
    """When one of the subnets is refused, neither the network nor an earlier subnet is left."""
    cli.ok("network", "create", "blue", "--cidr", "10.20.0.0/24")
    ran = cli.run("network", "create", "red", "--cidr", "10.21.0.0/24", "--cidr", "10.20.0.128/25")
    assert (ran.code, ran.out) == (4, "")
    assert "overlaps" in ran.err
    assert [len(api.objects[plural]) for plural in ("networks", "subnets")] == [1, 1]


def test_kinds_of_network(cli: Cli) -> None:
    """--router, --external with --uplink and the plain form differ in where the gateway is."""
    assert cli.ok("network", "create", "a")["netwright:gateway_place"] == "host"
    assert cli.ok("network", "create", "b", "--router")["netwright:gateway_place"] == "router"
    wan = cli.ok("network", "create", "wan", "--external", "--uplink", "eth1", "--cidr", "192.0.2.0/24")
    assert wan["network"]["provider:physical_network"] == "eth1"
    assert wan["network"]["netwright:gateway_place"] == "router"
    assert wan["subnets"][0]["enable_dhcp"] is False


def test_a_log_finds_what_it_is_about(cli: Cli) -> None:
    """`log create` takes a group and a port by name; `set` switches it; the list names both."""
    cli.ok("network", "create", "blue", "--cidr", "10.20.0.0/24")
    cli.ok("security-group", "create", "web")
    cli.ok("port", "create", "p1", "--network", "blue")
    log = cli.ok("log", "create", "l1", "--security-group", "web", "--port", "p1", "--event", "drop")
    assert (log["resource_type"], log["event"], log["enabled"]) == ("security_group", "DROP", True)
    assert cli.ok("log", "set", "l1", "--disable")["enabled"] is False
    assert cli.run("log", "list", "-c", "group", "-c", "port", "-f", "value").out == "web p1\n"
    assert cli.run("log", "delete", "l1").code == 0
    assert cli.ok("log", "list") == []


def test_a_vpn_is_made_changed_and_let_peers_in(cli: Cli) -> None:
    """`vpn create` finds its network by name, `update` changes it, `peer add` prints what wg-quick reads."""
    cli.ok("network", "create", "blue", "--cidr", "10.20.0.0/24")
    words = ("--network", "blue", "--private-address", "10.20.0.5", "--public-port", "1194")
    made = cli.ok("vpn", "create", "office", *words)
    assert (made["private_address"], made["public_port"], made["public_address"]) == ("10.20.0.5", 1194, None)
    moved = cli.ok("vpn", "update", "office", "--public-address", "192.0.2.9", "--public-port", "1000")
    assert (moved["public_address"], moved["public_port"]) == ("192.0.2.9", 1000)
    assert (
        cli.run("vpn", "list", "-c", "network", "-c", "public", "-f", "value").out == "blue 192.0.2.9:1000\n"
    )
    cli.ok(
        "vpn", "create", "road", "--network", "blue", "--kind", "wireguard", "--peer-range", "10.99.0.0/24"
    )
    assert cli.run("vpn", "peer", "add", "road", "laptop", "--public-key", "KEY=").out == "[Interface]\n"
    (peer,) = cli.ok("vpn", "peer", "list", "--vpn", "road")
    assert (peer["name"], peer["public_key"]) == ("laptop", "KEY=")
    assert cli.ok("vpn", "peer", "show", "laptop")["id"] == peer["id"]
    assert cli.run("vpn", "peer", "delete", "laptop").code == 0
    assert cli.run("vpn", "delete", "road", "office").code == 0
    assert cli.ok("vpn", "list") == cli.ok("vpn", "peer", "list") == []


def test_a_group_is_told_to_keep_what_it_revokes(cli: Cli) -> None:
    """--on-revoke reaches the group's own attribute, at its making and later."""
    assert cli.ok("security-group", "create", "a", "--on-revoke", "keep")["netwright:revocation"] == "keep"
    assert cli.ok("security-group", "set", "a", "--on-revoke", "cut")["netwright:revocation"] == "cut"


def test_a_network_joins_a_vlan_of_a_link(cli: Cli) -> None:
    """--uplink alone is flat, with --vlan a VLAN of that link; --vlan alone is refused."""
    keys = ("provider:network_type", "provider:physical_network", "provider:segmentation_id")
    for words, expected in (
        ((), ("local", None, None)),
        (("--uplink", "eth1"), ("flat", "eth1", None)),
        (("--uplink", "eth1", "--vlan", "100"), ("vlan", "eth1", 100)),
    ):
        made = cli.ok("network", "create", "a", *words)
        assert tuple(made[key] for key in keys) == expected
    for words in (("--vlan", "100"), ("--uplink", "eth1", "--vlan", "4095")):
        assert cli.run("network", "create", "a", *words).code == 2


def test_switches_reach_the_body(cli: Cli) -> None:
    """Each switch of a network sets its attribute, and `set` turns it back."""
    made = cli.ok(
        "network", "create", "a", "--no-nat", "--host-access", "--mtu", "1400", "--disable-port-security"
    )
    keys = ("netwright:nat", "netwright:host_access", "mtu", "port_security_enabled")
    assert [made[key] for key in keys] == [False, True, 1400, False]
    assert made["netwright:shared_gateway"] is False
    shared = cli.ok("network", "set", "a", "--shared-gateway")
    assert shared["netwright:shared_gateway"] is True
    assert cli.ok("network", "set", "a", "--own-gateway")["netwright:shared_gateway"] is False
    one = cli.ok("network", "set", "a", "--gateway-hosts", "one", "--gateway-host", "h1")
    assert (one["netwright:gateway_hosts"], one["netwright:gateway_host"]) == ("one", "h1")
    assert cli.ok("network", "set", "a", "--gateway-host", "none")["netwright:gateway_host"] is None
    assert cli.ok("network", "set", "a", "--bridge", "br100")["netwright:bridge"] == "br100"
    assert cli.ok("network", "set", "a", "--bridge", "none")["netwright:bridge"] is None
    back = cli.ok("network", "set", "a", "--nat", "--name", "b")
    assert (back["netwright:nat"], back["name"]) == (True, "b")


def test_subnets_by_the_openstack_words(cli: Cli) -> None:
    """A subnet takes pools, routes and name servers, and `set` can empty them."""
    cli.ok("network", "create", "blue")
    made = cli.ok(
        "subnet", "create", "s", "--network", "blue", "--subnet-range", "10.0.0.0/24", "--gateway", "none",
        "--allocation-pool", "start=10.0.0.5,end=10.0.0.9", "--dns-nameserver", "9.9.9.9",
        "--host-route", "destination=10.9.0.0/16,gateway=10.0.0.3", "--no-dhcp",
    )  # fmt: skip
    assert made["gateway_ip"] is None
    assert made["allocation_pools"] == [{"start": "10.0.0.5", "end": "10.0.0.9"}]
    assert made["host_routes"] == [{"destination": "10.9.0.0/16", "nexthop": "10.0.0.3"}]
    added = cli.ok("subnet", "set", "s", "--dns-nameserver", "1.1.1.1", "--dhcp")
    assert (added["dns_nameservers"], added["enable_dhcp"]) == (["9.9.9.9", "1.1.1.1"], True)
    cleared = cli.ok("subnet", "set", "s", "--no-dns-nameservers", "--no-host-route")
    assert (cleared["dns_nameservers"], cleared["host_routes"]) == ([], [])


def test_lists_of_a_port_grow_are_cleared_and_replaced(cli: Cli) -> None:
    """On `set`, a list option adds, its --no- flag clears, and both together replace."""
    cli.ok("network", "create", "blue", "--cidr", "10.20.0.0/24")
    one, two = (cli.ok("security-group", "create", name)["id"] for name in ("one", "two"))
    made = cli.ok(
        "port", "create", "--network", "blue", "p", "--fixed-ip", "subnet=blue,ip-address=10.20.0.9",
        "--security-group", "one", "--allowed-address", "ip-address=10.30.0.0/24",
    )  # fmt: skip
    assert [ip["ip_address"] for ip in made["fixed_ips"]] == ["10.20.0.9"]
    assert made["allowed_address_pairs"] == [{"ip_address": "10.30.0.0/24"}]
    assert cli.ok("port", "set", "p", "--security-group", "two")["security_groups"] == [one, two]
    again = cli.ok("port", "set", "p", "--no-security-group", "--security-group", "two")
    assert again["security_groups"] == [two]
    assert cli.ok("port", "set", "p", "--no-security-group")["security_groups"] == []


def test_what_a_guest_learns(cli: Cli, tmp_path) -> None:
    """User data travels as base64, keys under their comments, and `set` changes one part only."""
    cli.ok("network", "create", "blue", "--cidr", "10.20.0.0/24")
    (tmp_path / "init").write_bytes(b"#!/bin/sh\n\xff")
    (tmp_path / "id.pub").write_text("ssh-ed25519 AAAA ann@home\n# more\nssh-rsa BBBB\n")
    made = cli.ok(
        "port", "create", "--network", "blue", "p", "--hostname", "web", "--user-data", str(tmp_path / "init"),
        "--public-key", str(tmp_path / "id.pub"), "--property", "role=db=1", "--property", "b=",
    )["netwright:guest"]  # fmt: skip
    assert base64.b64decode(made["user_data"]) == b"#!/bin/sh\n\xff"
    assert made["public_keys"] == {"ann@home": "ssh-ed25519 AAAA ann@home", "id-1": "ssh-rsa BBBB"}
    assert made["meta"] == {"role": "db=1", "b": ""}
    changed = cli.ok("port", "set", "p", "--no-public-key", "--property", "b=2")["netwright:guest"]
    assert changed == {**made, "public_keys": {}, "meta": {"role": "db=1", "b": "2"}}


def test_a_private_key_stays_home(cli: Cli, tmp_path) -> None:
    """A private key given by mistake is refused before anything is sent."""
    cli.ok("network", "create", "blue")
    (tmp_path / "id").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n")
    assert cli.run("port", "create", "--network", "blue", "--public-key", str(tmp_path / "id")).code == 2
    assert cli.run("port", "create", "--network", "blue", "--user-data", "/nowhere").code == 2


@pytest.mark.parametrize(
    ("words", "rule"),
    [
        ("--protocol tcp --dst-port 22", ("ingress", "IPv4", "tcp", 22, 22, None)),
        ("--protocol udp --dst-port 53:60 --egress", ("egress", "IPv4", "udp", 53, 60, None)),
        ("--protocol icmp --icmp-type 8 --icmp-code 0", ("ingress", "IPv4", "icmp", 8, 0, None)),
        ("--protocol ipv6-icmp", ("ingress", "IPv6", "ipv6-icmp", None, None, None)),
        ("--remote-ip fd00::/8", ("ingress", "IPv6", None, None, None, "fd00::/8")),
        ("--remote-ip 10.0.0.1", ("ingress", "IPv4", None, None, None, "10.0.0.1")),
        ("--ethertype ipv6 --protocol any", ("ingress", "IPv6", None, None, None, None)),
    ],
)
def test_rules(cli: Cli, words: str, rule: tuple) -> None:
    """A rule's options become its attributes, with direction and ethertype filled in."""
    cli.ok("security-group", "create", "web")
    made = cli.ok("security-group", "rule", "create", "web", *words.split())
    keys = ("direction", "ethertype", "protocol", "port_range_min", "port_range_max", "remote_ip_prefix")
    assert tuple(made[key] for key in keys) == rule


@pytest.mark.parametrize(
    "words",
    ["--dst-port 30:22", "--dst-port 70000", "--protocol tcp --icmp-type 8", "--protocol icmp --icmp-code 1",
     "--protocol icmp --dst-port 1", "--remote-ip 10.0.0.0/8 --remote-group web", "--remote-ip 10.0.0.0/33"],
)  # fmt: skip
def test_contradictory_rules_are_refused(cli: Cli, api: FakeApi, words: str) -> None:
    """Options that contradict one another are bad input, and nothing is made."""
    cli.ok("security-group", "create", "web")
    assert cli.run("security-group", "rule", "create", "web", *words.split()).code == 2
    assert not api.objects["security_group_rules"]


def test_rules_are_listed_shown_and_deleted(cli: Cli) -> None:
    """The rules of one group can be listed, one shown, and one deleted."""
    for name in ("web", "db"):
        cli.ok("security-group", "create", name)
        cli.ok("security-group", "rule", "create", name, "--protocol", "tcp", "--remote-group", "web")
    (rule,) = cli.ok("security-group", "rule", "list", "db", "--ingress")
    assert cli.run("security-group", "rule", "list", "db", "-c", "group", "-f", "value").out == "db\n"
    assert cli.ok("security-group", "rule", "show", rule["id"]) == rule
    assert (
        f"from group {rule['remote_group_id']} ({rule['id']})" in cli.run("security-group", "show", "db").out
    )
    assert cli.run("security-group", "rule", "delete", rule["id"]).code == 0
    assert cli.ok("security-group", "rule", "list", "db") == []


def test_floating_ips(cli: Cli) -> None:
    """A floating IP is made, given to a port, found by its address, and taken back."""
    cli.ok("network", "create", "wan", "--external", "--cidr", "192.0.2.0/24")
    cli.ok("network", "create", "blue", "--cidr", "10.20.0.0/24")
    port = cli.ok("port", "create", "web", "--network", "blue")
    made = cli.ok("floating-ip", "create", "wan", "--floating-ip-address", "192.0.2.60")
    assert (made["floating_ip_address"], made["port_id"]) == ("192.0.2.60", None)
    given = cli.ok("floating-ip", "associate", "192.0.2.60", "web")
    assert (given["port_id"], given["status"]) == (port["id"], "ACTIVE")
    row = cli.run("floating-ip", "list", "--port", "web", "-f", "value", "-c", "address", "-c", "port").out
    assert row == "192.0.2.60 web\n"
    assert cli.ok("floating-ip", "disassociate", "192.0.2.60")["port_id"] is None
    assert cli.ok("floating-ip", "set", "192.0.2.60", "--port", "web")["port_id"] == port["id"]
    assert cli.ok("floating-ip", "set", "192.0.2.60", "--no-port")["port_id"] is None
    assert cli.run("floating-ip", "delete", "192.0.2.60").code == 0


def test_plug_picks_the_host_and_waits(cli: Cli) -> None:
    """`port plug` binds the port to the only host there is and returns when it is up."""
    cli.ok("network", "create", "blue", "--cidr", "10.20.0.0/24")
    cli.ok("port", "create", "web", "--network", "blue")
    port = cli.ok("port", "plug", "web", "--netns", "g1", "--link", "net0")
    assert (port["status"], port["binding:host_id"]) == ("ACTIVE", "h1")
    assert port["netwright:attachment"] == {"kind": "namespace", "namespace": "g1", "link": "net0"}
    port = cli.ok("port", "unplug", "web")
    assert (port["status"], port["netwright:attachment"]) == ("DOWN", {"kind": "none"})
    row = cli.run("port", "plug", "web", "--tap", "-f", "value", "-c", "link")
    assert row.out == f"tap{port['id'][:11]}\n"


def test_plug_says_what_the_host_reported(cli: Cli, api: FakeApi) -> None:
    """A port that does not come up in time is exit code 1 with the host's own words."""
    cli.ok("network", "create", "blue", "--cidr", "10.20.0.0/24")
    cli.ok("port", "create", "web", "--network", "blue")
    api.failures.append({"stage": "links", "said": "netns: g1: No such file", "pending": 1})
    ran = cli.run("port", "plug", "web", "--netns", "g1", "--wait", "0.05")
    assert (ran.code, ran.out) == (1, "")
    assert "links: netns: g1: No such file (1 pending)" in ran.err
    assert cli.run("port", "plug", "web", "--netns", "g1", "--no-wait").code == 0
    assert "h9" in cli.run("port", "plug", "web", "--tap", "--host", "h9", "--wait", "0").err


def test_an_attachment_at_birth(cli: Cli) -> None:
    """`port create` takes the attachment too, and plug without one is bad input."""
    cli.ok("network", "create", "blue")
    made = cli.ok("port", "create", "--network", "blue", "--tap", "--host", "h1", "p")
    assert made["netwright:attachment"] == {"kind": "tap"}
    assert cli.run("port", "plug", "p").code == 2
    assert cli.run("port", "plug", "p", "--tap", "--link", "x").code == 2


def test_who_may_open_a_tap(cli: Cli) -> None:
    """By name as this machine knows it, or by number; without --tap, unknown or out of range it is bad input."""
    cli.ok("network", "create", "blue")
    words = ("port", "create", "--network", "blue", "--host", "h1")
    made = cli.ok(*words, "--tap", "--tap-owner", "root", "--tap-group", "4294967294", "p")
    assert made["netwright:attachment"] == {"kind": "tap", "owner": 0, "group": 4294967294}
    for wrong in (
        ("--tap-owner", "root"),
        ("--tap", "--tap-owner", "no such user"),
        ("--tap", "--tap-owner", ""),
        ("--tap", "--tap-owner", "root\0"),
        ("--tap", "--tap-owner", "-1"),
        ("--tap", "--tap-group", "4294967295"),
        ("--tap", "--tap-group", "9" * 5000),
        ("--netns", "x", "--tap-group", "0"),
    ):
        assert cli.run(*words, *wrong, "q").code == 2, wrong


def test_names_and_ids(cli: Cli) -> None:
    """An object is found by id, then by name; a name that two have is refused with their ids."""
    one, two = (cli.ok("network", "create", "same")["id"] for _ in range(2))
    ran = cli.run("network", "show", "same")
    assert ran.code == 2
    assert one in ran.err
    assert two in ran.err
    assert cli.ok("network", "show", two)["id"] == two
    cli.ok("network", "set", one, "--name", UNKNOWN)
    assert cli.ok("network", "show", UNKNOWN)["id"] == one
    assert cli.run("network", "show", "").code == 3


def test_delete_goes_on_and_gives_the_worst_code(cli: Cli, api: FakeApi) -> None:
    """Of several objects the deletable ones go, each failure is told, the worst code is returned."""
    for name in ("a", "b", "c"):
        cli.ok("network", "create", name, "--cidr", f"10.{ord(name)}.0.0/24")
    cli.ok("port", "create", "--network", "b")
    ran = cli.run("network", "delete", "nope", "a", "b", "c")
    assert (ran.code, ran.out, len(ran.err.splitlines())) == (4, "", 2)
    assert [one["name"] for one in api.objects["networks"].values()] == ["b"]


def test_long_lists_come_page_by_page(cli: Cli, api: FakeApi) -> None:
    """A list that the server cuts into pages is printed whole."""
    for number in range(7):
        cli.ok("security-group", "create", f"g{number}")
    api.page = 3
    assert [one["name"] for one in cli.ok("security-group", "list")] == [f"g{n}" for n in range(7)]
