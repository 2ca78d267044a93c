"""Who may do what: the least role for each verb and attribute is the descriptor's; here it is asked for."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

import sqlalchemy as sa

from netwright.model.caller import Caller
from netwright.model.errors import ForbiddenError, NotFoundError
from netwright.model.resource import Attribute, Reach, Resource, Verb
from netwright.store import rows
from netwright.store.tables import networks


def refuse_verb(resource: Resource, verb: Verb, caller: Caller) -> None:
    """Raises ForbiddenError where the caller's role is too low for the verb at all."""
    if caller.role < resource.roles[verb]:
        raise disallowed(f"{verb}_{resource.singular}")


def refuse_unseen(resource: Resource, caller: Caller, thing: str) -> None:
    """Raises NotFoundError where the caller's role is too low to be shown any of these."""
    if caller.role < resource.roles[Verb.SHOW]:
        raise NotFoundError(resource.error_noun, thing)


def refuse_foreign(
    connection: sa.Connection, resource: Resource, verb: Verb, caller: Caller, view: Mapping[str, object]
) -> None:
    """Raises ForbiddenError where the thing, which the caller sees, is another project's to change.

    NotFoundError where the Networking API does not tell then that it is there. What is part of a parent is
    changed by who may change that.
    """
    if caller.is_admin or resource.reach is not Reach.PROJECT:
        return
    if view.get("project_id") == caller.project:
        return
    if verb in resource.network_owner and owns_network(connection, view["network_id"], caller):
        return
    if verb in resource.untold:
        raise NotFoundError(resource.error_noun, str(view["id"]))
    raise disallowed(f"{verb}_{resource.singular}")


def refuse_attributes(
    connection: sa.Connection,
    resource: Resource,
    verb: Verb,
    caller: Caller,
    given: Mapping[str, object],
    network: object,
) -> None:
    """Raises ForbiddenError for an attribute that the caller may not set. `network`: where the thing is.

    Anybody may say, of what is made, what would be so anyway: clients send defaults.
    """
    if caller.is_admin:
        return
    for name, value in given.items():
        attribute = resource.by_name[name]
        if verb is Verb.CREATE and value == attribute.default:
            continue
        role = attribute.post if verb is Verb.CREATE else attribute.put
        if caller.role < role:
            raise disallowed(f"{verb}_{resource.singular}:{name}")
        if _is_network_owners(attribute, value) and not owns_network(connection, network, caller):
            raise disallowed(f"{verb}_{resource.singular}:{name}")


def owns_network(connection: sa.Connection, network: object, caller: Caller) -> bool:
    where = {"id": (network,), "project_id": (caller.project,)}
    return rows.exists(connection, networks, where)


def hidden(resource: Resource, caller: Caller) -> Collection[str]:
    """The attributes that the caller does not see."""
    return resource.hidden[caller.role]


def undress(resource: Resource, caller: Caller, views: Iterable[dict[str, object]]) -> None:
    """Takes from each what the caller does not see of it."""
    unseen, private = hidden(resource, caller), () if caller.is_admin else resource.private
    for view in views:
        for name in unseen:
            view.pop(name, None)
        if private and view.get("project_id") != caller.project:
            for name in private:
                view.pop(name, None)


def refuse_members(caller: Caller, rule: str) -> None:
    """Raises ForbiddenError for who is no admin."""
    if not caller.is_admin:
        raise disallowed(rule)


def disallowed(rule: str) -> ForbiddenError:
    return ForbiddenError(f"rule:{rule} is disallowed by policy")


def _is_network_owners(attribute: Attribute, value: object) -> bool:
    asked = attribute.network_owner
    return asked if isinstance(asked, bool) else asked(value)
