"""The Networking API's nouns: where each lives and which columns a list of them has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from netwright.cli.text import cell
from netwright.model.ids import PortId, port_link_name

Item = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Column:
    """`take` makes the value where it is not simply the attribute `key`."""

    heading: str
    key: str
    take: Callable[[Item], object] | None = None

    def of(self, item: Item) -> object:
        return item.get(self.key) if self.take is None else self.take(item)


@dataclass(frozen=True, slots=True)
class Join:
    """For a list's table: `key` gets `take` of the other noun's objects whose `theirs` is our `mine`."""

    key: str
    plural: str
    mine: str
    theirs: str
    take: str


@dataclass(frozen=True, slots=True)
class Noun:
    """`name` is the attribute that a person may write in place of the id."""

    word: str
    singular: str
    columns: tuple[Column, ...]
    name: str = "name"
    root: str = "/v2.0"
    under: str = ""
    """What stands before the plural in the path, with a slash at its end."""
    joins: tuple[Join, ...] = ()
    shown: Mapping[str, Callable[[Item], str]] = field(default_factory=dict)
    """How `show` writes each object within the attribute of that name, on a line of its own."""
    change: str = "PUT"
    """The method that changes one."""
    many: str = ""
    """The plural, where it is more than an s."""
    dashes: bool = True
    """Whether the path has dashes where the plural has underscores."""

    @property
    def is_identity(self) -> bool:
        """Whether it is one of Identity v3's: their paths have no dashes, and their ids any form."""
        return self.root.startswith("/v3")

    @property
    def plural(self) -> str:
        return self.many or f"{self.singular}s"

    @property
    def words(self) -> str:
        """Several of them, for people."""
        return f"{self.word[:-1]}ies" if self.word.endswith("y") else f"{self.word}s"

    @property
    def path(self) -> str:
        last = self.plural if self.is_identity or not self.dashes else self.plural.replace("_", "-")
        return f"{self.root}/{self.under}{last}"


def addresses_of(port: Item) -> object:
    fixed = port.get("fixed_ips")
    if not isinstance(fixed, list):
        return None
    return [one.get("ip_address") for one in fixed if isinstance(one, Mapping)]


def link_of(port: Item) -> object:
    """Where the guest's end is: namespace/link, or the tap's name on the host."""
    attachment = port.get("netwright:attachment")
    kind = attachment.get("kind") if isinstance(attachment, Mapping) else None
    if isinstance(attachment, Mapping) and kind == "namespace":
        return f"{attachment.get('namespace')}/{attachment.get('link')}"
    return port_link_name(PortId(str(port.get("id")))) if kind in {"tap", "vmm-tap"} else None


def _pools(subnet: Item) -> object:
    pools = subnet.get("allocation_pools")
    if not isinstance(pools, list):
        return None
    return [f"{one.get('start')}-{one.get('end')}" for one in pools if isinstance(one, Mapping)]


def _ports_of_rule(rule: Item) -> object:
    first, last = rule.get("port_range_min"), rule.get("port_range_max")
    if str(rule.get("protocol")) in {"icmp", "icmpv6", "ipv6-icmp", "1", "58"}:
        named = [("type", first), ("code", last)]
        return " ".join(f"{name} {value}" for name, value in named if value is not None)
    return first if first == last else f"{first}:{last}"


def _remote_of_rule(rule: Item) -> object:
    group, addresses = rule.get("remote_group_id"), rule.get("remote_address_group_id")
    if group or addresses:
        return f"group {group}" if group else f"address group {addresses}"
    return rule.get("remote_ip_prefix") or "any"


def rule_line(rule: Item) -> str:
    """A security group rule in a few words."""
    towards = "from" if rule.get("direction") == "ingress" else "to"
    words = (
        rule.get("direction"),
        rule.get("ethertype"),
        rule.get("protocol") or "any",
        _ports_of_rule(rule),
        towards,
        _remote_of_rule(rule),
        f"({rule.get('id')})",
    )
    return " ".join(filter(None, map(cell, words)))


def _limit_of(rule: Item) -> object:
    for name, unit in (("kbps", "kbit/s"), ("kpps", "kpacket/s")):
        for bound, sign in (("max", "≤"), ("min", "≥")):
            if f"{bound}_{name}" in rule:
                return f"{sign} {rule[f'{bound}_{name}']} {unit}"
    return f"DSCP {rule.get('dscp_mark')}"


