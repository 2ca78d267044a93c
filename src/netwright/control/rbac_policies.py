"""What a user can do with RBAC policies."""

from __future__ import annotations

from typing import Final

import sqlalchemy as sa

from netwright.control import networks, policy, sharing
from netwright.control.bodies import Values
from netwright.control.nouns import View
from netwright.control.refusals import NamedConflictError
from netwright.control.sharing import SHAREABLE, Shared
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.errors import InvalidError, NotFoundError
from netwright.model.ids import NetworkId
from netwright.store import documents, rbac, rows, tables
from netwright.store.address_tables import address_scopes, subnet_pools
from netwright.store.governance_tables import rbac_policies
from netwright.store.rows import Where
from netwright.store.tables import subnets

_SHOWN: Final = ("id", "project_id", "object_type", "object_id", "action")
_TARGET: Final = "target_tenant"


class RbacPolicies:
    """Acts on RBAC policies."""

    def create(self, work: Work, values: Values, caller: Caller) -> View:
        kind, thing = str(values["object_type"]), str(values["object_id"])
        self._refuse_foreign(work, kind, thing, caller)
        if values["action"] not in SHAREABLE[kind].users:
            raise InvalidError(f"Invalid action {values['action']!r} for object type {kind!r}.", "action")
        if values["action"] == rbac.EXTERNAL:
            _refuse_addresses(work, thing, caller)
        _refuse_wildcard("create", values, caller)
        _refuse_half_shared(work, kind, thing, str(values[_TARGET]))
        _refuse_twin(work, {**values, "target_project": values[_TARGET]})
        kept = {name: values[name] for name in ("project_id", "object_type", "object_id", "action")}
        made = {**kept, "id": work.world.new_id(), "target_project": values[_TARGET]}
        rbac.insert(work.connection, made, work.now)
        _follow(work, kind, thing)
        return self._one(work, str(made["id"]))

    def update(self, work: Work, old: View, values: Values, caller: Caller) -> View:
        target = values.get(_TARGET, old[_TARGET])
        _refuse_wildcard("update", values, caller)
        if target != old[_TARGET]:
            _refuse_twin(work, {**old, "target_project": target})
            _refuse_used(work, old, beside=(str(target),))
            documents.save(
                work.connection, rbac_policies, str(old["id"]), {"target_project": target}, work.now
            )
            _follow(work, str(old["object_type"]), str(old["object_id"]))
        return self._one(work, str(old["id"]))

    def delete(self, work: Work, old: View) -> None:
        _refuse_used(work, old)
        rows.delete(work.connection, rbac_policies, str(old["id"]))
        _follow(work, str(old["object_type"]), str(old["object_id"]))

    def find(self, connection: sa.Connection, where: Where) -> list[View]:
        return [_view(row) for row in documents.find(connection, rbac_policies, where)]

    def view(self, thing: View) -> View:
        return thing

    def _one(self, work: Work, policy_id: str) -> View:
        return self.find(work.connection, {"id": (policy_id,)})[0]

    @staticmethod
    def _refuse_foreign(work: Work, kind: str, thing: str, caller: Caller) -> None:
        """Raises InvalidError where it is not the caller's project's, or not there: which, is not told.

        To an admin, NotFoundError says that there is no such thing.
        """
        if kind not in SHAREABLE:
            raise InvalidError(f"'{kind}' is not a valid RBAC object type.", "object_type")
        table = SHAREABLE[kind].table
        owner = work.connection.execute(sa.select(table.c.project_id).where(table.c.id == thing)).scalar()
        if owner != caller.project and not caller.is_admin:
            message = f"Only admins can manipulate policies on {kind} objects which they do not own."
            raise InvalidError(message, "object_id")
        if owner is None:
            raise NotFoundError(SHAREABLE[kind].noun, thing)


def _view(row: dict[str, object]) -> View:
    shown = {name: row[name] for name in _SHOWN}
    return {**shown, "tenant_id": row["project_id"], _TARGET: row["target_project"]}


def _refuse_wildcard(verb: str, values: Values, caller: Caller) -> None:
    if values.get(_TARGET) == rbac.EVERYBODY and not caller.is_admin:
        raise policy.disallowed(f"{verb}_rbac_policy:{_TARGET}")


def _refuse_addresses(work: Work, network: str, caller: Caller) -> None:
    """Which addresses are the outside's is admins' to say: floating IPs of theirs are taken from everybody.

    Raises ForbiddenError where a member would have those of an own network be so.
    """
    external = rbac.targets(work.connection, network, rbac.EXTERNAL)
    if (
        not caller.is_admin
        and not external
        and rows.exists(work.connection, subnets, {"network_id": (network,)})
    ):
        raise policy.disallowed("create_rbac_policy:action")


def _refuse_half_shared(work: Work, kind: str, thing: str, target: str) -> None:
    """Raises InvalidError for a subnet pool whose address scope the target does not see."""
    if kind != "subnetpool":
        return
    joined = sa.select(address_scopes).join(
        subnet_pools, subnet_pools.c.address_scope_id == address_scopes.c.id
    )
    scope = work.connection.execute(joined.where(subnet_pools.c.id == thing)).first()
    if scope is None or scope.project_id == target:
        return
    if not {target, rbac.EVERYBODY} & rbac.targets(work.connection, scope.id, rbac.SHARED):
        message = f"Subnet pool {thing} is in address scope {scope.id}, which is not shared with {target}."
        raise InvalidError(message, _TARGET)


def _refuse_twin(work: Work, wanted: Values) -> None:
    parts = ("object_type", "object_id", "action", "target_project")
    if rows.exists(work.connection, rbac_policies, {part: (wanted[part],) for part in parts}):
        raise NamedConflictError("DuplicateRbacPolicy", "An RBAC policy already exists with those values.")


def _refuse_used(work: Work, old: View, beside: tuple[str, ...] = ()) -> None:
    """Raises RbacPolicyInUse where a project could not use any more what it uses."""
    kind, thing, action = (str(old[name]) for name in ("object_type", "object_id", "action"))
    if action == rbac.EXTERNAL and old[_TARGET] == rbac.EVERYBODY and not beside:
        _refuse_default(work, thing)
    sharing.refuse_used(work, Shared(kind, thing, action, str(old[_TARGET])), beside)


def _refuse_default(work: Work, network: str) -> None:
    if rows.exists(work.connection, tables.networks, {"id": (network,), "is_default": (True,)}):
        message = f"Network {network} is the default external network, which is everybody's."
        raise NamedConflictError("RbacPolicyInUse", message)


def _follow(work: Work, kind: str, thing: str) -> None:
    """The thing's own flags say what its policies do; it has changed."""
    rows.save(work.connection, SHAREABLE[kind].table, {"id": thing}, work.now)
    if kind == "network":
        networks.follow_policies(work, NetworkId(thing))
