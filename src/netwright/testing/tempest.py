"""The Networking API's own test suites against a fresh netwright: `python -m netwright.testing.tempest`.

netwright runs with users of its own in a lab (testing/lab.py), the suite beside it in the same namespace.
The last line says how many tests passed, failed and were skipped; the exit code is 1 where one failed. Root.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click

from netwright.control.agents import ZONE
from netwright.kernel import netns
from netwright.testing import lab as labs
from netwright.testing.lab import Lab, LabError
from netwright.testing.suite_results import Outcome, counted, failures, outcomes, skips

SUITES: Final[Mapping[str, str]] = {
    "tempest": r"^tempest\.api\.network",
    "plugin": r"^neutron_tempest_plugin\.api",
}
_PORT: Final = 9696
_URL: Final = f"http://127.0.0.1:{_PORT}/v3"
# The suites were written beside a server whose projects may have more routers than its default.
_OPTIONS: Final = ("--identity", "local", "--listen", f"127.0.0.1:{_PORT}", "--quota", "router=100")
_POOLS: Final = (("shared-v4", "10.192.0.0/12", "26"), ("shared-v6", "fd00:192::/48", "64"))
"""Default subnet pools, of which topologies are made."""
_LINES: Final = Path("scripts") / "subunit_lines.py"


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a suite: which tests, with the programs of which virtualenv, how many at once."""

    regex: str
    venv: Path
    at_once: int
    everything: bool
    """Tests of extensions that the server does not list, too."""

    def program(self, name: str) -> str:
        return str(self.venv.absolute() / "bin" / name)


def judge(run: Run, lab: Lab, *, list_skips: bool) -> int:
    """Runs the suite in the lab; the exit code."""
    with labs.running(lab, options=_OPTIONS), tempfile.TemporaryDirectory(prefix="netwright-suite-") as place:
        workspace = Path(place) / "suite"
        _prepare(run, lab, workspace)
        _tempest(run, lab, workspace)
        found = outcomes(_lines(run, workspace))
        shutil.copyfile(lab.log, run.venv / "netwright.log")
    return _tell(found, list_skips=list_skips)


def configuration(admin: Mapping[str, object], public: str, extensions: Sequence[str]) -> str:
    """What tempest.conf(5) holds. `public`: the id of the external network."""
    sections: Mapping[str, Mapping[str, object]] = {
        "DEFAULT": {"log_file": "tempest.log", "debug": "false"},
        "oslo_concurrency": {"lock_path": "locks"},
        "auth": {
            "use_dynamic_credentials": "true",
            "create_isolated_networks": "true",
            "tempest_roles": "member",
            "admin_username": admin["OS_USERNAME"],
            "admin_password": admin["OS_PASSWORD"],
            "admin_project_name": admin["OS_PROJECT_NAME"],
            "admin_domain_name": admin["OS_PROJECT_DOMAIN_NAME"],
        },
        "identity": {"auth_version": "v3", "uri_v3": _URL, "region": admin["OS_REGION_NAME"]},
        "service_available": {
            "neutron": "true",
            **dict.fromkeys(("nova", "cinder", "glance", "swift", "horizon"), "false"),
        },
        "network": {
            "public_network_id": public,
            "floating_network_name": "public",
            "project_network_cidr": "10.100.0.0/16",
            "project_network_mask_bits": "28",
            "build_timeout": "30",
        },
        "network-feature-enabled": {
            "api_extensions": ",".join(extensions),
            "ipv6": "true",
            "ipv6_subnet_attributes": "true",
            "port_security": "true",
            "floating_ips": "true",
        },
        "neutron_plugin_options": {
            "agent_availability_zone": ZONE,
            "available_type_drivers": "flat,vlan",
            "create_shared_resources": "true",
            "max_mtu": "65535",
            "provider_vlans": labs.UPLINK,
        },
        "validation": {"run_validation": "false"},
    }
    return "\n".join(
        line
        for name, settings in sections.items()
        for line in (f"[{name}]", *(f"{key} = {value}" for key, value in settings.items()), "")
    )