def _burst_of(rule: Item) -> object:
    return rule.get("max_burst_kbps", rule.get("max_burst_kpps"))


def _public_of_vpn(vpn: Item) -> object:
    return f"{vpn.get('public_address') or '*'}:{vpn.get('public_port')}"


def _ways_out(router: Item) -> object:
    """The addresses of a router's gateways."""
    gateways = router.get("external_gateways")
    if not isinstance(gateways, list):
        return None
    listed = [one.get("external_fixed_ips") for one in gateways if isinstance(one, Mapping)]
    fixed = [one for ips in listed if isinstance(ips, list) for one in ips if isinstance(one, Mapping)]
    return [one.get("ip_address") for one in fixed]


def qos_rule_line(rule: Item) -> str:
    """A QoS rule in a few words."""
    kind, apart = cell(rule.get("type")), {"id", "type", "qos_policy_id", "direction"}
    values = [f"{name} {cell(value)}" for name, value in rule.items() if name not in apart]
    return " ".join(filter(None, (kind, cell(rule.get("direction")), *values, f"({rule.get('id')})")))


def gateway_line(gateway: Item) -> str:
    """A host that is a network's gateway, and its addresses."""
    return " ".join(filter(None, map(cell, (gateway.get("host"), gateway.get("addresses")))))


_ID: Final = Column("ID", "id")
_NAME: Final = Column("NAME", "name")
_STATUS: Final = Column("STATUS", "status")
_NETWORK_NAME: Final = Join("network", "networks", "network_id", "id", "name")

