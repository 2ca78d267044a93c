"""The benches run and say what they are read for; how fast anything is, is not asserted."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import PIPE
from tempfile import TemporaryDirectory

import pytest

BENCHES = Path(__file__).resolve().parents[2] / "bench"
SLOW = pytest.mark.slow
HEALED = {"nft_flush", "bridge_port", "address", "route", "dnsmasq"}


@pytest.mark.parametrize(
    ("name", "keys"),
    [
        pytest.param(
            "plug", {"first_ping_ms", "lease_ms", "kernel_ms", "growth", "speedup_vs_classic"}, marks=SLOW
        ),
        ("api", {"port_create_per_s", "port_create_ms", "port_list_1000_ms", "cpu_ms_per_port_create"}),
        pytest.param(
            "restart", {"lost", "reset", "sync_s", "sync_writes", "rebuild_s", "heal_ms"}, marks=SLOW
        ),
        pytest.param(
            "firewall",
            {
                "port_ms",
                "member_ms",
                "rule_ms",
                "speedup_port_20",
                "packet_cost",
                "packet_flat",
                "connect_cost",
            },
            marks=SLOW,
        ),
        (
            "nova",
            {"create_networks_s", "database_kb", "allocations_per_s", "iptables_rules_s", "speedup_vs_old"},
        ),
        pytest.param("idle", {"cpu_percent", "disk_write_bytes", "kernel_writes"}, marks=SLOW),
        pytest.param(
            "policies",
            {
                f"{kind}_{figure}"
                for kind in ("address", "no_address", "policy")
                for figure in ("request_ms", "agent_ms", "writes")
            },
            marks=SLOW,
        ),
        ("leases", {"events_per_s", "cpu_ms_per_event", "cpu_ms_per_program", "told_s", "lost"}),
    ],
)
def test_a_benchs_last_line_has_its_figures(name: str, keys: set[str]) -> None:
    """Every bench ends well and prints one JSON object with its published keys as its last line."""
    done = subprocess.run(
        [sys.executable, str(BENCHES / f"{name}.py"), "--quick"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout.splitlines()[-1])
    assert keys <= figures.keys()
    assert figures.get("heal_ms", dict.fromkeys(HEALED)).keys() >= HEALED


@pytest.fixture
def short_path() -> Iterator[Path]:
    """A directory for a Unix socket, whose path has at most 107 bytes: too few for pytest's own."""
    with TemporaryDirectory(prefix="nw-", dir="/tmp") as made:
        yield Path(made)


def test_an_interrupted_bench_leaves_nothing_behind(short_path: Path) -> None:
    """After Ctrl-C no process of a bench runs any more, and its directory and namespaces are gone."""
    argv = [sys.executable, str(BENCHES / "idle.py"), "--ports", "1", "--seconds", "60"]
    with subprocess.Popen(
        argv, stdout=PIPE, stderr=PIPE, env={**os.environ, "TMPDIR": str(short_path)}
    ) as bench:
        assert bench.stderr is not None
        begun = bench.stderr.readline()
        assert begun.startswith(b"idle:"), begun + bench.stderr.read()
        assert _processes(short_path)
        bench.send_signal(signal.SIGINT)
        bench.communicate(timeout=30)
    assert bench.returncode == 130
    assert not list(short_path.iterdir())
    assert not _processes(short_path)
    assert not Path("/run/netns/crowd-0").exists()


def _processes(directory: Path) -> list[Path]:
    """Whoever names the directory in its command line."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            if str(directory).encode() in path.read_bytes():
                found.append(path)
    return found
