"""What a container runtime says in the environment and on standard input, as values (CNI 1.1.0)."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import IntEnum
from ipaddress import ip_interface
from pathlib import Path
from typing import Final

from netwright.cli.client import DEFAULT_SERVER
from netwright.cli.nouns import Item
from netwright.kernel.guest_end import Interface
from netwright.model.errors import NetwrightError
from netwright.model.ids import LinkName

VERSIONS: Final = ("0.3.1", "0.4.0", "1.0.0", "1.1.0")
NEWEST: Final = VERSIONS[-1]
WAIT: Final = 20.0
_LONGEST_WAIT: Final = 300.0
_PROTOCOL: Final = frozenset({
    "cniVersion", "cniVersions", "name", "type", "capabilities", "runtimeConfig", "args", "prevResult", "dns",
    "disableCheck", "disableGC", "loadOnlyInlinedPlugins",
})  # fmt: skip
_RESERVED: Final = "cni.dev/"
OWN: Final = frozenset({"network", "socket", "security_groups", "project", "host", "wait"})
_CAPABILITIES: Final = frozenset({"ips", "mac"})
_ARGS: Final = frozenset({
    "IgnoreUnknown", "IP", "MAC", "K8S_POD_NAME", "K8S_POD_NAMESPACE", "K8S_POD_INFRA_CONTAINER_ID",
    "K8S_POD_UID",
})  # fmt: skip
_PLAIN: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_LINK: Final = re.compile(r"[A-Za-z0-9_.-]{1,15}")
_LONGEST_ID: Final = 255
_LONGEST_NAME: Final = 200
"""Of a network configuration: with an interface's it must fit into a port's device_owner."""


class Code(IntEnum):
    """The specification's error codes, and from 100 on our own."""

    VERSION = 1
    FIELD = 2
    ENVIRONMENT = 4
    IO = 5
    DECODING = 6
    CONFIG = 7
    LATER = 11
    UNAVAILABLE = 50
    LIMITED = 51
    REFUSED = 100
    """The server said no: an address is taken, a quota used up."""
    BROKEN = 101
    """CHECK: the container's end is not what ADD made."""
    KERNEL = 102
    EXISTS = 103
    """ADD: the container has an interface of that name."""
    INTERNAL = 999


class CniError(NetwrightError):
    """What the runtime is told: a code, a short message, a longer one."""

    def __init__(self, code: Code, message: str, details: str = "") -> None:
        super().__init__(f"{message}: {details}" if details else message)
        self.code, self.message, self.details = code, message, details


@dataclass(frozen=True, slots=True)
class Attached:
    """One attachment of a network: a container and the name of its interface there."""

    container: str
    link: LinkName


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is asked of one container's port."""

    ips: tuple[Interface, ...] = ()
    mac: str | None = None
    pod: str | None = None
    pod_namespace: str | None = None


@dataclass(frozen=True, slots=True)
class Conf:
    """A network configuration. `name` is empty where a DEL came without one."""

    version: str
    name: str
    network: str
    socket: Path = Path(DEFAULT_SERVER)
    security_groups: tuple[str, ...] | None = None
    project: str | None = None
    host: str | None = None
    """This machine, as its agent calls it."""
    wait: float = WAIT
    dns: Item | None = None
    previous: Item | None = None
    valid: frozenset[tuple[str, str]] | None = None
    """The attachments that GC is to leave: container and interface."""
    capable: Item | None = None
    args: Item | None = None


def document(text: bytes) -> Item:
    """The JSON object on standard input; an empty one where there is nothing. Raises CniError."""
    if not text.strip():
        return {}
    try:
        found: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CniError(Code.DECODING, "the network configuration is not JSON", str(error)) from error
    return _object(found, "the network configuration")


def version_of(given: Item, least: str = VERSIONS[0]) -> str:
    """The version that both sides speak. Raises CniError."""
    asked = given.get("cniVersion", "0.1.0")
    if asked not in VERSIONS:
        raise CniError(
            Code.VERSION, "incompatible CNI version", f"{asked!r} asked, {', '.join(VERSIONS)} spoken"
        )
    if VERSIONS.index(asked) < VERSIONS.index(least):
        raise CniError(
            Code.VERSION, "incompatible CNI version", f"this command came with {least}, not {asked}"
        )
    return str(asked)


def conf(given: Item, least: str = VERSIONS[0]) -> Conf:
    """The whole configuration. Raises CniError for a field that is unknown or wrong."""
    version, name = version_of(given, least), _text(given, "name")
    if name is None or not _PLAIN.fullmatch(name) or len(name) > _LONGEST_NAME:
        raise _wrong("name", f"letters, digits, '_', '.' and '-', at most {_LONGEST_NAME}")
    for key in given.keys() - _PROTOCOL - OWN:
        if not key.startswith(_RESERVED):
            value = json.dumps(given[key])[:200]
            raise CniError(Code.FIELD, "unsupported field", f"{key!r}: {value}")
    return Conf(
        version=version,
        name=name,
        network=_text(given, "network") or name,
        socket=_socket(given),
        security_groups=_texts(given, "security_groups"),
        project=_text(given, "project"),
        host=_text(given, "host"),
        wait=_seconds(given),
        dns=_optional(given, "dns"),
        previous=_optional(given, "prevResult"),
        valid=_valid(given),
        capable=_optional(given, "runtimeConfig"),
        args=_optional(given, "args"),
    )


