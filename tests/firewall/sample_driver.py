"""A firewall engine as another package would bring it: a port that is in no group says nothing but ARP, any other is open.

It has a table of its own, `bridge sample`, with the links of such ports in one set.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Collection, Hashable, Mapping

from netwright.kernel.driver import Driver
from netwright.model.errors import KernelRefusedError
from netwright.model.host import Traits
from netwright.model.ids import port_link_name
from netwright.model.plan import Item, PortItem

_TABLE = """
add table bridge sample
add set bridge sample closed { type ifname; }
add chain bridge sample from { type filter hook prerouting priority -290; }
flush chain bridge sample from
add rule bridge sample from iifname @closed ether type != arp drop
"""


class CutOff:
    """Keys are the links to close; their values say nothing."""

    def observe(self, keys: Collection[str] | None = None) -> Mapping[str, None]:
        listed = subprocess.run(
            ["nft", "-j", "list", "set", "bridge", "sample", "closed"], capture_output=True, check=False
        )
        if listed.returncode:
            return {}
        objects = json.loads(listed.stdout)["nftables"]
        links = [link for one in objects if "set" in one for link in one["set"].get("elem", ())]
        return {link: None for link in links if keys is None or link in keys}

    def put(self, items: Mapping[str, None]) -> None:
        _nft(_TABLE + "".join(f'add element bridge sample closed {{ "{link}" }}\n' for link in items))

    def remove(self, keys: Collection[str]) -> None:
        _nft("".join(f'delete element bridge sample closed {{ "{link}" }}\n' for link in keys))


class Sample:
    """What the entry point names."""

    def render(self, item: Item, traits: Traits) -> Mapping[Hashable, object]:
        closed = isinstance(item, PortItem) and item.secured and not item.groups
        return {port_link_name(item.id): None} if closed else {}

    def driver(self) -> Driver[Hashable, object]:
        return CutOff()  # type: ignore[return-value]  # its keys are links' names


def _nft(script: str) -> None:
    done = subprocess.run(["nft", "-f", "-"], input=script.encode(), capture_output=True, check=False)
    if done.returncode:
        raise KernelRefusedError("sample", done.stderr.decode().strip())


sample = Sample()
not_a_firewall = object()
