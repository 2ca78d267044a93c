"""A host's addresses and routes from one link to another, or to another place on the same one."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from netwright.kernel import rtnetlink
from netwright.kernel.rtnetlink import LinkState

Told = Mapping[str, object]
"""An address or a route as pyroute2 tells of it."""
GATEWAY_PROTOCOL: Final = 202
"""IFA_PROTO of gateways that netwright.nova put on a link: like the agent's own, they stay where they are."""
_STAYS: Final = frozenset({rtnetlink.PROTOCOL, GATEWAY_PROTOCOL})
_NODAD: Final = 0x02
_KERNEL: Final = 2
_LOCAL_TABLE: Final = 255
_UNICAST: Final = 1
_LINK_SCOPE: Final = 253
_ADDRESS_KEPT: Final = ("IFA_FLAGS", "IFA_BROADCAST", "IFA_CACHEINFO", "IFA_PROTO")
_ROUTE_KEPT: Final = ("family", "dst_len", "tos", "scope", "proto", "type", "flags", "src_len")


@dataclass(slots=True)
class Move:
    """Steps that are taken back, the last first, if one of them fails."""

    route: IPRoute
    undo: list[Callable[[], object]] = field(default_factory=list)

    def enslave(self, link: LinkState, master: int, alias: str) -> None:
        """The mark comes first: whoever finds the link half moved knows whose doing it was."""
        self._do(
            partial(self.route.link, "set", index=link.index, ifalias=alias),
            partial(self.route.link, "set", index=link.index, ifalias=link.alias),
        )
        self._do(
            partial(self.route.link, "set", index=link.index, master=master, state="up"),
            partial(self.route.link, "set", index=link.index, master=link.master),
        )

    def everything(self, source: int, target: int) -> int:
        """The host's own addresses and routes; ours, and those the kernel makes by itself, stay.

        How many addresses it was.
        """
        addresses = [one for one in addresses_on(self.route, source) if _is_hosts_address(one)]
        routes = [one for one in routes_over(self.route, source) if _is_hosts_route(one)]
        # Both links have the address for a moment: a host without one would drop its connections.
        for one in addresses:
            self._do(
                partial(put_address, self.route, one, target),
                partial(take_address, self.route, one, target),
            )
        for one in routes:
            self._do(
                partial(put_route, self.route, one, target),
                partial(put_route, self.route, one, source),
            )
        for one in addresses:
            self._do(
                partial(take_address, self.route, one, source),
                partial(put_address, self.route, one, source),
            )
        return len(addresses)

    def _do(self, step: Callable[[], object], back: Callable[[], object]) -> None:
        try:
            step()
        except NetlinkError:
            for earlier in reversed(self.undo):
                earlier()
            raise
        self.undo.append(back)


def addresses_on(route: IPRoute, index: int) -> list[Told]:
    """All but those of the link alone (link-local ones), in the kernel's order. Raises NetlinkError."""
    listed: list[Told] = list(route.get_addr(index=index))
    return [one for one in listed if one["index"] == index and one["scope"] != _LINK_SCOPE]


def routes_over(route: IPRoute, index: int) -> list[Told]:
    """Unicast routes of both families, in every table but the local one. Raises NetlinkError."""
    listed: list[Told] = [
        one
        for family in (socket.AF_INET, socket.AF_INET6)
        for one in route.get_routes(family=family, oif=index)
    ]
    return [
        one
        for one in listed
        if one["type"] == _UNICAST and attributes_of(one).get("RTA_TABLE") != _LOCAL_TABLE
    ]


def attributes_of(one: Told) -> dict[str, object]:
    return dict(one["attrs"])  # type: ignore[call-overload, no-any-return]  # pyroute2's messages are untyped


def put_address(route: IPRoute, one: Told, index: int) -> None:
    """With its flags, broadcast address, lifetime and protocol. Raises NetlinkError."""
    attributes = attributes_of(one)
    kept = {key: attributes[key] for key in _ADDRESS_KEPT if key in attributes}
    if one["family"] == socket.AF_INET6:
        # It is this host's already: a check for duplicates would silence it for a second.
        kept["IFA_FLAGS"] = int(str(kept.get("IFA_FLAGS", 0))) | _NODAD
    route.addr("replace", index=index, **_name(one), scope=one["scope"], **kept)


def take_address(route: IPRoute, one: Told, index: int) -> None:
    """One that is gone already is no error: secondary ones go with their primary. Raises NetlinkError."""
    try:
        route.addr("del", index=index, **_name(one))
    except NetlinkError as error:
        if not rtnetlink.is_missing(error):
            raise


def put_route(route: IPRoute, one: Told, index: int) -> None:
    """With all that was said of it, but how long it still lives. Raises NetlinkError."""
    attributes = attributes_of(one)
    attributes["RTA_OIF"] = index
    attributes.pop("RTA_CACHEINFO", None)
    header = {key: one[key] for key in _ROUTE_KEPT}
    route.route("replace", table=attributes.pop("RTA_TABLE"), **header, **attributes)


def _name(one: Told) -> dict[str, object]:
    attributes = attributes_of(one)
    address = attributes.get("IFA_LOCAL") or attributes["IFA_ADDRESS"]
    return {"address": address, "prefixlen": one["prefixlen"], "family": one["family"]}


def _is_hosts_address(one: Told) -> bool:
    return attributes_of(one).get("IFA_PROTO") not in _STAYS


def _is_hosts_route(one: Told) -> bool:
    return one["proto"] not in {_KERNEL, rtnetlink.PROTOCOL}
