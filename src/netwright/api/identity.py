"""One request of Identity v3: who asks, what may be asked, and answers in Keystone's form."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import msgspec
from starlette.responses import Response

from netwright.api.call import Call, json_response
from netwright.api.problems import HttpProblemError
from netwright.control.given import UNSET, Left
from netwright.control.refusals import invalid
from netwright.control.sign_in import SignIn
from netwright.model.errors import (
    BusyError,
    ConflictError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    RequestError,
    UnauthorizedError,
)
from netwright.model.identity import DOMAIN_ID, Session

View = dict[str, object]
Body = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Ask:
    call: Call
    sign_in: SignIn
    session: Session | None
    """None: whoever may open the Unix socket, who may do all."""
    secret: str
    """The token that was shown, or nothing."""
    subject: str
    """The token that is asked about, or nothing."""
    who: str
    """Where the request comes from."""

    @property
    def is_admin(self) -> bool:
        return self.session is None or self.session.is_admin

    @property
    def user_id(self) -> str:
        """Empty for who comes by the socket without credentials."""
        return "" if self.session is None else self.session.user.id

    def insist_on_admin(self) -> None:
        """Raises ForbiddenError."""
        if not self.is_admin:
            raise ForbiddenError("You are not authorized to perform the requested action: it is an admin's.")

    def insist_on(self, user: str) -> None:
        """Raises ForbiddenError for who is neither that user nor an admin."""
        if user != self.user_id:
            self.insist_on_admin()

    def body(self, name: str) -> Body:
        """The object of that name in the body. Raises HttpProblemError, InvalidError."""
        return object_of(self.call.json(), name)


Handler = Callable[[Ask], Response]


def object_of(body: Body, name: str) -> Body:
    """Raises InvalidError where there is none."""
    found = body.get(name)
    if not isinstance(found, dict):
        raise invalid(name, "must be an object.")
    return found


def text_of(body: Body, name: str) -> str | Left:
    """Null is the same as not given. Raises InvalidError."""
    found = body.get(name)
    if found is None:
        return UNSET
    if not isinstance(found, str):
        raise invalid(name, "must be text.")
    return found


def needed(body: Body, name: str) -> str:
    """Raises InvalidError where it is not there."""
    found = text_of(body, name)
    if found is UNSET:
        raise invalid(name, "must be given.")
    return found


def flag_of(body: Body, name: str) -> bool | Left:
    """Null is the same as not given. Raises InvalidError."""
    found = body.get(name)
    if found is None:
        return UNSET
    if not isinstance(found, bool):
        raise invalid(name, "must be true or false.")
    return found


def rest_of(body: Body, known: frozenset[str]) -> Body:
    """The attributes that mean nothing here, and are kept. Raises InvalidError for options, which would."""
    if body.get("options"):
        raise invalid("options", "there are none here.")
    if is_elsewhere(body.get("domain_id")) or is_elsewhere(body.get("parent_id")):
        raise invalid("domain_id", f"there is one domain, {DOMAIN_ID}, and projects have no parents.")
    if body.get("is_domain"):
        raise invalid("is_domain", "must be false.")
    return {name: value for name, value in body.items() if name not in known | _COMMON}


def is_elsewhere(domain: object) -> bool:
    return domain not in {None, DOMAIN_ID} if isinstance(domain, str | None) else True


_COMMON: Final = frozenset({"id", "links", "options", "domain_id", "parent_id", "is_domain"})


def listing(ask: Ask, name: str, views: Iterable[View]) -> Response:
    links = {"next": None, "self": ask.call.base_url + ask.call.url_path, "previous": None}
    return json_response({name: list(views), "links": links})


def matching(ask: Ask, views: Iterable[View], *names: str) -> list[View]:
    """Those that have what the query asks for in these attributes."""
    wanted = [(name, value) for name, value in ask.call.query if name in names]
    return [view for view in views if all(_is(view.get(name), value) for name, value in wanted)]


def _is(value: object, wanted: str) -> bool:
    if isinstance(value, bool):
        return value == (wanted.lower() not in {"0", "false", "no", "off"})
    return value is not None and str(value) == wanted


def moment(when: datetime | None) -> str | None:
    return None if when is None else when.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def self_link(ask: Ask, path: str) -> Mapping[str, str]:
    return {"self": f"{ask.call.base_url}/v3/{path}"}


def problem(error: RequestError, base_url: str) -> Response:
    """The error as Keystone tells it."""
    status = _status(error)
    told = problem_body(status, error.message)
    if status == 401:
        told.headers["www-authenticate"] = f'Keystone uri="{base_url}/v3"'
    if isinstance(error, BusyError):
        told.headers["retry-after"] = str(max(1, round(error.wait_s)))
    return told


def problem_body(status: int, message: str) -> Response:
    text = {"error": {"code": status, "message": message, "title": _TITLES.get(status, "Error")}}
    return Response(msgspec.json.encode(text), status, media_type="application/json")


def _status(error: RequestError) -> int:
    if isinstance(error, HttpProblemError):
        return error.status
    return next((status for kind, status in _STATUSES if isinstance(error, kind)), 400)


_STATUSES: Final = (
    (InvalidError, 400),
    (UnauthorizedError, 401),
    (ForbiddenError, 403),
    (NotFoundError, 404),
    (ConflictError, 409),
    (BusyError, 429),
)
_TITLES: Final[Mapping[int, str]] = {
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Request Entity Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    503: "Service Unavailable",
}
