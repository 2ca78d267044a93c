"""netwright's own paths: what agents ask and tell, and how the deployment is."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from netwright import __version__
from netwright.api.call import Call, json_response
from netwright.api.problems import HttpProblemError
from netwright.control import plans, reports, text
from netwright.control.documents import moment
from netwright.control.nouns import View
from netwright.control.refusals import invalid
from netwright.control.status import status
from netwright.model.ids import HostName
from netwright.store.records import HostRecord
from netwright.wire.codec import WireError, decode_report, encode_update


def health(call: Call) -> Response:
    """200 while the database answers."""
    plans.generation(call.world)
    return PlainTextResponse("ok\n")


def plan(call: Call) -> Response:
    """The host's whole plan, one wire line."""
    update = plans.snapshot(call.world, host_of(call.first("host")))
    return Response(encode_update(update) + b"\n", media_type="application/json")


def report(call: Call) -> Response:
    """Takes an agent's report."""
    try:
        told = decode_report(call.body)
    except WireError as error:
        raise HttpProblemError(400, "InvalidReport", str(error)) from error
    text.host_name(told.host, "host")
    reports.receive(call.world, told)
    return Response(status_code=204)


def deployment(call: Call) -> Response:
    """Version, generation, hosts and counts."""
    now = status(call.world)
    return json_response(
        {
            "version": __version__,
            "generation": now.generation,
            "hosts": [_host(host, watching=call.world.watching[host.name] > 0) for host in now.hosts],
            "counts": dict(now.counts),
        }
    )


def host_of(name: str | None) -> HostName:
    """Raises InvalidError where there is none."""
    if not name:
        raise invalid("host", "must be given.")
    return text.host_name(name, "host")


def _host(host: HostRecord, *, watching: bool) -> View:
    failures = [
        {"stage": failure.stage, "said": failure.said, "pending": failure.pending}
        for failure in host.failures
    ]
    return {
        "name": host.name,
        "last_seen": moment(host.last_seen),
        "watching": watching,
        "generation": host.generation,
        "converged": host.converged,
        "failures": failures,
        "facts": {
            "routes": [str(route) for route in host.facts.routes],
            "uplink_mtu": host.facts.uplink_mtu,
            "links": list(host.facts.links),
            "firewall": host.facts.firewall,
        },
    }
