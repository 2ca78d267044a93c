"""What a kernel has: the keys and values of every stage, as plans render them and drivers read them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from ipaddress import IPv4Interface, IPv6Interface
from typing import Final, NamedTuple

from netwright.model.ids import LinkName, Mac, NamespaceName, NetworkId
from netwright.model.intent import Address, Direction, Prefix


class Stage(StrEnum):
    """Built in this order, swept in the reverse."""

    NAMESPACES = "namespaces"
    FIREWALL = "firewall"
    IPTABLES = "iptables"
    NWFILTER = "nwfilter"
    FIREWALL_PLUGIN = "firewall-plugin"
    QOS = "qos"
    BRIDGES = "bridges"
    SYSCTLS = "sysctls"
    VLANS = "vlans"
    UPLINKS = "uplinks"
    PORTS = "ports"
    NWFILTER_BINDINGS = "nwfilter-bindings"
    SHAPERS = "shapers"
    WIREGUARD = "wireguard"
    ADDRESSES = "addresses"
    ROUTES = "routes"
    DHCP_FILES = "dhcp-files"
    DNSMASQ = "dnsmasq"
    METADATA = "metadata"


CUT_MARK: Final = 0x00080000
"""The bit of a connection's mark by which it is dropped, whichever way its packets go."""
KEPT_MARK: Final = 0x00100000
"""The bit of a connection's mark that says: no rule allows it any more, and it is kept all the same."""
SYSTEM_LIBVIRT: Final = "nwfilter:///system"
"""libvirt's daemon for network filters as distributions run it."""


@dataclass(frozen=True, slots=True)
class LogLimit:
    """How many packets of one log are written down: `rate` a second, and `burst` at once after a silence."""

    rate: int
    burst: int


DEFAULT_LOG_LIMIT: Final = LogLimit(100, 25)


@dataclass(frozen=True, slots=True)
class Traits:
    """What the host can do and where netwright keeps its files: found once, when an agent starts."""

    directory: str
    """Absolute path of the run directory: dnsmasq's files, pid files and leases are below it."""
    bridge_conntrack: bool
    """Whether the kernel takes `ct` expressions in the bridge family."""
    firewall: str = "nftables"
    """The engine that enforces security groups: a row's name in the agent's table of firewalls."""
    libvirt: str = SYSTEM_LIBVIRT
    """Where the nwfilter engine reaches libvirt's daemon: a libvirt URI."""
    xtables: str = "nft"
    """iptables' back end where the engine is iptables: `nft` or `legacy`."""
    flow_marks: bool = True
    """Whether the kernel keeps a mark with each connection."""
    packet_logs: bool = True
    """Whether the kernel hands packets to be logged to a process (NFLOG)."""
    log_limit: LogLimit = DEFAULT_LOG_LIMIT
    lease_script: str = "/usr/bin/netwright-dhcpbridge"
    """Absolute path of what DHCP daemons run for each lease, of networks whose leases are followed."""


class LinkKey(NamedTuple):
    namespace: NamespaceName
    name: LinkName


class SysctlKey(NamedTuple):
    namespace: NamespaceName
    path: str
    """Below /proc/sys, with slashes: net/ipv4/ip_forward."""


@dataclass(frozen=True, slots=True)
class BridgeLink:
    """STP off, no forward delay, no multicast snooping, per-bridge netfilter calls as the traits say."""

    mac: Mac
    mtu: int
    alias: str
    netfilter_calls: bool
    up: bool = True


@dataclass(frozen=True, slots=True)
class VethLink:
    """Our end of a pair, on a bridge; the far end is made in its namespace in the same message."""

    master: LinkName
    mtu: int
    alias: str
    peer_namespace: NamespaceName
    peer_name: LinkName
    peer_mac: Mac
    """The far end has the same MTU, and is brought up."""
    up: bool = True


@dataclass(frozen=True, slots=True)
class TapLink:
    """A persistent tap that we make (`ours`) or one that a VMM makes and we only enslave.

    `owner` and `group` (uid, gid) are those of ours.
    """

    master: LinkName
    mtu: int
    alias: str
    ours: bool
    up: bool = True
    owner: int | None = None
    group: int | None = None


Link = BridgeLink | VethLink | TapLink


@dataclass(frozen=True, slots=True)
class VlanLink:
    """A device on a bridge that carries the frames of one VLAN (IEEE 802.1Q) of the link below it."""

    parent: LinkName
    id: int
    master: LinkName
    mtu: int
    alias: str
    up: bool = True


@dataclass(frozen=True, slots=True)
class WireGuardLink:
    """A WireGuard device: its key, where it listens, and from which prefix which public key may send."""

    private_key: str = field(repr=False)
    port: int
    mtu: int
    alias: str
    peers: frozenset[tuple[str, Prefix]] = frozenset()
    up: bool = True


class AddressKey(NamedTuple):
    namespace: NamespaceName
    link: LinkName
    interface: IPv4Interface | IPv6Interface


@dataclass(frozen=True, slots=True)
class AddressUse:
    """`announce`: a gratuitous ARP or an unsolicited advertisement goes out when it is put."""

    announce: bool = field(default=False, compare=False)


