"""The real programs that own packet filters, each run in a test's namespace with configuration of its own.

Where a program has its paths built in, it runs in a mount namespace of its own in which they are the test's.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from netwright.model.ids import NamespaceName
from netwright.testing.namespaces import eventually

_BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>system</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow user="*"/><allow own="*"/><allow send_type="method_call"/>
<allow send_type="signal"/><allow send_type="method_return"/><allow send_type="error"/>
<allow receive_type="method_call"/><allow receive_type="signal"/><allow receive_type="method_return"/>
<allow receive_type="error"/></policy></busconfig>
"""
_LIBVIRTD = """listen_tls = 0
listen_tcp = 0
auth_unix_rw = "none"
unix_sock_group = "root"
"""


@dataclass(frozen=True)
class Program:
    """Where its commands are run."""

    where: NamespaceName
    environment: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    """Mounts, as shell commands, that every command sees."""

    def run(self, command: str, *, check: bool = True) -> str:
        done = subprocess.run(
            [*_entering(self.where), "unshare", "--mount", "sh", "-c", f"{self.before}{command}"],
            env={**os.environ, "PYTHONPATH": "", **self.environment},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
        return done.stdout


def needed(program: str, package: str) -> str:
    """Its path. Raises AssertionError with the Debian package that has it."""
    found = shutil.which(program, path="/usr/sbin:/usr/bin:/sbin:/bin")
    assert found, f"{program} is missing: scripts/setup-host, or apt-get install {package}"
    return found


@contextmanager
def ufw(where: NamespaceName, directory: Path, backend: str) -> Iterator[Program]:
    """ufw as Debian configures it, switched on; `backend` is that of the iptables that it calls."""
    needed("ufw", "ufw")
    mounts = []
    for number, path in enumerate(("/etc/ufw", "/etc/default/ufw", "/lib/ufw", "/var/lib/ufw")):
        if Path(path).exists():
            own = directory / f"ufw{number}"
            subprocess.run(["cp", "-a", path, own], check=True)
            mounts.append(f"mount --bind {shlex.quote(str(own))} {path}")
    program = Program(where, before="; ".join(["set -e", *mounts, *_legacy(backend), ""]))
    program.run("ufw --force enable")
    try:
        yield program
    finally:
        program.run("ufw disable")


@contextmanager
def firewalld(where: NamespaceName, directory: Path, backend: str) -> Iterator[Program]:
    """firewalld as Debian configures it, on a message bus of its own; `backend` is its FirewallBackend."""
    daemon = needed("firewalld", "firewalld")
    etc = directory / "firewalld"
    shutil.copytree("/etc/firewalld", etc)
    settings = (etc / "firewalld.conf").read_text()
    (etc / "firewalld.conf").write_text(
        settings.replace("FirewallBackend=nftables", f"FirewallBackend={backend}")
    )
    (directory / "bus.conf").write_text(_BUS.format(path=directory / "bus"))
    environment = {"DBUS_SYSTEM_BUS_ADDRESS": f"unix:path={directory}/bus"}
    program = Program(where, environment)
    bus = ["dbus-daemon", f"--config-file={directory}/bus.conf", "--nofork", "--nopidfile"]
    serving = [daemon, "--nofork", "--nopid", f"--system-config={etc}", "--log-file", str(directory / "log")]
    with _daemon(where, bus, environment):
        assert eventually((directory / "bus").exists)
        with _daemon(where, serving, environment):
            assert eventually(
                lambda: "running" in program.run("firewall-cmd --state", check=False), 30, 0.1
            ), (directory / "log").read_text()
            yield program


@contextmanager
def dockerd(where: NamespaceName, directory: Path, backend: str) -> Iterator[Program]:
    """Docker with its default network, and no container; `backend` is that of the iptables that it calls.

    It wants a tree of control groups, and keeps containerd's files under /run: both are its own here.
    """
    daemon = needed("dockerd", "docker.io")
    mounts = [
        "mount --make-rprivate /",
        "mount -t tmpfs none /run",
        "mount -t tmpfs none /sys/fs/cgroup",
        "mount -t cgroup2 none /sys/fs/cgroup",
        *_legacy(backend),
    ]
    serving = shlex.join(
        [daemon, f"--data-root={directory}/data", "--exec-root=/run/docker", "--storage-driver=vfs",
         f"--host=unix://{directory}/docker.sock", f"--pidfile={directory}/docker.pid"]
    )  # fmt: skip
    program = Program(where)
    before = "; ".join(["set -e", *mounts, ""])
    with _daemon(where, ["unshare", "--mount", "sh", "-c", f"{before}exec {serving}"], {}):
        there = f"curl -s --unix-socket {directory}/docker.sock http://docker/_ping"
        assert eventually(lambda: program.run(there, check=False) == "OK", 60, 0.2)
        yield program


@contextmanager
def libvirt_network(where: NamespaceName, directory: Path) -> Iterator[Program]:
    """libvirtd with its default network started: virbr0, its dnsmasq and its rules."""
    daemon = needed("libvirtd", "libvirt-daemon-system")
    mounts = ["mount --make-rprivate /"]
    for path in (
        "/etc/libvirt",
        "/var/lib/libvirt",
        "/run/libvirt",
        "/var/log/libvirt",
        "/var/cache/libvirt",
    ):
        own = directory / path.strip("/").replace("/", "-")
        own.mkdir()
        mounts += [f"mkdir -p {path}", f"mount --bind {shlex.quote(str(own))} {path}"]
    (directory / "etc-libvirt" / "libvirtd.conf").write_text(_LIBVIRTD)
    before = "; ".join(["set -e", *mounts, ""])
    program = Program(where, before=before)
    definition = "/usr/share/libvirt/networks/default.xml"
    with _daemon(where, ["unshare", "--mount", "sh", "-c", f"{before}exec {daemon}"], {}):
        virsh = "virsh -c qemu:///system "
        assert eventually(lambda: "libvirt" in program.run(f"{virsh} version", check=False), 60, 0.2)
        program.run(f"{virsh} net-define {definition}; {virsh} net-start default")
        try:
            yield program
        finally:
            program.run(f"{virsh} net-destroy default", check=False)


@contextmanager
def _daemon(where: NamespaceName, argv: list[str], environment: Mapping[str, str]) -> Iterator[None]:
    process = subprocess.Popen(
        [*_entering(where), *argv],
        env={**os.environ, "PYTHONPATH": "", **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
        process.wait()


def _legacy(backend: str) -> list[str]:
    """Makes `iptables`, by whatever path it is called, that of the legacy back end."""
    swap = "mount --bind /usr/sbin/xtables-legacy-multi /usr/sbin/xtables-nft-multi"
    return [swap] if backend == "legacy" else []


def _entering(where: NamespaceName) -> list[str]:
    return ["ip", "netns", "exec", where]
