"""Security groups in iptables' words: a chain for each direction, shared by all ports in the group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final, assert_never

from netwright.model.host import Traits
from netwright.model.ids import AddressGroupId, GroupId, LogId
from netwright.model.intent import (
    AnyProtocol,
    Anywhere,
    Direction,
    EtherType,
    Icmp,
    IpProtocol,
    Match,
    PortRange,
    Prefix,
    Remote,
    RemoteAddressGroup,
    RemoteGroup,
    RemotePrefix,
    ethertype_of,
)
from netwright.model.plan import AddressGroupItem, GroupItem, RulePlan
from netwright.model.xtables import PREFIX
from netwright.render.address_groups import collapsed
from netwright.render.firewall_iptables_base import KNOWN
from netwright.render.firewall_iptables_logs import (
    accepted_chain,
    dropped_chain,
    group_logs,
    port_logs,
    port_logs_chain,
)
from netwright.render.firewall_iptables_names import LETTER, group_name
from netwright.render.firewall_logs import WAY
from netwright.render.nft import prefix_text
from netwright.render.tags import digest_of
from netwright.render.xt import (
    ACCEPT,
    ANY_ICMP,
    DROP,
    FAMILIES,
    RETURN,
    Table,
    Xt,
    element,
    go_to,
    in_set,
    jump_to,
    named_set,
    rule_tag,
    tables,
)

TABLES: Final = {Direction.EGRESS: "mangle", Direction.INGRESS: "filter"}
"""Who sends is judged before any translation; who gets, where the receiver is known."""
_PORTED: Final = {6: "tcp", 17: "udp"}
_ICMP: Final = {
    EtherType.IPV4: ("-p icmp", "-m icmp --icmp-type"),
    EtherType.IPV6: ("-p ipv6-icmp", "-m icmp6 --icmpv6-type"),
}


def group_chain(direction: Direction, group: GroupId) -> str:
    return LETTER[direction] + group_name(group)


def ports_chain(direction: Direction, groups: Sequence[GroupId], logs: Sequence[LogId] = ()) -> str:
    """The chain that all ports with these groups, and these logs of their own, share."""
    return f"{WAY[direction]}-{digest_of([*groups, *logs])}"


def members_set(ethertype: EtherType, group: GroupId) -> str:
    return f"m{ethertype.version}-{group_name(group)}"


def prefixes_set(ethertype: EtherType, group: AddressGroupId) -> str:
    return f"n{ethertype.version}-{group_name(group)}"


def group_firewall(group: GroupItem, traits: Traits) -> Xt:
    """The group's chains, its member sets, the sets that its rules name, and its logs."""
    parts: Xt = members_sets(group.id)
    for rule in group.rules:
        parts |= _named(rule.remote)
    for direction, table_name in TABLES.items():
        for ethertype, table in tables(traits, table_name):
            parts |= _chain(table, group, direction, ethertype) | group_logs(table, group, direction, traits)
    return parts


def _named(remote: Remote) -> Xt:
    match remote:
        case RemoteGroup(group):
            return members_sets(group)
        case RemoteAddressGroup(group):
            return prefixes_sets(group)
        case _:
            return {}


def address_group_firewall(group: AddressGroupItem) -> Xt:
    """Its two sets and their elements: all that a change of its prefixes writes."""
    parts = prefixes_sets(group.id)
    for prefix in collapsed(group.prefixes):
        for part in _with_length(prefix):
            parts |= element(prefixes_set(ethertype_of(part), group.id), prefix_text(part))
    return parts


def _with_length(prefix: Prefix) -> Iterator[Prefix]:
    """ipset takes no prefix of no length."""
    return iter(prefix.subnets()) if prefix.prefixlen == 0 else iter((prefix,))


def _chain(table: Table, group: GroupItem, direction: Direction, ethertype: EtherType) -> Xt:
    wanted = (rule for rule in group.rules if rule.direction is direction and rule.ethertype is ethertype)
    rules = sorted({text for rule in wanted if (text := _said(group, rule)) is not None})
    # Stateless groups are asked for every packet; the others only for the first of a connection.
    known = (f"{KNOWN} {ACCEPT}",) if group.stateful else ()
    return table.chain(group_chain(direction, group.id), (*known, *rules, RETURN))


