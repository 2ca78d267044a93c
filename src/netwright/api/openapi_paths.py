"""What /openapi.json says of the paths that are neither a resource's usual five requests nor its actions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from netwright.model.kinds import Schema, Uuid

_OBJECT: Final[Schema] = {"type": "object"}
_TEXT: Final[Schema] = {"type": "string"}
_ID: Final = Uuid().accepts()


def wrapped(schema: Schema, *names: str) -> Schema:
    """An object that holds these and nothing else."""
    return {
        "type": "object",
        "properties": dict.fromkeys(names, schema),
        "required": list(names),
        "additionalProperties": False,
    }


def listed(schema: Schema) -> Schema:
    return {"type": "array", "items": schema}


@dataclass(frozen=True, slots=True)
class About:
    """One request: what it does, what is given and what comes; no answer: 204 or an empty 201."""

    method: str
    template: str
    """`*` stands for any beginning."""
    summary: str
    answer: Schema | None = None
    body: Schema | None = None
    status: int = 200


_TAGS: Final = wrapped(listed({"type": "string", "minLength": 1, "maxLength": 255}), "tags")
_SHOWN_TAGS: Final = wrapped(listed(_TEXT), "tags")
_QUOTA: Final = wrapped(_OBJECT, "quota")
_TRUNK: Final[Schema] = {"$ref": "#/components/schemas/Trunk"}
_AGENTS: Final[Schema] = wrapped(listed({"$ref": "#/components/schemas/Agent"}), "agents")


def _listing(plural: str) -> Schema:
    return wrapped(listed(_OBJECT), plural)


_ROWS: Final = (
    About("GET", "/", "Versions", _listing("versions")),
    About("GET", "/v2.0", "What there is", _listing("resources")),
    About("GET", "/v2.0/", "What there is", _listing("resources")),
    About("GET", "/v2.0/extensions", "The extensions that work here", _listing("extensions")),
    About("GET", "/v2.0/extensions/{alias}", "One of them", wrapped(_OBJECT, "extension")),
    About("GET", "*/tags", "Its tags", _SHOWN_TAGS),
    About("PUT", "*/tags", "These and no other tags", _SHOWN_TAGS, _TAGS),
    About("POST", "*/tags", "These tags, too", _SHOWN_TAGS, _TAGS),
    About("DELETE", "*/tags", "No tags"),
    About("GET", "*/tags/{tag}", "Whether it has the tag"),
    About("PUT", "*/tags/{tag}", "Give it the tag", status=201),
    About("DELETE", "*/tags/{tag}", "Take the tag away"),
    About("GET", "/v2.0/quotas", "Quotas of the projects that have their own", _listing("quotas")),
    About("GET", "/v2.0/quotas/tenant", "The caller's project", wrapped(_OBJECT, "tenant")),
    About("GET", "/v2.0/quotas/project", "The caller's project", wrapped(_OBJECT, "project")),
    About("GET", "/v2.0/quotas/{project}", "A project's quota", _QUOTA),
    About("PUT", "/v2.0/quotas/{project}", "Set it; -1: no limit", _QUOTA, _QUOTA),
    About("DELETE", "/v2.0/quotas/{project}", "The defaults again"),
    About("GET", "/v2.0/quotas/{project}/default", "The defaults", _QUOTA),
    About("GET", "/v2.0/quotas/{project}/details", "Limits and what is used of them", _QUOTA),
    About("GET", "/v2.0/quotas/{project}/details.json", "Limits and what is used of them", _QUOTA),
    About("GET", "/v2.0/networks/{id}/dhcp-agents", "The network's DHCP agents", _AGENTS),
    About("GET", "/v2.0/agents/{id}/dhcp-networks", "A DHCP agent's networks", _listing("networks")),
    About(
        "POST",
        "/v2.0/agents/{id}/dhcp-networks",
        "Give a network to it",
        {"type": "null"},
        wrapped(_ID, "network_id"),
        201,
    ),
    About("DELETE", "/v2.0/agents/{id}/dhcp-networks/{thing}", "Take a network from it"),
    About("GET", "/v2.0/routers/{id}/l3-agents", "The router's L3 agents", _AGENTS),
    About("GET", "/v2.0/agents/{id}/l3-routers", "An L3 agent's routers", _listing("routers")),
    About(
        "POST",
        "/v2.0/agents/{id}/l3-routers",
        "Give a router to it",
        {"type": "null"},
        wrapped(_ID, "router_id"),
        201,
    ),
    About("DELETE", "/v2.0/agents/{id}/l3-routers/{thing}", "Take a router from it"),
    About(
        "GET",
        "/v2.0/auto-allocated-topology/{project}",
        "A project's network that leads out, made if it is not there",
        wrapped(_OBJECT, "auto_allocated_topology"),
    ),
    About("DELETE", "/v2.0/auto-allocated-topology/{project}", "Take that network away"),
    About(
        "POST",
        "/v2.0/flavors/{id}/service_profiles",
        "Bind a profile to the flavor",
        wrapped(_OBJECT, "service_profile"),
        wrapped(wrapped(_ID, "id"), "service_profile"),
        201,
    ),
    About("DELETE", "/v2.0/flavors/{id}/service_profiles/{profile}", "Take it from the flavor"),
    About("GET", "/v2.0/flavors/{id}/next_providers", "Who would provide it", _listing("next_providers")),
    About("PUT", "/v2.0/trunks/{id}/add_subports", "Add subports", _TRUNK, _listing("sub_ports")),
    About("PUT", "/v2.0/trunks/{id}/remove_subports", "Remove subports", _TRUNK, _listing("sub_ports")),
    About("GET", "/v2.0/trunks/{id}/get_subports", "Its subports", _listing("sub_ports")),
    About(
        "PUT",
        "/v2.0/address-groups/{id}/add_addresses",
        "Add prefixes",
        wrapped({"$ref": "#/components/schemas/AddressGroup"}, "address_group"),
        wrapped(listed(_TEXT), "addresses"),
    ),
    About(
        "PUT",
        "/v2.0/address-groups/{id}/remove_addresses",
        "Remove prefixes",
        wrapped({"$ref": "#/components/schemas/AddressGroup"}, "address_group"),
        wrapped(listed(_TEXT), "addresses"),
    ),
    About(
        "PUT",
        "/v2.0/subnetpools/{id}/add_prefixes",
        "Add prefixes to a subnet pool",
        wrapped(listed(_TEXT), "prefixes"),
        wrapped(listed(_TEXT), "prefixes"),
    ),
    About(
        "PUT",
        "/v2.0/subnetpools/{id}/remove_prefixes",
        "Take prefixes from a subnet pool",
        wrapped(listed(_TEXT), "prefixes"),
        wrapped(listed(_TEXT), "prefixes"),
    ),
    About(
        "PUT",
        "/v2.0/subnetpools/{id}/onboard_network_subnets",
        "Make a network's subnets the pool's",
        _listing("subnetpool"),
        wrapped(wrapped(_ID, "network_id"), "subnetpool"),
    ),
    About("GET", "/v2.0/log/loggable-resources", "What can be logged", _listing("loggable_resources")),
    About("GET", "/v2.0/qos/rule-types", "The types of QoS rules", _listing("rule_types")),
    About("GET", "/v2.0/qos/rule-types/{type}", "One of them", wrapped(_OBJECT, "rule_type")),
    About("GET", "/v1/security-groups/{id}/counters", "How often each rule of a group was met", _OBJECT),
    About("GET", "/v1/security-group-rules/{id}/counters", "How often a rule was met", _OBJECT),
    About("GET", "/v1/status", "Version, generation, hosts and counts", _OBJECT),
)
_EXACT: Final = {(row.method, row.template): row for row in _ROWS}


def about(method: str, template: str) -> About | None:
    """What there is to say of a path's request, if it is one of these."""
    found = _EXACT.get((method, template))
    if found is not None:
        return found
    ends = (row for row in _ROWS if row.method == method and row.template.startswith("*"))
    return next((row for row in ends if template.endswith(row.template[1:])), None)


def operation_id(method: str, template: str) -> str:
    """Of the method and the path's words; unique, as those are."""
    words = [word for word in re.split(r"[^A-Za-z0-9]+", template.replace("{", "by_")) if word]
    return "_".join([method.lower(), *words]) + ("_root" if template.endswith("/") else "")


def parameters(template: str) -> Iterable[Mapping[str, object]]:
    """Those of the path."""
    for name in re.findall(r"{(\w+)}", template):
        yield {"name": name, "in": "path", "required": True, "schema": _TEXT}
