"""linux_net's small helpers about files and processes, by their old names."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

_MODES: Final = frozenset({"w", "a", "wb", "ab"})
_USUAL: Final = 0o644


def write_to_file(file: str | os.PathLike[str], data: str | bytes, mode: str = "w") -> None:
    """Whoever reads the file sees what was there, or all that is new, never a part.

    It keeps its permissions (0644 for a new one), and a link goes on pointing to it. `mode`: `w`, or `a` to
    put the data behind what is there, with or without `b`. Raises ValueError for another, OSError.
    """
    if mode not in _MODES:
        raise ValueError(f"mode {mode!r}: one of {', '.join(sorted(_MODES))}")
    path = Path(os.path.realpath(file))
    content = data.encode() if isinstance(data, str) else data
    if "a" in mode and path.exists():
        content = path.read_bytes() + content
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as fresh:
        try:
            fresh.write(content)
            fresh.flush()
            os.fchmod(fresh.fileno(), path.stat().st_mode & 0o7777 if path.exists() else _USUAL)
            Path(fresh.name).replace(path)
        except BaseException:
            Path(fresh.name).unlink(missing_ok=True)
            raise


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """One thread of one process at a time, also where there are no network namespaces to take turns in.

    Who holds it holds the file `lock` there, until it ends however that is. The directory is made where it is
    missing.
    """
    directory.mkdir(mode=0o755, parents=True, exist_ok=True)
    with (directory / "lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def is_pid_cmdline_correct(pid: int, match: str) -> bool:
    """Whether that process runs with `match` in its command line, as a name and not as part of one."""
    if not match or pid < 1:
        return False
    try:
        said = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return False
    return re.search(rf"(?<![\w.-]){re.escape(match)}(?![\w.-])", said) is not None
