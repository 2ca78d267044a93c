"""Which agents have which networks and routers, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from starlette.responses import Response

from netwright.api.call import Call, Handler, json_response
from netwright.api.crud import asker
from netwright.control import agents, policy, schedules
from netwright.control.nouns import View
from netwright.control.queries import Query
from netwright.control.refusals import missing
from netwright.control.schedules import Schedule
from netwright.control.world import Work
from netwright.model.kinds import Uuid
from netwright.model.resource import Verb


class _Scheduler:
    """`plural`: of what is scheduled; `attribute`: its id in a body."""

    def __init__(self, schedule: Schedule, plural: str, attribute: str) -> None:
        self._schedule, self._plural, self._attribute = schedule, plural, attribute

    def agents(self, call: Call) -> Response:
        policy.refuse_members(call.caller, f"get_{self._schedule.label.lower()}-agents")
        requests, thing = call.requests, call.path["id"]
        requests.show(requests.nouns[self._plural], asker(call), thing)
        with call.world.look() as connection:
            found = schedules.agents_of(connection, self._schedule, thing)
            agents.tell(call.world, connection, found)
        return json_response({"agents": found})

    def things(self, call: Call) -> Response:
        policy.refuse_members(call.caller, f"get_{self._schedule.label.lower()}-{self._plural}")
        requests = call.requests
        agent = requests.show(requests.nouns["agents"], asker(call), call.path["id"])
        with call.world.look() as connection:
            ids = schedules.things_of(connection, self._schedule, agent)
        found = requests.find(requests.nouns[self._plural], asker(call), Query({"id": ids})) if ids else []
        return json_response({self._plural: found})

    def put(self, call: Call) -> Response:
        body = call.json()
        if self._attribute not in body:
            raise missing(self._attribute)
        thing = Uuid().read(body[self._attribute], self._attribute)
        requests = call.requests

        def act(work: Work, agent: View) -> None:
            noun = requests.nouns[self._plural]
            requests.held(work.connection, noun, asker(call), thing, Verb.SHOW)
            schedules.put(work, self._schedule, agent, thing)

        requests.change(requests.nouns["agents"], asker(call), call.path["id"], act)
        return json_response(None, 201)

    def take(self, call: Call) -> Response:
        def act(work: Work, agent: View) -> None:
            schedules.take(work, self._schedule, agent, call.path["thing"])

        call.requests.change(call.requests.nouns["agents"], asker(call), call.path["id"], act)
        return Response(status_code=204)


_NETWORKS: Final = _Scheduler(schedules.NETWORKS, "networks", "network_id")
_ROUTERS: Final = _Scheduler(schedules.ROUTERS, "routers", "router_id")

ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/v2.0/networks/{id}/dhcp-agents": {"GET": _NETWORKS.agents},
    "/v2.0/agents/{id}/dhcp-networks": {"GET": _NETWORKS.things, "POST": _NETWORKS.put},
    "/v2.0/agents/{id}/dhcp-networks/{thing}": {"DELETE": _NETWORKS.take},
    "/v2.0/routers/{id}/l3-agents": {"GET": _ROUTERS.agents},
    "/v2.0/agents/{id}/l3-routers": {"GET": _ROUTERS.things, "POST": _ROUTERS.put},
    "/v2.0/agents/{id}/l3-routers/{thing}": {"DELETE": _ROUTERS.take},
}
