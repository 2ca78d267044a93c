"""Names of what groups have in iptables: short, and no two groups' alike."""

from __future__ import annotations

import hashlib
from typing import Final

from netwright.model.ids import AddressGroupId, GroupId
from netwright.model.intent import Direction

LETTER: Final = {Direction.EGRESS: "e", Direction.INGRESS: "i"}


def group_name(group: GroupId | AddressGroupId) -> str:
    """The first characters of the id, for the reader, and 8 of a digest of all of it."""
    return group[:8] + hashlib.sha256(group.encode()).hexdigest()[:8]
