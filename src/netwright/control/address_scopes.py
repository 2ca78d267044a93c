"""What an address scope may be, and when it may go."""

from __future__ import annotations

from netwright.control.bodies import Values
from netwright.control.nouns import View
from netwright.control.refusals import in_use, invalid
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.store import rbac, rows
from netwright.store.address_tables import subnet_pools

_VERSIONS = (4, 6)


def checked(work: Work, old: View | None, values: Values, caller: Caller) -> Values:
    """Raises InvalidError for another IP version, and where a shared one is to be shared no more."""
    del caller
    if old is None and values["ip_version"] not in _VERSIONS:
        raise invalid("ip_version", "must be 4 or 6.")
    unshares = old is not None and values.get("shared") is False
    if old is not None and unshares and rbac.is_there(work.connection, str(old["id"]), rbac.SHARED):
        raise invalid("shared", f"address scope {old['id']} cannot be unshared.")
    return values


def changed(work: Work, old: View | None, new: View | None) -> None:
    """Raises ConflictError where one with pools is to go."""
    if new is not None or old is None:
        return
    if rows.exists(work.connection, subnet_pools, {"address_scope_id": (old["id"],)}):
        raise in_use("AddressScope", str(old["id"]), "subnet pools are in it")
