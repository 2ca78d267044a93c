"""Port forwardings of floating IPs as elements of the inet table's maps, two for each protocol.

One tells a public port's address and port inside, the other, for ranges, an address where ports keep their
numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from netwright.model.intent import FORWARDED
from netwright.model.plan import ForwardsItem
from netwright.model.plan_parts import PortForward
from netwright.render.nft import INET, Nft, element, mapping

FORWARD_MAPS: Final = {
    **{f"to_{name}": "type ipv4_addr . inet_service : ipv4_addr . inet_service" for name in FORWARDED},
    **{f"to_{name}_range": "type ipv4_addr . inet_service : ipv4_addr; flags interval" for name in FORWARDED},
}
FORWARDING: Final = tuple(
    f"dnat ip to ip daddr . {name} dport map @to_{name}{kind}"
    for name in FORWARDED
    for kind in ("", "_range")
)
"""The rules for packets to a floating IP that has forwardings."""


def forwards_nat(item: ForwardsItem) -> Nft:
    """Each port by itself, or a range as one where nothing but the address changes."""
    parts = element(INET, "forwarded", str(item.address))
    for forward in item.forwards:
        for outside, inside in _mapped(forward):
            kind = "_range" if "-" in outside else ""
            parts |= mapping(INET, f"to_{forward.protocol}{kind}", f"{item.address} . {outside}", inside)
    return parts


def _mapped(forward: PortForward) -> Iterator[tuple[str, str]]:
    outside, inside = forward.external, forward.internal
    if outside == inside and outside.count > 1:
        yield f"{outside.first}-{outside.last}", str(forward.address)
        return
    for number in range(outside.count):
        step = number if inside.count > 1 else 0
        yield str(outside.first + number), f"{forward.address} . {inside.first + step}"
