"""`netwright inspect` as a user runs it."""

from __future__ import annotations

import json
import subprocess
import uuid
from collections.abc import Iterator

import pytest
from lab_host import inspect

from netwright.testing import lab as labs
from netwright.testing.lab import Lab

HOSTILE = "-web\u202e [bold]'$(id)'[/bold]"


@pytest.fixture(scope="module")
def lab() -> Iterator[Lab]:
    """A lab with a guest on a host network, one on a router network, and a port that is nowhere."""
    made = Lab(f"t{uuid.uuid4().hex[:8]}")
    with labs.running(made) as service:
        labs.netwright(made, "network", "create", "blue", "--cidr", "10.20.0.0/24", "--cidr", "fd00:20::/64")
        labs.netwright(made, "network", "create", "apart", "--router", "--cidr", "10.20.0.0/24")
        for name, network in ((HOSTILE, "blue"), ("apart1", "apart"), ("nowhere", "blue")):
            labs.netwright(made, "port", "create", "--network", network, "--", name)
        for name, guest in ((HOSTILE, "g1"), ("apart1", "g2")):
            labs.add_guest(made.guest(guest))
            labs.netwright(made, "port", "plug", "--netns", made.guest(guest), "--", name)
        labs.netwright(made, "floating-ip", "create", "public", f"--port={HOSTILE}")
        listed = labs.netwright(made, "port", "list", "--network", "blue", "--format", "json").stdout
        (guest,) = (port for port in json.loads(listed) if port["name"] == HOSTILE)
        (address, *_) = (one["ip_address"] for one in guest["fixed_ips"] if "." in one["ip_address"])
        labs.netwright(made, "vpn", "create", "--network", "blue", "--private-address", address, "office")
        labs.wait_ready(made, service)
        yield made


@pytest.mark.parametrize("name", [HOSTILE, "apart1"])
def test_every_hop_is_as_planned_on_host_and_router_networks(lab: Lab, name: str) -> None:
    """Right after plugging nothing is missing or different, IPv6, floating IP and DHCP namespace included."""
    done = inspect(lab, name, "--format", "json")
    picture = json.loads(done.stdout)
    assert [hop for hop in picture["hops"] if hop["state"] != "ok"] == []
    assert picture["ok"] is True
    assert [hop["part"] for hop in picture["hops"]].count("VPN") == (name == HOSTILE)
    assert picture["host"] == lab.name
    assert done.returncode == 0


@pytest.mark.parametrize("name", [HOSTILE, "apart1"])
def test_the_commands_that_it_names_work(lab: Lab, name: str) -> None:
    """Each hop's command, typed on the host, succeeds and shows something."""
    for hop in json.loads(inspect(lab, name, "--format", "json").stdout)["hops"]:
        typed = ["nsenter", f"--net=/run/netns/{lab.host}", "sh", "-c", hop["command"]]
        shown = subprocess.run(typed, capture_output=True, text=True, check=False)
        assert shown.returncode == 0, (hop["command"], shown.stderr)
        assert shown.stdout or hop["part"] == "connections", hop["command"]


def test_names_cannot_move_the_cursor(lab: Lab) -> None:
    """A port's name is shown as text: no mark of direction and no markup in it is obeyed."""
    said = inspect(lab, HOSTILE).stdout
    assert "\u202e" not in said
    assert r"-web\u202e [bold]'$(id)'[/bold]" in said


def test_in_the_wrong_namespace_it_says_where_to_go(lab: Lab) -> None:
    """Away from the host it does not report everything missing, but says where to run it."""
    done = inspect(lab, HOSTILE, where=lab.internet)
    assert done.returncode == 1
    assert "run this on host" in done.stderr
    assert done.stdout == ""


def test_a_port_without_a_link_is_refused(lab: Lab) -> None:
    """A port that is on no host has no path: exit code 2; an unknown one: 3."""
    assert inspect(lab, "nowhere").returncode == 2
    assert inspect(lab, "nobody").returncode == 3
