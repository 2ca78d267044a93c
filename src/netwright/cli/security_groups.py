"""`netwright security-group` and its rules: who may speak to a guest."""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_network
from typing import Final

import click

from netwright.cli import fields, parse
from netwright.cli.command import Call, command, completer, reference_argument
from netwright.cli.fields import Field
from netwright.cli.find import find
from netwright.cli.nouns import ADDRESS_GROUP, COUNTER, RULE, SECURITY_GROUP, Item
from netwright.cli.output import print_items
from netwright.cli.verbs import Verbs, group, print_list
from netwright.model.errors import NotFoundError
from netwright.model.intent import EtherType

_RULE_HELP: Final = """Create a rule: what it describes is let through.

Without --protocol any protocol; without --remote-ip and --remote-group anywhere; ingress unless
--egress. The ethertype is that of --remote-ip or the ICMP version, else IPv4.

\b
Examples:
  netwright security-group rule create web --protocol tcp --dst-port 80
  netwright security-group rule create web --protocol tcp --dst-port 8000:8080 --remote-ip 10.0.0.0/8
  netwright security-group rule create web --protocol icmp --icmp-type 8
  netwright security-group rule create db --protocol tcp --dst-port 5432 --remote-group web
"""
_ICMPV6: Final = frozenset({"icmpv6", "ipv6-icmp", "58"})
_ICMP: Final = frozenset({"icmp", "1"}) | _ICMPV6


def _group(call: Call) -> Item:
    reference = call.text("group")
    return {} if reference is None else {"security_group_id": call.id_of(SECURITY_GROUP, reference)}


def _what(call: Call) -> Item:
    """Protocol and ports; an ICMP type and code travel as the ports do."""
    protocol, ports = call.text("protocol"), call.given.get("dst_port")
    icmp = call.number("icmp_type"), call.number("icmp_code")
    is_icmp = protocol is not None and protocol.lower() in _ICMP
    if icmp != (None, None) and not is_icmp:
        raise click.UsageError("--icmp-type and --icmp-code need --protocol icmp or icmpv6")
    if ports is not None and is_icmp:
        raise click.UsageError("ICMP has no ports: use --icmp-type and --icmp-code")
    if icmp[1] is not None and icmp[0] is None:
        raise click.UsageError("--icmp-code needs --icmp-type")
    first, last = ports if isinstance(ports, tuple) else icmp
    named = {"protocol": protocol, "port_range_min": first, "port_range_max": last}
    return {key: value for key, value in named.items() if value is not None and value != "any"}


def _whom(call: Call) -> Item:
    prefix, remote = call.text("remote_ip"), call.text("remote_group")
    addresses = call.text("remote_address_group")
    if sum(map(bool, (prefix, remote, addresses))) > 1:
        words = "--remote-ip, --remote-group and --remote-address-group"
        raise click.UsageError(f"{words} exclude one another")
    if remote:
        return {"remote_group_id": call.id_of(SECURITY_GROUP, remote)}
    if addresses:
        return {"remote_address_group_id": call.id_of(ADDRESS_GROUP, addresses)}
    return {"remote_ip_prefix": prefix} if prefix else {}


def _which(call: Call) -> Item:
    """The direction, and the ethertype that the other options imply where it is not given."""
    prefix, protocol = call.text("remote_ip"), (call.text("protocol") or "").lower()
    six = (prefix and ip_network(prefix, strict=False).version == 6) or protocol in _ICMPV6  # IPv6
    implied = EtherType.IPV6 if six else EtherType.IPV4
    direction = "egress" if call.flag("egress") else "ingress"
    return {"direction": direction, "ethertype": call.text("ethertype") or implied.value}


def _prefix(text: str) -> str:
    """A CIDR, or an address that stands for itself."""
    return parse.prefix(text) if "/" in text else parse.address(text)


def _remote_field() -> Field:
    return Field(
        (
            click.Option(
                ["--remote-ip"],
                metavar="CIDR",
                type=fields.converted(_prefix),
                help="Other side's addresses.",
            ),
            click.Option(
                ["--remote-group"],
                metavar="GROUP",
                shell_complete=completer(SECURITY_GROUP),
                help="Other side's security group.",
            ),
            click.Option(
                ["--remote-address-group"],
                metavar="ADDRESS_GROUP",
                shell_complete=completer(ADDRESS_GROUP),
                help="Other side's address group.",
            ),
        ),
        _whom,
    )


