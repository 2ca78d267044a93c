"""Who asks: a user in a project, with a role there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from netwright.model.ids import ProjectId


class Role(IntEnum):
    """What one may do; each may do what those before it may."""

    READER = 1
    MEMBER = 2
    ADMIN = 3
    """Of the whole deployment, not of one project."""
    NOBODY = 4
    """No caller has it: it marks what nobody may set."""


@dataclass(frozen=True, slots=True)
class Caller:
    """One request's author. `project` is whose things are meant where a request names nobody's."""

    project: ProjectId | None
    role: Role
    user_id: str = ""
    user_name: str = ""

    @property
    def is_admin(self) -> bool:
        return self.role is Role.ADMIN


OPERATOR: Final = Caller(None, Role.ADMIN)
"""Who runs the deployment, in no project."""
