"""Leases over HTTP, as agents tell them: netwright's own, for the Networking API has none."""

from __future__ import annotations

from starlette.responses import Response

from netwright.api.call import Call
from netwright.api.problems import HttpProblemError
from netwright.control import leases as control
from netwright.control import text
from netwright.wire.codec import WireError, decode_leases


def take(call: Call) -> Response:
    """What DHCP servers told an agent."""
    try:
        told = decode_leases(call.body)
    except WireError as error:
        raise HttpProblemError(400, "InvalidReport", str(error)) from error
    text.host_name(told.host, "host")
    control.record(call.world, told.events)
    return Response(status_code=204)
