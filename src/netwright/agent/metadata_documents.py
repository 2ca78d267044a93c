"""A port and a URL's path -> the document that its guest may read there. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

from netwright.agent.metadata_ec2 import ec2_versions
from netwright.agent.metadata_guest import Directory
from netwright.agent.metadata_openstack import openstack_directory
from netwright.model.plan import PortItem

_TEXT: Final = "text/plain; charset=utf-8"
_JSON: Final = "application/json"
_BYTES: Final = "application/octet-stream"
_TYPES: Final = {"user_data": _BYTES, "user-data": _BYTES}


@dataclass(frozen=True, slots=True)
class Document:
    content_type: str
    body: bytes


def document(port: PortItem, path: str, seed: bytes) -> Document | None:
    """What is there, or a directory's listing; None where there is nothing.

    `path` is a URL's, percent-encoded; empty parts (a slash at the end, or two in a row) do not count.
    `seed` is fresh randomness, which OpenStack's meta_data.json hands to the guest.
    """
    parts = tuple(unquote(part) for part in path.split("/") if part)
    found = _root(port, seed, openstack=parts[:1] == ("openstack",)).find(parts)
    if isinstance(found, Directory):
        return Document(_TEXT, found.listing().encode())
    return None if found is None else Document(_type_of(parts[-1]), found)


def _root(port: PortItem, seed: bytes, *, openstack: bool) -> Directory:
    """Only the layout that is asked for; /openstack is not listed, as in OpenStack itself."""
    if openstack:
        return Directory({"openstack": openstack_directory(port, seed)})
    versions = ec2_versions(port)
    return Directory(versions, titles={version: version for version in versions})


def _type_of(name: str) -> str:
    return _TYPES.get(name, _JSON if name.endswith(".json") else _TEXT)
