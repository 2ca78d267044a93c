"""Programs of the system's, where nothing but POSIX is to be had (FreeBSD): run, and what they said."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Sequence
from typing import Final

from netwright.model.errors import KernelRefusedError

Run = Callable[[Sequence[str], str], str]
"""Runs argv with that text to read, and gives what it prints; raises KernelRefusedError."""
_PATH: Final = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"


def run_program(argv: Sequence[str], text: str = "") -> str:
    """What the program prints. Raises KernelRefusedError with what it complained of."""
    try:
        done = subprocess.run(
            argv,
            input=text,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            env=os.environ | {"LC_ALL": "C", "PATH": _PATH},
        )
    except OSError as error:
        raise KernelRefusedError(argv[0], str(error)) from error
    if done.returncode:
        said = done.stderr.strip() or done.stdout.strip() or f"exit status {done.returncode}"
        raise KernelRefusedError(argv[0], said)
    return done.stdout