def leaving(given: Item) -> Conf:
    """As much of the configuration as DEL needs: what is missing or unknown keeps nothing from going."""
    version = version_of(given) if "cniVersion" in given else NEWEST
    name = _text(given, "name") or ""
    return Conf(version=version, name=name, network=name, socket=_socket(given), wait=_seconds(given))


def attached(environ: Mapping[str, str]) -> Attached:
    """Raises CniError that names the variables which are missing or wrong."""
    container, link = environ.get("CNI_CONTAINERID", ""), environ.get("CNI_IFNAME", "")
    wrong = []
    if not _PLAIN.fullmatch(container) or len(container) > _LONGEST_ID:
        wrong.append("CNI_CONTAINERID")
    if not _LINK.fullmatch(link) or link.strip(".") == "" or ".." in link:
        wrong.append("CNI_IFNAME")
    if wrong:
        raise CniError(Code.ENVIRONMENT, "missing or invalid variable", ", ".join(wrong))
    return Attached(container, LinkName(link))


def namespace(environ: Mapping[str, str]) -> Path:
    """The path of the container's namespace. Raises CniError."""
    place = environ.get("CNI_NETNS", "")
    if not place.startswith("/"):
        raise CniError(Code.ENVIRONMENT, "missing or invalid variable", "CNI_NETNS: an absolute path")
    return Path(place)


def wishes(asked: Conf, environ: Mapping[str, str]) -> Wishes:
    """From runtimeConfig, else `args`, else CNI_ARGS. Raises CniError for what is none of ours."""
    loose = _loose(environ.get("CNI_ARGS", ""))
    capable = asked.capable or {}
    for key in capable.keys() - _CAPABILITIES:
        raise CniError(Code.FIELD, "unsupported field", f"runtimeConfig: {key!r}: no such capability")
    listed = _optional(asked.args or {}, "cni") or {}
    ips = (
        _texts(capable, "ips") or _texts(listed, "ips") or tuple(filter(None, loose.get("IP", "").split(",")))
    )
    return Wishes(
        ips=tuple(map(interface, ips)),
        mac=_text(capable, "mac") or _text(listed, "mac") or loose.get("MAC") or None,
        pod=loose.get("K8S_POD_NAME") or None,
        pod_namespace=loose.get("K8S_POD_NAMESPACE") or None,
    )


def _loose(text: str) -> dict[str, str]:
    """CNI_ARGS: KEY=VALUE;KEY=VALUE."""
    pairs = [one.partition("=") for one in text.split(";") if one]
    found = {key: value for key, _, value in pairs}
    lenient = found.get("IgnoreUnknown", "").lower() in {"1", "true", "yes"}
    strange = [key for key, equals, _ in pairs if not equals or (key not in _ARGS and not lenient)]
    if strange:
        said = f"CNI_ARGS: {', '.join(strange)[:200]} (IgnoreUnknown=1 lets such through)"
        raise CniError(Code.ENVIRONMENT, "unknown argument", said)
    return found


def interface(text: str) -> Interface:
    """An address, perhaps with its prefix length."""
    try:
        return ip_interface(text.strip())
    except ValueError as error:
        raise CniError(Code.CONFIG, "no IP address", str(error)) from error


def _valid(given: Item) -> frozenset[tuple[str, str]] | None:
    listed = given.get("cni.dev/valid-attachments")
    if listed is None:
        return None
    if not isinstance(listed, list):
        raise _wrong("cni.dev/valid-attachments", "a list")
    return frozenset(_pair(_object(one, "cni.dev/valid-attachments")) for one in listed)


def _pair(one: Item) -> tuple[str, str]:
    container, link = _text(one, "containerID"), _text(one, "ifname")
    if not container or not link:
        raise _wrong("cni.dev/valid-attachments", "containerID and ifname in each")
    return container, link


def _socket(given: Item) -> Path:
    place = Path(_text(given, "socket") or DEFAULT_SERVER)
    if not place.is_absolute() or "\0" in str(place):
        raise _wrong("socket", "an absolute path")
    return place


def _seconds(given: Item) -> float:
    value = given.get("wait", WAIT)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= _LONGEST_WAIT:
        raise _wrong("wait", f"seconds, at most {_LONGEST_WAIT:g}")
    return float(value)


def _text(given: Item, key: str) -> str | None:
    value = given.get(key)
    if value is not None and not isinstance(value, str):
        raise _wrong(key, "a text")
    return value


def _optional(given: Item, key: str) -> Item | None:
    value = given.get(key)
    return None if value is None else _object(value, key)


def _texts(given: Item, key: str) -> tuple[str, ...] | None:
    value = given.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise _wrong(key, "a list of texts")
    return tuple(map(str, value))


def _object(value: object, what: str) -> Item:
    if not isinstance(value, dict):
        raise _wrong(what, "a JSON object")
    return value


def _wrong(key: str, wanted: str) -> CniError:
    return CniError(Code.CONFIG, "invalid network configuration", f"{key}: must be {wanted}")
