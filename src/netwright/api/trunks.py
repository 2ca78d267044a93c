"""What trunks have beside the usual requests: their subports, over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from starlette.responses import Response

from netwright.api.call import Call, Handler, json_response
from netwright.api.crud import asker
from netwright.control import trunks as control
from netwright.control.nouns import View
from netwright.control.references import refuse_unknown
from netwright.control.refusals import missing
from netwright.control.world import Work
from netwright.model.kinds import Kind
from netwright.model.resources import trunks as described

Change = Callable[[Work, View, Sequence[View]], None]


def add(call: Call) -> Response:
    return _changed(call, described.SUBPORTS, control.add)


def remove(call: Call) -> Response:
    return _changed(call, described.REMOVED, control.remove)


def get(call: Call) -> Response:
    trunk = call.requests.show(call.requests.nouns["trunks"], asker(call), call.path["id"])
    return json_response({"sub_ports": trunk["sub_ports"]})


def _changed(call: Call, kind: Kind, change: Change) -> Response:
    """The whole trunk, as it is then."""
    body, requests = call.json(), call.requests
    if "sub_ports" not in body:
        raise missing("sub_ports")
    read = kind.read(body["sub_ports"], "sub_ports")
    wanted = [one for one in read if isinstance(one, dict)] if isinstance(read, list) else []
    noun = requests.nouns["trunks"]

    def act(work: Work, trunk: View) -> None:
        refuse_unknown(work.connection, requests.nouns, noun.resource, {"sub_ports": wanted}, call.caller)
        change(work, trunk, wanted)

    requests.change(noun, asker(call), call.path["id"], act)
    return json_response(requests.show(noun, asker(call), call.path["id"]))


ROUTES: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/v2.0/trunks/{id}/add_subports": {"PUT": add},
    "/v2.0/trunks/{id}/remove_subports": {"PUT": remove},
    "/v2.0/trunks/{id}/get_subports": {"GET": get},
}
