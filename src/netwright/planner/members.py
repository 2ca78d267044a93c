"""Ports of other hosts as members of the groups that rules here name."""

from __future__ import annotations

from collections.abc import Collection

from netwright.model.ids import GroupId
from netwright.model.intent import Port
from netwright.model.plan import MemberItem, whole


def item(port: Port, named: Collection[GroupId]) -> MemberItem | None:
    """A port plugged elsewhere; None if it is in none of the groups that this host's rules have `named`."""
    theirs = port.security_groups if port.port_security_enabled else ()
    groups = tuple(group for group in theirs if group in named)
    if not groups:
        return None
    pairs = (pair.prefix for pair in port.allowed_address_pairs)
    return MemberItem(port.id, groups, (*(whole(fixed.address) for fixed in port.fixed_ips), *pairs))
