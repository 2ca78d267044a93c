"""Rules' counters over HTTP: netwright's own, for the Networking API has none."""

from __future__ import annotations

from datetime import UTC, datetime

from starlette.responses import Response

from netwright.api.call import Call, json_response
from netwright.api.problems import HttpProblemError
from netwright.control import counters as control
from netwright.control import text
from netwright.control.counters import Total
from netwright.control.documents import moment
from netwright.control.nouns import View
from netwright.model.ids import GroupId, RuleId
from netwright.wire.codec import WireError, decode_counters


def of_group(call: Call) -> Response:
    """The counts of each rule of a group."""
    totals = control.of_group(call.world, GroupId(call.path["id"]))
    return json_response({"counters": [_view(total) for total in totals]})


def of_rule(call: Call) -> Response:
    """The counts of one rule."""
    return json_response({"counters": _view(control.of_rule(call.world, RuleId(call.path["id"])))})


def take(call: Call) -> Response:
    """An agent's counts; 409 where it is to send all of them."""
    try:
        told = decode_counters(call.body)
    except WireError as error:
        raise HttpProblemError(400, "InvalidReport", str(error)) from error
    text.host_name(told.host, "host")
    return Response(status_code=204 if call.world.counters.take(told) else 409)


def _view(total: Total) -> View:
    return {
        "security_group_rule_id": total.rule.value.id,
        "security_group_id": total.rule.value.group_id,
        "packets": total.packets,
        "bytes": total.bytes,
        "first_hit": _moment(total.first_hit),
        "last_hit": _moment(total.last_hit),
        "hosts": list(total.hosts),
    }


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else moment(datetime.fromtimestamp(seconds, UTC))
