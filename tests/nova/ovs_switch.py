"""An Open vSwitch of a test's own: database, daemon and sockets in a directory, ports in a host's namespace."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nova.net_hosts import NetHost, with_options

from netwright.model.ids import NamespaceName
from netwright.nova.linux_host import LinuxHost
from netwright.nova.ovs_ports import create_ovs_vif_port
from netwright.testing.namespaces import add_addresses, add_veth, eventually, namespace, run

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
DPDK = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
NO_CARDS = "--legacy-mem --no-huge --no-pci -m 512 --no-shconf --no-telemetry"
"""DPDK without huge pages, network cards, or files of its own."""
INTEGRATION = "br-int"
OVS = "nova.network.linux_net.LinuxOVSInterfaceDriver"


@dataclass
class Switch:
    """`on`: the host with its options for this switch, the OVS driver among them."""

    place: NetHost
    directory: Path
    on: LinuxHost
    daemon: str = "ovs-vswitchd"

    def with_options(self, **changed: Any) -> LinuxHost:
        return with_options(self.on, **changed)

    def vsctl(self, *words: str) -> str:
        argv = ["ovs-vsctl", f"--db={self.remote}", "--timeout=30", *words]
        return run(self.place.name, argv).stdout.strip()

    def interface(self, name: str, column: str) -> str:
        """Empty where there is no such port."""
        return self.vsctl("--if-exists", "get", "Interface", name, column).strip('"')

    def flows(self, bridge: str = INTEGRATION) -> list[str]:
        """Those that bear the mark, matches and actions only."""
        target = f"unix:{self.directory}/{bridge}.mgmt"
        argv = [
            "ovs-ofctl",
            "dump-flows",
            "--no-stats",
            target,
            f"cookie={int.from_bytes(b'nova') << 32:#x}/{0xFFFFFFFF << 32:#x}",
        ]
        lines = run(self.place.name, argv).stdout.splitlines()
        return sorted(line.split(", ", 1)[1].strip() for line in lines if "actions=" in line)

    @property
    def remote(self) -> str:
        return f"unix:{self.directory}/db.sock"

    def signal(self, daemon: str, number: int) -> None:
        os.kill(int((self.directory / f"{daemon}.pid").read_text()), number)

    def start_daemon(self) -> None:
        self._start(self.daemon, self.remote)

    def start_database(self) -> None:
        remotes = f"punix:{self.directory}/db.sock", "db:Open_vSwitch,Open_vSwitch,manager_options"
        self._start("ovsdb-server", str(self.directory / "conf.db"), *(f"--remote={one}" for one in remotes))

    def _start(self, program: str, *words: str) -> None:
        name = Path(program).name
        common = ["--detach", "--no-chdir", "-vconsole:off", f"--unixctl={self.directory}/{name}.ctl"]
        files = [f"--pidfile={self.directory}/{name}.pid", f"--log-file={self.directory}/{name}.log"]
        where = {
            "OVS_RUNDIR": str(self.directory),
            "OVS_LOGDIR": str(self.directory),
            "OVS_DBDIR": str(self.directory),
            "RUNTIME_DIRECTORY": str(self.directory),  # DPDK's
        }
        path = f"{os.environ['PATH']}:/usr/sbin"
        argv = ["ip", "netns", "exec", self.place.name, program, *words, *common, *files]
        done = subprocess.run(
            argv, capture_output=True, text=True, env=os.environ | where | {"PATH": path}, check=False
        )
        assert done.returncode == 0, done.stderr


@contextmanager
def switch_on(place: NetHost, datapath: str = "netdev", *, dpdk: bool = False) -> Iterator[Switch]:
    """With the bridge br-int, of that kind of datapath; both daemons are killed at the end."""
    assert shutil.which("ovs-vsctl"), "no ovs-vsctl: install openvswitch-switch (scripts/setup-host tests)"
    assert not dpdk or Path(DPDK).exists(), "install openvswitch-switch-dpdk (scripts/setup-host tests)"
    directory = Path(tempfile.mkdtemp(prefix="nwt-ovs"))  # a socket's path has 107 characters at most
    try:
        subprocess.run(["ovsdb-tool", "create", directory / "conf.db", SCHEMA], check=True)
        on = place.with_options(
            ovsdb_connection=f"unix:{directory}/db.sock", ovs_vsctl_timeout=60, linuxnet_interface_driver=OVS
        )
        switch = Switch(place, directory, on, DPDK if dpdk else "ovs-vswitchd")
        switch.start_database()
        switch.vsctl("--no-wait", "init")
        if dpdk:
            words = "dpdk-init=true", f"dpdk-extra={NO_CARDS}"
            switch.vsctl("--no-wait", "set", "Open_vSwitch", ".", *(f"other_config:{one}" for one in words))
        switch.start_daemon()
        switch.vsctl("add-br", INTEGRATION, "--", "set", "Bridge", INTEGRATION, f"datapath_type={datapath}")
        yield switch
    finally:
        for pid in directory.glob("*.pid"):
            with suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGKILL)
        eventually(lambda: not run(place.name, ["pgrep", "-f", str(directory)], check=False).stdout)
        shutil.rmtree(directory)


@contextmanager
def guest_on(switch: Switch, number: int, tag: int | None = None) -> Iterator[NamespaceName]:
    """A guest 10.0.0.<number> on the integration bridge, by the link tap<number>."""
    with namespace("guest") as guest:
        mac = f"fa:16:3e:00:01:{number:02x}"
        add_veth(switch.place.name, f"tap{number}", guest, "eth0", mac)
        add_addresses(guest, "eth0", f"10.0.0.{number}/24")
        create_ovs_vif_port(
            INTEGRATION, f"tap{number}", f"port-{number}", mac, f"vm-{number}", tag=tag, on=switch.on
        )
        yield guest


def reaches(guest: NamespaceName, address: str) -> bool:
    """Whether it answers a ping; asked thrice."""
    return run(guest, ["ping", "-c1", "-W1", address], check=False).returncode == 0 or (
        run(guest, ["ping", "-c2", "-i0.2", "-W1", address], check=False).returncode == 0
    )


def gets_lease(guest: NamespaceName) -> bool:
    """Whether a DHCP client gets a lease on eth0; it changes nothing there."""
    argv = ["busybox", "udhcpc", "-f", "-n", "-q", "-t", "3", "-T", "1", "-i", "eth0", "-s", "/bin/true"]
    return "obtained" in run(guest, argv, check=False).stderr
