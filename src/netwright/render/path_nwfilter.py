"""The hops of a port's path that the firewall makes, in the words of the nwfilter engine.

Its groups' chains in nftables stay in their hops: what libvirt has no words for is said there.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import replace
from typing import Final

from netwright.model.host import SYSTEM_LIBVIRT, Stage
from netwright.model.ids import port_link_name
from netwright.model.nwfilter import BOUND
from netwright.render.firewall_ports import bound_prefixes
from netwright.render.nft import BRIDGE, prefix_text
from netwright.render.nwfilter_base import base_filters
from netwright.render.nwfilter_groups import group_filter_name, port_filter_name
from netwright.render.path_view import Hop, Part, View, with_


def in_nwfilter(view: View, hop: Hop) -> Hop:
    """The hop with libvirt's filters in it."""
    say = _SAID.get(hop.part)
    return say(view, hop) if say and view.port.secured else hop


def _spoof(view: View, hop: Hop) -> Hop:
    """The port's own filter, in force on its link; the door in nftables; the rest of neighbour discovery."""
    name, link = port_filter_name(view.port.id), port_link_name(view.port.id)
    filters = view.part(Stage.NWFILTER, lambda key: key == name or key in base_filters())
    binding = view.part(Stage.NWFILTER_BINDINGS, lambda key: key == link)
    bound = bound_prefixes(view.port)
    addresses = sorted(prefix_text(prefix) for prefixes in bound.values() for prefix in prefixes)
    return replace(
        hop,
        name=f"libvirt filter {name}",
        note=f"{', '.join(sorted(bound))} with {', '.join(addresses)} and nothing else",
        command=_dump(view, name),
        wanted=with_(hop.wanted, view.firewall({BOUND, "target"}, BRIDGE), filters, binding),
        chains=(*hop.chains, *view.chains(["target"])),
    )


def _groups(view: View, hop: Hop) -> Hop:
    names = [group_filter_name(group) for group in view.port.groups]
    filters = view.part(Stage.NWFILTER, lambda key: key in names)
    if not names:
        return hop
    return replace(
        hop,
        name=f"libvirt filter {', '.join(names)}; {hop.name}",
        command=_dump(view, names[0]),
        wanted=with_(hop.wanted, filters),
    )


def _dump(view: View, name: Hashable) -> tuple[str, ...]:
    uri = view.traits.libvirt
    return ("virsh", *(() if uri == SYSTEM_LIBVIRT else ("-c", uri)), "nwfilter-dumpxml", str(name))


_SAID: Final[Mapping[Part, Callable[[View, Hop], Hop]]] = {
    Part.SPOOF: _spoof,
    Part.EGRESS: _groups,
    Part.INGRESS: _groups,
}
