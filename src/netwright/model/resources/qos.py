"""QoS policies and their rules: the API extension `qos` and those that add to it."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from netwright.model.kinds import Anything, Checked, Choice, Flag, Kind, ListOf, Mapped, Number, Uuid, refused
from netwright.model.qos import DSCP_MARKS
from netwright.model.resource import (
    ADMINS,
    ADMINS_WRITE,
    DESCRIPTION,
    ID,
    NAME,
    NONE_GIVEN,
    PROJECT,
    REQUIRED,
    STAMPS,
    TAGS,
    Attribute,
    Parent,
    Reach,
    Resource,
    Verb,
    read_only,
    shared_flag,
)

ROOT: Final = "qos"
POLICIES: Final = "policies"
_WAYS: Final = ("ingress", "egress")
_PARENT: Final = Parent(POLICIES, f"{ROOT}/{POLICIES}", "qos_policy_id")

POLICY: Final = Resource(
    singular="policy",
    plural=POLICIES,
    path=f"{ROOT}/{POLICIES}",
    noun="QosPolicy",
    doc="What traffic of ports, networks and floating IPs is held to.",
    extension="qos",
    roles=ADMINS_WRITE,
    rbac="qos_policy",
    tags=True,
    attributes=(
        ID,
        *PROJECT,
        NAME,
        DESCRIPTION,
        shared_flag("Whether all projects may use it."),
        Attribute(
            "is_default",
            Flag(),
            "Whether new networks of the project have it that name none.",
            default=False,
            extension="qos-default",
        ),
        read_only("rules", ListOf(Mapped(Anything())), "Its rules, of every type.", filters=False),
        TAGS,
        *STAMPS,
    ),
)


def has_policy(extension: str, doc: str) -> tuple[Attribute, ...]:
    """`qos_policy_id` of what may have one."""
    kind = Uuid(POLICIES)
    own = Attribute(
        "qos_policy_id", kind, doc, default=None, nullable=True, column="qos_policy_id", extension=extension
    )
    return (own,)


def networks_policy(extension: str) -> Attribute:
    """That of a thing's network, which holds where there is no other."""
    return read_only("qos_network_policy_id", Uuid(), "Its network's QoS policy.", extension=extension)


def _mark(value: object, field: str) -> object:
    if value not in DSCP_MARKS:
        raise refused(field, f"must be one of {', '.join(map(str, DSCP_MARKS))}.")
    return value


def _number(name: str, doc: str, default: object = REQUIRED, kind: Kind | None = None) -> Attribute:
    return Attribute(name, kind or Number(), doc, default=default, column=name)


def _direction(words: tuple[str, ...] = _WAYS, extension: str = "") -> Attribute:
    doc = "As the guest sees it: what it gets (ingress) or sends (egress)."
    return Attribute(
        "direction", Choice(words), doc, default="egress", column="direction", extension=extension
    )


def _rule(kind: str, doc: str, extension: str, *attributes: Attribute) -> Resource:
    return Resource(
        singular=f"{kind}_rule",
        plural=f"{kind}_rules",
        path=f"{kind}_rules",
        noun="QosRule",
        doc=doc,
        extension=extension,
        roles=ADMINS_WRITE,
        reach=Reach.PARENT,
        parent=_PARENT,
        attributes=(ID, *attributes, *STAMPS),
    )


BANDWIDTH_LIMIT: Final = _rule(
    "bandwidth_limit",
    "How much a guest may get or send.",
    "qos",
    _number("max_kbps", "kbit/s; 0 limits nothing."),
    _number("max_burst_kbps", "How many kbit may come at once; 0: as few as goes well.", 0),
    _direction(extension="qos-bw-limit-direction"),
)
DSCP_MARKING: Final = _rule(
    "dscp_marking",
    "How what a guest sends is marked.",
    "qos",
    _number("dscp_mark", "The differentiated services code point.", kind=Checked(Number(0, 56), _mark)),
)
MINIMUM_BANDWIDTH: Final = _rule(
    "minimum_bandwidth",
    "How much a guest should at least get or send: kept, and guaranteed by nobody.",
    "qos",
    _number("min_kbps", "kbit/s."),
    _direction(extension="qos-bw-minimum-ingress"),
)
PACKET_RATE_LIMIT: Final = _rule(
    "packet_rate_limit",
    "How many packets a guest may get or send.",
    "qos-pps",
    _number("max_kpps", "Thousands of packets a second; 0 limits nothing."),
    _number("max_burst_kpps", "How many thousands may come at once; 0: a tenth of a second's.", 0),
    _direction(),
)
MINIMUM_PACKET_RATE: Final = _rule(
    "minimum_packet_rate",
    "How many packets a guest should at least get or send: kept, and guaranteed by nobody.",
    "qos-pps-minimum",
    _number("min_kpps", "Thousands of packets a second."),
    _direction((*_WAYS, "any")),
)
RULES: Final = (BANDWIDTH_LIMIT, DSCP_MARKING, MINIMUM_BANDWIDTH, PACKET_RATE_LIMIT, MINIMUM_PACKET_RATE)


def alias_of(rule: Resource) -> Resource:
    """The same rules by a path that does not name their policy."""
    alias = "qos-pps-minimum-rule-alias" if rule is MINIMUM_PACKET_RATE else "qos-rules-alias"
    optional = tuple(replace(one, default=NONE_GIVEN) for one in rule.attributes)
    return replace(
        rule,
        singular=f"alias_{rule.singular}",
        plural=f"alias_{rule.plural}",
        path=f"{ROOT}/alias_{rule.path}",
        extension=alias,
        verbs=frozenset({Verb.SHOW, Verb.UPDATE, Verb.DELETE}),
        roles=ADMINS,
        reach=Reach.EVERYBODY,
        parent=None,
        attributes=optional,
    )


ALIASED: Final = (BANDWIDTH_LIMIT, DSCP_MARKING, MINIMUM_BANDWIDTH, MINIMUM_PACKET_RATE)
"""Those that have such a path in the Networking API."""
