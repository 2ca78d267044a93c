"""Segments: each network has one of its own, which is what it is on the wire; others are kept as given."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import sqlalchemy as sa

from netwright.control.bodies import Values
from netwright.control.documents import Documents
from netwright.control.network_links import type_of
from netwright.control.nouns import View
from netwright.control.refusals import NamedConflictError, in_use, invalid
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.ids import NetworkId
from netwright.model.intent import Network
from netwright.model.resources import segments as described
from netwright.store import documents, rows
from netwright.store.address_tables import segments
from netwright.store.tables import subnets

_ON_SEGMENTS: Final = sa.select(subnets.c.network_id).where(subnets.c.segment_id.is_not(None))
_PREFIX: Final = "provider:"
_WIRE: Final = ("network_type", "physical_network", "segmentation_id")


def acts() -> Documents:
    return Documents(described.RESOURCE, segments, _checked, _changed)


def _checked(work: Work, old: View | None, values: Values, caller: Caller) -> Values:
    """Raises InvalidError for a VLAN without a number, ConflictError for one that the network has already."""
    del caller
    if old is not None:
        return values
    if values["network_type"] == "vlan" and not values["segmentation_id"]:
        raise invalid("segmentation_id", "a segment that is a VLAN has one.")
    same = {name: (values[name],) for name in ("network_id", *_WIRE)}
    for other in documents.find(work.connection, segments, same):
        message = f"Network {values['network_id']} has such a segment already: {other['id']}."
        raise NamedConflictError("SegmentInUse", message, "network_id")
    return {**values, "description": values.get("description") or ""}


def _changed(work: Work, old: View | None, new: View | None) -> None:
    """Raises ConflictError where the last one of a network, or one with subnets, is to go."""
    if new is not None or old is None:
        return
    if rows.exists(work.connection, subnets, {"segment_id": (old["id"],)}):
        raise in_use("Segment", str(old["id"]), "subnets are on it")
    if len(documents.find(work.connection, segments, {"network_id": (old["network_id"],)})) == 1:
        raise in_use("Segment", str(old["id"]), f"it is the only one of network {old['network_id']}")


def make_own(work: Work, network: Network) -> None:
    """The segment that a new network is."""
    values = {"id": work.world.new_id(), "network_id": network.id, "description": "", **_wire(network)}
    documents.insert(work.connection, segments, values, work.now)


def make_further(work: Work, network: NetworkId, given: Sequence[Values], caller: Caller) -> None:
    """More of the network's, told by provider attributes. Raises InvalidError, ConflictError."""
    for one in given:
        wire = {name: one.get(f"{_PREFIX}{name}") for name in _WIRE}
        acts().create(work, {"network_id": network, **wire}, caller)


def of_several(connection: sa.Connection, networks: Collection[Network]) -> Mapping[str, list[View]]:
    """Of networks with more than one: all of each, its own first, as provider attributes."""
    own = {
        str(network.id): {f"{_PREFIX}{name}": value for name, value in _wire(network).items()}
        for network in networks
    }
    found: dict[str, list[View]] = {}
    for row in documents.find(connection, segments, rows.few("network_id", own)):
        shown = {f"{_PREFIX}{name}": row[name] for name in _WIRE}
        found.setdefault(str(row["network_id"]), []).append(shown)
    several = {network: found[network] for network in own if len(found.get(network, ())) > 1}
    return {network: sorted(listed, key=own[network].__ne__) for network, listed in several.items()}


def follow(work: Work, old: Network, new: Network) -> None:
    """The network's own segment is what the network is now."""
    if _wire(old) == _wire(new):
        return
    same = {name: (value,) for name, value in _wire(old).items()}
    for own in documents.find(work.connection, segments, {"network_id": (new.id,), **same})[:1]:
        documents.save(work.connection, segments, str(own["id"]), _wire(new), work.now)


def routed(connection: sa.Connection, among: Collection[NetworkId]) -> frozenset[str]:
    """The networks whose subnets are on segments, so that not all of their ports are on one wire."""
    found = rows.found(connection, _ON_SEGMENTS, subnets, rows.few("network_id", among))
    return frozenset(map(str, found.scalars()))


def refuse_strange(work: Work, network: str, segment: str | None, siblings: list[str | None]) -> None:
    """A network's subnets are all on segments of it, or none is. Raises InvalidError."""
    if segment is not None and not rows.exists(
        work.connection, segments, {"id": (segment,), "network_id": (network,)}
    ):
        raise invalid("segment_id", f"segment {segment} is not of network {network}.")
    if any((other is None) is not (segment is None) for other in siblings):
        raise invalid("segment_id", f"either all subnets of network {network} are on segments, or none is.")


def _wire(network: Network) -> dict[str, object]:
    return {
        "network_type": type_of(network).value,
        "physical_network": network.uplink,
        "segmentation_id": network.vlan and network.vlan.id,
    }
