"""What every bench needs: a world of its own to run in, a table, and one line of JSON at the end."""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table
from rich.text import Text

SOURCES: Final = Path(__file__).resolve().parent.parent / "src"
_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_NEW_MOUNTS, _NEW_PIDS = 0x00020000, 0x20000000
_PRIVATE: Final = (1 << 18) | 16384
"""MS_PRIVATE | MS_REC: mounts made here are not seen outside."""
_DEATH_SIGNAL: Final = 1
_HIDDEN: Final = ("/run/netns", "/run/systemd")
"""Covered by empty directories: namespaces of this run only, and no service manager to start daemons with."""


def isolated(bench: Callable[[Path], int]) -> int:
    """Runs the bench with processes, mounts and named namespaces of its own; nothing of them outlives it.

    The bench gets an empty directory on disk, removed afterwards. Ends with 130 after Ctrl-C.
    """
    if os.geteuid() != 0:
        print("run as root: the bench makes network namespaces", file=sys.stderr)
        return 1
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    directory = Path(tempfile.mkdtemp(prefix="netwright-bench-"))
    directory.chmod(0o755)  # dnsmasq reads its files below it as a user of its own
    first = 0
    try:
        _call("unshare", _LIBC.unshare(_NEW_MOUNTS | _NEW_PIDS))
        first = os.fork()
        if first == 0:
            _be_first_process(bench, directory)
        return os.waitstatus_to_exitcode(os.waitpid(first, 0)[1])
    except KeyboardInterrupt:
        os.kill(first, signal.SIGKILL)  # takes all processes of its PID namespace along
        os.waitpid(first, 0)
        return 130
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def _be_first_process(bench: Callable[[Path], int], directory: Path) -> None:
    """Process 1: reaps what daemons leave, and ends, with everything, when the bench does."""
    _LIBC.prctl(_DEATH_SIGNAL, signal.SIGKILL)
    worker = os.fork()
    if worker == 0:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        code = 1
        try:
            _mount_own()
            code = bench(directory)
        except KeyboardInterrupt:
            code = 130
        finally:
            if (error := sys.exc_info()[1]) and not isinstance(error, SystemExit | KeyboardInterrupt):
                sys.excepthook(type(error), error, error.__traceback__)
            sys.stdout.flush()
            os._exit(code)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    while True:
        pid, status = os.wait()
        if pid == worker:
            os._exit(max(os.waitstatus_to_exitcode(status), 0))


def _mount_own() -> None:
    _call("mount /", _LIBC.mount(b"none", b"/", None, _PRIVATE, None))
    _call("mount /proc", _LIBC.mount(b"proc", b"/proc", b"proc", 0, None))
    for path in _HIDDEN:
        if path == "/run/netns":
            Path(path).mkdir(parents=True, exist_ok=True)
        if Path(path).is_dir():
            _call(f"mount {path}", _LIBC.mount(b"tmpfs", path.encode(), b"tmpfs", 0, None))


def _call(name: str, result: int) -> None:
    if result != 0:
        raise OSError(ctypes.get_errno(), f"{name}: {os.strerror(ctypes.get_errno())}")


def run(argv: Sequence[str], *, stdin: str = "", where: str = "") -> str:
    """Runs a program, in a namespace if one is named, and returns what it printed. Raises RuntimeError."""
    entered = ["nsenter", f"--net=/run/netns/{where}", *argv] if where else list(argv)
    done = subprocess.run(entered, input=stdin or None, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(argv)}: {done.stderr.strip()}")
    return done.stdout


def machine() -> str:
    """How busy this machine is: timings are worth as much as it is quiet."""
    load = "/".join(f"{value:.1f}" for value in os.getloadavg())
    return f"load {load} on {os.cpu_count()} cores, CPU pressure {pressure()} % of the last 10 s"


def pressure() -> float:
    """Percent of the last ten seconds in which something waited for a CPU."""
    return float(Path("/proc/pressure/cpu").read_text().split("avg10=")[1].split()[0])


def pressure_total() -> float:
    """Seconds in which something waited for a CPU, since boot."""
    return int(Path("/proc/pressure/cpu").read_text().split("total=")[1].split()[0]) / 1e6


def median(values: Iterable[float]) -> float:
    """To two digits after the point."""
    return round(statistics.median(values), 2)


def spread(values: Sequence[float]) -> str:
    """Median and extremes, for people."""
    return f"{median(values):g} [{min(values):.2f} .. {max(values):.2f}]"


def show(title: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A table on standard output."""
    table = Table(title=Text(title), title_justify="left")
    for number, column in enumerate(head):
        table.add_column(column, justify="right" if number else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(str, row))
    Console(width=None if sys.stdout.isatty() else 120).print(table)


def say(text: str) -> None:
    """How far the bench is, on standard error."""
    print(text, file=sys.stderr, flush=True)


def finish(result: Mapping[str, object]) -> int:
    """The last line."""
    print(json.dumps(result), flush=True)
    return 0
