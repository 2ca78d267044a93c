"""A port -> the EC2 layout of its guest's metadata (EC2 user guide, "Instance metadata categories"). Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from ipaddress import ip_network
from typing import Final

from netwright.agent.metadata_guest import (
    ZONE,
    Directory,
    hostname,
    instance,
    nics,
    one_line,
    short_id,
    user_data,
)
from netwright.model.plan import Nic, PortItem

VERSIONS: Final = (
    "1.0",
    "2007-01-19",
    "2007-03-01",
    "2007-08-29",
    "2007-10-10",
    "2007-12-15",
    "2008-02-01",
    "2008-09-01",
    "2009-04-04",
    "latest",
)
_IMAGE: Final = "ami-00000000"
_INSTANCE_TYPE: Final = "netwright"
_DISK: Final = "vda"


def ec2_versions(port: PortItem) -> dict[str, Directory]:
    """What is at the root, by version; every version says the same."""
    entries: dict[str, Directory | bytes] = {"meta-data": _meta_data(port)}
    if data := user_data(port):
        entries["user-data"] = data
    directory = Directory(entries)
    return dict.fromkeys(VERSIONS, directory)


def _meta_data(port: PortItem) -> Directory:
    """A leaf that would be empty is left out."""
    name, first = hostname(port), nics(port)[0]
    texts = {
        "ami-id": _IMAGE,
        "ami-launch-index": "0",
        "hostname": name,
        "instance-action": "none",
        "instance-id": short_id("i", instance(port)),
        "instance-type": _INSTANCE_TYPE,
        "local-hostname": name,
        "local-ipv4": next(iter(_fixed(first, 4)), ""),
        "mac": first.mac,
        "public-hostname": name,
        "public-ipv4": next(iter(map(str, first.floating_addresses)), ""),
        "reservation-id": short_id("r", instance(port)),
        "security-groups": _lines(map(one_line, port.security_group_names)),
    }
    directories = {
        "block-device-mapping": _leaves({"ami": _DISK, "root": f"/dev/{_DISK}"}),
        "network": Directory({"interfaces": Directory({"macs": _interfaces(port, name)})}),
        "placement": _leaves({"availability-zone": ZONE}),
        **_public_keys(port),
    }
    return Directory(dict(sorted({**_leaves(texts).entries, **directories}.items())))


def _interfaces(port: PortItem, name: str) -> Directory:
    return Directory({nic.mac: _interface(port, nic, at, name) for at, nic in enumerate(nics(port))})


def _interface(port: PortItem, nic: Nic, number: int, name: str) -> Directory:
    return _leaves(
        {
            "device-number": str(number),
            "interface-id": short_id("eni", nic.port_id),
            "ipv6s": _lines(_fixed(nic, 6)),
            "local-hostname": name,
            "local-ipv4s": _lines(_fixed(nic, 4)),
            "mac": nic.mac,
            "owner-id": one_line(port.project_id),
            "public-ipv4s": _lines(map(str, nic.floating_addresses)),
            "subnet-ipv4-cidr-block": next(iter(_prefixes(nic, 4)), ""),
            "subnet-ipv6-cidr-blocks": _lines(_prefixes(nic, 6)),
        }
    )


def _public_keys(port: PortItem) -> dict[str, Directory]:
    keys = port.guest.public_keys
    if not keys:
        return {}
    numbered = {str(at): _leaves({"openssh-key": one_line(text)}) for at, (_, text) in enumerate(keys)}
    titles = {str(at): f"{at}={one_line(name)}" for at, (name, _) in enumerate(keys)}
    return {"public-keys": Directory(numbered, titles)}


def _fixed(nic: Nic, version: int) -> list[str]:
    return [str(fixed.address) for fixed in nic.addresses if fixed.address.version == version]


def _prefixes(nic: Nic, version: int) -> list[str]:
    found = (ip_network((fixed.address, fixed.prefix_length), strict=False) for fixed in nic.addresses)
    return [str(prefix) for prefix in dict.fromkeys(found) if prefix.version == version]


def _leaves(texts: Mapping[str, str]) -> Directory:
    return Directory({name: text.encode() for name, text in texts.items() if text})


def _lines(texts: Iterable[str]) -> str:
    return "\n".join(texts)
