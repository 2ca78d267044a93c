"""Flavors, the profiles that they come to, and which have which."""

from __future__ import annotations

import sqlalchemy as sa

from netwright.control.bodies import Values
from netwright.control.documents import Documents
from netwright.control.nouns import View
from netwright.control.refusals import NamedConflictError, in_use
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.errors import InvalidError, NotFoundError
from netwright.model.resources import flavors as described
from netwright.store import rows
from netwright.store.governance_tables import flavor_profiles, flavors, service_profiles
from netwright.store.router_tables import routers
from netwright.store.rows import Where


class Flavors:
    """Acts on flavors."""

    def __init__(self) -> None:
        self._rows = Documents(described.RESOURCE, flavors, shown=_show)

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        made = self._rows.create(work, values, caller)
        return self._profiled(work, made, values)

    def update(self, work: Work, old: View, values: Values, caller: Caller) -> View:
        return self._profiled(work, self._rows.update(work, old, values, caller), values)

    def delete(self, work: Work, old: View) -> None:
        """Raises ConflictError while a router is made of it."""
        if rows.exists(work.connection, routers, {"flavor_id": (old["id"],)}):
            raise in_use("Flavor", str(old["id"]), "routers are made of it")
        self._rows.delete(work, old)

    def find(self, connection: sa.Connection, where: Where) -> list[View]:
        return self._rows.find(connection, where)

    def view(self, thing: View) -> View:
        return thing

    def _profiled(self, work: Work, flavor: View, values: Values) -> View:
        """With the profiles that the body names, if it names any."""
        wanted = values.get("service_profiles")
        if not isinstance(wanted, list):
            return flavor
        work.connection.execute(flavor_profiles.delete().where(flavor_profiles.c.flavor_id == flavor["id"]))
        for profile in wanted:
            bind(work, flavor, str(profile))
        return self._rows.find(work.connection, {"id": (flavor["id"],)})[0]


def _show(connection: sa.Connection, views: list[View]) -> None:
    """Adds the ids of its profiles."""
    table, theirs = flavor_profiles, dict[str, list[str]]()
    chosen = table.c.flavor_id.in_([view["id"] for view in views])
    statement = sa.select(table.c.flavor_id, table.c.service_profile_id).where(chosen)
    for flavor, profile in connection.execute(statement.order_by(table.c.service_profile_id)):
        theirs.setdefault(flavor, []).append(profile)
    for view in views:
        view["service_profiles"] = theirs.get(str(view["id"]), [])


def check_profile(work: Work, old: View | None, values: Values, caller: Caller) -> Values:
    """Raises InvalidError where it says nothing, ConflictError where a flavor has it."""
    del caller
    after = {**(old or {}), **values}
    if not after["driver"] and not after["metainfo"]:
        raise InvalidError("Service Profile needs either a driver or metainfo.", "driver")
    if old is not None:
        _refuse_used(work.connection, str(old["id"]))
    return values


def profile_changed(work: Work, old: View | None, new: View | None) -> None:
    """One that a flavor has cannot be deleted."""
    if old is not None and new is None:
        _refuse_used(work.connection, str(old["id"]))


def bind(work: Work, flavor: View, profile: str) -> None:
    """Gives the flavor the profile. Raises NotFoundError, ConflictError."""
    if not rows.exists(work.connection, service_profiles, {"id": (profile,)}):
        raise NotFoundError("ServiceProfile", profile)
    pair = {"flavor_id": flavor["id"], "service_profile_id": profile}
    if rows.exists(work.connection, flavor_profiles, {name: (value,) for name, value in pair.items()}):
        message = f"Service Profile {profile} is already associated with flavor {flavor['id']}."
        raise NamedConflictError("FlavorServiceProfileBindingExists", message)
    work.connection.execute(flavor_profiles.insert(), pair)


def unbind(work: Work, flavor: View, profile: str) -> None:
    """Takes it away. Raises NotFoundError where the flavor does not have it."""
    pair = (flavor_profiles.c.flavor_id == flavor["id"], flavor_profiles.c.service_profile_id == profile)
    if not work.connection.execute(flavor_profiles.delete().where(*pair)).rowcount:
        raise NotFoundError("FlavorServiceProfileBinding", profile)


def providers(connection: sa.Connection, flavor: View) -> list[View]:
    """What it comes to: the first of its profiles that is enabled. Raises ConflictError, NotFoundError."""
    if not flavor["enabled"]:
        raise NamedConflictError("FlavorDisabled", f"Flavor {flavor['id']} is not enabled.")
    joined = sa.select(service_profiles).join(
        flavor_profiles, flavor_profiles.c.service_profile_id == service_profiles.c.id
    )
    mine = joined.where(flavor_profiles.c.flavor_id == flavor["id"], service_profiles.c.enabled)
    found = connection.execute(mine.order_by(service_profiles.c.created_at).limit(1)).first()
    if found is None:
        raise NotFoundError("ServiceProfile", str(flavor["id"]))
    return [{"driver": found.driver, "metainfo": found.metainfo, "provider": found.driver}]


def _refuse_used(connection: sa.Connection, profile: str) -> None:
    if rows.exists(connection, flavor_profiles, {"service_profile_id": (profile,)}):
        raise in_use("ServiceProfile", profile, "a flavor has it")
