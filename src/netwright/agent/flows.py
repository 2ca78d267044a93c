"""Connections that the plan no longer allows are cut at once, or kept where their group says so; no others.

Cutting one that is still allowed could drop one of its packets, or lose its translation; so each is
held against the rules as they are now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from netwright.agent.members import Members
from netwright.agent.revocation import (
    Change,
    Fate,
    Judge,
    State,
    before,
    ends,
    may,
    places,
    suspects_of,
)
from netwright.kernel.conntrack import Conntrack, Flow
from netwright.model.host import CUT_MARK, KEPT_MARK
from netwright.model.plan import Items, PortItem
from netwright.render.verdicts import IsMember


class Flows:
    """Connections in the namespace of the thread that makes it.

    `marks`: whether the engine's rules drop what bears CUT_MARK. Without, a cut connection is forgotten,
    and TCP may pick it up in mid-stream where a rule for the other direction lets it begin.
    """

    def __init__(self, *, marks: bool) -> None:
        self._conntrack = Conntrack()
        self._marks = marks
        self._may_be_cut = marks
        """Whether there may be connections that were cut, by this agent or one before it."""

    def settle(
        self,
        changes: Sequence[Change],
        items: Items,
        is_member: IsMember,
        past: Callable[[], Items] | None = None,
    ) -> int:
        """Cuts, keeps or forgets what the changes revoked; the number of those cut or forgotten.

        `past`: the plan that an earlier agent left, for one that knows no changes; asked for only if
        there is something to cut.
        """
        now = State(items, is_member)
        if changes and self._may_be_cut:
            self._release(now)
        suspects = suspects_of(changes, items)
        if not suspects:
            return 0
        flows = list(self._conntrack.flows())
        judge = Judge(suspects, now, before(changes, now))
        fates = {flow: judge.fate(flow) for flow in flows}
        if past is not None and Fate.CUT in fates.values():
            judge = Judge(suspects, now, _state(past()))
            fates = {flow: judge.fate(flow) for flow in flows}
        chosen = {fate: [flow for flow, its in fates.items() if its is fate] for fate in Fate}
        fresh = [flow for flow in chosen[Fate.KEPT] if not flow.mark & KEPT_MARK]
        self._conntrack.mark(fresh if self._marks else (), KEPT_MARK)
        return self._cut(chosen[Fate.CUT]) + self._conntrack.end(chosen[Fate.FORGOTTEN])

    def close(self) -> None:
        self._conntrack.close()

    def _cut(self, flows: Sequence[Flow]) -> int:
        if not self._marks:
            return self._conntrack.end(flows)
        self._may_be_cut = self._may_be_cut or bool(flows)
        return self._conntrack.cut(flows, CUT_MARK)

    def _release(self, now: State) -> None:
        """Forgets those that were cut and are allowed again, so that they may begin anew."""
        flows = list(self._conntrack.flows(CUT_MARK))
        self._may_be_cut = bool(flows)
        if flows:
            ports = {
                place: item
                for item in now.items.values()
                if isinstance(item, PortItem)
                for place in places(item)
            }
            self._conntrack.end(
                flow
                for flow in flows
                if all(may(ports.get(place), flow, direction, now) for place, direction in ends(flow))
            )


def _state(items: Items) -> State:
    members = Members()
    for item in items.values():
        members.put(item)
    return State(items, members)