NETWORK: Final = Noun(
    word="network",
    singular="network",
    columns=(
        _ID,
        _NAME,
        Column("SUBNETS", "cidrs"),
        Column("GATEWAY", "netwright:gateway_place"),
        Column("EXTERNAL", "router:external"),
        Column("MTU", "mtu"),
        _STATUS,
    ),
    joins=(Join("cidrs", "subnets", "id", "network_id", "cidr"),),
    shown={"netwright:gateways": gateway_line},
)
SUBNET: Final = Noun(
    word="subnet",
    singular="subnet",
    columns=(
        _ID,
        _NAME,
        Column("NETWORK", "network"),
        Column("CIDR", "cidr"),
        Column("GATEWAY", "gateway_ip"),
        Column("POOLS", "allocation_pools", _pools),
        Column("DHCP", "enable_dhcp"),
    ),
    joins=(_NETWORK_NAME,),
)
PORT: Final = Noun(
    word="port",
    singular="port",
    columns=(
        _ID,
        _NAME,
        Column("NETWORK", "network"),
        Column("MAC", "mac_address"),
        Column("ADDRESSES", "fixed_ips", addresses_of),
        Column("HOST", "binding:host_id"),
        Column("LINK", "netwright:attachment", link_of),
        _STATUS,
    ),
    joins=(_NETWORK_NAME,),
)
SECURITY_GROUP: Final = Noun(
    word="security group",
    singular="security_group",
    columns=(
        _ID,
        _NAME,
        Column("DESCRIPTION", "description"),
        Column("STATEFUL", "stateful"),
        Column("ON REVOKE", "netwright:revocation"),
        Column("PROJECT", "project_id"),
    ),
    shown={"security_group_rules": rule_line},
)
RULE: Final = Noun(
    word="security group rule",
    singular="security_group_rule",
    name="id",
    columns=(
        _ID,
        Column("GROUP", "group"),
        Column("DIRECTION", "direction"),
        Column("ETHERTYPE", "ethertype"),
        Column("PROTOCOL", "protocol"),
        Column("PORTS", "ports", _ports_of_rule),
        Column("REMOTE", "remote", _remote_of_rule),
    ),
    joins=(Join("group", "security_groups", "security_group_id", "id", "name"),),
)
COUNTER: Final = Noun(
    word="rule counter",
    singular="counter",
    name="id",
    columns=(
        Column("RULE", "security_group_rule_id"),
        *RULE.columns[2:],
        Column("PACKETS", "packets"),
        Column("BYTES", "bytes"),
        Column("FIRST HIT", "first_hit"),
        Column("LAST HIT", "last_hit"),
    ),
)
FLOATING_IP: Final = Noun(
    word="floating IP",
    singular="floatingip",
    name="floating_ip_address",
    columns=(
        _ID,
        Column("ADDRESS", "floating_ip_address"),
        Column("FIXED", "fixed_ip_address"),
        Column("PORT", "port"),
        Column("NETWORK", "network"),
        _STATUS,
    ),
    joins=(
        Join("port", "ports", "port_id", "id", "name"),
        Join("network", "networks", "floating_network_id", "id", "name"),
    ),
)
ROUTER: Final = Noun(
    word="router",
    singular="router",
    columns=(
        _ID,
        _NAME,
        Column("GATEWAYS", "external_gateways", _ways_out),
        Column("TRANSLATES", "enable_snat"),
        Column("ENABLED", "admin_state_up"),
        _STATUS,
        Column("PROJECT", "project_id"),
    ),
)
PORT_FORWARDING: Final = Noun(
    word="port forwarding",
    singular="port_forwarding",
    name="id",
    dashes=False,
    columns=(
        _ID,
        Column("PROTOCOL", "protocol"),
        Column("EXTERNAL", "external_port_range"),
        Column("PORT", "port"),
        Column("ADDRESS", "internal_ip_address"),
        Column("INTERNAL", "internal_port_range"),
    ),
    joins=(Join("port", "ports", "internal_port_id", "id", "name"),),
)
ADDRESS_GROUP: Final = Noun(
    word="address group",
    singular="address_group",
    columns=(_ID, _NAME, Column("ADDRESSES", "addresses"), Column("DESCRIPTION", "description")),
)
ADDRESS_SCOPE: Final = Noun(
    word="address scope",
    singular="address_scope",
    columns=(_ID, _NAME, Column("IP VERSION", "ip_version"), Column("SHARED", "shared")),
)
SUBNET_POOL: Final = Noun(
    word="subnet pool",
    singular="subnetpool",
    columns=(
        _ID,
        _NAME,
        Column("PREFIXES", "prefixes"),
        Column("LENGTH", "default_prefixlen"),
        Column("SCOPE", "scope"),
        Column("DEFAULT", "is_default"),
        Column("SHARED", "shared"),
    ),
    joins=(Join("scope", "address_scopes", "address_scope_id", "id", "name"),),
)
LOG: Final = Noun(
    word="log",
    singular="log",
    under="log/",
    columns=(
        _ID,
        _NAME,
        Column("EVENT", "event"),
        Column("GROUP", "group"),
        Column("PORT", "port"),
        Column("ENABLED", "enabled"),
    ),
    joins=(
        Join("group", "security_groups", "resource_id", "id", "name"),
        Join("port", "ports", "target_id", "id", "name"),
    ),
)
VPN: Final = Noun(
    word="VPN",
    singular="vpn",
    root="/v1",
    columns=(
        _ID,
        _NAME,
        Column("NETWORK", "network"),
        Column("KIND", "kind"),
        Column("PUBLIC", "public", _public_of_vpn),
        Column("PRIVATE", "private_address"),
        Column("PEERS", "peer_range"),
    ),
    joins=(_NETWORK_NAME,),
)
VPN_PEER: Final = Noun(
    word="VPN peer",
    singular="vpn_peer",
    root="/v1",
    columns=(
        _ID,
        _NAME,
        Column("VPN", "vpn"),
        Column("ADDRESS", "address"),
        Column("PUBLIC KEY", "public_key"),
    ),
    joins=(Join("vpn", "vpns", "vpn_id", "id", "name"),),
)
QOS_POLICY: Final = Noun(
    word="QoS policy",
    singular="policy",
    many="policies",
    under="qos/",
    columns=(
        _ID,
        _NAME,
        Column("SHARED", "shared"),
        Column("DEFAULT", "is_default"),
        Column("PROJECT", "project_id"),
    ),
    shown={"rules": qos_rule_line},
)
QOS_RULE: Final = Noun(
    word="QoS rule",
    singular="rule",
    name="id",
    dashes=False,
    columns=(
        _ID,
        Column("TYPE", "type"),
        Column("DIRECTION", "direction"),
        Column("LIMIT", "limit", _limit_of),
        Column("BURST", "burst", _burst_of),
    ),
)
"""Its path depends on its policy and its type."""
BY_PLURAL: Final = {
    noun.plural: noun
    for noun in (
        NETWORK,
        SUBNET,
        PORT,
        SECURITY_GROUP,
        ADDRESS_GROUP,
        ADDRESS_SCOPE,
        SUBNET_POOL,
        RULE,
        FLOATING_IP,
        ROUTER,
        LOG,
        VPN,
        VPN_PEER,
        QOS_POLICY,
    )
}
