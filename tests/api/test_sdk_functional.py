"""openstacksdk's own functional tests of the Networking API, which its developers run beside Neutron."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
import yaml
from identity_fixtures import PASSWORD, Town, town
from suites import SUITES

_OF_ITSELF = {f"TestSegment.test_{name}" for name in ("find", "get", "list", "update")}
"""They ask for an attribute of theirs that they never set."""
_MORE_RIGHTS = {"TestAutoAllocatedTopology.test_auto_allocated_topology"}
"""A member makes another project's network the default one."""
_NEUTRONS = {"TestServiceProvider.test_list"}
"""It looks for a provider of the name of one of Neutron's own drivers."""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_openstacksdks_own_tests_pass(tmp_path: Path) -> None:
    """What fails is what no server but Neutron could make pass, or none at all."""
    with town(tmp_path) as here:
        public = here.admin.make("network", **{"name": "public", "router:external": True})
        here.admin.make("subnet", network_id=public["id"], cidr="192.0.2.0/24")
        (tmp_path / "clouds.yaml").write_text(yaml.safe_dump({"clouds": clouds(here)}))
        ran, failed = functional(tmp_path)
    assert failed <= _OF_ITSELF | _MORE_RIGHTS | _NEUTRONS
    assert ran > 150


def clouds(here: Town) -> Mapping[str, object]:
    """By the names that the tests know them by."""
    assert here.server.address is not None
    host, port = here.server.address
    found = {}
    for project, role, names in (
        ("tour", "admin", ("devstack-admin", "devstack-system-admin")),
        ("demo", "member", ("devstack",)),
        ("alt", "member", ("devstack-alt",)),
    ):
        user = here.user(here.project(project), role)
        auth = {
            "auth_url": f"http://{host}:{port}/v3",
            "username": user["name"],
            "password": PASSWORD,
            "project_name": project,
            "user_domain_id": "default",
            "project_domain_id": "default",
        }
        found |= {name: {"auth": auth, "region_name": "RegionOne"} for name in names}
    return found


def functional(directory: Path) -> tuple[int, set[str]]:
    """How many passed or failed, and which failed."""
    python = SUITES / "bin" / "python"
    assert python.exists(), "openstacksdk's tests are missing: make suites"
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "OS_CLIENT_CONFIG_FILE": str(directory / "clouds.yaml"),
        "OS_CLOUD": "devstack-admin",
    }
    (packages,) = SUITES.glob("lib/python*/site-packages")
    tests = packages / "openstack" / "tests" / "functional" / "network" / "v2"
    words = [str(python), "-m", "unittest", "discover", "-s", str(tests), "-t", str(packages)]
    done = subprocess.run(words, capture_output=True, text=True, check=False, cwd=directory, env=environment)
    (ran,) = re.findall(r"^Ran (\d+) tests", done.stderr, re.MULTILINE)
    (skipped,) = re.findall(r"skipped=(\d+)", done.stderr) or ["0"]
    failed = re.findall(r"^(?:ERROR|FAIL): .*\.(\w+\.\w+)\)$", done.stderr, re.MULTILINE)
    assert "_FailedTest" not in done.stderr, done.stderr[-3000:]
    return int(ran) - int(skipped), set(failed)
