"""All paths of the API, as a table, and the one way in which each is answered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Final

import structlog
from prometheus_client import CollectorRegistry
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from netwright.api import (
    address_groups,
    auto_allocation,
    counters,
    crud,
    flavors,
    leases,
    logs,
    openapi,
    own,
    problems,
    qos,
    quotas,
    reference,
    routers,
    schedulers,
    subnet_pools,
    tags,
    trunks,
    versions,
)
from netwright.api.call import Call, Handler, Stranger, receive, stranger_of
from netwright.api.gate import OPEN, Gate
from netwright.api.guarded import Guarded, insist_on_admin
from netwright.api.metrics import Metrics
from netwright.api.nouns import ADDRESS_GROUPS, NOUNS
from netwright.api.watch import Bell, Watch
from netwright.control import address_groups as control_address_groups
from netwright.control import gateways, plans, retries
from netwright.control.requests import Requests
from netwright.control.world import World
from netwright.model.caller import Caller, Role
from netwright.model.errors import RequestError

NOBODY: Final = Caller(None, Role.READER)
PUBLIC: Final = frozenset({"/", "/v2.0", "/v2.0/", "/healthz", "/openapi.json", "/reference"})
"""Paths that anybody may ask."""
_DESCRIBED: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/": {"GET": versions.versions},
    "/v2.0": {"GET": versions.resources},
    "/v2.0/": {"GET": versions.resources},
    "/v2.0/extensions": {"GET": versions.extensions},
    "/v2.0/extensions/{alias}": {"GET": versions.extension},
    **{path: handlers for noun in NOUNS.values() for path, handlers in crud.routes(noun).items()},
    "/v2.0/subnetpools/{id}/add_prefixes": {"PUT": subnet_pools.add_prefixes},
    "/v2.0/subnetpools/{id}/remove_prefixes": {"PUT": subnet_pools.remove_prefixes},
    "/v2.0/subnetpools/{id}/onboard_network_subnets": {"PUT": subnet_pools.onboard},
    **{f"/v2.0/routers/{{id}}/{path}": {"PUT": handler} for path, handler in routers.ACTIONS.items()},
    **{path: handlers for noun in NOUNS.values() for path, handlers in tags.routes(noun).items()},
    **quotas.ROUTES,
    **schedulers.ROUTES,
    **auto_allocation.ROUTES,
    **flavors.ROUTES,
    **trunks.ROUTES,
    "/v2.0/address-groups/{id}/add_addresses": {
        "PUT": address_groups.changing(ADDRESS_GROUPS, control_address_groups.add_in)
    },
    "/v2.0/address-groups/{id}/remove_addresses": {
        "PUT": address_groups.changing(ADDRESS_GROUPS, control_address_groups.remove_in)
    },
    "/v2.0/log/loggable-resources": {"GET": logs.loggable},
    **qos.routes(),
    "/v1/plan": {"GET": own.plan},
    "/v1/report": {"POST": own.report},
    "/v1/counters": {"POST": counters.take},
    "/v1/leases": {"POST": leases.take},
    "/v1/security-groups/{id}/counters": {"GET": counters.of_group},
    "/v1/security-group-rules/{id}/counters": {"GET": counters.of_rule},
    "/v1/status": {"GET": own.deployment},
    "/healthz": {"GET": own.health},
    "/reference": {"GET": reference.page},
}
ROUTES: Final = {**_DESCRIBED, "/openapi.json": {"GET": openapi.document_of(_DESCRIBED)}}
OPERATORS: Final = frozenset({"/v1/plan", "/v1/report", "/v1/counters", "/v1/leases", "/v1/status"})
"""Paths of agents and operators."""
_HOUSEKEEPING_S: Final = 3600.0
_GATEWAYS_S: Final = 2.0
_LOG: Final[structlog.stdlib.BoundLogger] = structlog.get_logger("netwright.api")


def create_app(world: World, registry: CollectorRegistry, bell: Bell, gate: Gate = OPEN) -> Starlette:
    """The API on one world. `bell` must be told of the database's commits, and closed to end the watches."""
    metrics, requests = Metrics(registry), Requests(world, NOUNS)
    world.counters.listen(bell.ring)

    async def show_metrics(request: Request) -> Response:
        del request
        return metrics.page()

    endpoints = {
        template: Endpoint(requests, gate, metrics, template, handlers)
        for template, handlers in ROUTES.items()
    }
    routes = [
        *gate.doors(requests, metrics),
        *(
            Route(path, endpoint.answer, methods=list(endpoint.handlers))
            for template, endpoint in endpoints.items()
            for path in _spellings(template)
        ),
        Route("/v1/watch", Guarded(gate, Watch(world, bell).__call__).answer, methods=["GET"]),
        Route("/metrics", Guarded(gate, show_metrics).answer, methods=["GET"]),
    ]
    app = Starlette(
        routes=routes,
        lifespan=lambda _: _housekeeping(world),
        exception_handlers={HTTPException: _refused},
    )
    app.router.redirect_slashes = False
    return app


