"""Text of the command line to values of the Networking API; each raises click.BadParameter."""

from __future__ import annotations

import grp
import pwd
import sys
from base64 import b64encode
from collections.abc import Callable, Collection
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Final

import click

from netwright.model.ids import LAST_ID

_LAST_PORT: Final = 65535


def pairs(*keys: str, required: Collection[str] = ()) -> Callable[[str], dict[str, str]]:
    """Parses `key=value,key=value` with these keys; dashes in keys become underscores."""
    form = ",".join(f"{key}=…" for key in keys)

    def parse(text: str) -> dict[str, str]:
        parts = [part.partition("=") for part in text.split(",")]
        found = {key: value for key, _, value in parts}
        wrong = len(found) < len(parts) or not all(key in keys and value for key, _, value in parts)
        if wrong or not found.keys() >= set(required):
            raise click.BadParameter(f"{text!r} is not of the form {form}")
        return {key.replace("-", "_"): value for key, value in found.items()}

    return parse


def route(text: str) -> dict[str, str]:
    """Parses `destination=CIDR,gateway=ADDRESS`."""
    found = pairs("destination", "gateway", required=("destination", "gateway"))(text)
    return {"destination": found["destination"], "nexthop": found["gateway"]}


def address(text: str) -> str:
    """An IPv4 or IPv6 address."""
    try:
        return str(ip_address(text))
    except ValueError as error:
        raise click.BadParameter(str(error)) from error


def prefix(text: str) -> str:
    """A CIDR, as it was written."""
    try:
        ip_network(text, strict=False)
    except ValueError as error:
        raise click.BadParameter(str(error)) from error
    if "/" not in text:
        raise click.BadParameter(f"{text!r} has no prefix length, as in 10.20.0.0/24")
    return text


def gateway(text: str) -> str:
    """An address, or `none`."""
    return "none" if text == "none" else address(text)


def pool(text: str) -> dict[str, str]:
    """START-END."""
    start, dash, end = text.partition("-")
    if not dash:
        raise click.BadParameter(f"{text!r} is not of the form START-END")
    return {"start": address(start), "end": address(end)}


def port_range(text: str) -> tuple[int, int]:
    """A port or FIRST:LAST."""
    first, colon, last = text.partition(":")
    try:
        ends = int(first), int(last if colon else first)
    except ValueError as error:
        raise click.BadParameter(f"{text!r} is not a port or FIRST:LAST") from error
    if not 0 <= ends[0] <= ends[1] <= _LAST_PORT:
        raise click.BadParameter(f"{text!r}: ports go upwards, from 0 to {_LAST_PORT}")
    return ends


def user(text: str) -> int:
    """A user's number, or a name that this machine knows."""
    return _numbered(text, "user", lambda name: pwd.getpwnam(name).pw_uid)


def user_group(text: str) -> int:
    """A group's number, or a name that this machine knows."""
    return _numbered(text, "group", lambda name: grp.getgrnam(name).gr_gid)


def _numbered(text: str, kind: str, look: Callable[[str], int]) -> int:
    if text.isascii() and text.isdecimal():
        number = int(text[:11])
        if number > LAST_ID:
            raise click.BadParameter(f"{text!r} is no {kind}'s number: the last is {LAST_ID}")
        return number
    try:
        return look(text)
    except (KeyError, ValueError) as error:
        raise click.BadParameter(f"there is no {kind} {text!r} on this machine: give a number") from error


def setting(text: str) -> tuple[str, str]:
    """KEY=VALUE."""
    key, equals, value = text.partition("=")
    if not equals or not key:
        raise click.BadParameter(f"{text!r} is not of the form KEY=VALUE")
    return key, value


def user_data(path: str) -> str:
    """The file's bytes in base64; `-` is standard input."""
    return b64encode(_read(path)).decode()


def public_keys(path: str) -> dict[str, str]:
    """OpenSSH keys of a file, by their comments, else by the file's name."""
    text = _read(path).decode(errors="replace")
    if "PRIVATE KEY" in text:
        raise click.BadParameter(f"{path} is a private key: give the .pub file beside it")
    lines = [line.strip() for line in text.splitlines()]
    keys = [line for line in lines if line and not line.startswith("#")]
    if not keys or any(len(key.split()) < 2 for key in keys):  # type and key
        raise click.BadParameter(f"{path} does not hold OpenSSH public keys")
    return {" ".join(key.split()[2:]) or _stem(path, at): key for at, key in enumerate(keys)}


def _stem(path: str, at: int) -> str:
    return f"{Path(path).stem}-{at}" if at else Path(path).stem


def _read(path: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if path == "-" else Path(path).read_bytes()
    except OSError as error:
        raise click.BadParameter(f"{path}: {error.strerror}") from error
