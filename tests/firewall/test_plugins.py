"""Engines that other packages bring under the entry point `netwright.firewall`, on the real kernel."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from distributions import distribution

from netwright.agent.firewalls import find_firewall, firewall_names
from netwright.model.errors import InvalidError
from netwright.model.host import Stage
from netwright.model.ids import GroupId
from netwright.model.plan import GroupItem, Serving
from netwright.testing import frames
from netwright.testing.rig import rig
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet
from netwright.testing.wires import silent_guests, wired

V4 = sample_subnet("10.32.0.0/24", Serving.STATIC)
NET = sample_network(V4)
GROUP = GroupItem(GroupId("00000001-6c0f-4000-8000-000000000000"), stateful=True, rules=())


@pytest.fixture
def package(tmp_path: Path) -> Iterator[None]:
    """A distribution on the path, as pip would have installed it."""
    firewalls = {
        "sample": "firewall.sample_driver:sample",
        "half": "firewall.sample_driver:not_a_firewall",
        "gone": "no_such_module:thing",
    }
    with distribution(tmp_path, "sample-firewall", firewalls):
        yield


@pytest.mark.usefixtures("package")
def test_a_package_adds_a_firewall_by_its_entry_point(tmp_path: Path) -> None:
    """A host that chooses a package's engine has its verdicts, and none of them once it has chosen another."""
    ports = [
        sample_port(sample_address(V4, f"10.32.0.{10 + number}"), number=number, network=NET)
        for number in (1, 2)
    ]
    ports = [replace(ports[0], groups=()), replace(ports[1], groups=(GROUP.id,))]
    with silent_guests(*ports) as plugged, rig(tmp_path / "run", "sample") as host:
        assert not host.plan(NET, GROUP, *plugged).failures
        with wired(*plugged) as guests:
            closed, opened = (guests.end(number) for number in (0, 1))
            assert not guests.arrives(0, 1, frames.udp(closed, opened, (1, 2), b"x"))
            assert guests.arrives(1, 0, frames.udp(opened, closed, (1, 2), b"x"))

            assert not host.switch("none").failures
            assert guests.arrives(0, 1, frames.udp(closed, opened, (1, 2), b"y"))
            assert not host.there()[Stage.FIREWALL_PLUGIN]


@pytest.mark.usefixtures("package")
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("half", "has no render and driver"),
        ("gone", "does not load"),
        ("nothing", "no firewall is called 'nothing'; there are nftables"),
    ],
)
def test_a_firewall_that_cannot_be_had_is_refused_by_name(name: str, said: str) -> None:
    """Whoever chooses an engine that is not there, or does not load, is told which and why."""
    assert "sample" in firewall_names()
    with pytest.raises(InvalidError, match=said):
        find_firewall(name)


def test_a_wrong_name_is_told_before_anything_is_made(tmp_path: Path) -> None:
    """`netwright up` with a firewall that nobody has says which there are, exits as for wrong input, and leaves nothing."""
    places = [f"--{kind}={tmp_path / kind}" for kind in ("state-dir", "run-dir", "socket")]
    words = [sys.executable, "-m", "netwright", "up", "--firewall", "nftabels", "--listen", "none", *places]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert (done.returncode, list(tmp_path.iterdir())) == (2, [])
    assert "no firewall is called 'nftabels'; there are nftables, iptables, nwfilter, none" in done.stderr
