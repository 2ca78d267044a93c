"""A port's own DHCP options: what a user may ask for, and what becomes of those that are there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from netwright.control import text
from netwright.control.refusals import invalid
from netwright.model.dhcp_options import DhcpOption, option_number

_FIELD: Final = "extra_dhcp_opts"
_MOST: Final = 64
_LONGEST: Final = 255
"""Octets that the length of a DHCPv4 option can tell (RFC 2132 2)."""
_MAY_BE_EMPTY: Final = frozenset({"router", "classless-static-route"})


@dataclass(frozen=True, slots=True)
class OptionRequest:
    """One option as a user asks for it; without a value it is taken away."""

    name: str
    value: str | None
    version: int = 4


def merged(there: Sequence[DhcpOption], asked: Sequence[OptionRequest]) -> tuple[DhcpOption, ...]:
    """Those that are there with the ones asked for, each in place of its like. Raises InvalidError."""
    found = {(one.name, one.version): one for one in there}
    for request in asked:
        key = _checked(request.name, request.version), request.version
        if request.value is None:
            found.pop(key, None)
        elif request.value or request.name in _MAY_BE_EMPTY:
            found[key] = DhcpOption(request.name, _value(request.value), request.version)
        else:
            raise invalid(_FIELD, f"{request.name} must have a value; null takes it away.")
    if len(found) > _MOST:
        raise invalid(_FIELD, f"at most {_MOST}.")
    return tuple(found.values())


def _checked(name: str, version: int) -> str:
    if option_number(name, version) is None:
        said = f"{name[:64]!r} is no option of DHCPv{version} that can be set: give a name that dnsmasq"
        raise invalid(_FIELD, f"{said} knows, or a number.")
    return name


def _value(value: str) -> str:
    text.line(value, _FIELD)
    if len(value.encode()) > _LONGEST:
        raise invalid(_FIELD, f"a value has at most {_LONGEST} octets.")
    return value
