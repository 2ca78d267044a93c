"""Logs in iptables' words: the packets they are about go to the agent, each log as many as its limit lets.

The limit is one bucket for all rules of a log in one IP version: xt_hashlimit shares it by its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

from netwright.model.host import Traits
from netwright.model.ids import GroupId, LogId, port_link_name
from netwright.model.intent import Direction
from netwright.model.plan import GroupItem, LogPlan
from netwright.render.firewall_iptables_names import LETTER, group_name
from netwright.render.firewall_logs import LOG_GROUP, SNAPLEN, Action
from netwright.render.tags import digest_of
from netwright.render.xt import ACCEPT, RETURN, Table, Xt

_LINK: Final = {
    Direction.EGRESS: "-m physdev --physdev-in {} ",
    Direction.INGRESS: "-m physdev --physdev-out {} --physdev-is-bridged ",
}


def accepted_chain(direction: Direction, group: GroupId) -> str:
    return f"{LETTER[direction]}y{group_name(group)}"


def dropped_chain(direction: Direction, group: GroupId) -> str:
    return f"{LETTER[direction]}n{group_name(group)}"


def port_logs_chain(direction: Direction, logs: Sequence[LogId]) -> str:
    """The chain that all ports with these logs of their own share."""
    return f"{LETTER[direction]}l{digest_of(logs)}"


def group_logs(table: Table, group: GroupItem, direction: Direction, traits: Traits) -> Xt:
    """The group's two chains, the first only where something is logged in it."""
    accepted = [_group_rule(log, Action.ACCEPT, direction, traits) for log in group.logs if log.accepted]
    dropped = [_group_rule(log, Action.DROP, direction, traits) for log in group.logs if log.dropped]
    parts = table.chain(dropped_chain(direction, group.id), (*_possible(dropped, traits), RETURN))
    if accepted:
        name = accepted_chain(direction, group.id)
        parts |= table.chain(name, (*_possible(accepted, traits), ACCEPT))
    return parts


def port_logs(table: Table, direction: Direction, logs: Sequence[LogId], traits: Traits) -> Xt:
    """The chain of logs that name no group."""
    if not logs:
        return {}
    rules = [_rule(log, Action.DROP, direction, traits) for log in logs]
    return table.chain(port_logs_chain(direction, logs), (*_possible(rules, traits), RETURN))


def _possible(rules: Iterable[str], traits: Traits) -> tuple[str, ...]:
    """A kernel that hands nothing over would refuse the rules, and with them the whole restore."""
    return tuple(rules) if traits.packet_logs else ()


def _group_rule(log: LogPlan, action: Action, direction: Direction, traits: Traits) -> str:
    rule = _rule(log.id, action, direction, traits)
    return _LINK[direction].format(port_link_name(log.port_id)) + rule if log.port_id else rule


def _rule(log: LogId, action: Action, direction: Direction, traits: Traits) -> str:
    limit = traits.log_limit
    name = f"nw-{log}-{limit.rate}-{limit.burst}"
    upto = f"--hashlimit-upto {limit.rate}/sec --hashlimit-burst {limit.burst} --hashlimit-name {name}"
    target = f"--nflog-group {LOG_GROUP} --nflog-size {SNAPLEN}"
    return f'-m hashlimit {upto} -j NFLOG {target} --nflog-prefix "{log} {action} {direction}"'
