"""containerd on a lab's host, with all that it keeps in one directory, and mounts of its own.

Its client `ctr` reads CNI's configurations in /etc/cni/net.d and runs plugins of /opt/cni/bin, whatever it is told: here these are
directories of ours. /run/netns is the machine's: there netwright's agent finds the names that the plugin gives.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from cni_runtime import SOURCE

from netwright.kernel.netns import path_of
from netwright.testing.lab import Lab
from netwright.testing.namespaces import eventually

IMAGE = "localhost/busybox:latest"
_NAMESPACES = ("default", "k8s.io")
_CONF = """\
version = 2
root = "{directory}/root"
state = "{directory}/state"
disabled_plugins = ["io.containerd.internal.v1.opt"]
[grpc]
  address = "{directory}/containerd.sock"
[ttrpc]
  address = "{directory}/containerd.sock.ttrpc"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{image}"
  restrict_oom_score_adj = true
[plugins."io.containerd.grpc.v1.cri".containerd]
  snapshotter = "native"
"""
# Whatever containerd is told, the shims' sockets are under /run/containerd, and what plugins answered under /var/lib/cni.
_MOUNTS = """\
findmnt --raw --noheadings --output TARGET | grep -v '^/run/netns' | while read -r place; do mount --make-private "$place"; done
mkdir -p /run/containerd /var/lib/cni
mount -t tmpfs tmpfs /run/containerd
mount -t tmpfs tmpfs /var/lib/cni
mkdir -p /etc/cni/net.d
mount --bind {directory}/conf /etc/cni/net.d
mount -t tmpfs tmpfs /opt
mkdir -p /opt/cni/bin
mount --bind {directory}/bin /opt/cni/bin
exec containerd --config {directory}/config.toml
"""


@dataclass(frozen=True)
class ContainerdHost:
    """`programs` has a `ctr` that speaks to this one, to be found first."""

    lab: Lab
    directory: Path
    daemons: list[subprocess.Popen[bytes]] = field(default_factory=list)

    @property
    def socket(self) -> Path:
        return self.directory / "containerd.sock"

    @property
    def programs(self) -> Path:
        return self.directory / "programs"

    def start(self, conflist: str) -> None:
        """With that network, and the image `localhost/busybox:latest`, of pods' sandboxes too, in `ctr`'s namespace and in Kubernetes'."""
        if shutil.which("ctr") is None or not Path("/usr/lib/cni/loopback").exists():
            pytest.fail("no containerd: run scripts/setup-host tests", pytrace=False)
        for name in ("programs", "bin", "conf"):
            (self.directory / name).mkdir(parents=True)
        (self.directory / "conf" / "blue.conflist").write_text(conflist)
        (self.directory / "config.toml").write_text(_CONF.format(directory=self.directory, image=IMAGE))
        for name in ("loopback", "tuning"):
            (self.directory / "bin" / name).symlink_to(f"/usr/lib/cni/{name}")
        self._program("bin/netwright-cni", f"PYTHONPATH={SOURCE} exec {sys.executable} -m netwright.cli.cni")
        script = _MOUNTS.format(directory=self.directory)
        with (self.directory / "log").open("wb") as log:
            daemon = subprocess.Popen(
                [
                    *("nsenter", f"--net={path_of(self.lab.host)}"),
                    *("unshare", "--mount", "--propagation", "unchanged", "sh", "-euc", script),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        self.daemons.append(daemon)
        self._program(
            "programs/ctr",
            f"export CONTAINERD_ADDRESS={self.socket} CONTAINERD_SNAPSHOTTER=native\n"
            f'exec nsenter --target {daemon.pid} --net --mount {shutil.which("ctr")} "$@"',
        )
        ready = eventually(
            lambda: daemon.poll() is not None or self.ctr("version", check=False).returncode == 0
        )
        assert ready
        assert daemon.poll() is None, (self.directory / "log").read_text()
        (self.directory / "image.tar").write_bytes(image())
        for namespace in _NAMESPACES:
            self.ctr("--namespace", namespace, "image", "import", str(self.directory / "image.tar"))

    def close(self) -> None:
        """No container, no control group, no containerd, and so no mounts of its own."""
        for daemon in self.daemons:
            for name in _NAMESPACES:
                self._end_tasks(name)
            daemon.terminate()
            daemon.wait(30)
        groups = Path("/sys/fs/cgroup")
        left = [place for name in _NAMESPACES for place in (*groups.glob(f"*/{name}"), groups / name)]
        for place in (*left, Path("/run/containerd")):
            with suppress(OSError):  # another containerd's: not empty
                place.rmdir()

    def _end_tasks(self, namespace: str) -> None:
        listed = self.ctr("--namespace", namespace, "task", "list", "--quiet", check=False)
        for name in listed.stdout.split():
            self.ctr("--namespace", namespace, "task", "delete", "--force", name, check=False)

    def ctr(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        argv = [str(self.programs / "ctr"), *words]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False, env=os.environ)
        assert done.returncode == 0 or not check, done.stdout + done.stderr
        return done

    def _program(self, name: str, line: str) -> None:
        path = self.directory / name
        path.write_text(f"#!/bin/sh\n{line}\n")
        path.chmod(0o755)


def image() -> bytes:
    """Busybox, and nothing else, as an image of the Open Container Initiative in an archive."""
    layer = _archive({"bin/busybox": Path("/bin/busybox").read_bytes()}, links=("sleep", "ping", "ip", "cat"))
    config = json.dumps(
        {
            "architecture": "amd64",
            "os": "linux",
            "config": {"Env": ["PATH=/bin"], "Cmd": ["/bin/sleep", "1000"]},
            "rootfs": {"type": "layers", "diff_ids": [_digest(layer)]},
        }
    ).encode()
    kind = "application/vnd.oci.image"
    manifest = json.dumps(
        {
            "schemaVersion": 2,
            "config": _descriptor(f"{kind}.config.v1+json", config),
            "layers": [_descriptor(f"{kind}.layer.v1.tar", layer)],
        }
    ).encode()
    entry = _descriptor(f"{kind}.manifest.v1+json", manifest)
    entry["annotations"] = {"io.containerd.image.name": IMAGE}
    index = json.dumps({"schemaVersion": 2, "manifests": [entry]}).encode()
    blobs = {f"blobs/sha256/{_digest(one).partition(':')[2]}": one for one in (layer, config, manifest)}
    return _archive({"oci-layout": b'{"imageLayoutVersion": "1.0.0"}', "index.json": index, **blobs})


def _digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _descriptor(kind: str, data: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": _digest(data), "size": len(data)}


def _archive(files: dict[str, bytes], links: tuple[str, ...] = ()) -> bytes:
    """A tar of programs, and names under bin/ that busybox goes by."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755
            archive.addfile(member, io.BytesIO(data))
        for name in links:
            member = tarfile.TarInfo(f"bin/{name}")
            member.type, member.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(member)
    return packed.getvalue()
