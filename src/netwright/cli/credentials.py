"""What proves to a server on the network who asks: from options, the environment or clouds.yaml."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from netwright.model.errors import InvalidError

_PLACES: Final = ("clouds.yaml", "~/.config/openstack/clouds.yaml", "/etc/openstack/clouds.yaml")
_KEYS: Final = (
    "token",
    "application_credential_secret",
    "username",
    "password",
    "project_id",
    "project_name",
)
"""Of an entry's `auth`, and of the environment's variables in capitals behind OS_."""


def headers_of(token: str | None, cloud: str | None, environment: Mapping[str, str]) -> Mapping[str, str]:
    """Headers of every request; none where nothing is known. Raises InvalidError."""
    if token:
        return {"X-Auth-Token": token}
    known = _of_cloud(cloud) if cloud else {key: environment.get(f"OS_{key.upper()}", "") for key in _KEYS}
    if shown := known.get("token") or known.get("application_credential_secret"):
        return {"X-Auth-Token": shown}
    if not (known.get("username") and known.get("password")):
        return {}
    pair = base64.b64encode(f"{known['username']}:{known['password']}".encode()).decode()
    return {"Authorization": f"Basic {pair}", **_project(known)}


def _project(known: Mapping[str, str]) -> Mapping[str, str]:
    if known.get("project_id"):
        return {"X-Project-Id": known["project_id"]}
    return {"X-Project-Name": known["project_name"]} if known.get("project_name") else {}


def _of_cloud(name: str) -> Mapping[str, str]:
    """The entry's `auth`, from the first file that has the entry."""
    import yaml  # noqa: PLC0415  # 15 ms that others need not spend

    for place in _PLACES:
        path = Path(place).expanduser()
        if not path.is_file():
            continue
        try:
            found: object = yaml.safe_load(path.read_text())
        except (OSError, ValueError, yaml.YAMLError) as error:
            raise InvalidError(f"{path}: {error}", "--cloud") from error
        auth = _get(_get(_get(found, "clouds"), name), "auth")
        if isinstance(auth, Mapping):
            return {key: str(auth[key]) for key in _KEYS if auth.get(key)}
    raise InvalidError(f"no clouds.yaml has a cloud named {name!r}", "--cloud")


def _get(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, Mapping) else None
