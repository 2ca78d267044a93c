"""Text -> names in DNS: what passes here is safe in a zone, a file, a command line and an LDAP name."""

from __future__ import annotations

import re
from typing import Final

from netwright.model.errors import InvalidError

LONGEST: Final = 253
"""Characters of a name without its last dot (RFC 1035 2.3.4: 255 octets with the lengths of its labels)."""
_LABEL: Final = re.compile(r"[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
"""RFC 1035 2.3.1; RFC 1123 2.1 lets a label begin with a digit, as UUIDs do."""


def relative_name(text: str | None, field: str = "name") -> str:
    """A name within some domain, one label or more, in lower case. Raises InvalidError."""
    if not text or not _is_name(text):
        raise InvalidError(f"{field}: Invalid name {(text or '')[:80]!r}: it must be DNS labels.", field)
    return text.lower()


def domain_name(text: str | None, field: str = "domain") -> str:
    """A domain in lower case, without its last dot. Raises InvalidError.

    Its last label is not a number: the whole would be taken for an address (RFC 3696 2).
    """
    bare = (text or "").removesuffix(".")
    if not bare or not _is_name(bare) or bare.rpartition(".")[2].isdecimal():
        raise InvalidError(f"{field}: {bare[:80]!r} must be a domain: DNS labels joined by dots.", field)
    return bare.lower()


def qualified(name: str | None, domain: str | None) -> str:
    """The whole name of one in a domain; without a domain, the name itself. Raises InvalidError."""
    own = relative_name(name)
    if not domain:
        return own
    whole = f"{own}.{domain_name(domain)}"
    if len(whole) > LONGEST:
        raise InvalidError(f"name: {whole[:80]}… is longer than {LONGEST} characters.", "name")
    return whole


def _is_name(text: str) -> bool:
    return len(text) <= LONGEST and all(_LABEL.fullmatch(label) for label in text.split("."))
