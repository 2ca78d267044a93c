"""The systemd units keep the promises that the data plane relies on."""

from __future__ import annotations

from pathlib import Path

import pytest

UNITS = Path(__file__).parents[2] / "packaging" / "systemd"
ON_THE_HOST = ["netwright.service", "netwright-agent.service"]
OWN_MOUNTS = {
    "BindPaths", "DynamicUser", "InaccessiblePaths", "MountFlags", "PrivateDevices", "PrivateMounts", "PrivateTmp",
    "PrivateUsers", "ProtectClock", "ProtectControlGroups", "ProtectHome", "ProtectHostname", "ProtectKernelLogs",
    "ProtectKernelModules", "ProtectKernelTunables", "ProtectProc", "ProtectSystem", "ReadOnlyPaths",
    "ReadWritePaths", "RootDirectory", "RootImage", "TemporaryFileSystem",
}  # fmt: skip


def settings(unit: str) -> dict[str, str]:
    lines = (UNITS / unit).read_text().splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


@pytest.mark.parametrize("unit", ON_THE_HOST)
def test_helpers_outlive_a_restart(unit: str) -> None:
    """Stopping or restarting the service kills its main process only, and keeps its run directory."""
    found = settings(unit)
    assert found["KillMode"] == "process"
    assert found["RuntimeDirectoryPreserve"] == "yes"


@pytest.mark.parametrize("unit", ON_THE_HOST)
def test_namespaces_are_seen_by_the_whole_host(unit: str) -> None:
    """No setting gives the service mounts of its own (systemd.exec(5)): /run/netns must be everybody's."""
    assert not settings(unit).keys() & OWN_MOUNTS


@pytest.mark.parametrize("unit", [*ON_THE_HOST, "netwright-api.service"])
def test_services_come_back_and_say_when_they_are_ready(unit: str) -> None:
    """Each service is restarted whatever happens, and others wait until it is ready."""
    found = settings(unit)
    assert (found["Restart"], found["Type"]) == ("always", "notify")
    assert (found["StateDirectory"], found["RuntimeDirectory"]) == ("netwright", "netwright")
