"""What can be done with the prefixes of a subnet pool over HTTP."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from starlette.responses import Response

from netwright.api import crud
from netwright.api.call import Call, json_response
from netwright.api.nouns import NOUNS
from netwright.control import references, subnet_pools
from netwright.control.nouns import View
from netwright.control.refusals import missing
from netwright.control.world import Work
from netwright.model import resources as described
from netwright.model.caller import Caller
from netwright.model.intent import Prefix
from netwright.model.kinds import ListOf, Uuid
from netwright.model.kinds import Prefix as PrefixKind
from netwright.store.rows import prefix

_NOUN: Final = NOUNS["subnetpools"]
_PREFIXES: Final = ListOf(PrefixKind(strict=False), described.subnet_pools.MOST_PREFIXES)
_Edit = Callable[[Work, View, Sequence[Prefix], Caller], list[str]]


def add_prefixes(call: Call) -> Response:
    return _edited(call, subnet_pools.add_prefixes)


def remove_prefixes(call: Call) -> Response:
    return _edited(call, subnet_pools.remove_prefixes)


def onboard(call: Call) -> Response:
    """A network's subnets become the pool's."""
    given = crud.object_of(call.json(), "subnetpool")
    if "network_id" not in given:
        raise missing("network_id")
    network = Uuid("networks").read(given["network_id"], "network_id")

    def act(work: Work, pool: View) -> list[View]:
        references.refuse_unseen(work.connection, NOUNS["networks"], network, call.caller)
        return subnet_pools.onboard(work, pool, network, call.caller)

    subnets = call.requests.change(_NOUN, crud.asker(call), call.path["id"], act)
    return json_response({"subnetpool": subnets})


def _edited(call: Call, edit: _Edit) -> Response:
    given = call.json()
    named = _PREFIXES.read(given.get("prefixes"), "prefixes")
    if not named:
        raise missing("prefixes")
    wanted = [prefix(str(one)) for one in named]

    def act(work: Work, pool: View) -> list[str]:
        return edit(work, pool, wanted, call.caller)

    return json_response({"prefixes": call.requests.change(_NOUN, crud.asker(call), call.path["id"], act)})
