"""What a resource of the Networking API is, as data: validation, policy, filters, OpenAPI and docs follow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum
from functools import cached_property
from typing import Final

from netwright.model.caller import Role
from netwright.model.kinds import Flag, Kind, ListOf, Number, Text, Uuid


class Default(Enum):
    """What stands for an attribute that is not given in a POST."""

    REQUIRED = "required"
    NONE_GIVEN = "none given"
    """The noun itself finds one, or it stays away."""


REQUIRED: Final = Default.REQUIRED
NONE_GIVEN: Final = Default.NONE_GIVEN


@dataclass(frozen=True, slots=True)
class Attribute:
    """One attribute. `post`, `put` and `see` say the least role for it; NOBODY may set what is read-only."""

    name: str
    kind: Kind
    doc: str
    default: object = NONE_GIVEN
    nullable: bool = False
    post: Role = Role.MEMBER
    put: Role = Role.MEMBER
    see: Role = Role.READER
    own: bool = False
    """Whether a member may name by it only things of the own project, not all that the member sees."""
    private: bool = False
    """Whether members of other projects who see the thing do not see this."""
    column: str | None = None
    """The column by which the database filters and sorts; None: it is done on what is shown, if at all."""
    filters: bool = True
    extension: str = ""
    """The alias of the API extension that brings it, where it is not the resource's own."""
    network_owner: bool | Callable[[object], bool] = False
    """Whether a member may set it, or set it to such a value, only on a network of the own project."""


class Verb(StrEnum):
    LIST = "list"
    SHOW = "show"
    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


READ: Final = frozenset({Verb.LIST, Verb.SHOW})
ALL: Final = frozenset(Verb)
MEMBERS: Final[Mapping[Verb, Role]] = {
    Verb.LIST: Role.READER,
    Verb.SHOW: Role.READER,
    Verb.CREATE: Role.MEMBER,
    Verb.UPDATE: Role.MEMBER,
    Verb.DELETE: Role.MEMBER,
}
ADMINS: Final[Mapping[Verb, Role]] = dict.fromkeys(Verb, Role.ADMIN)
ADMINS_WRITE: Final[Mapping[Verb, Role]] = {**ADMINS, Verb.LIST: Role.READER, Verb.SHOW: Role.READER}


class Reach(Enum):
    """Whose things a caller who is no admin sees and changes."""

    PROJECT = "project"
    """Those of the caller's project, and what is shared with it."""
    PARENT = "parent"
    """Those of a parent that the caller sees; to change them the parent must be the caller's."""
    EVERYBODY = "everybody"
    """All: they belong to the deployment."""


@dataclass(frozen=True, slots=True)
class Parent:
    """What a sub-resource is part of: `/v2.0/{path}/{parent id}/…`."""

    plural: str
    """The parent's row in the table of resources."""
    path: str
    """The parent's own path."""
    attribute: str
    """The column of the sub-resource that holds the parent's id."""


@dataclass(frozen=True, slots=True)
class Action:
    """What else can be done with one thing: `PUT /v2.0/{path}/{id}/{action}`."""

    path: str
    """The last part."""
    doc: str
    given: Resource
    """Whose attributes are those of the body."""
    answer: Resource | None = None
    """Whose attributes are those of the answer; None: it is the thing itself, and so is the body in its
    form: beneath the resource's name."""


