"""libvirt's own daemon in a namespace, its files in a directory of the test's: no systemd, nothing shared."""

from __future__ import annotations

import shutil
import signal
import subprocess
import time
import uuid
from pathlib import Path
from typing import Final

from netwright.kernel.netns import path_of
from netwright.model.errors import NetwrightError
from netwright.model.ids import NamespaceName

_PATIENCE: Final = 60.0
"""Seconds until the daemon answers: at first it asks every emulator what it can do."""
_PLACES: Final = {
    "etc": "/etc/libvirt",
    "lib": "/var/lib/libvirt",
    "run": "/run/libvirt",
    "log": "/var/log/libvirt",
    "cache": "/var/cache/libvirt",
}
_DAEMON: Final = """
listen_tls = 0
auth_unix_rw = "none"
auth_unix_ro = "none"
unix_sock_group = "root"
host_uuid = "{uuid}"
log_outputs = "2:file:{log}/libvirtd.log"
"""
_QEMU: Final = """
user = "root"
group = "root"
dynamic_ownership = 0
remember_owner = 0
security_driver = "none"
namespaces = []
cgroup_controllers = []
stdio_handler = "file"
"""
_START: Final = """
mount --make-rprivate /
{mounts}
exec libvirtd --config {etc}/libvirtd.conf --pid-file {run}/libvirtd.pid
"""


class LibvirtMissingError(NetwrightError):
    """The daemon is not installed, or did not answer; the message says what to install, or what it logged."""


class LibvirtHost:
    """A daemon that sees the namespace's links and rules. `directory` must exist, and its path be short."""

    def __init__(self, namespace: NamespaceName, directory: Path) -> None:
        self._namespace, self._directory = namespace, directory
        for name in _PLACES:
            (directory / name).mkdir(exist_ok=True)
        etc = directory / "etc"
        (etc / "nwfilter").mkdir(exist_ok=True)
        (etc / "libvirtd.conf").write_text(_DAEMON.format(uuid=uuid.uuid4(), log=directory / "log"))
        (etc / "qemu.conf").write_text(_QEMU)
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def socket(self) -> Path:
        return self._directory / "run" / "libvirt-sock"

    def uri(self, driver: str = "nwfilter") -> str:
        """Where the daemon is reached from any namespace; `driver` is nwfilter or qemu."""
        return f"{driver}+unix:///system?socket={self.socket}"

    def start(self) -> None:
        """Until it answers, if it does not run already. Raises LibvirtMissingError."""
        if self._process is not None:
            return
        if shutil.which("libvirtd") is None:
            raise LibvirtMissingError("no libvirtd: install libvirt-daemon-system")
        mounts = "\n".join(
            f"mkdir -p {there}; mount --bind {self._directory / name} {there}"
            for name, there in _PLACES.items()
        )
        script = _START.format(mounts=mounts, etc=self._directory / "etc", run=self._directory / "run")
        argv = ["nsenter", f"--net={path_of(self._namespace)}", "unshare", "--mount", "sh", "-ec", script]
        with (self._directory / "log" / "start").open("wb") as log:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise LibvirtMissingError(f"libvirtd does not answer:\n{self._said()}")
            time.sleep(0.05)

    def stop(self) -> None:
        """As `systemctl stop` does: rules and bindings stay."""
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def signal(self, number: signal.Signals) -> None:
        """To the daemon, which must run."""
        assert self._process is not None
        self._process.send_signal(number)

    def _answers(self) -> bool:
        asked = ["virsh", "-q", "-c", self.uri(), "nwfilter-list"]
        return (
            self.socket.exists() and subprocess.run(asked, capture_output=True, check=False).returncode == 0
        )

    def _said(self) -> str:
        files = sorted((self._directory / "log").iterdir())
        return "\n".join(one.read_text(errors="replace")[-2000:] for one in files if one.is_file())
