"""What both metadata layouts say of a guest, from any one of its ports. Pure."""

from __future__ import annotations

import binascii
import hashlib
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from netwright.model.plan import Nic, PortItem
from netwright.render.names import domain, host_label, label

ZONE: Final = "default"
"""netwright knows no availability zones; guests expect one."""


@dataclass(frozen=True, slots=True)
class Directory:
    """Documents by name; `titles` are those names that a listing shows otherwise than by name."""

    entries: Mapping[str, Directory | bytes]
    titles: Mapping[str, str] = field(default_factory=dict)

    def listing(self) -> str:
        """One name a line, a directory's with a slash behind it."""
        return "\n".join(self.titles.get(name, self._marked(name)) for name in self.entries)

    def find(self, path: tuple[str, ...]) -> Directory | bytes | None:
        """What is there, this directory for the empty path."""
        found: Directory | bytes | None = self
        for part in path:
            found = found.entries.get(part) if isinstance(found, Directory) else None
        return found

    def _marked(self, name: str) -> str:
        return f"{name}/" if isinstance(self.entries[name], Directory) else name


def instance(port: PortItem) -> str:
    """The guest's identity: the device's, or the port's own where it has none."""
    return port.device_id or port.id


def short_id(prefix: str, text: str) -> str:
    """An EC2 resource id: the prefix and 17 hexadecimal digits that stay the same for the same text."""
    return f"{prefix}-{hashlib.sha256(text.encode()).hexdigest()[:17]}"


def hostname(port: PortItem) -> str:
    """The guest's full name: what the user said, or the port's own name, in the network's domain."""
    first, _, rest = port.guest.hostname.partition(".")
    chosen = label(first)
    if not chosen:
        # dns_name is never empty in a plan, but it may have nothing in it that a name can keep.
        addresses = [fixed.address for fixed in port.addresses]
        chosen = host_label(port.dns_name, addresses[0]) if addresses else label(port.dns_name) or port.id
    return f"{chosen}.{domain(rest or port.dns_domain)}"


def nics(port: PortItem) -> tuple[Nic, ...]:
    """The guest's interfaces; at least the one that asks."""
    return port.nics or (Nic(port.id, port.network_id, port.mac, port.mtu, port.addresses),)


def user_data(port: PortItem) -> bytes | None:
    """The decoded user data, if there is any."""
    try:
        return b64decode(port.guest.user_data, validate=False) or None
    except (binascii.Error, ValueError):
        return None


def one_line(text: str) -> str:
    """The text with every run of white space and control characters as one space."""
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
