"""All paths of Identity v3, as a table, and the one way in which each is answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import structlog
from sqlalchemy.exc import IntegrityError, OperationalError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from netwright.api import application_credentials, catalog, identity, projects, roles, tokens, users
from netwright.api.call import Call, Stranger, receive, stranger_of
from netwright.api.identify import LocalIdentity, Secret, proof_of
from netwright.api.identity import Ask, Handler
from netwright.api.metrics import Metrics
from netwright.control.requests import Requests
from netwright.model.caller import Caller, Role
from netwright.model.errors import RequestError
from netwright.model.identity import Session

_ASSIGNMENT: Final = "/v3/projects/{project}/users/{user}/roles"
PATHS: Final[Mapping[str, Mapping[str, Handler]]] = {
    "/v3": {"GET": catalog.show_version},
    "/v3/": {"GET": catalog.show_version},
    "/v3/auth/tokens": {"POST": tokens.issue, "GET": tokens.show, "DELETE": tokens.revoke},
    "/v3/auth/catalog": {"GET": catalog.show},
    "/v3/auth/projects": {"GET": projects.find_own},
    "/v3/auth/domains": {"GET": catalog.no_domains},
    "/v3/projects": {"GET": projects.find, "POST": projects.create},
    "/v3/projects/{project}": {
        "GET": projects.get,
        "PATCH": projects.update,
        "DELETE": projects.delete,
    },
    "/v3/users": {"GET": users.find, "POST": users.create},
    "/v3/users/{user}": {"GET": users.get, "PATCH": users.update, "DELETE": users.delete},
    "/v3/users/{user}/password": {"POST": users.change_password},
    "/v3/users/{user}/projects": {"GET": projects.find_of_user},
    "/v3/users/{user}/application_credentials": {
        "GET": application_credentials.find,
        "POST": application_credentials.create,
    },
    "/v3/users/{user}/application_credentials/{id}": {
        "GET": application_credentials.get,
        "DELETE": application_credentials.delete,
    },
    "/v3/roles": {"GET": roles.find, "POST": roles.create},
    "/v3/roles/{role}": {
        "GET": roles.get,
        "PATCH": roles.refuse_change,
        "DELETE": roles.refuse_change,
    },
    _ASSIGNMENT: {"GET": roles.find_assigned},
    _ASSIGNMENT + "/{role}": {"PUT": roles.assign, "GET": roles.check, "DELETE": roles.unassign},
    "/v3/role_assignments": {"GET": roles.find_assignments},
    "/v3/domains": {"GET": catalog.find_domains, "POST": catalog.refuse},
    "/v3/domains/{id}": {
        "GET": catalog.get_domain,
        "PATCH": catalog.refuse,
        "DELETE": catalog.refuse,
    },
    "/v3/regions": {"GET": catalog.find_regions, "POST": catalog.refuse},
    "/v3/regions/{id}": {"GET": catalog.get_region},
    "/v3/services": {"GET": catalog.find_services, "POST": catalog.refuse},
    "/v3/services/{id}": {"GET": catalog.get_service},
    "/v3/endpoints": {"GET": catalog.find_endpoints, "POST": catalog.refuse},
    "/v3/endpoints/{id}": {"GET": catalog.get_endpoint},
}
_PUBLIC: Final = frozenset({("/", "GET"), ("/v3", "GET"), ("/v3/", "GET"), ("/v3/auth/tokens", "POST")})
"""What anybody may ask for; who asks for a token proves it in the body."""
_NOBODY: Final = Caller(None, Role.READER)
"""Identity knows its callers by their sessions."""
_LOG: Final[structlog.stdlib.BoundLogger] = structlog.get_logger("netwright.api")


def routes(local: LocalIdentity, requests: Requests, metrics: Metrics) -> list[Route]:
    """Identity's paths, with the document of its version."""

    def route(template: str, handlers: Mapping[str, Handler]) -> Route:
        endpoint = IdentityEndpoint(local, requests, metrics, template, handlers)
        return Route(template, endpoint.answer, methods=list(handlers))

    return [route(template, handlers) for template, handlers in PATHS.items()]


@dataclass(frozen=True, slots=True)
class IdentityEndpoint:
    """One path: reads the request, has its handler answer in a thread, tells errors, counts."""

    local: LocalIdentity
    requests: Requests
    metrics: Metrics
    template: str
    handlers: Mapping[str, Handler]

    async def answer(self, request: Request) -> Response:
        begun = perf_counter()
        method = "GET" if request.method == "HEAD" else request.method
        try:
            call = await receive(request, self.requests, _NOBODY)
        except RequestError as error:
            response = identity.problem(error, str(request.base_url).rstrip("/"))
        else:
            response = await run_in_threadpool(self._answer, method, call, stranger_of(request))
        self.metrics.answered(self.template, method, response.status_code, perf_counter() - begun)
        return response

    def _answer(self, method: str, call: Call, stranger: Stranger) -> Response:
        try:
            return self.handlers[method](self._ask(method, call, stranger))
        except RequestError as error:
            return identity.problem(error, call.base_url)
        except IntegrityError as error:
            _LOG.warning("constraint_broken", path=call.url_path, said=str(error.orig))
            return identity.problem_body(409, "Something else has this already, or uses it, or it is gone.")
        except OperationalError as error:
            _LOG.error("database_refused", path=call.url_path, said=str(error.orig))  # no trace
            return identity.problem_body(503, "The database does not answer: try again.")
        except Exception:  # noqa: BLE001  # told to the log with its trace, and to the user as a 500
            _LOG.exception("request_failed", path=call.url_path)
            return identity.problem_body(500, "Something went wrong; the server's log says what.")

    def _ask(self, method: str, call: Call, stranger: Stranger) -> Ask:
        proof = None
        session: Session | None = None
        if (self.template, method) not in _PUBLIC:
            proof, session = proof_of(stranger.headers), self.local.session(stranger)
        return Ask(
            call=call,
            sign_in=self.local.sign_in,
            session=session,
            secret=proof.text if isinstance(proof, Secret) else "",
            subject=stranger.headers.get("x-subject-token", ""),
            who=stranger.address,
        )
