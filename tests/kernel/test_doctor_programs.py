"""netwright beside real programs that own packet filters: the doctor's words, and its fixes, against packets.

ufw, firewalld, dockerd and libvirtd are the real programs here; kube-proxy, and Docker as it is when it has
containers, are in test_doctor_shapes.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest
from foreign_programs import Program, dockerd, firewalld, libvirt_network, ufw
from foreign_scene import Scene, disagreements

from netwright.render.foreign import Verdict
from netwright.render.foreign_traffic import Kind


def mended(there: Scene, program: Program, owner: str) -> Mapping[Kind, bool]:
    """The doctor is right, names the owner, and once its commands were run nothing is in the way any more.

    Gives what passed before, of IPv4.
    """
    before = there.passing()
    assert disagreements(there.said(), before) == []
    stopped = [one for one in there.findings() if one.certain]
    assert {one.owner for one in stopped} == {owner}
    there.mend(program.run)
    assert set(there.said().values()) == {Verdict.PASSES}, there.findings()
    return {way[0]: passed for way, passed in before.items() if way[1] == 4}


@pytest.mark.parametrize("backend", ["nft", "legacy"])
def test_beside_ufw(there: Scene, tmp_path: Path, backend: str) -> None:
    """ufw's defaults stop guests; `ufw route allow` and `ufw allow`, as the doctor gives them, let them through."""
    with ufw(there.host, tmp_path, backend) as program:
        before = mended(there, program, "ufw")
    assert before[Kind.OUT] is False
    assert before[Kind.FROM_HOST] is True


@pytest.mark.parametrize("backend", ["nftables", "iptables"])
def test_beside_firewalld(there: Scene, tmp_path: Path, backend: str) -> None:
    """firewalld's public zone stops guests; the zone trusted, as the doctor gives it, lets them through."""
    with firewalld(there.host, tmp_path, backend) as program:
        before = mended(there, program, "firewalld")
        assert before == {
            Kind.BETWEEN: False,
            Kind.OUT: False,
            Kind.TO_HOST: False,
            Kind.FROM_HOST: True,
            Kind.FLOATING: True,
        }
        program.run("firewall-cmd --reload")
        assert all(there.passing().values()), "the fix outlives a reload"


@pytest.mark.parametrize("backend", ["nft", "legacy"])
def test_beside_docker(there: Scene, tmp_path: Path, backend: str) -> None:
    """Docker's policy of FORWARD stops guests; DOCKER-USER, as the doctor gives it, lets them through.

    Docker sets that policy when it is the one who switches forwarding on: where it starts before netwright.
    """
    there.run("sysctl -qw net.ipv4.ip_forward=0")
    with dockerd(there.host, tmp_path, backend) as program:
        before = mended(there, program, "Docker")
    assert before == {
        Kind.BETWEEN: False,
        Kind.OUT: False,
        Kind.TO_HOST: True,
        Kind.FROM_HOST: True,
        Kind.FLOATING: False,
    }


def test_beside_a_docker_that_came_later(there: Scene, tmp_path: Path) -> None:
    """Where netwright has switched forwarding on, Docker leaves FORWARD open: all passes, and the doctor knows it."""
    with dockerd(there.host, tmp_path, "nft") as program:
        assert "DOCKER-USER" in program.run("iptables-save")
        assert there.said() == dict.fromkeys(there.ways(), Verdict.PASSES)
        assert all(there.passing().values())


def test_beside_libvirts_default_network(there: Scene, tmp_path: Path) -> None:
    """libvirt's rules are about its own bridge: all of netwright's traffic passes, and the doctor knows it."""
    with libvirt_network(there.host, tmp_path) as program:
        assert "LIBVIRT_FWX" in program.run("iptables-save")
        assert there.said() == dict.fromkeys(there.ways(), Verdict.PASSES)
        assert all(there.passing().values())
