"""Podman in a namespace that plays a host, with the CNI backend; all that it keeps is in one directory."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from cni_runtime import SOURCE

from netwright.kernel.netns import path_of
from netwright.testing.lab import Lab

_CONF = """\
[network]
network_backend = "cni"
cni_plugin_dirs = ["{bin}", "/usr/lib/cni"]
network_config_dir = "{conf}"
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "none"
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]
default_capabilities = ["NET_RAW"]
"""


@dataclass(frozen=True)
class PodmanHost:
    """`programs` has a `podman` that is this one, to be found first."""

    lab: Lab
    directory: Path

    @property
    def programs(self) -> Path:
        return self.directory / "programs"

    @property
    def rootfs(self) -> Path:
        """Busybox, and nothing else."""
        return self.directory / "rootfs"

    def build(self, conflist: str) -> None:
        if shutil.which("podman") is None or not Path("/usr/lib/cni/loopback").exists():
            pytest.fail("no podman: run scripts/setup-host tests", pytrace=False)
        for name in ("programs", "bin", "conf", "rootfs/bin", *(f"rootfs/{one}" for one in _PLACES)):
            (self.directory / name).mkdir(parents=True)
        (self.directory / "conf" / "blue.conflist").write_text(conflist)
        shutil.copy("/bin/busybox", self.rootfs / "bin" / "busybox")
        for applet in ("sh", "sleep", "ping", "ip"):
            (self.rootfs / "bin" / applet).symlink_to("busybox")
        places = {"bin": self.directory / "bin", "conf": self.directory / "conf"}
        (self.directory / "containers.conf").write_text(_CONF.format_map(places))
        self._program("bin/netwright-cni", f"PYTHONPATH={SOURCE} exec {sys.executable} -m netwright.cli.cni")
        homes = " ".join(f"--{name} {self.directory / name}" for name in ("root", "runroot", "tmpdir"))
        podman = (
            f"nsenter --net={path_of(self.lab.host)} {shutil.which('podman')} {homes} --storage-driver vfs"
        )
        self._program(
            "programs/podman", f'CONTAINERS_CONF={self.directory}/containers.conf exec {podman} "$@"'
        )

    def podman(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        argv = [str(self.programs / "podman"), *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, env=os.environ)
        assert done.returncode == 0 or not check, done.stderr
        return done

    def close(self) -> None:
        """No container, nothing mounted, and no control group."""
        self.podman("rm", "--all", "--force", "--time", "0", check=False)
        subprocess.run(["umount", "--quiet", "--recursive", str(self.directory / "root")], check=False)

        for name in ("libpod_parent/conmon", "libpod_parent"):
            for group in Path("/sys/fs/cgroup").glob(f"*/{name}"):
                with suppress(OSError):  # another Podman's: not empty
                    group.rmdir()

    def _program(self, name: str, line: str) -> None:
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)


_PLACES = ("proc", "sys", "dev", "etc", "tmp", "run")