class RouteKey(NamedTuple):
    namespace: NamespaceName
    destination: Prefix


@dataclass(frozen=True, slots=True)
class Route:
    link: LinkName
    via: Address | None = None
    source: Address | None = None


class FileKind(StrEnum):
    """dnsmasq's directories of small files."""

    DHCP = "dhcp"
    """dhcp-hostsdir: who gets which address."""
    OPTIONS = "options"
    """dhcp-optsdir: what a port's guest gets of its own."""
    TAGS = "tags"
    """conf-dir: by which tag a port's own options know it; read only when a daemon starts."""
    DNS = "dns"
    """hostsdir: names and addresses."""


class DhcpFileKey(NamedTuple):
    network: NetworkId
    kind: FileKind
    name: str
    """A port's id: safe as a file name."""


@dataclass(frozen=True, slots=True)
class Dnsmasq:
    """One network's daemon: it runs while its configuration's text is this."""

    namespace: NamespaceName
    config: str


class ListenerKey(NamedTuple):
    """Where the metadata service listens: bound to that link in that namespace."""

    namespace: NamespaceName
    link: LinkName


@dataclass(frozen=True, slots=True)
class Listener:
    network: NetworkId
    place: str
    """`host` or `router`: which socket addresses the guests' requests arrive at."""


@dataclass(frozen=True, slots=True)
class Uplink:
    """A physical link enslaved to a bridge, whose addresses and routes live on the bridge meanwhile."""

    bridge: LinkName


class ShaperKey(NamedTuple):
    """One way of a port's link. Ingress and egress are the guest's, as everywhere."""

    link: LinkName
    direction: Direction


@dataclass(frozen=True, slots=True)
class Shaper:
    """A queue that lets octets out at a rate a second; what it has no room for is dropped.

    `burst`, a multiple of SHAPER_STEP, may leave at once; `limit`: for how many octets it has room.
    """

    rate: int
    burst: int
    limit: int


SHAPER_STEP: Final = 4096
"""The kernel keeps a burst as the time that it takes, in steps of 64 ns: read back, it is a little less."""


class NftKind(StrEnum):
    """In the order in which one transaction may write them."""

    TABLE = "table"
    SET = "set"
    MAP = "map"
    LIMIT = "limit"
    CHAIN = "chain"
    ELEMENT = "element"


class NftKey(NamedTuple):
    """`name` is the set's, map's or chain's; `element` an element's key as nft prints it, else empty.

    `family` stands for our table in it; `qos-bridge` and `qos-inet` for a second one there (NFT_TABLES).
    """

    kind: NftKind
    family: str
    name: str
    element: str = ""


NFT_TABLES: Final[Mapping[str, tuple[str, str]]] = {
    "bridge": ("bridge", "netwright"),
    "inet": ("inet", "netwright"),
    "qos-bridge": ("bridge", "netwright-qos"),
    "qos-inet": ("inet", "netwright-qos"),
}
"""What `family` of an NftKey stands for: nft's family, and the table's name."""
NFT_SWITCHES: Final = frozenset({"secured", "ports_in", "ports_out"})
"""Sets whose elements send a link's packets to its filter: written after all that the filter looks up."""


@dataclass(frozen=True, slots=True)
class NftTable:
    """A table called netwright. A new layout (other sets) means that the table is made anew."""

    layout: str


@dataclass(frozen=True, slots=True)
class NftSet:
    """`spec` is the declaration's inside: type, flags, size. Equal when the tags are."""

    tag: str
    spec: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class NftLimit:
    """A limit that several rules share. Another rate is another name: the kernel changes none in place."""

    spec: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class NftElement:
    """An element's data in a map (empty in a set)."""

    data: str = ""


@dataclass(frozen=True, slots=True)
class NftChain:
    """`hook` is empty for a regular chain. Equal when hook and tags are: tags[i] stands for rules[i].

    Rules whose tags begin with `~` stand last, in any order in the kernel, here in that of their tags.
    """

    hook: str
    tags: tuple[str, ...]
    rules: tuple[str, ...] = field(compare=False)


class PlacedRule(NamedTuple):
    """A rule as the kernel has it; the handle names it for as long as it lives."""

    tag: str
    handle: int


def settled(tags: Iterable[str]) -> tuple[str, ...]:
    """A chain's tags as NftChain has them: the movable ones sorted, if they stand last."""
    listed = list(tags)
    fixed = [tag for tag in listed if not tag.startswith("~")]
    if listed[: len(fixed)] != fixed:
        return tuple(listed)
    return (*fixed, *sorted(listed[len(fixed) :]))


NftValue = NftTable | NftSet | NftLimit | NftElement | NftChain


@dataclass(frozen=True, slots=True)
class NwFilter:
    """A libvirt network filter, its key the name. Equal when the marks are.

    `mark` stands for the whole definition; it is a comment in it, and in the kernel's rules made of it.
    """

    mark: str
    uuid: str = field(compare=False)
    xml: str = field(compare=False)


@dataclass(frozen=True, slots=True)
class PortBinding:
    """A filter in force on a link: the key is the link's name, `mark` the mark of the filter's definition."""

    mark: str
    filter: str = field(compare=False)
    mac: Mac = field(compare=False)
