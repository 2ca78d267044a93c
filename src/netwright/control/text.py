"""What user text may be: every string that a user gives passes one of these before it is kept."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Final

from netwright.control.refusals import invalid
from netwright.model.ids import MAC_FORM, HostName, LinkName, Mac, NamespaceName, ProjectId
from netwright.model.texts import is_line, is_prose

LONGEST: Final = 255
_USER_DATA: Final = 65535
_LABEL: Final = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE | re.ASCII)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]+")


def line(text: str, field: str, longest: int = LONGEST) -> str:
    """One line of any script: no control characters, no line separators, no lone surrogates."""
    _fits(text, field, longest)
    if not is_line(text):
        raise invalid(field, "must not contain control characters.")
    return text


def prose(text: str, field: str, longest: int = LONGEST) -> str:
    """Any text but NUL and lone surrogates; it may have several lines."""
    _fits(text, field, longest)
    if not is_prose(text):
        raise invalid(field, "must be text without NUL.")
    return text


def project(text: str) -> ProjectId:
    if not text:
        raise invalid("project_id", "must not be empty.")
    return ProjectId(line(text, "project_id"))


def dns_label(text: str, field: str = "dns_name") -> str:
    """A label of RFC 1035, or nothing."""
    if text and not _LABEL.fullmatch(text):
        raise invalid(field, "must be a DNS label: a letter, then letters, digits and hyphens, at most 63.")
    return text


def dns_domain(text: str, field: str = "dns_domain") -> str:
    """Labels joined by dots, with or without the last dot; or nothing."""
    if text and not all(_LABEL.fullmatch(label) for label in text.removesuffix(".").split(".")):
        raise invalid(field, "must be a domain name: DNS labels joined by dots.")
    return _fits(text, field, 253)


def mac(text: str, field: str = "mac_address") -> Mac:
    """A unicast address, given back in lower case with colons."""
    found = text.lower().replace("-", ":")
    if not MAC_FORM.fullmatch(found):
        raise invalid(field, f"{text[:40]!r} is not a MAC address like fa:16:3e:00:11:22.")
    if found == "00:00:00:00:00:00" or int(found[:2], 16) & 1:
        raise invalid(field, f"{found} is no interface's own address: zero or multicast.")
    return Mac(found)


def link_name(text: str, field: str) -> LinkName:
    """At most 15 of A-Z a-z 0-9 _ . - (IFNAMSIZ less its NUL)."""
    return LinkName(_plain(text, field, 15))


def namespace_name(text: str, field: str) -> NamespaceName:
    """At most 64 of A-Z a-z 0-9 _ . -, and not what netwright's own are called."""
    found = _plain(text, field, 64)
    if found.startswith("qdhcp-"):
        raise invalid(field, "must not begin with qdhcp-: such namespaces are netwright's own.")
    return NamespaceName(found)


def host_name(text: str, field: str) -> HostName:
    return HostName(_plain(text, field, LONGEST))


def base64_text(text: str, field: str) -> str:
    """Base64 of anything, at most 65,535 characters, as the Compute API takes it."""
    _fits(text, field, _USER_DATA)
    try:
        base64.b64decode(text.encode("ascii"), validate=True)
    except (binascii.Error, UnicodeEncodeError) as error:
        raise invalid(field, "must be base64.") from error
    return text


def _plain(text: str, field: str, longest: int) -> str:
    if not _PLAIN.fullmatch(text) or text.strip(".") == "" or ".." in text:
        raise invalid(field, "must be made of letters, digits, '_', '.' and '-'.")
    return _fits(text, field, longest)


def _fits(text: str, field: str, longest: int) -> str:
    if len(text) > longest:
        raise invalid(field, f"is longer than {longest} characters.")
    return text
