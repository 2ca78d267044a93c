"""Logs in nftables: the packets they are about go to the agent, each log as many as its own limit lets.

A group's rules and its ports' drops lead through two chains of the group's own: what logs there are is
said in these alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from typing import Final, NamedTuple

from netwright.model.host import LogLimit, Traits
from netwright.model.ids import GroupId, LogId, port_link_name
from netwright.model.intent import Direction
from netwright.model.plan import GroupItem, LogPlan
from netwright.render.nft import BRIDGE, Nft, chain, named_limit
from netwright.render.tags import digest_of

LOG_GROUP: Final = 28279
"""The NFLOG group (0x6e77, "nw") that the agent listens to in the host's namespace."""
SNAPLEN: Final = 128
"""Octets of a packet that are handed over: more than any header that a line tells of."""
_LINK: Final = {Direction.INGRESS: "oifname", Direction.EGRESS: "iifname"}
_LIMIT_NAME: Final = re.compile(r"log-.*-(\d+)-(\d+)")
WAY: Final = {Direction.INGRESS: "in", Direction.EGRESS: "out"}


class Action(StrEnum):
    """What became of a packet."""

    ACCEPT = "ACCEPT"
    DROP = "DROP"


class Logged(NamedTuple):
    """What a packet's prefix says: which log, what became of it, which way it went."""

    log: LogId
    action: Action
    direction: Direction


def accepted_chain(direction: Direction, group: GroupId) -> str:
    return f"{WAY[direction]}-yes-{group}"


def dropped_chain(direction: Direction, group: GroupId) -> str:
    return f"{WAY[direction]}-no-{group}"


def port_logs_chain(direction: Direction, logs: Sequence[LogId]) -> str:
    """The chain that all ports with these logs of their own share."""
    return f"{WAY[direction]}-log-{digest_of(logs)}"


def group_logs(group: GroupItem, direction: Direction, traits: Traits) -> Nft:
    """The group's two chains, the first only where something is logged in it, and its logs' limits."""
    logs, name = group.logs, group.id
    accepted = [_group_rule(log, Action.ACCEPT, direction, traits) for log in logs if log.accepted]
    dropped = [_group_rule(log, Action.DROP, direction, traits) for log in logs if log.dropped]
    parts = _logging(dropped_chain(direction, name), dropped, (), traits)
    if accepted:
        parts |= _logging(accepted_chain(direction, name), accepted, ("accept",), traits)
    for log in logs:
        parts |= _limit(log.id, traits)
    return parts


def port_logs(direction: Direction, logs: Sequence[LogId], traits: Traits) -> Nft:
    """The chain of logs that name no group, and their limits."""
    rules = [_rule(log, Action.DROP, direction, traits) for log in logs]
    parts = _logging(port_logs_chain(direction, logs), rules, (), traits) if logs else {}
    for log in logs:
        parts |= _limit(log, traits)
    return parts


def _logging(name: str, rules: Sequence[str], end: Sequence[str], traits: Traits) -> Nft:
    """A kernel that hands nothing over would refuse the rules, and with them the whole transaction."""
    return chain(BRIDGE, name, (*rules, *end) if traits.packet_logs else end)


def _group_rule(log: LogPlan, action: Action, direction: Direction, traits: Traits) -> str:
    rule = _rule(log.id, action, direction, traits)
    return f"{_LINK[direction]} {port_link_name(log.port_id)} {rule}" if log.port_id else rule


def _rule(log: LogId, action: Action, direction: Direction, traits: Traits) -> str:
    limit, prefix = _limit_name(log, traits.log_limit), f"{log} {action} {direction}"
    return f'limit name "{limit}" log prefix "{prefix}" group {LOG_GROUP} snaplen {SNAPLEN}'


def _limit(log: LogId, traits: Traits) -> Nft:
    """The log's own, which all its rules share."""
    limit = traits.log_limit
    spec = f"rate {limit.rate}/second burst {limit.burst} packets"
    return named_limit(BRIDGE, _limit_name(log, limit), spec)


def limit_of(name: str) -> LogLimit | None:
    """What the name of a log's limit says of it."""
    found = _LIMIT_NAME.fullmatch(name)
    return LogLimit(int(found[1]), int(found[2])) if found else None


def _limit_name(log: LogId, limit: LogLimit) -> str:
    return f"log-{log}-{limit.rate}-{limit.burst}"


def read_prefix(prefix: str) -> Logged | None:
    """The prefix of a logged packet; None for one that is not ours."""
    words = prefix.split(" ")
    try:
        return Logged(LogId(words[0]), Action(words[1]), Direction(words[2]))
    except (IndexError, ValueError):
        return None
