"""QoS policies and rules over HTTP: rows of the table of resources, and what rules there can be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from starlette.responses import Response

from netwright.api import crud
from netwright.api.call import Call, Handler, json_response
from netwright.control import policy
from netwright.control import qos as control
from netwright.control.nouns import Noun, View
from netwright.model.errors import NotFoundError
from netwright.model.kinds import Choice
from netwright.model.qos import DSCP_MARKS
from netwright.model.resource import Attribute, Resource
from netwright.model.resources import qos as described
from netwright.store import tables

ROWS: Final = (
    Noun(described.POLICY, control.policies(), tables.qos_policies),
    *(Noun(one, control.rules(one), control.TABLES[control.type_of(one)]) for one in described.RULES),
)
_ALIASES: Final = tuple(
    Noun(
        described.alias_of(one), control.rules(described.alias_of(one)), control.TABLES[control.type_of(one)]
    )
    for one in described.ALIASED
)
ALL: Final = (*ROWS, *_ALIASES)


def routes() -> Mapping[str, Mapping[str, Handler]]:
    """Beside those of the table: the types of rules, and aliases as some clients write them."""
    hyphens = {
        path.replace(noun.resource.path, noun.resource.path.replace("_", "-")): handlers
        for noun in _ALIASES
        for path, handlers in crud.routes(noun).items()
    }
    return {
        "/v2.0/qos/rule-types": {"GET": _types},
        "/v2.0/qos/rule-types/{type}": {"GET": _type},
        **hyphens,
    }


def _types(call: Call) -> Response:
    del call
    return json_response({"rule_types": [{"type": control.type_of(one)} for one in described.RULES]})


def _type(call: Call) -> Response:
    policy.refuse_members(call.caller, "get_rule_type")
    for one in described.RULES:
        if control.type_of(one) == call.path["type"]:
            driver = {"name": "netwright", "supported_parameters": list(_parameters(one))}
            return json_response({"rule_type": {"type": control.type_of(one), "drivers": [driver]}})
    raise NotFoundError("QosRuleType", call.path["type"])


def _parameters(resource: Resource) -> Iterator[View]:
    for attribute in resource.attributes:
        if attribute.column and attribute.name != "id":
            yield {"parameter_name": attribute.name, **_values(attribute)}


def _values(attribute: Attribute) -> View:
    if attribute.name == "dscp_mark":
        return {"parameter_type": "choices", "parameter_values": list(DSCP_MARKS)}
    if isinstance(attribute.kind, Choice):
        return {"parameter_type": "choices", "parameter_values": list(attribute.kind.words)}
    schema = attribute.kind.schema()
    return {
        "parameter_type": "range",
        "parameter_values": {"start": schema["minimum"], "end": schema["maximum"]},
    }
