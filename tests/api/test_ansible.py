"""Ansible's collection openstack.cloud makes, finds again, changes and removes what a playbook says: tests/tours/ansible.yml."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from cloud_file import clouds_file
from identity_fixtures import town
from served import PATIENCE_S, Client
from suites import SUITES

from netwright.wire.unix_http import UnixConnection

ROOT = Path(__file__).parents[2]
TOUR = ROOT / "tests" / "tours" / "ansible.yml"
LEFT = (
    "networks",
    "subnets",
    "ports",
    "routers",
    "floatingips",
    "subnetpools",
    "address-scopes",
    "trunks",
    "rbac-policies",
)


def play(directory: Path, tag: str, **variables: str) -> Mapping[str, int]:
    """What the plays of the tag say that they did, by kind."""
    program = SUITES / "bin" / "ansible-playbook"
    assert program.exists(), "ansible is missing: make suites"
    environment = {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "HOME": str(directory),
        "LC_ALL": "C.UTF-8",
        "OS_CLIENT_CONFIG_FILE": str(directory / "clouds.yaml"),
        "ANSIBLE_COLLECTIONS_PATH": str(SUITES / "collections"),
        "ANSIBLE_PYTHON_INTERPRETER": str(program.parent / "python"),
        "ANSIBLE_PIPELINING": "1",
    }
    words = [str(program), "--tags", tag, "--extra-vars", json.dumps(variables), str(TOUR)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=directory, env=environment)
    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-5000:]
    recap = done.stdout.rpartition("localhost")[2]
    return {
        name: int(count) for name, _, count in (word.partition("=") for word in recap.split() if "=" in word)
    }


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_playbook_is_carried_out_once(tmp_path: Path) -> None:
    """Run again it changes nothing; what says something else, and only that, is changed; what is to be absent goes."""
    with town(tmp_path) as here:
        clouds_file(here, tmp_path)
        assert play(tmp_path, "present", said="first")["changed"] > 15
        assert play(tmp_path, "present", said="first")["changed"] == 0
        assert play(tmp_path, "changed", said="second")["changed"] == 3
        assert play(tmp_path, "seen", said="second")["changed"] == 0
        play(tmp_path, "absent")
        again = Client(UnixConnection(here.server.socket_path, PATIENCE_S))
        left = {name: again.get(f"/v2.0/{name}")[name.replace("-", "_")] for name in LEFT}
        again.connection.close()
    assert left == {name: [] for name in LEFT}