def _rule_fields() -> tuple[Field, ...]:
    group_name = reference_argument(SECURITY_GROUP, "group")
    return (
        Field((group_name,), _group),
        Field(
            (
                click.Option(["--protocol"], metavar="PROTOCOL", help="tcp, udp, icmp, … or 0 to 255."),
                click.Option(
                    ["--dst-port"],
                    metavar="PORT[:PORT]",
                    type=fields.converted(parse.port_range),
                    help="Destination port or range.",
                ),
                click.Option(["--icmp-type"], type=click.IntRange(0, 255), help="ICMP type."),
                click.Option(["--icmp-code"], type=click.IntRange(0, 255), help="ICMP code."),
            ),
            _what,
        ),
        _remote_field(),
        Field(
            (
                click.Option(["--egress/--ingress"], default=None, help="Direction, as the guest sees it."),
                click.Option(
                    ["--ethertype"],
                    type=click.Choice([one.value for one in EtherType], case_sensitive=False),
                    help="IP version.",
                ),
            ),
            _which,
        ),
        fields.DESCRIPTION,
        fields.PROJECT,
    )


_RULES: Final = Verbs(
    noun=RULE,
    create=_rule_fields(),
    change=(),
    choose=(
        fields.choice("--protocol", "protocol", "Only of this protocol.", ("tcp", "udp", "icmp", "icmpv6")),
        fields.choice(
            "--ethertype", "ethertype", "Only of this IP version.", [one.value for one in EtherType]
        ),
        fields.constant("--ingress", {"direction": "ingress"}, "Only those for what comes in."),
        fields.constant("--egress", {"direction": "egress"}, "Only those for what goes out."),
    ),
    named=False,
)


def _list_rules(call: Call) -> None:
    query = {**_group(call), **fields.body(call, _RULES.choose)}
    print_list(call, RULE, call.client.list(RULE, [(key, str(value)) for key, value in query.items()]))


_COUNTERS_HELP: Final = """Show how often rules were met: those of a group, or one rule.

Counted are the packets that a rule let begin a connection (for stateless groups, all that it let through),
on all hosts together. The moments are some seconds late at most.

\b
Examples:
  netwright security-group rule counters web
  netwright security-group rule counters web --format json
"""


def _counters(call: Call) -> None:
    reference = call.required("reference")
    try:
        path, rules = _of_group(call, call.id_of(SECURITY_GROUP, reference))
    except NotFoundError:
        rule = find(call.client, RULE, reference)
        path, rules = f"/v1/security-group-rules/{rule['id']}/counters", [rule]
    answer = call.client.request("GET", path)
    found = answer.get("counters") if isinstance(answer, Mapping) else None
    counts = [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, Mapping)]
    if call.style.tabular:
        known = {rule["id"]: rule for rule in rules}
        counts = [{**known.get(one.get("security_group_rule_id"), {}), **one} for one in counts]
    print_items(counts, COUNTER, call.style)


def _of_group(call: Call, group_id: str) -> tuple[str, list[Item]]:
    rules = call.client.list(RULE, [("security_group_id", group_id)]) if call.style.tabular else []
    return f"/v1/security-groups/{group_id}/counters", rules


_OPTIONAL_GROUP: Final = click.Argument(
    ["group"], metavar="[SECURITY_GROUP]", required=False, shell_complete=completer(SECURITY_GROUP)
)
_RULE: Final = group(
    "rule",
    "Rules of security groups.",
    {
        "create": _RULES.create_command(_RULE_HELP),
        "list": command(
            "list",
            [_OPTIONAL_GROUP, *fields.params(_RULES.choose)],
            _list_rules,
            "List rules, of one group or all.",
        ),
        "show": _RULES.show_command(),
        "counters": command(
            "counters",
            [
                click.Argument(
                    ["reference"], metavar="SECURITY_GROUP|RULE", shell_complete=completer(SECURITY_GROUP)
                )
            ],
            _counters,
            _COUNTERS_HELP,
        ),
        "delete": _RULES.delete_command(),
    },
)
_SHARED: Final = (
    fields.DESCRIPTION,
    fields.switch("--stateful/--stateless", "stateful", "Whether answers to what was let through pass."),
    fields.choice(
        "--on-revoke",
        "netwright:revocation",
        "What becomes of connections when their rule goes: cut (the default) or keep.",
        ("cut", "keep"),
    ),
)
_VERBS: Final = Verbs(
    noun=SECURITY_GROUP,
    create=(*_SHARED, fields.PROJECT),
    change=(fields.NEW_NAME, *_SHARED),
    choose=(fields.OF_NAME, fields.OF_PROJECT),
)

main: Final = group(
    "security-group", "Security groups: who may speak to guests.", {**_VERBS.commands(), "rule": _RULE}
)
