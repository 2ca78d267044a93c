"""gophercloud, which Terraform's openstack provider and others are made of, and that provider's way to sign in, tour the API: tests/gophercloud."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from cloud_file import clouds_file
from identity_fixtures import town

TOUR = Path(__file__).parents[1] / "gophercloud"
PLURALS = (
    "networks",
    "subnets",
    "ports",
    "routers",
    "floatingips",
    "subnetpools",
    "address_scopes",
    "trunks",
    "policies",
)


def build(directory: Path) -> Path:
    """The tour, from Debian's source of gophercloud; nothing is fetched."""
    sources = Path("/usr/share/gocode")
    if shutil.which("go") is None or not (sources / "src/github.com/gophercloud/utils").exists():
        pytest.fail("no Go, or no gophercloud: run scripts/setup-host tests", pytrace=False)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(directory),
        "GOPATH": str(sources),
        "GO111MODULE": "off",
        "GOCACHE": str(directory / "go"),
    }
    program = directory / "tour"
    built = subprocess.run(
        ["go", "build", "-o", str(program), "."],
        cwd=TOUR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    return program


@pytest.mark.slow
def test_gophercloud_tours_the_api(tmp_path: Path) -> None:
    """Each of its typed values is as it was asked for, wherever it is shown; each refusal has its type; nothing is left."""
    program = build(tmp_path)
    with town(tmp_path) as here:
        auth = clouds_file(here, tmp_path)
        environment = {
            "OS_AUTH_URL": auth["auth_url"],
            "OS_USERNAME": auth["username"],
            "OS_PASSWORD": auth["password"],
            "OS_PROJECT_NAME": auth["project_name"],
            "OS_DOMAIN_NAME": auth["user_domain_name"],
            "OS_CLIENT_CONFIG_FILE": str(tmp_path / "clouds.yaml"),
        }
        toured = subprocess.run([str(program)], env=environment, capture_output=True, text=True, check=False)
        assert toured.returncode == 0, toured.stdout + toured.stderr
        stops = {
            line.split('"')[1]
            for line in (TOUR / "main.go").read_text().splitlines()
            if line.startswith('\t{"')
        }
        assert set(toured.stdout.splitlines()) == stops
        left = {name: here.admin.get(f"/v2.0/{path_of(name)}")[name] for name in PLURALS}
    assert left == {name: [] for name in PLURALS}


def path_of(plural: str) -> str:
    return f"qos/{plural}" if plural == "policies" else plural.replace("_", "-")