def _spellings(template: str) -> tuple[str, ...]:
    """The Networking API takes underscores for hyphens, too. A tag may have slashes."""
    underscored = template.replace("-", "_")
    spelt = (template,) if underscored in ROUTES else (template, underscored)
    return tuple(one.replace("{tag}", "{tag:path}") for one in spelt)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One path: reads the request, has its handler answer in a thread, tells errors, counts."""

    requests: Requests
    gate: Gate
    metrics: Metrics
    template: str
    handlers: Mapping[str, Handler]

    async def answer(self, request: Request) -> Response:
        begun = perf_counter()
        method = "GET" if request.method == "HEAD" else request.method
        try:
            call = await receive(request, self.requests, NOBODY)
        except RequestError as error:
            response = problems.response(error)
        else:
            stranger = stranger_of(request)
            response = await run_in_threadpool(self._answer, self.handlers[method], call, stranger)
        self.metrics.answered(self.template, method, response.status_code, perf_counter() - begun)
        return response

    def _answer(self, handler: Handler, call: Call, stranger: Stranger) -> Response:
        try:
            if self.template not in PUBLIC:
                call = replace(call, caller=self.gate.identify(stranger))
            if self.template in OPERATORS:
                insist_on_admin(call.caller)
            return handler(call)
        except RequestError as error:
            return problems.response(error, self.gate.challenge(call.base_url))
        except IntegrityError as error:
            _LOG.warning("constraint_broken", path=call.url_path, said=str(error.orig))
            return problems.body(
                409, "Conflict", "Something else has this already, or uses it, or it is gone."
            )
        except OperationalError as error:
            _LOG.error("database_refused", path=call.url_path, said=str(error.orig))  # no trace
            return problems.body(503, "ServiceUnavailable", "The database does not answer: try again.")
        except Exception:  # noqa: BLE001  # told to the log with its trace, and to the user as a 500
            _LOG.exception("request_failed", path=call.url_path)
            return problems.body(
                500, "InternalServerError", "Something went wrong; the server's log says what."
            )


async def _refused(request: Request, error: Exception) -> Response:
    """No such path, or no such method on it."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    kind = {404: "HTTPNotFound", 405: "HTTPMethodNotAllowed"}.get(status, "HTTPBadRequest")
    return problems.body(status, kind, f"{request.method} {request.url.path} is not served here.")


def _housekeeping(world: World) -> AbstractAsyncContextManager[None]:
    """Shortens the log of changes now and then, and looks after gateways, for as long as the server runs."""

    async def again_and_again(chore: Callable[[World], None], seconds: float) -> None:
        while True:
            try:
                await run_in_threadpool(chore, world)
            except OperationalError as error:
                _LOG.error("database_refused", chore=chore.__name__, said=str(error.orig))  # no trace
            except Exception:  # noqa: BLE001  # told to the log with its trace; the next round may do better
                _LOG.exception("chore_failed", chore=chore.__name__)
            await asyncio.sleep(seconds)

    @asynccontextmanager
    async def lifespan() -> AsyncIterator[None]:
        often = min(_GATEWAYS_S, world.liveness.patience.total_seconds() / 4)
        tasks = [
            asyncio.create_task(again_and_again(plans.compact, _HOUSEKEEPING_S)),
            asyncio.create_task(again_and_again(retries.forget_old, _HOUSEKEEPING_S)),
            asyncio.create_task(again_and_again(gateways.watch_over, often)),
        ]
        yield
        for task in tasks:
            task.cancel()

    return lifespan()
