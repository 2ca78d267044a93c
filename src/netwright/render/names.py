"""User text -> names that are safe in a dnsmasq file and in DNS, whatever the text was."""

from __future__ import annotations

import re
from typing import Final

from netwright.model.intent import Address

FALLBACK_DOMAIN: Final = "internal"
"""Reserved by ICANN for private use (resolution 2024.07.29.06)."""
_LABEL: Final = 63
_DOMAIN: Final = 180
"""Octets left to a domain so that any label before it stays below RFC 1035's 255."""
_UNSAFE: Final = re.compile(r"[^a-z0-9-]+")


def label(text: str) -> str:
    """Letters, digits and inner hyphens, at most 63, lower case; empty if nothing of that is left."""
    return _UNSAFE.sub("-", text.lower())[:_LABEL].strip("-")


def domain(text: str) -> str:
    """Safe labels joined by dots, never empty, without a dot at the end."""
    joined = ".".join(filter(None, map(label, text.split("."))))[:_DOMAIN].strip(".-")
    return joined or FALLBACK_DOMAIN


def host_label(text: str, address: Address) -> str:
    """The text's first label, or one made of the address where the text leaves none."""
    return label(text.split(".", maxsplit=1)[0]) or "host-" + re.sub(r"[.:]", "-", address.exploded)
