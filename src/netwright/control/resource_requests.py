"""What a scheduler must find for a port: the least that its QoS policy asks for, in placement's words."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from netwright.control.nouns import View
from netwright.store import qos
from netwright.store.qos import Least

_BANDWIDTH: Final[Mapping[str, str]] = {
    "egress": "NET_BW_EGR_KILOBIT_PER_SEC",
    "ingress": "NET_BW_IGR_KILOBIT_PER_SEC",
}
_PACKETS: Final[Mapping[str, str]] = {
    "any": "NET_PACKET_RATE_KILOPACKET_PER_SEC",
    "egress": "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
    "ingress": "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC",
}
"""Resource classes by direction, as os-resource-classes names them."""
_NO_TRAIT: Final = re.compile(r"[^A-Z0-9_]")


def tell(connection: sa.Connection, views: Sequence[View]) -> None:
    """Adds it to those ports whose policy, or network's policy, asks for something."""
    policies = {str(view["id"]): policy for view in views if (policy := _policy(view)) is not None}
    if not policies:
        return
    least = qos.least(connection, set(policies.values()))
    asking = [view for view in views if least.get(policies.get(str(view["id"]), ""))]
    links = qos.links_of(connection, {str(view["network_id"]) for view in asking})
    for view in asking:
        link = links.get(str(view["network_id"]))
        groups = list(_groups(view, link, least[policies[str(view["id"])]]))
        if groups:
            ids = [group["id"] for group in groups]
            view["resource_request"] = {"request_groups": groups, "same_subtree": ids}


def _policy(view: View) -> str | None:
    found = view["qos_policy_id"] or view["qos_network_policy_id"]
    return None if found is None else str(found)


def _groups(view: View, link: str | None, rules: Sequence[Least]) -> Iterator[View]:
    """Bandwidth is a link's, and without one nobody's to give; a packet rate is its host's."""
    kind = _trait(f"VNIC_TYPE_{view['binding:vnic_type']}")
    rates = {_PACKETS[one.direction]: one.number for one in rules if one.in_packets}
    widths = {_BANDWIDTH[one.direction]: one.number for one in rules if not one.in_packets}
    if rates:
        yield _group(view, "minimum_packet_rate_rules", [kind], rates)
    if widths and link is not None:
        yield _group(view, "minimum_bandwidth_rules", [_trait(f"PHYSNET_{link}"), kind], widths)


def _group(view: View, label: str, traits: list[str], resources: Mapping[str, int]) -> View:
    """Its id is the same whenever it is asked for."""
    identity = uuid.uuid5(uuid.UUID(str(view["id"])), label)
    return {"id": str(identity), "required": traits, "resources": resources}


def _trait(text: str) -> str:
    return "CUSTOM_" + _NO_TRAIT.sub("_", text.upper())