@dataclass(frozen=True, eq=False)
class Resource:
    """One kind of resource, which is the same as itself; `roles` has the least role for each verb."""

    singular: str
    plural: str
    path: str
    """Beneath `root`, or beneath its parent."""
    doc: str
    attributes: tuple[Attribute, ...]
    noun: str = ""
    """As errors call it: `Network` in NetworkNotFound. Made from `singular` where none is given."""
    extension: str = ""
    """The alias of the API extension that brings it; none: it is in the API's core."""
    verbs: frozenset[Verb] = ALL
    roles: Mapping[Verb, Role] = field(default_factory=lambda: MEMBERS)
    reach: Reach = Reach.PROJECT
    network_owner: frozenset[Verb] = frozenset()
    """What the project that owns its network may do with another project's."""
    untold: frozenset[Verb] = frozenset()
    """What is answered as if it were not there, where it is another project's that the caller sees."""
    parent: Parent | None = None
    root: str = "/v2.0"
    rbac: str | None = None
    """The object_type of RBAC policies that share it; None: it cannot be shared."""
    revises: str = ""
    """The attribute that names what it is part of, whose revision counts up with its own."""
    quota: str | None = None
    """The name of its quota; None: there is none."""
    tags: bool = False
    key: str = "id"
    """The column that a path names it by."""
    actions: tuple[Action, ...] = ()

    @cached_property
    def by_name(self) -> Mapping[str, Attribute]:
        return {attribute.name: attribute for attribute in self.attributes}

    @cached_property
    def id_name(self) -> str:
        """The attribute that is the id."""
        return next((one.name for one in self.attributes if one.column == self.key), self.key)

    @cached_property
    def columns(self) -> Mapping[str, str]:
        """The attributes that the database can filter by, and the columns' names there."""
        return {one.name: one.column for one in self.attributes if one.column is not None}

    @cached_property
    def error_noun(self) -> str:
        return self.noun or self.schema_name

    @cached_property
    def schema_name(self) -> str:
        """Of its schemas in OpenAPI: no two resources have the same."""
        return "".join(word.capitalize() for word in self.singular.split("_"))

    @cached_property
    def hidden(self) -> Mapping[Role, tuple[str, ...]]:
        """The attributes that each role does not see; there are some that nobody does."""
        return {
            role: tuple(one.name for one in self.attributes if one.see is Role.NOBODY or role < one.see)
            for role in Role
        }

    @cached_property
    def private(self) -> tuple[str, ...]:
        """The attributes that only the thing's own project and admins see."""
        return tuple(one.name for one in self.attributes if one.private)

    @property
    def collection(self) -> str:
        """The path of the list, with the parent's id as `{parent_id}`."""
        inside = f"/{self.parent.path}/{{parent_id}}" if self.parent else ""
        return f"{self.root}{inside}/{self.path}"


def read_only(name: str, kind: Kind, doc: str, **more: object) -> Attribute:
    """An attribute that nobody sets."""
    return Attribute(name, kind, doc, post=Role.NOBODY, put=Role.NOBODY, **more)  # type: ignore[arg-type]  # passed through


ID: Final = read_only("id", Uuid(), "The id.", column="id")
PROJECT: Final = (
    Attribute(
        "project_id", Text(least=1), "The project that it belongs to; only an admin may name another one's.",
        put=Role.NOBODY, column="project_id",
    ),
    Attribute(
        "tenant_id", Text(least=1), "The older name of project_id.", put=Role.NOBODY, column="project_id",
    ),
)  # fmt: skip
NAME: Final = Attribute("name", Text(), "A name; it need not be unique.", default="", column="name")
DESCRIPTION: Final = Attribute(
    "description",
    Text(prose=True),
    "A text for people.",
    default="",
    column="description",
    extension="standard-attr-description",
)
ADMIN_STATE: Final = Attribute(
    "admin_state_up", Flag(), "Whether it is to work.", default=True, column="admin_state_up"
)
TAG: Final = Text(255, least=1)
TAGS: Final = read_only("tags", ListOf(TAG), "Its tags.", extension="standard-attr-tag", filters=False)
STAMPS: Final = (
    read_only("created_at", Text(), "When it was made, UTC.", extension="standard-attr-timestamp"),
    read_only("updated_at", Text(), "When it was last changed, UTC.", extension="standard-attr-timestamp"),
    read_only("revision_number", Number(), "How often it was changed.", extension="standard-attr-revisions"),
)
SHARED: Final = read_only("shared", Flag(), "Whether it is shared with the caller by an RBAC policy.")


def shared_flag(doc: str) -> Attribute:
    """`shared`, which an admin sets for all projects at once."""
    return Attribute("shared", Flag(), doc, default=False, post=Role.ADMIN, put=Role.ADMIN)