def _prepare(run: Run, lab: Lab, workspace: Path) -> None:
    bootstrap = labs.netwright(lab, "identity", "bootstrap", "--auth-url", _URL, "--format", "json")
    for name, prefix, length in _POOLS:
        pool = ("--prefix", prefix, "--default-length", length, "--default", "--share")
        labs.netwright(lab, "subnet-pool", "create", name, *pool)
    networks = _listed(lab, "networks?name=public")
    listed = sorted(str(one["alias"]) for one in _listed(lab, "extensions"))
    extensions = ["all"] if run.everything else listed
    done = subprocess.run(
        [run.program("tempest"), "init", str(workspace)],
        capture_output=True,
        text=True,
        check=False,
        env=_environment(workspace),
    )
    if done.returncode:
        raise LabError("tempest init failed", done.stdout + done.stderr)
    text = configuration(json.loads(bootstrap.stdout), str(networks[0]["id"]), extensions)
    (workspace / "etc" / "tempest.conf").write_text(text)


def _listed(lab: Lab, what: str) -> list[Mapping[str, object]]:
    answer = labs.ask(lab, f"/v2.0/{what}")
    if not isinstance(answer, Mapping):
        raise LabError(f"no list of {what}", str(answer))
    return list(answer[what.partition("?")[0]])


def _tempest(run: Run, lab: Lab, workspace: Path) -> None:
    """Shows what the suite prints while it runs."""
    inside = ["nsenter", f"--net={netns.path_of(lab.host)}"]
    words = ["run", "--regex", run.regex, "--concurrency", str(run.at_once)]
    subprocess.run(
        [*inside, run.program("tempest"), *words], cwd=workspace, check=False, env=_environment(workspace)
    )


def _lines(run: Run, workspace: Path) -> list[str]:
    stream = subprocess.run(
        [run.program("stestr"), "last", "--subunit"], cwd=workspace, capture_output=True, check=False
    )
    reader = [run.program("python"), str(_LINES.absolute())]
    return (
        subprocess.run(reader, input=stream.stdout, capture_output=True, check=True)
        .stdout.decode()
        .splitlines()
    )


def _environment(workspace: Path) -> dict[str, str]:
    """The suite's list of workspaces is in its user's home."""
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return {**kept, "HOME": str(workspace.parent)}


def _tell(found: Sequence[Outcome], *, list_skips: bool) -> int:
    for line in (*(skips(found) if list_skips else ()), *failures(found)):
        click.echo(line)
    passed, failed, skipped = counted(found)
    click.echo(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed or not passed else 0


@click.command()
@click.option("--suite", type=click.Choice(list(SUITES)), default="tempest", show_default=True)
@click.option("--regex", help="Only tests whose names match; instead of a suite.")
@click.option("--venv", type=click.Path(path_type=Path), default=".venv-suites", show_default=True)
@click.option("--concurrency", type=click.IntRange(1, 64), default=2, show_default=True)
@click.option("--lab", default="tempest", show_default=True, help="The lab's name: one run at a time has it.")
@click.option("--everything", is_flag=True, help="Tests of extensions that are not listed, too.")
@click.option("--skips", is_flag=True, help="Say why tests were skipped.")
def main(**given: object) -> None:
    """Run a test suite of the Networking API against a fresh netwright."""
    labs.interrupt_on_signals()
    run = Run(
        regex=str(given["regex"] or SUITES[str(given["suite"])]),
        venv=Path(str(given["venv"])),
        at_once=int(str(given["concurrency"])),
        everything=bool(given["everything"]),
    )
    sys.exit(judge(run, Lab(str(given["lab"])), list_skips=bool(given["skips"])))


if __name__ == "__main__":
    main()
