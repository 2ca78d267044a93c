"""What is served where, as Identity v3 tells it: versions, catalog, regions, the domain."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from netwright.api.call import json_response
from netwright.api.identity import Ask, View, listing, matching, self_link
from netwright.model.errors import ForbiddenError, NotFoundError
from netwright.model.identity import DOMAIN_ID, DOMAIN_NAME

REGION: Final = "RegionOne"
_SERVICES: Final = {"identity": "/v3", "network": ""}
"""Types, which are the ids too, and where each is, below the server's own address."""
_INTERFACES: Final = ("public", "internal", "admin")
_MEDIA: Final = [{"base": "application/json", "type": "application/vnd.openstack.identity-v3+json"}]


def version(base_url: str) -> View:
    """Identity's, at /v3: the document at the root is the Networking API's alone."""
    return {
        "id": "v3.14",
        "status": "stable",
        "updated": "2020-04-07T00:00:00Z",
        "links": [{"rel": "self", "href": f"{base_url}/v3/"}],
        "media-types": _MEDIA,
    }


def show_version(ask: Ask) -> Response:
    return json_response({"version": version(ask.call.base_url)})


def catalog(base_url: str) -> list[View]:
    return [
        {"id": kind, "type": kind, "name": "netwright", "endpoints": _endpoints(kind, base_url)}
        for kind in _SERVICES
    ]


def show(ask: Ask) -> Response:
    links = {"next": None, "self": f"{ask.call.base_url}/v3/auth/catalog", "previous": None}
    return json_response({"catalog": catalog(ask.call.base_url), "links": links})


def find_services(ask: Ask) -> Response:
    return listing(ask, "services", matching(ask, _services(ask), "type", "name"))


def get_service(ask: Ask) -> Response:
    return json_response({"service": _one(ask, "Service", _services(ask))})


def find_endpoints(ask: Ask) -> Response:
    return listing(ask, "endpoints", matching(ask, _flat(ask), "service_id", "interface", "region_id"))


def get_endpoint(ask: Ask) -> Response:
    return json_response({"endpoint": _one(ask, "Endpoint", _flat(ask))})


def find_regions(ask: Ask) -> Response:
    return listing(ask, "regions", [_region(ask)])


def get_region(ask: Ask) -> Response:
    return json_response({"region": _one(ask, "Region", [_region(ask)])})


def find_domains(ask: Ask) -> Response:
    return listing(ask, "domains", matching(ask, [_domain(ask)], "name", "enabled", "id"))


def get_domain(ask: Ask) -> Response:
    return json_response({"domain": _one(ask, "Domain", [_domain(ask)])})


def no_domains(ask: Ask) -> Response:
    """Nobody has a role in a domain."""
    return listing(ask, "domains", [])


def refuse(ask: Ask) -> Response:
    """What follows from how the server runs is not changed by requests."""
    raise ForbiddenError(f"{ask.call.url_path} can only be read here.")


def _endpoints(kind: str, base_url: str) -> list[View]:
    return [
        {
            "id": f"{kind}-{interface}",
            "interface": interface,
            "region": REGION,
            "region_id": REGION,
            "url": base_url + _SERVICES[kind],
        }
        for interface in _INTERFACES
    ]


def _services(ask: Ask) -> list[View]:
    return [
        {
            "id": kind,
            "type": kind,
            "name": "netwright",
            "description": "",
            "enabled": True,
            "links": self_link(ask, f"services/{kind}"),
        }
        for kind in _SERVICES
    ]


def _flat(ask: Ask) -> list[View]:
    return [
        {**one, "service_id": kind, "enabled": True, "links": self_link(ask, f"endpoints/{one['id']}")}
        for kind in _SERVICES
        for one in _endpoints(kind, ask.call.base_url)
    ]


def _region(ask: Ask) -> View:
    links = self_link(ask, f"regions/{REGION}")
    return {"id": REGION, "description": "", "parent_region_id": None, "links": links}


def _domain(ask: Ask) -> View:
    return {
        "id": DOMAIN_ID,
        "name": DOMAIN_NAME,
        "description": "The only one.",
        "enabled": True,
        "tags": [],
        "options": {},
        "links": self_link(ask, f"domains/{DOMAIN_ID}"),
    }


def _one(ask: Ask, noun: str, views: list[View]) -> View:
    for view in views:
        if view["id"] == ask.call.path["id"]:
            return view
    raise NotFoundError(noun, ask.call.path["id"])
