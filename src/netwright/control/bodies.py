"""A body as its descriptor wants it: every attribute known, of its type, with its default."""

from __future__ import annotations

from collections.abc import Mapping

from netwright.control.refusals import missing
from netwright.model.caller import Caller, Role
from netwright.model.errors import ForbiddenError, InvalidError
from netwright.model.kinds import refused
from netwright.model.resource import NONE_GIVEN, REQUIRED, Attribute, Resource, Verb

Values = dict[str, object]
"""Attributes in their normal form, by name."""
_LONGEST_NAME = 40


def read(resource: Resource, verb: Verb, body: Mapping[str, object]) -> Values:
    """What the body gives, without defaults. Raises InvalidError."""
    _refuse_unknown(resource, body)
    return {name: _value(resource.by_name[name], verb, value) for name, value in body.items()}


def with_defaults(resource: Resource, values: Values) -> Values:
    """The values of a new thing. Raises InvalidError for a required one that is not there."""
    found = dict(values)
    for attribute in resource.attributes:
        if attribute.name in values or attribute.default is NONE_GIVEN:
            continue
        if attribute.default is REQUIRED:
            raise missing(attribute.name)
        found[attribute.name] = attribute.default
    return found


def take_project(values: Values, caller: Caller) -> str | None:
    """The project that the body names, by either of its names, else the caller's.

    Raises InvalidError where they differ, or where a caller who is no admin names another project;
    ForbiddenError where such a caller is in no project.
    """
    if caller.project is None and not caller.is_admin:
        raise ForbiddenError("Only an admin can make things without being in a project.")
    named = {str(name) for name in (values.get("project_id"), values.get("tenant_id")) if name}
    if len(named) > 1:
        raise refused("tenant_id", "must be the same as project_id.")
    project = named.pop() if named else caller.project
    if project != caller.project and not caller.is_admin:
        raise refused("project_id", "only an admin may name another project than the own one.")
    return project


def _refuse_unknown(resource: Resource, body: Mapping[str, object]) -> None:
    unknown = [name for name in body if name not in resource.by_name]
    if unknown:
        named = ", ".join(sorted(name[:_LONGEST_NAME] for name in unknown))
        raise InvalidError(f"Unrecognized attribute(s) '{named}'", min(unknown))


def _value(attribute: Attribute, verb: Verb, value: object) -> object:
    role = attribute.post if verb is Verb.CREATE else attribute.put
    if role is Role.NOBODY:
        method = "POST" if verb is Verb.CREATE else "PUT"
        raise InvalidError(f"Attribute '{attribute.name}' not allowed in {method}", attribute.name)
    if value is None and attribute.nullable:
        return None
    return attribute.kind.read(value, attribute.name)