def rule_tags(group: GroupItem) -> Mapping[RulePlan, tuple[str, str, str]]:
    """Where each rule's counter is: its family, its chain and its tag there. Rules of one text share one."""
    found = {}
    for rule in group.rules:
        text = _said(group, rule)
        if text is not None:
            chain = group_chain(rule.direction, group.id)
            found[rule] = (FAMILIES[rule.ethertype], PREFIX + chain, rule_tag(chain, text))
    return found


def _said(group: GroupItem, rule: RulePlan) -> str | None:
    """The rule's text; where what it lets through is logged, it goes on to the chain that does so."""
    text = render_rule(rule)
    if text is None or not any(log.accepted for log in group.logs):
        return text
    return text.removesuffix(ACCEPT) + go_to(accepted_chain(rule.direction, group.id))


def members_sets(group: GroupId) -> Xt:
    return named_set(members_set(EtherType.IPV4, group), "hash:ip", 4) | named_set(
        members_set(EtherType.IPV6, group), "hash:ip", 6
    )


def prefixes_sets(group: AddressGroupId) -> Xt:
    return named_set(prefixes_set(EtherType.IPV4, group), "hash:net", 4) | named_set(
        prefixes_set(EtherType.IPV6, group), "hash:net", 6
    )


def ports_chains(groups: Sequence[GroupId], logs: Sequence[LogId], traits: Traits) -> Xt:
    """For each direction: every group in turn, what is always allowed, then nothing.

    The groups come first because they begin with known connections, to which nearly every packet belongs.
    """
    parts: Xt = {}
    wanted = sorted(set(groups))
    for direction, table_name in TABLES.items():
        rules = (
            *(jump_to(group_chain(direction, group)) for group in wanted),
            jump_to("always"),
            *(jump_to(dropped_chain(direction, group)) for group in wanted),
            *([jump_to(port_logs_chain(direction, logs))] if logs else []),
            DROP,
        )
        for _, table in tables(traits, table_name):
            parts |= table.chain(ports_chain(direction, groups, logs), rules)
            parts |= port_logs(table, direction, logs, traits)
    return parts


def render_rule(rule: RulePlan) -> str | None:
    """One rule's text; None for one that no packet can match."""
    match = _match(rule.ethertype, rule.match)
    if match is None:
        return None
    words = [_remote(rule.direction, rule.ethertype, rule.remote), match, ACCEPT]
    return " ".join(word for word in words if word)


def _remote(direction: Direction, ethertype: EtherType, remote: Remote) -> str:
    match remote:
        case Anywhere():
            return ""
        case RemotePrefix(prefix):
            flag = "-s" if direction is Direction.INGRESS else "-d"
            return f"{flag} {prefix}" if prefix.prefixlen else ""
        case RemoteGroup(group):
            where = "src" if direction is Direction.INGRESS else "dst"
            return in_set(members_set(ethertype, group), where)
        case RemoteAddressGroup(group):
            where = "src" if direction is Direction.INGRESS else "dst"
            return in_set(prefixes_set(ethertype, group), where)
        case _:
            assert_never(remote)


def _match(ethertype: EtherType, match: Match) -> str | None:
    match match:
        case AnyProtocol():
            return ""
        case IpProtocol(number):
            return _protocol(ethertype, number)
        case PortRange(number, first, last):
            ports = f"{first}:{last}" if last != first else str(first)
            if number in _PORTED:
                return f"-p {number} -m {_PORTED[number]} --dport {ports}"
            return f"-p {number} -m multiport --dports {ports}"
        case Icmp(kind, code):
            return _icmp(ethertype, kind, code)
        case _:
            assert_never(match)


def _protocol(ethertype: EtherType, number: int) -> str | None:
    """`-p 0` is every protocol to iptables, so IPv4's protocol 0 is read from its header.

    IPv6's 0 are hop-by-hop options, which no packet ends with.
    """
    if number:
        return f"-p {number}"
    return "-m u32 --u32 6&0xff=0" if ethertype is EtherType.IPV4 else None


def _icmp(ethertype: EtherType, kind: int | None, code: int | None) -> str:
    protocol, option = _ICMP[ethertype]
    if kind is None:
        return protocol
    if ethertype is EtherType.IPV4 and kind == ANY_ICMP:
        of_code = f"&&0>>22&0x3c@0>>16&0xff={code}" if code is not None else ""
        return f"{protocol} -m u32 --u32 0>>22&0x3c@0>>24={kind}{of_code}"
    return f"{protocol} {option} {kind}" + (f"/{code}" if code is not None else "")
