"""What is shared with everybody at once, by a flag of its own, is so by an RBAC policy."""

from __future__ import annotations

from netwright.control.world import Work
from netwright.store import rbac


def with_everybody(
    work: Work, object_type: str, thing: tuple[str, str], action: str = rbac.SHARED, *, wanted: bool
) -> None:
    """Makes or ends that policy. `thing`: the id, and whose it is."""
    thing_id, project = thing
    there = rbac.is_there(work.connection, thing_id, action)
    if wanted and not there:
        values = {
            "id": work.world.new_id(),
            "project_id": project,
            "object_type": object_type,
            "object_id": thing_id,
            "action": action,
            "target_project": rbac.EVERYBODY,
        }
        rbac.insert(work.connection, values, work.now)
    elif there and not wanted:
        rbac.withdraw(work.connection, thing_id, action)
