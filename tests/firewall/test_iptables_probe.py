"""A host that cannot carry the iptables firewall is told so at start, and what it lacks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from netwright.kernel.traits import probe_xtables

SOURCE = Path(__file__).parents[2] / "src"
ASKED = """
from netwright.kernel.traits import probe
from netwright.model.errors import KernelRefusedError
try:
    print(probe("/nowhere", "iptables"))
except KernelRefusedError as refused:
    print(refused.said)
"""


@pytest.mark.parametrize(("program", "package"), [("ipset", "ipset"), ("iptables", "iptables")])
def test_a_missing_program_refuses_the_engine(program: str, package: str) -> None:
    """With the program gone, the refusal names it and the Debian package that has it."""
    path = shutil.which(program)
    assert path
    # Something that is no program in its place, in a mount namespace of its own.
    script = f'mount --bind /dev/null "{os.path.realpath(path)}" && exec "{sys.executable}" -c "$0"'
    done = subprocess.run(
        ["unshare", "--mount", "--net", "sh", "-c", script, ASKED],
        capture_output=True,
        text=True,
        check=True,
        env=os.environ | {"PYTHONPATH": str(SOURCE)},
    )
    assert program in done.stdout
    assert package in done.stdout
    assert "Traits" not in done.stdout


def test_the_back_end_is_the_systems_unless_told() -> None:
    """`auto` is what `iptables` is here; a back end that is asked for is taken."""
    said = subprocess.run(["iptables", "--version"], capture_output=True, text=True, check=True).stdout
    assert probe_xtables("auto") == ("nft" if "nf_tables" in said else "legacy")
    assert [probe_xtables(backend) for backend in ("legacy", "nft")] == ["legacy", "nft"]
