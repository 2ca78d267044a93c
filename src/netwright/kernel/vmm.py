"""Who has a tap open: the virtual machine monitor behind a port."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netwright.model.ids import LinkName

_TUN: Final = "/dev/net/tun"


@dataclass(frozen=True, slots=True)
class Holder:
    """A process with the tap open; `program` is the kernel's name for it, at most 15 characters."""

    pid: int
    program: str


def tap_holder(tap: LinkName, proc: Path = Path("/proc")) -> Holder | None:
    """The first process found that has the tap open; None where there is none."""
    for process in proc.iterdir():
        if process.name.isdecimal():
            # Processes end while they are looked at.
            with suppress(OSError):
                if _holds(process, tap):
                    return Holder(int(process.name), (process / "comm").read_text().strip())
    return None


def _holds(process: Path, tap: LinkName) -> bool:
    wanted = f"iff:\t{tap}\n"
    for opened in (process / "fd").iterdir():
        with suppress(OSError):
            if str(opened.readlink()) == _TUN and wanted in (process / "fdinfo" / opened.name).read_text():
                return True
    return False
