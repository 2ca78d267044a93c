"""Documents that say which versions and extensions of the Networking API are spoken here."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from netwright.api.call import Call, json_response
from netwright.control.nouns import View
from netwright.model.errors import NotFoundError

_NAMES: Final = {
    "address-group": "Address group",
    "allowed-address-pairs": "Allowed Address Pairs",
    "binding": "Port Binding",
    "dns-integration": "DNS Integration",
    "external-net": "Neutron external network",
    "fip-port-details": "Floating IP Port Details Extension",
    "logging": "Logging API Extension",
    "net-mtu": "Network MTU",
    "net-mtu-writable": "Network MTU (writable)",
    "netwright-attachment": "Plugging of ports into namespaces and taps",
    "netwright-gateway-place": "Gateways on hosts or in routers",
    "netwright-guest": "What the metadata service tells guests",
    "netwright-revocation": "What becomes of connections that a security group revokes",
    "pagination": "Pagination support",
    "port-security": "Port Security",
    "project-id": "project_id field enabled",
    "provider": "Provider Network",
    "security-group": "security-group",
    "security-groups-remote-address-group": "Remote address group id field for security group rules",
    "security-groups-normalized-cidr": "Normalized CIDR field for security group rules",
    "sorting": "Sorting support",
    "standard-attr-description": "standard-attr-description",
    "standard-attr-revisions": "Resource revision numbers",
    "standard-attr-timestamp": "Resource timestamps",
    "stateful-security-group": "Stateful security group",
}
_SINCE: Final = "2026-01-01T00:00:00-00:00"


def versions(call: Call) -> Response:
    links = [{"rel": "self", "href": f"{call.base_url}/v2.0/"}]
    return json_response({"versions": [{"id": "v2.0", "status": "CURRENT", "links": links}]})


def resources(call: Call) -> Response:
    names = ("network", "subnet", "port", "security-group", "security-group-rule", "floatingip")
    listed = [
        {
            "name": name.replace("-", "_"),
            "collection": f"{name}s".replace("-", "_"),
            "links": [{"rel": "self", "href": f"{call.base_url}/v2.0/{name}s"}],
        }
        for name in names
    ]
    return json_response({"resources": listed})


def extensions(call: Call) -> Response:
    del call
    return json_response({"extensions": [_extension(alias) for alias in _NAMES]})


def extension(call: Call) -> Response:
    alias = call.path["alias"]
    if alias not in _NAMES:
        raise NotFoundError("Extension", alias)
    return json_response({"extension": _extension(alias)})


def _extension(alias: str) -> View:
    return {
        "alias": alias,
        "name": _NAMES[alias],
        "description": _NAMES[alias],
        "updated": _SINCE,
        "links": [],
    }
