"""The DNS name of a port: the user's own where it can be one, else made from its address."""

from __future__ import annotations

import re
from typing import Final

from netwright.model.intent import Port

DEFAULT_DOMAIN: Final = "netwright.internal"
_LABEL: Final = re.compile(r"[a-z]([a-z0-9-]{0,61}[a-z0-9])?")
_OF_ADDRESS: Final = re.compile(
    r"host-([0-9]+(-[0-9]+){3}|[0-9a-f]{4}(-[0-9a-f]{4}){7}|[0-9a-f]{2}(-[0-9a-f]{2}){5})"
)


def is_label(text: str) -> bool:
    """Whether it is a label of RFC 1035, in lower case."""
    return _LABEL.fullmatch(text) is not None


def is_address_label(text: str) -> bool:
    """Whether it looks like a label that `address_label` makes: no port may claim such a one."""
    return _OF_ADDRESS.fullmatch(text) is not None


def wanted_label(dns_name: str, name: str) -> str | None:
    """The label that a port of these names asks for; None where its name cannot be one."""
    label = (dns_name or name).lower()
    return label if is_label(label) and not is_address_label(label) else None


def address_label(port: Port) -> str:
    """`host-10-20-0-5`: of the first address, in full, or of the MAC where there is none."""
    return label_of(port.fixed_ips[0].address.exploded if port.fixed_ips else port.mac)


def label_of(own: str) -> str:
    """The label of an address in full, or of a MAC."""
    return "host-" + own.replace(".", "-").replace(":", "-")


def domain_of(dns_domain: str) -> str:
    """Without its trailing dot; the deployment's default where the network has none."""
    return dns_domain.rstrip(".") or DEFAULT_DOMAIN
