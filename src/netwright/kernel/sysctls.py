"""Kernel switches under /proc/sys/net of a namespace.

Ours: none. They are set while a plan asks for them and left as they are afterwards: forwarding, once on,
may have other users.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from netwright.kernel import netns
from netwright.model.errors import KernelRefusedError
from netwright.model.host import SysctlKey


class Sysctls:
    """Driver of switches; it lists only those that it is asked for."""

    def observe(self, keys: Collection[SysctlKey] | None = None) -> Mapping[SysctlKey, str]:
        found = {}
        for key in keys or ():
            with netns.inside(key.namespace):
                path = _path(key)
                if path.exists():
                    found[key] = path.read_text().strip()
        return found

    def put(self, items: Mapping[SysctlKey, str]) -> None:
        for key, value in items.items():
            with netns.inside(key.namespace):
                try:
                    _path(key).write_text(value)
                except OSError as error:
                    raise KernelRefusedError("sysctls", f"{key.path}: {error.strerror}") from error

    def remove(self, keys: Collection[SysctlKey]) -> None:
        """Leaves them."""


def _path(key: SysctlKey) -> Path:
    return Path("/proc/sys") / key.path
