"""What a netwright costs that has nothing to do: CPU, writes to disk, writes to the kernel."""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from common import finish, isolated, machine, say, show
from host import HOST, Lab, Service, fill

_REST_S: Final = 10.0
"""After the last change: the agent saves its plan some seconds later."""
_MONITORS: Final = ("ip monitor link address route", "nft monitor")
"""Each prints a line for each change in the host's namespace, whoever makes it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters of one moment."""

    at: float
    cpu_s: float
    io: Mapping[str, int]
    """Bytes and calls from /proc/PID/io."""
    files: Mapping[Path, tuple[int, int]]
    """Size and time of the last change of every file below the state and the run directory."""
    changes: int
    """Lines that the monitors have printed."""


@dataclass(frozen=True, slots=True)
class Found:
    """What happened between two readings."""

    seconds: float
    cpu_percent: float
    disk_write_bytes: int
    calls: int
    files: tuple[str, ...]
    changes: int


def bench(directory: Path, ports: int, seconds: float) -> int:
    lab = Lab(directory)
    with lab.running_up() as service, _monitors(directory):
        client = lab.client()
        fill(lab, client, client.create_network("10.20.0.0/16"), range(ports))
        client.close()
        say(f"idle: {ports} ports, {seconds:.0f} s; {machine()}")
        time.sleep(_REST_S)
        before = _read(lab, service, directory)
        time.sleep(seconds)
        found = _between(before, _read(lab, service, directory))
        sends = _netlink_sends(service, directory / "trace", seconds / 3)
    _report(found, sends, ports)
    return finish(
        {
            "cpu_percent": round(found.cpu_percent, 3),
            "disk_write_bytes": found.disk_write_bytes,
            "kernel_writes": found.changes + (sends or 0),
        }
    )


@contextmanager
def _monitors(directory: Path) -> Iterator[None]:
    running = []
    for number, words in enumerate(_MONITORS):
        with (directory / f"monitor{number}").open("wb") as output:
            argv = ["nsenter", f"--net=/run/netns/{HOST}", "stdbuf", "-oL", *words.split()]
            running.append(subprocess.Popen(argv, stdout=output))
    try:
        yield
    finally:
        for process in running:
            process.kill()
            process.wait()


def _read(lab: Lab, service: Service, directory: Path) -> Reading:
    counters = Path(f"/proc/{service.pid}/io").read_text().splitlines()
    pairs = [line.split(": ") for line in counters]
    files = [path for root in (lab.state, lab.run) for path in root.rglob("*") if path.is_file()]
    monitors = directory.glob("monitor*")
    return Reading(
        at=time.monotonic(),
        cpu_s=service.cpu_s(),
        io={name: int(value) for name, value in pairs},
        files={path: (path.stat().st_size, path.stat().st_mtime_ns) for path in files},
        changes=sum(path.read_bytes().count(b"\n") for path in monitors),
    )


def _between(before: Reading, after: Reading) -> Found:
    seconds = after.at - before.at
    changed = [str(path) for path, state in after.files.items() if before.files.get(path) != state]
    gone = [str(path) for path in before.files.keys() - after.files.keys()]
    return Found(
        seconds=seconds,
        cpu_percent=(after.cpu_s - before.cpu_s) / seconds * 100,
        disk_write_bytes=after.io["write_bytes"] - before.io["write_bytes"],
        calls=after.io["syscw"] - before.io["syscw"],
        files=(*changed, *gone),
        changes=after.changes - before.changes,
    )


def _netlink_sends(service: Service, output: Path, seconds: float) -> int | None:
    """Messages that the process sends to the kernel, reads among them; None where there is no strace."""
    if not shutil.which("strace"):
        return None
    words = f"strace -f -yy -qq -e trace=sendto,sendmsg,sendmmsg -o {output} -p {service.pid}"
    tracer = subprocess.Popen(words.split())
    time.sleep(seconds)
    tracer.terminate()
    tracer.wait()
    return sum("NETLINK" in line for line in output.read_text().splitlines())


def _report(found: Found, sends: int | None, ports: int) -> None:
    show(
        f"netwright up with {ports} ports and nothing to do for {found.seconds:.0f} s. {machine()}",
        ("", "value"),
        [
            ("CPU, % of a core", f"{found.cpu_percent:.3f}"),
            ("bytes to disk (/proc/PID/io write_bytes)", found.disk_write_bytes),
            ("write calls of any kind, sockets and pipes among them", found.calls),
            ("files changed below state and run directory", ", ".join(found.files) or "none"),
            ("changes seen by ip monitor and nft monitor", found.changes),
            ("netlink messages sent (strace, a third of the time)", "no strace" if sends is None else sends),
        ],
    )


@click.command(help=__doc__)
@click.option("--ports", default=100, show_default=True, help="Plugged, and left alone.")
@click.option("--seconds", default=60.0, show_default=True, help="How long it is watched.")
@click.option("--quick", is_flag=True, help="10 ports, 9 s.")
def main(ports: int, seconds: float, *, quick: bool) -> None:
    count, length = (10, 9.0) if quick else (ports, seconds)
    sys.exit(isolated(lambda directory: bench(directory, count, length)))


if __name__ == "__main__":
    main()
