"""Daemons told from other processes: while they run, while they end, and where a file of theirs is only looked at."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netwright.kernel.daemons import Daemon
from netwright.testing.namespaces import eventually

MARK = "--conf-file=/nowhere/ours.conf"
ENDING = """
import ctypes, threading, time
threading.Thread(target=time.sleep, args=(60,)).start()
ctypes.CDLL(None).pthread_exit(None)
"""
"""Its first thread has ended, and with it what its command line tells; the process has not."""


@contextmanager
def process(*argv: str) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen(argv, stdout=subprocess.PIPE)
    try:
        yield running
    finally:
        running.kill()
        running.communicate()


def command_line(pid: int) -> bytes:
    return Path(f"/proc/{pid}/cmdline").read_bytes()


def state(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]


def test_one_that_is_just_ending_is_waited_for(tmp_path: Path) -> None:
    """A process without a command line any more still has its sockets: stop returns when it has ended."""
    daemon = Daemon(tmp_path / "pid", MARK)
    with process(sys.executable, "-c", ENDING, MARK) as running:
        daemon.pid_file.write_text(str(running.pid))
        assert eventually(lambda: state(running.pid) == "Z")
        assert command_line(running.pid) == b""
        assert daemon.pid() is None
        assert daemon.stop()
        assert running.poll() is not None


def test_a_stale_pid_file_ends_nobody_else(tmp_path: Path) -> None:
    """A process that has a daemon's former number, and nothing else of it, goes on."""
    daemon = Daemon(tmp_path / "pid", MARK)
    with process("sleep", "60") as stranger:
        daemon.pid_file.write_text(str(stranger.pid))
        assert daemon.pid() is None
        assert not daemon.stop()
        assert stranger.poll() is None
        assert not daemon.pid_file.exists()


def test_a_mark_of_several_words_is_those_words_in_their_order(tmp_path: Path) -> None:
    """Who only has the file's name among its words is not the daemon, nor is one with more than the name."""
    daemon = Daemon(tmp_path / "pid", "-C\0/nowhere/ours.conf")
    strangers = (("/nowhere/ours.conf",), ("-C", "/nowhere/ours.conf.old"), ("/nowhere/ours.conf", "-C"))
    for words in (("-C", "/nowhere/ours.conf"), *strangers):
        with process(sys.executable, "-c", "import time; time.sleep(60)", *words) as running:
            daemon.pid_file.write_text(str(running.pid))
            assert eventually(lambda pid=running.pid: command_line(pid) != b"")
            assert (daemon.pid() == running.pid) is (words not in strangers), words
