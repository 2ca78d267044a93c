"""A lab: a host and an internet of its own, in namespaces, with `netwright up` running on that host.

Ours: namespaces called `nwlab-NAME-…`, the directory /run/netwright-lab/NAME, /etc/netns/nwlab-NAME-…, the
DHCP namespaces of networks on the lab's host, and every process in any of these namespaces. A lab's name
has no hyphen, so no lab's names begin like another's. The directories that labs share stay, empty: another
lab may be about to make its own in them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netwright.kernel import netns
from netwright.model.errors import ConflictError, InvalidError, NetwrightError
from netwright.model.ids import HOST_NAMESPACE, LinkName, NamespaceName
from netwright.testing.guest_namespace import write_dhcp_command
from netwright.testing.namespaces import add_addresses, add_veth, ip, run

ROOT: Final = Path("/run/netwright-lab")
RESOLV: Final = Path("/etc/netns")
UPLINK: Final = LinkName("eth0")
UPLINK_ADDRESS: Final = "192.0.2.2"
INTERNET: Final = "192.0.2.1"
INTERNET_OUTSIDE: Final = "203.0.113.1"
PUBLIC: Final = "203.0.113.0/24"
_PREFIX: Final = "nwlab-"
_NAME: Final = re.compile(r"[a-z0-9]{1,20}")
_HOST_ADDRESSES: Final = (f"{UPLINK_ADDRESS}/24", "2001:db8:1::2/64")
_NET_ADDRESSES: Final = (f"{INTERNET}/24", f"{INTERNET_OUTSIDE}/24", "2001:db8:1::1/64")
READY_SECONDS: Final = 30.0
_ENDS_WITHIN: Final = 5.0


class LabError(NetwrightError):
    """The lab could not be built, or its netwright did not come up; `evidence` is the end of its log."""

    def __init__(self, message: str, evidence: str = "") -> None:
        super().__init__(f"{message}\n{evidence}" if evidence else message)
        self.evidence = evidence


@dataclass(frozen=True, slots=True)
class Lab:
    """The names of everything in one lab. Raises InvalidError for a name that is not a-z and 0-9."""

    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise InvalidError(f"lab name {self.name!r}: 1 to 20 of a-z and 0-9", "name")

    @property
    def host(self) -> NamespaceName:
        """Plays the host."""
        return self.guest("host")

    @property
    def internet(self) -> NamespaceName:
        """Plays everything else."""
        return self.guest("net")

    @property
    def directory(self) -> Path:
        return ROOT / self.name

    @property
    def run_directory(self) -> Path:
        return self.directory / "run"

    @property
    def socket(self) -> Path:
        return self.directory / "api.sock"

    @property
    def log(self) -> Path:
        return self.directory / "netwright.log"

    @property
    def environment(self) -> dict[str, str]:
        """What makes the `netwright` command speak to this lab."""
        return {"NETWRIGHT_SERVER": str(self.socket), "NETWRIGHT_RUN_DIR": str(self.run_directory)}

    def guest(self, label: str) -> NamespaceName:
        """The name of a further namespace of this lab, which goes with it."""
        return NamespaceName(f"{_PREFIX}{self.name}-{label}")

    def namespaces(self) -> list[NamespaceName]:
        """All that there are, the host last."""
        found = [NamespaceName(path.name) for path in netns.DIRECTORY.glob(f"{_PREFIX}{self.name}-*")]
        return sorted(found, key=lambda name: (name == self.host, name))


@contextmanager
def running(
    lab: Lab, *, keep: bool = False, options: Sequence[str] = ()
) -> Iterator[subprocess.Popen[bytes]]:
    """Builds the lab, starts netwright in it and, unless told to keep it, removes everything at the end.

    What an earlier lab of that name left is removed first. `options` of `netwright up` hold over the
    lab's own. Raises ConflictError where one still runs.
    """
    with claimed(lab):
        sweep(lab)
        children: list[subprocess.Popen[bytes]] = []
        try:
            children.append(build(lab))
            children.append(service := start_service(lab, *options))
            wait_ready(lab, service)
            netwright(lab, *public_network())
            yield service
        finally:
            if not keep:
                with _undisturbed():
                    sweep(lab)
                    for child in children:
                        child.wait()


def interrupt_on_signals() -> None:
    """SIGTERM and a closed terminal end a lab as Ctrl-C does; what is ignored (nohup) stays so."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.default_int_handler)


@contextmanager
def claimed(lab: Lab) -> Iterator[None]:
    """One process at a time has a lab; a dead one has none. Raises ConflictError."""
    # A name in the abstract namespace of Unix sockets goes with its process, however that ends.
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as claim:
        try:
            claim.bind(f"\0netwright-lab-{lab.name}")
        except OSError as error:
            said = f"lab {lab.name!r} is running: end it with Ctrl-C where it runs, or choose another --name"
            raise ConflictError(said) from error
        yield


def build(lab: Lab) -> subprocess.Popen[bytes]:
    """The two namespaces, joined by a pair whose ends are both called eth0; gives the internet's server."""
    lab.directory.mkdir(parents=True)
    write_dhcp_command(lab.directory)
    for namespace in (lab.host, lab.internet):
        add_guest(namespace)
    add_veth(lab.host, UPLINK, lab.internet, "eth0")
    add_addresses(lab.host, UPLINK, *_HOST_ADDRESSES)
    add_addresses(lab.internet, "eth0", *_NET_ADDRESSES)
    for words in (
        ("route", "add", "default", "via", INTERNET),
        ("-6", "route", "add", "default", "via", "2001:db8:1::1"),
    ):
        ip(lab.host, *words)
    return start(
        lab.internet, [sys.executable, "-m", "netwright.testing.internet"], lab.directory / "internet.log"
    )


