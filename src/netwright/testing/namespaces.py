"""Network namespaces for tests: uniquely named, with links and addresses, and gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from netwright.model.ids import HOST_NAMESPACE, NamespaceName

PREFIX = "nwt-"


def unique_namespace(label: str = "") -> NamespaceName:
    """A name that no other test uses: `nwt-`, the label and eight random characters."""
    return NamespaceName(f"{PREFIX}{label}{uuid.uuid4().hex[:8]}")


@contextmanager
def namespace(label: str = "", name: str | None = None) -> Iterator[NamespaceName]:
    """A fresh namespace with its loopback up; at the end its processes are killed and it is removed."""
    made = NamespaceName(name) if name else unique_namespace(label)
    _ip("netns", "add", made)
    try:
        ip(made, "link", "set", "lo", "up")
        yield made
    finally:
        remove_namespace(made)


@contextmanager
def namespaces(*labels: str) -> Iterator[tuple[NamespaceName, ...]]:
    """One fresh namespace a label, in the labels' order."""
    with ExitStack() as stack:
        yield tuple(stack.enter_context(namespace(label)) for label in labels)


def remove_namespace(name: NamespaceName) -> None:
    """Kills what runs in the namespace and takes it away; no error where there is none."""
    listed = subprocess.run(["ip", "netns", "pids", name], capture_output=True, text=True, check=False)
    for pid in listed.stdout.split():
        with suppress(ProcessLookupError):
            os.kill(int(pid), signal.SIGKILL)
    subprocess.run(["ip", "netns", "delete", name], capture_output=True, check=False)


def run(
    where: NamespaceName, argv: Sequence[str], *, check: bool = True, timeout: float = 30, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    """Runs a program in the namespace (the test's own for HOST_NAMESPACE) and returns what it printed.

    Raises AssertionError with the program's own words where it fails and `check` is set.
    """
    entered = list(argv) if where == HOST_NAMESPACE else ["ip", "netns", "exec", where, *argv]
    done = subprocess.run(
        entered, capture_output=True, text=True, timeout=timeout, input=stdin or None, check=False
    )
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(argv)} in {where!r}: {done.stdout}{done.stderr}")
    return done


def start(where: NamespaceName, argv: Sequence[str]) -> subprocess.Popen[bytes]:
    """Starts a program in the namespace and leaves it running, its output thrown away."""
    return subprocess.Popen(
        ["ip", "netns", "exec", where, *argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )


def ip(where: NamespaceName, *words: str) -> str:
    """`ip` inside the namespace; what it printed."""
    return run(where, ["ip", *words]).stdout


def add_bridge(where: NamespaceName, name: str, *addresses: str, mtu: int = 1500) -> None:
    """A bridge that forwards at once, up, with addresses such as 10.0.0.1/24 (v6 ones without DAD)."""
    ip(where, "link", "add", name, "mtu", str(mtu), "type", "bridge", "forward_delay", "0", "stp_state", "0")
    ip(where, "link", "set", name, "up")
    add_addresses(where, name, *addresses)


def add_addresses(where: NamespaceName, link: str, *addresses: str) -> None:
    """Addresses such as 10.0.0.1/24 on a link; v6 ones are usable at once."""
    for address in addresses:
        ip(where, "address", "add", address, "dev", link, *(["nodad"] if ":" in address else []))


def add_veth(where: NamespaceName, name: str, peer_where: NamespaceName, peer: str, mac: str = "") -> None:
    """A pair, both ends up; `mac` is the peer's."""
    far = ["peer", "name", peer, "netns", peer_where]
    ip(where, "link", "add", name, "type", "veth", *far)
    if mac:
        ip(peer_where, "link", "set", peer, "address", mac)
    ip(peer_where, "link", "set", peer, "up")
    ip(where, "link", "set", name, "up")


def plug(where: NamespaceName, bridge: str, name: str, guest: NamespaceName, mac: str) -> None:
    """A guest's `eth0` with that MAC, joined to the bridge by the link `name`."""
    add_veth(where, name, guest, "eth0", mac)
    ip(where, "link", "set", name, "master", bridge)


def addresses_of(where: NamespaceName, link: str) -> set[str]:
    """The link's addresses with their prefix lengths, the link-local ones apart."""
    lines = ip(where, "-o", "address", "show", "dev", link, "scope", "global").splitlines()
    return {line.split()[3] for line in lines}


def eventually(holds: Callable[[], bool], seconds: float = 5.0, pause: float = 0.02) -> bool:
    """Whether it comes to hold within that time."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(pause)
    return holds()


def leftovers() -> tuple[str, ...]:
    """Test namespaces that are still there."""
    return tuple(path.name for path in Path("/run/netns").glob(f"{PREFIX}*"))


def _ip(*words: str) -> None:
    run(HOST_NAMESPACE, ["ip", *words])
