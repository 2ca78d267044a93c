"""OpenFlow entries of one link on a bridge of Open vSwitch, by ovs-ofctl: OVSDB knows no flows.

Ours: those whose cookie is `nova` in ASCII followed by 32 bits made from the link's name.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

from netwright.kernel.tools import run_tool
from netwright.model.ids import LinkName

_OWNER: Final = int.from_bytes(b"nova", "big")
_PACKAGE: Final = "openvswitch-switch"
_UNIX: Final = "unix:"


@dataclass(frozen=True, slots=True)
class Flows:
    """`remote`: ovsdb-server's; the switch's management sockets are beside a Unix one. `timeout`: seconds."""

    remote: str
    timeout: int

    def put(self, bridge: LinkName, link: LinkName, flows: Sequence[str]) -> None:
        """Exactly these are the link's. Raises KernelRefusedError."""
        cookie = _cookie(link)
        lines = [f"delete cookie={cookie}/-1", *(f"add cookie={cookie},{flow}" for flow in flows)]
        self._run(bridge, "add-flows", "-", text="".join(f"{line}\n" for line in lines))

    def remove(self, bridge: LinkName, link: LinkName) -> None:
        """Raises KernelRefusedError."""
        self._run(bridge, "del-flows", f"cookie={_cookie(link)}/-1")

    def _run(self, bridge: LinkName, command: str, *words: str, text: str = "") -> None:
        argv = [f"--timeout={self.timeout}", command, self._target(bridge), *words]
        run_tool("ovs-ofctl", argv, text, package=_PACKAGE)

    def _target(self, bridge: LinkName) -> str:
        if not self.remote.startswith(_UNIX):
            return bridge
        return f"{_UNIX}{PurePath(self.remote.removeprefix(_UNIX)).parent / bridge}.mgmt"


def _cookie(link: LinkName) -> str:
    digest = hashlib.sha256(link.encode()).digest()[:4]
    return f"{_OWNER << 32 | int.from_bytes(digest, 'big'):#x}"
