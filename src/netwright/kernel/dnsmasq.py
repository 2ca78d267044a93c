"""Driver of the dnsmasq daemons, one a network, which outlive the agent.

Ours: see dnsmasq_home. What a daemon was started with is the configuration file beside it, for the old
daemon is stopped before that file is replaced.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Final

from netwright.kernel import netns
from netwright.kernel.daemons import end
from netwright.kernel.dnsmasq_home import NEW, Home, homes, reservations
from netwright.kernel.exits import Exits
from netwright.kernel.lease_spool import LEASES
from netwright.model.errors import KernelRefusedError
from netwright.model.host import Dnsmasq, FileKind
from netwright.model.ids import HOST_NAMESPACE, LinkName, NamespaceName, NetworkId

_PROGRAM: Final = "dnsmasq"
_START_SECONDS: Final = 20
_INTERFACE: Final = re.compile(r"^interface=(\S+)$", re.MULTILINE)
_SYSTEMD: Final = Path("/run/systemd/system")
_ENVIRONMENT: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


class DnsmasqDaemons:
    """`directory` is the host's run directory; `systemd` says whether to start transient units."""

    def __init__(self, directory: Path, *, systemd: bool | None = None) -> None:
        self._directory = directory
        self._systemd = _SYSTEMD.is_dir() if systemd is None else systemd
        self._exits: Exits[NetworkId] | None = None

    def observe(self, keys: Collection[NetworkId] | None = None) -> Mapping[NetworkId, Dnsmasq]:
        """Daemons that run where they should.

        One whose namespace, link or directory was since made anew is not among them.
        """
        wanted = homes(self._directory) if keys is None else [Home(self._directory, key) for key in keys]
        found = {}
        for home in wanted:
            if (value := self._observed(home)) is not None:
                found[home.network] = value
        return found

    def put(self, items: Mapping[NetworkId, Dnsmasq]) -> None:
        """One network's refusal does not keep the others' daemons from starting."""
        said = []
        for network, value in items.items():
            home = Home(self._directory, network)
            try:
                if self._observed(home) != value:
                    self._start(home, value)
            except (OSError, KernelRefusedError) as error:
                said.append(f"{network}: {error}")
        if said:
            raise KernelRefusedError(_PROGRAM, "; ".join(said))

    def remove(self, keys: Collection[NetworkId]) -> None:
        """Stops the daemons and takes their files; the ports' small files are DhcpFiles' to remove."""
        for network in keys:
            home = Home(self._directory, network)
            self._stop(home)
            for name in ("pid", "place", "leases", "dnsmasq.conf", f"{NEW}dnsmasq.conf"):
                (home.path / name).unlink(missing_ok=True)
            home.tidy()

    def watch(self, callback: Callable[[NetworkId], None]) -> None:
        """From now on `callback`, in a thread of its own, hears of each daemon that ends by itself."""
        self._exits = Exits(callback)
        self.observe()

    def close(self) -> None:
        """Ends the watch; the daemons run on."""
        if self._exits:
            self._exits.close()
            self._exits = None

    def _observed(self, home: Home) -> Dnsmasq | None:
        pid, place = home.daemon.pid(), home.place()
        if not pid or not place:
            return None
        try:
            if place != home.place_now(place.namespace, place.link):
                return None
            config = home.config.read_text()
        except (OSError, KernelRefusedError):
            return None
        if self._exits:
            self._exits.follow(home.network, pid)
        return Dnsmasq(place.namespace, config)

    def _start(self, home: Home, value: Dnsmasq) -> None:
        """Checks the text before the old daemon goes, and refuses to start one without its link.

        dnsmasq binds its DHCP sockets to the link only if that is there when it starts.
        """
        home.make()
        place = home.place_now(value.namespace, _link_of(value.config))
        candidate = home.path / f"{NEW}dnsmasq.conf"
        candidate.write_text(value.config)
        candidate.chmod(0o644)
        _run([_PROGRAM, "--test", f"--conf-file={candidate}"])
        self._stop(home)
        home.keep_leases(_reserved(home))
        candidate.replace(home.config)
        home.save_place(place)
        self._run_daemon(home, value.namespace)
        if self._exits and (pid := home.daemon.pid()):
            self._exits.follow(home.network, pid)

    def _run_daemon(self, home: Home, namespace: NamespaceName) -> None:
        argv = [_PROGRAM, f"--conf-file={home.config}"]
        if self._systemd:
            _run(systemd_argv(home, namespace, argv))
            return
        with netns.inside(namespace):
            _run(argv, script_environment(home))

    def _stop(self, home: Home) -> None:
        if self._exits:
            self._exits.forget(home.network)
        end(home.daemon.processes())
        if self._systemd:
            unit = unit_name(home.network)
            for verb in ("stop", "reset-failed"):
                subprocess.run(["systemctl", "--quiet", verb, unit], capture_output=True, check=False)


def unit_name(network: NetworkId) -> str:
    """The transient unit of a network's daemon."""
    return f"netwright-dnsmasq-{network}.service"


def systemd_argv(home: Home, namespace: NamespaceName, argv: Sequence[str]) -> list[str]:
    """Starts the daemon as a unit of the system's manager, in its namespace or in the agent's own."""
    path = Path(f"/proc/{os.getpid()}/ns/net") if namespace == HOST_NAMESPACE else netns.path_of(namespace)
    return [
        "systemd-run",
        "--quiet",
        "--collect",
        f"--unit={unit_name(home.network)}",
        f"--description=DHCP and DNS of network {home.network}",
        "--property=Type=forking",
        f"--property=PIDFile={home.path / 'pid'}",
        f"--property=NetworkNamespacePath={path}",
        *(f"--setenv={name}={value}" for name, value in script_environment(home).items()),
        *argv,
    ]


def script_environment(home: Home) -> Mapping[str, str]:
    """What the daemon's dhcp-script, if it has one, gets to know beside its arguments."""
    return {"NETWORK_ID": home.network, "NETWRIGHT_LEASES": str(home.directory / LEASES)}


def _link_of(config: str) -> LinkName:
    if found := _INTERFACE.search(config):
        return LinkName(found[1])
    raise KernelRefusedError(_PROGRAM, "the configuration names no interface")


def _reserved(home: Home) -> set[tuple[str, str]]:
    """Every reservation of the network, address and MAC."""
    files = [path for path in home.files(FileKind.DHCP).iterdir() if not path.name.startswith(".")]
    return {pair for path in files for pair in reservations(path.read_text(errors="replace"))}


def _run(argv: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_START_SECONDS,
            env={**_ENVIRONMENT, **(environment or {})},
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise KernelRefusedError(_PROGRAM, f"{argv[0]} did not answer") from error
    if done.returncode != 0:
        raise KernelRefusedError(_PROGRAM, (done.stderr or done.stdout).strip())
