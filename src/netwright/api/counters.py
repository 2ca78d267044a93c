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
from netwright.control.requests import Asker
from netwright.model.caller import Caller
from netwright.model.ids import GroupId, RuleId
from netwright.wire.codec import WireError, decode_counters


def of_group(call: Call) -> Response:
    """The counts of each rule of a group."""
    _refuse_unseen(call, "security_groups")
    totals = control.of_group(call.world, GroupId(call.path["id"]))
    return json_response({"counters": [_view(total, call.caller) for total in totals]})


def of_rule(call: Call) -> Response:
    """The counts of one rule."""
    _refuse_unseen(call, "security_group_rules")
    total = control.of_rule(call.world, RuleId(call.path["id"]))
    return json_response({"counters": _view(total, call.caller)})


def take(call: Call) -> Response:
    """An agent's counts; 409 where it is to send all of them."""
    try:
        told = decode_counters(call.body)
    except WireError as error:
        raise HttpProblemError(400, "InvalidReport", str(error)) from error
    text.host_name(told.host, "host")
    return Response(status_code=204 if call.world.counters.take(told) else 409)


def _refuse_unseen(call: Call, plural: str) -> None:
    """Raises NotFoundError."""
    call.requests.show(call.requests.nouns[plural], Asker(call.caller), call.path["id"])


def _view(total: Total, caller: Caller) -> View:
    """Where things are is admins' business."""
    return {
        "security_group_rule_id": total.rule.value.id,
        "security_group_id": total.rule.value.group_id,
        "packets": total.packets,
        "bytes": total.bytes,
        "first_hit": _moment(total.first_hit),
        "last_hit": _moment(total.last_hit),
        "hosts": list(total.hosts) if caller.is_admin else [],
    }


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else moment(datetime.fromtimestamp(seconds, UTC))
