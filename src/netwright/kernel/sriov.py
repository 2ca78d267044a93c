"""Virtual functions of a network card: found by their PCI address, told their MAC and VLAN."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netwright.kernel import devices, rtnetlink
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.model.ids import LinkName, Mac

_DEVICES: Final = Path("/sys/bus/pci/devices")
_ADDRESS: Final = re.compile(r"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]")
_REPRESENTS: Final = re.compile(r"(c\d+)?pf\d+(vf|sf)\d+")
_NAME: Final = "virtfn"


@dataclass(frozen=True, slots=True)
class VirtualFunction:
    physical: LinkName
    """The link of the card that it is a part of."""
    number: int
    links: tuple[LinkName, ...]
    """Its own; none while a virtual machine has it."""


def pci_address(text: str) -> str:
    """As sysfs spells it; a leading domain of 0000 may be left out. Raises InvalidError."""
    lower = text.lower()
    full = lower if lower.count(":") > 1 else f"0000:{lower}"
    if not _ADDRESS.fullmatch(full):
        raise InvalidError(f"{text!r} is not a PCI address", "pci_addr")
    return full


def find(address: str, directory: Path = _DEVICES) -> VirtualFunction:
    """Raises KernelRefusedError where there is no VF at that address."""
    function = directory / address
    card = function / "physfn"
    for found in card.glob(f"{_NAME}*"):
        if found.resolve().name == address:
            uplink = next((name for name in _links(card) if not _represents(card, name)), None)
            if uplink is None:
                raise KernelRefusedError("sriov", f"{address}: its physical function has no link here")
            return VirtualFunction(uplink, int(found.name.removeprefix(_NAME)), _links(function))
    raise KernelRefusedError("sriov", f"{address} is no virtual function of this host's")


def put(function: VirtualFunction, mac: Mac, vlan: int) -> None:
    """`vlan` 0 is none. Raises KernelRefusedError."""
    index = devices.require(function.physical).index
    with rtnetlink.writer() as route:
        route.link("set", index=index, vf={"vf": function.number, "mac": mac, "vlan": vlan})


def _links(function: Path) -> tuple[LinkName, ...]:
    return tuple(LinkName(path.name) for path in sorted(function.glob("net/*")))


def _represents(card: Path, name: LinkName) -> bool:
    """Whether it is the switch's end of a VF, not the card's own link (switchdev)."""
    try:
        return _REPRESENTS.fullmatch((card / "net" / name / "phys_port_name").read_text().strip()) is not None
    except OSError:
        return False
