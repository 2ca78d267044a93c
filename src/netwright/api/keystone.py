"""Callers from a Keystone elsewhere: keystonemiddleware checks what they show, and says who they are."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import webob
from keystonemiddleware.auth_token import AuthProtocol
from oslo_config.cfg import Error as ConfigurationError

from netwright.api.call import Stranger, anybody
from netwright.api.identify import Secret, acting, proof_of
from netwright.control.known import Known
from netwright.control.sessions import hash_of, refused
from netwright.model.caller import Caller, Role
from netwright.model.errors import BusyError, ForbiddenError, InvalidError, UnauthorizedError
from netwright.model.identity import ROLES
from netwright.model.ids import ProjectId

_REMEMBERED_S: Final = 5.0
"""Beside what keystonemiddleware itself remembers (token_cache_time)."""
_AGAIN_S: Final = 5.0
_PASSED_ON: Final = ("x-auth-token", "x-service-token")


class KeystoneIdentity:
    """`config` is a file with a section [keystone_authtoken], as other services have it.

    Raises InvalidError where it makes no sense.
    """

    def __init__(self, config: Path) -> None:
        given = {"oslo_config_project": "netwright", "oslo_config_file": str(config)}
        try:
            self._protocol = AuthProtocol(_end, given)
            self.uri = str(self._protocol.www_authenticate_uri)
        except (ConfigurationError, AttributeError, ValueError) as error:
            raise InvalidError(f"{config}: {error}", "--keystone-config") from error
        self._known = Known[Caller]()

    def __call__(self, stranger: Stranger) -> Caller:
        """Raises UnauthorizedError, ForbiddenError, and BusyError where Keystone does not answer."""
        proof = proof_of(stranger.headers)
        if proof is None and stranger.local:
            return anybody(stranger)
        if not isinstance(proof, Secret):
            raise refused()
        digest, number = hash_of(proof.text), int(time.monotonic() / _REMEMBERED_S)
        caller = self._known.get(digest, number)
        if caller is None:
            caller, lasting = self._ask(stranger, proof.text)
            if lasting:
                self._known.put(digest, number, caller)
        wanted = stranger.headers.get("x-project-id")
        return acting(caller, ProjectId(wanted) if wanted else None)

    def _ask(self, stranger: Stranger, token: str) -> tuple[Caller, bool]:
        """Who that is, and whether that holds for other requests too."""
        shown = {name: stranger.headers[name] for name in _PASSED_ON if name in stranger.headers}
        request = webob.Request.blank(
            stranger.path, method=stranger.method, headers={**shown, "x-auth-token": token}
        )
        status = request.get_response(self._protocol).status_int
        if status == 503:
            raise BusyError("Keystone does not answer: try again.", _AGAIN_S)
        if status != 200:
            raise UnauthorizedError("The request you have made requires authentication.")
        told: Mapping[str, object] = request.environ
        return _caller(told), "x-service-token" not in shown and not _has_rules(told)


def _end(environ: Mapping[str, object], start: Callable[..., object]) -> list[bytes]:
    """What stands behind the middleware: says that it let the request through."""
    del environ
    start("200 OK", [("Content-Length", "0")])
    return []


def _caller(told: Mapping[str, object]) -> Caller:
    """Raises UnauthorizedError for tokens of no project, ForbiddenError for roles that mean nothing here."""
    project = str(told.get("HTTP_X_PROJECT_ID") or "")
    everywhere = told.get("HTTP_OPENSTACK_SYSTEM_SCOPE") == "all"
    if not project and not everywhere:
        raise UnauthorizedError("This token is for no project.")
    role = _widest(str(told.get("HTTP_X_ROLES") or ""))
    user, name = str(told.get("HTTP_X_USER_ID") or ""), str(told.get("HTTP_X_USER_NAME") or "")
    return Caller(ProjectId(project) if project else None, role, user, name)


def _widest(roles: str) -> Role:
    found = [ROLES[name.strip().lower()] for name in roles.split(",") if name.strip().lower() in ROLES]
    if not found:
        raise ForbiddenError(f"None of your roles is {', '.join(ROLES)}.")
    return max(found)


def _has_rules(told: Mapping[str, object]) -> bool:
    """Whether the token is for certain requests only."""
    info = told.get("keystone.token_info")
    token = info.get("token") if isinstance(info, dict) else None
    credential = token.get("application_credential") if isinstance(token, dict) else None
    return isinstance(credential, dict) and credential.get("access_rules") is not None
