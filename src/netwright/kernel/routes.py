"""Routes of our networks.

Ours: every route of the main table whose protocol is 201, in the host's namespace and in those called
`qdhcp-…`. Others are neither changed nor removed.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

from pyroute2 import IPRoute
from pyroute2.netlink.exceptions import NetlinkError

from netwright.kernel import netns, rtnetlink
from netwright.kernel.attempts import attempt_all
from netwright.kernel.netns import Namespaces
from netwright.model.errors import KernelRefusedError
from netwright.model.host import Route, RouteKey
from netwright.model.ids import HOST_NAMESPACE, NamespaceName

_ANY_SCOPE: Final = 255
"""RT_SCOPE_NOWHERE: with any other scope, only routes of that scope are found for removal."""


class Routes:
    """Driver of routes."""

    def __init__(self, namespaces: Namespaces) -> None:
        self._namespaces = namespaces

    def observe(self, keys: Collection[RouteKey] | None = None) -> Mapping[RouteKey, Route]:
        spaces = (
            [HOST_NAMESPACE, *self._namespaces.observe()] if keys is None else {key.namespace for key in keys}
        )
        found: dict[RouteKey, Route] = {}
        for space in spaces:
            found.update(_listed(space))
        return found if keys is None else {key: found[key] for key in keys if key in found}

    def put(self, items: Mapping[RouteKey, Route]) -> None:
        attempt_all("routes", {key.namespace for key in items}, lambda space: _put(space, items))

    def remove(self, keys: Collection[RouteKey]) -> None:
        attempt_all("routes", {key.namespace for key in keys}, lambda space: _remove(space, keys))


def _put(namespace: NamespaceName, items: Mapping[RouteKey, Route]) -> None:
    with rtnetlink.writer(namespace) as route:
        mine = [key for key in items if key.namespace == namespace]
        attempt_all("routes", mine, lambda key: _replace(route, key, items[key]))


def _remove(namespace: NamespaceName, keys: Collection[RouteKey]) -> None:
    if namespace != HOST_NAMESPACE and not netns.is_namespace(netns.path_of(namespace)):
        return  # it is gone, and its routes with it
    with rtnetlink.writer(namespace) as route:
        attempt_all(
            "routes", [key for key in keys if key.namespace == namespace], lambda key: _drop(route, key)
        )


def _drop(route: IPRoute, key: RouteKey) -> None:
    try:
        route.route("del", dst=str(key.destination), proto=rtnetlink.PROTOCOL, scope=_ANY_SCOPE)
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
