"""Routes of our networks.

Ours: every route of the main table whose protocol is 201, in the host's namespace and in those called
`qdhcp-…`. Others are neither changed nor removed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from netwright.kernel import netns, rtnetlink
from netwright.model.errors import KernelRefusedError
from netwright.model.host import Route, RouteKey
from netwright.model.ids import HOST_NAMESPACE, NamespaceName

_ANY_SCOPE: Final = 255
"""RT_SCOPE_NOWHERE: with any other scope, only routes of that scope are found for removal."""


class Routes:
    """Driver of routes."""

    def observe(self, keys: Collection[RouteKey] | None = None) -> Mapping[RouteKey, Route]:
        spaces = (
            [HOST_NAMESPACE, *netns.Namespaces().observe()]
            if keys is None
            else {key.namespace for key in keys}
        )
        found: dict[RouteKey, Route] = {}
        for space in spaces:
            found.update(_listed(space))
        return found if keys is None else {key: found[key] for key in keys if key in found}

    def put(self, items: Mapping[RouteKey, Route]) -> None:
        for namespace, keys in _grouped(items).items():
            with rtnetlink.writer(namespace) as route:
                for key in keys:
                    _replace(route, key, items[key])

    def remove(self, keys: Collection[RouteKey]) -> None:
        for namespace, some in _grouped(keys).items():
            with rtnetlink.writer(namespace) as route:
                for key in some:
                    try:
                        destination = str(key.destination)
                        route.route("del", dst=destination, proto=rtnetlink.PROTOCOL, scope=_ANY_SCOPE)
                    except NetlinkError as error:
                        if not rtnetlink.is_missing(error):
                            raise


def _replace(route: IPRoute, key: RouteKey, value: Route) -> None:
    found = route.link_lookup(ifname=value.link)
    if not found:
        raise KernelRefusedError("routes", f"{value.link}: no such link")
    options = {"gateway": str(value.via)} if value.via else {"scope": "link"}
    if value.source:
        options["prefsrc"] = str(value.source)
    route.route("replace", dst=str(key.destination), oif=found[0], proto=rtnetlink.PROTOCOL, **options)


def _grouped(keys: Iterable[RouteKey]) -> dict[NamespaceName, list[RouteKey]]:
    grouped: dict[NamespaceName, list[RouteKey]] = {}
    for key in keys:
        grouped.setdefault(key.namespace, []).append(key)
    return grouped


def _listed(namespace: NamespaceName) -> dict[RouteKey, Route]:
    try:
        reader = rtnetlink.open_reader(namespace)
    except KernelRefusedError:
        return {}  # the namespace is gone, and its routes with it
    try:
        names = {state.index: state.name for state in rtnetlink.links(reader, "bridge")}
        found = {}
        for state in rtnetlink.routes(reader):
            if state.protocol != rtnetlink.PROTOCOL:
                continue
            if state.index not in names and (link := rtnetlink.link(reader, index=state.index)):
                names[state.index] = link.name
            if state.index in names:
                key = RouteKey(namespace, state.destination)
                found[key] = Route(names[state.index], state.via, state.source)
        return found
    finally:
        reader.close()
