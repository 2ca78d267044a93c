"""`netwright qos`: policies that limit and mark traffic, and their rules."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

import click

from netwright.cli import fields
from netwright.cli.command import Call, command, reference_argument
from netwright.cli.fields import Field
from netwright.cli.find import find
from netwright.cli.nouns import QOS_POLICY, QOS_RULE, Item, Noun
from netwright.cli.output import print_item, print_items
from netwright.cli.verbs import Verbs, group
from netwright.model.errors import InvalidError, NotFoundError

_CREATE_HELP: Final = """Create a rule of a policy.

\b
Examples:
  netwright qos rule create gold bandwidth-limit --max-kbps 100000
  netwright qos rule create gold bandwidth-limit --max-kbps 20000 --direction ingress
  netwright qos rule create gold packet-rate-limit --max-kpps 50
  netwright qos rule create gold dscp-marking --dscp-mark 46
"""
_TYPES: Final = (
    "bandwidth-limit",
    "dscp-marking",
    "minimum-bandwidth",
    "packet-rate-limit",
    "minimum-packet-rate",
)
_SHARING: Final = (
    fields.switch("--share/--no-share", "shared", "Whether every project may use it."),
    fields.switch("--default/--no-default", "is_default", "Whether its project's new networks have it."),
    fields.DESCRIPTION,
)
_VERBS: Final = Verbs(
    noun=QOS_POLICY,
    create=(*_SHARING, fields.PROJECT),
    change=(fields.NEW_NAME, *_SHARING),
    choose=(fields.OF_NAME, fields.OF_PROJECT),
)
_VALUES: Final[tuple[Field, ...]] = (
    fields.number("--max-kbps", "max_kbps", "Limit in kbit/s; 0 limits nothing."),
    fields.number("--max-burst-kbps", "max_burst_kbps", "How many kbit may come at once."),
    fields.number("--max-kpps", "max_kpps", "Limit in thousands of packets a second; 0 limits nothing."),
    fields.number("--max-burst-kpps", "max_burst_kpps", "How many thousands of packets may come at once."),
    fields.number("--min-kbps", "min_kbps", "Least in kbit/s: kept, and guaranteed by nobody."),
    fields.number("--min-kpps", "min_kpps", "Least in thousands of packets a second: the same."),
    fields.number("--dscp-mark", "dscp_mark", "Differentiated services code point."),
    fields.choice(
        "--direction", "direction", "As the guest sees it; egress by default.", ("ingress", "egress", "any")
    ),
)
_POLICY: Final = reference_argument(QOS_POLICY, "policy")
_RULE: Final = click.Argument(["rule"], metavar="QOS_RULE")


def _noun(policy: Item, kind: str) -> Noun:
    """The rules of one type beneath that policy."""
    return replace(QOS_RULE, singular=f"{kind}_rule", under=f"qos/policies/{policy['id']}/")


def _policy(call: Call) -> Item:
    return find(call.client, QOS_POLICY, call.required("policy"))


def _rules(policy: Item) -> list[Item]:
    rules = policy.get("rules")
    return [one for one in rules if isinstance(one, dict)] if isinstance(rules, list) else []


def _held(call: Call) -> tuple[Noun, Item]:
    """The rule that the command names, as its policy shows it. Raises NotFoundError."""
    policy, wanted = _policy(call), call.required("rule")
    for rule in _rules(policy):
        if rule["id"] == wanted:
            return _noun(policy, str(rule["type"])), rule
    raise NotFoundError(QOS_RULE.word, wanted)


def _create(call: Call) -> None:
    kind = call.required("type").replace("-", "_")
    noun = _noun(_policy(call), kind)
    print_item({**call.client.create(noun, fields.body(call, _VALUES)), "type": kind}, noun, call.style)


def _list(call: Call) -> None:
    print_items(_rules(_policy(call)), QOS_RULE, call.style)


def _show(call: Call) -> None:
    noun, rule = _held(call)
    print_item(rule, noun, call.style)


def _set(call: Call) -> None:
    noun, rule = _held(call)
    changes = fields.body(call, _VALUES)
    if not changes:
        raise InvalidError("nothing to change: give at least one option")
    changed = call.client.update(noun, str(rule["id"]), changes)
    print_item({**changed, "type": rule["type"]}, noun, call.style)


def _delete(call: Call) -> None:
    noun, rule = _held(call)
    call.client.delete(noun, str(rule["id"]))


_type: Final = click.Argument(["type"], type=click.Choice(_TYPES))
_rule: Final = group(
    "rule",
    "Rules: what a policy limits or marks.",
    {
        "create": command("create", [_POLICY, _type, *fields.params(_VALUES)], _create, _CREATE_HELP),
        "list": command("list", [_POLICY], _list, "List a policy's rules."),
        "show": command("show", [_POLICY, _RULE], _show, "Show a rule, by its id."),
        "set": command("set", [_POLICY, _RULE, *fields.params(_VALUES)], _set, "Change a rule."),
        "delete": command("delete", [_POLICY, _RULE], _delete, "Delete a rule."),
    },
)
main: Final = group(
    "qos",
    "QoS: how much guests may send and get, and how it is marked.",
    {
        "policy": group("policy", "Policies: sets of rules.", _VERBS.commands()),
        "rule": _rule,
    },
)
