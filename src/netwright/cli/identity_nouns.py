"""Identity's nouns: where each lives and which columns a list of them has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from netwright.cli.nouns import Column, Item, Noun

_ROOT: Final = "/v3"
_ID: Final = Column("ID", "id")
_NAME: Final = Column("NAME", "name")
_ENABLED: Final = Column("ENABLED", "enabled")


def _role_of(credential: Item) -> object:
    """The widest, which comes first."""
    roles = credential.get("roles")
    return roles[0].get("name") if isinstance(roles, list) and roles else None


def _name_in(*keys: str) -> Column:
    """The name of what is at the end of these keys."""

    def take(item: Item) -> object:
        found: object = item
        for key in (*keys, "name"):
            found = found.get(key) if isinstance(found, Mapping) else None
        return found

    return Column(keys[-1].upper(), keys[-1], take)


PROJECT: Final = Noun(
    word="project",
    singular="project",
    root=_ROOT,
    change="PATCH",
    columns=(_ID, _NAME, Column("DESCRIPTION", "description"), _ENABLED),
)
USER: Final = Noun(
    word="user",
    singular="user",
    root=_ROOT,
    change="PATCH",
    columns=(_ID, _NAME, _ENABLED, Column("DEFAULT PROJECT", "default_project_id")),
)
ROLE_ASSIGNMENT: Final = Noun(
    word="role assignment",
    singular="role_assignment",
    root=_ROOT,
    name="id",
    columns=(_name_in("user"), _name_in("scope", "project"), _name_in("role")),
)
_TOKEN: Final = Noun(
    word="token",
    singular="application_credential",
    root=_ROOT,
    columns=(
        _ID,
        _NAME,
        Column("ROLE", "role", _role_of),
        Column("PROJECT", "project_id"),
        Column("EXPIRES", "expires_at"),
    ),
)


def tokens_of(user: str) -> Noun:
    """The application tokens of the user of that id."""
    return replace(_TOKEN, under=f"users/{user}/")