def add_guest(namespace: NamespaceName) -> None:
    """A namespace with its loopback up."""
    run(HOST_NAMESPACE, ["ip", "netns", "add", namespace])
    ip(namespace, "link", "set", "lo", "up")


def start_service(lab: Lab, *options: str) -> subprocess.Popen[bytes]:
    """`netwright up` on the lab's host; it goes on from what is in the lab's directories."""
    directories = ["--state-dir", str(lab.directory / "state"), "--run-dir", str(lab.run_directory)]
    doors = ["--socket", str(lab.socket), "--listen", "none", "--host", lab.name]
    return start(lab.host, [sys.executable, "-m", "netwright", "up", *directories, *doors, *options], lab.log)


def start(namespace: NamespaceName, argv: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
    """Starts a program there, in a session of its own, so that Ctrl-C is not for it.

    `nsenter --net`, not `ip netns exec`: that gives the program mounts of its own, and namespaces that it
    makes could not be seen from outside.
    """
    with log.open("ab") as output:
        return subprocess.Popen(
            ["nsenter", f"--net={netns.path_of(namespace)}", *argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def wait_ready(lab: Lab, service: subprocess.Popen[bytes], seconds: float = READY_SECONDS) -> None:
    """Until the server answers and the host has become what it should be. Raises LabError."""
    deadline = time.monotonic() + seconds
    while not _is_ready(lab):
        if service.poll() is not None:
            raise LabError(f"netwright ended with exit code {service.returncode}", tail(lab.log))
        if time.monotonic() > deadline:
            raise LabError(f"netwright was not ready after {seconds:g} s", tail(lab.log))
        time.sleep(0.02)


def public_network() -> list[str]:
    """The words of the command that makes the network that floating IPs come from."""
    where = ["--external", "--uplink", UPLINK, "--cidr", PUBLIC, "--gateway", INTERNET_OUTSIDE]
    return ["network", "create", "public", *where, "--pool", "203.0.113.10-203.0.113.250"]


def netwright(lab: Lab, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """The `netwright` command, speaking to the lab. Raises LabError with its words where it fails."""
    done = subprocess.run(
        [sys.executable, "-m", "netwright", *words],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **lab.environment},
    )
    if check and done.returncode != 0:
        raise LabError(f"netwright {' '.join(words)}: exit code {done.returncode}", done.stderr.strip())
    return done


def sweep(lab: Lab) -> None:
    """Removes whatever there is of the lab, however it was left; nothing is no error."""
    if netns.is_namespace(netns.path_of(lab.host)):
        empty(lab.host)  # first, so that its agent mends nothing any more
    for namespace in (*netns.Namespaces(lab.run_directory).observe(), *lab.namespaces()):
        _remove(namespace)
        shutil.rmtree(RESOLV / namespace, ignore_errors=True)
    shutil.rmtree(lab.directory, ignore_errors=True)


def leftovers(lab: Lab) -> list[str]:
    """Names of what there still is of the lab."""
    directories = [lab.directory, *RESOLV.glob(f"{_PREFIX}{lab.name}-*")]
    return [*lab.namespaces(), *(str(path) for path in directories if path.exists())]


def empty(namespace: NamespaceName) -> None:
    """Kills every process in the namespace but this one, and those that they start meanwhile."""
    deadline = time.monotonic() + _ENDS_WITHIN
    while (pids := _pids(namespace)) and time.monotonic() < deadline:
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        time.sleep(0.02)


def tail(path: Path, lines: int = 15) -> str:
    """The end of a file; empty where there is none."""
    return "\n".join(path.read_text(errors="replace").splitlines()[-lines:]) if path.exists() else ""


def ask(lab: Lab, target: str) -> object:
    """What the lab's server answers to a GET, as JSON. Raises OSError, ValueError."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as line:
        line.settimeout(5)
        line.connect(str(lab.socket))
        line.sendall(f"GET {target} HTTP/1.0\r\nHost: lab\r\n\r\n".encode())
        answer = b"".join(iter(lambda: line.recv(1 << 16), b""))
    return json.loads(answer.partition(b"\r\n\r\n")[2])


def _is_ready(lab: Lab) -> bool:
    try:
        status = ask(lab, "/v1/status")
    except (OSError, ValueError):
        return False
    hosts = status.get("hosts") if isinstance(status, Mapping) else None
    return isinstance(hosts, list) and bool(hosts) and all(host["converged"] for host in hosts)


def _pids(namespace: NamespaceName) -> list[int]:
    listed = subprocess.run(["ip", "netns", "pids", namespace], capture_output=True, text=True, check=False)
    return [pid for pid in map(int, listed.stdout.split()) if pid != os.getpid()]


def _remove(namespace: NamespaceName) -> None:
    if netns.is_namespace(netns.path_of(namespace)):
        empty(namespace)
    netns.delete(namespace)


@contextmanager
def _undisturbed() -> Iterator[None]:
    """A second Ctrl-C does not leave a lab half removed."""
    before = {
        number: signal.signal(number, signal.SIG_IGN)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    }
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
