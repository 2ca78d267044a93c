"""FreeBSD's ifconfig(8): what it prints, as values, and what it is to be told, as arguments. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Interface, IPv6Interface, ip_interface
from typing import Final

from netwright.model.ids import LinkName, Mac

Argv = tuple[str, ...]
Held = IPv4Interface | IPv6Interface

MARK: Final = "netwright:nova:"
"""How the descriptions begin of interfaces that we made."""
UPLINK_MARK: Final = f"{MARK}uplink:"
"""The same of one that we put on a bridge: the bridge, what it had, and its own description."""
GUESTS: Final = "netwright"
BRIDGES: Final = "netwright_br"
"""Groups of interfaces that pf's rules name (render/nat_pf.py)."""
_FIRST: Final = re.compile(r"(?P<name>\S+): flags=[0-9a-f]+<(?P<flags>[^>]*)>.* mtu (?P<mtu>\d+)")
_VLAN: Final = re.compile(r"vlan: (\d+) .*parent interface: (\S+)")


@dataclass(frozen=True, slots=True)
class Vlan:
    number: int
    parent: str


@dataclass(frozen=True, slots=True)
class Interface:
    """As `ifconfig NAME` prints it; without link-local addresses."""

    name: LinkName
    up: bool
    mtu: int
    description: str = ""
    ether: str = ""
    groups: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    addresses: tuple[Held, ...] = ()
    vlan: Vlan | None = None

    @property
    def is_ours(self) -> bool:
        """Whether we made it; an uplink's mark is about its place only."""
        uplink = read_uplink(self.description)
        return (uplink.description if uplink else self.description).startswith(MARK)


@dataclass(frozen=True, slots=True)
class GatewayRoute:
    """A route by way of a gateway, as `netstat -rn` prints it: `default`, or a prefix."""

    destination: str
    gateway: str


@dataclass(frozen=True, slots=True)
class Uplink:
    """What an interface had when it joined its bridge."""

    bridge: str
    addresses: tuple[Held, ...] = ()
    routes: tuple[GatewayRoute, ...] = ()
    description: str = ""


def read_interface(text: str) -> Interface | None:
    """None where the text describes none."""
    first, *lines = text.splitlines() or [""]
    head = _FIRST.match(first)
    if head is None:
        return None
    stripped = [line.strip() for line in lines]
    found = [line.partition(" ") for line in stripped]
    vlans = (_VLAN.match(line) for line in stripped)
    return Interface(
        name=LinkName(head["name"]),
        up="UP" in head["flags"].split(","),
        mtu=int(head["mtu"]),
        description=next((rest for word, _, rest in found if word == "description:"), ""),
        ether=next((rest.split()[0] for word, _, rest in found if word == "ether"), ""),
        groups=tuple(name for word, _, rest in found if word == "groups:" for name in rest.split()),
        members=tuple(rest.split()[0] for word, _, rest in found if word == "member:"),
        addresses=tuple(one for line in stripped if (one := _address(line.split())) is not None),
        vlan=next((Vlan(int(one[1]), one[2]) for one in vlans if one), None),
    )


def read_interfaces(text: str) -> tuple[Interface, ...]:
    """All that `ifconfig` prints."""
    blocks = re.split(r"\n(?=\S)", text)
    return tuple(one for block in blocks if (one := read_interface(block)) is not None)


def read_routes(text: str, interface: str) -> tuple[GatewayRoute, ...]:
    """Those by gateways over the interface, from `netstat -rn`; the kernel makes the others itself."""
    lines = [line.split() for line in text.splitlines()]
    at = next((words.index("Netif") for words in lines if "Netif" in words), 0)
    return tuple(
        GatewayRoute(words[0], words[1])
        for words in lines
        if len(words) > at and words[at] == interface and {"G", "S"} <= set(words[2])
    )


def uplink_mark(uplink: Uplink) -> str:
    """As a description: at most 1,024 characters (net.ifdescr_maxlen), which many addresses may exceed."""
    routes = (f"{route.destination}>{route.gateway}" for route in uplink.routes)
    words = [f"{UPLINK_MARK}{uplink.bridge}", *map(str, uplink.addresses), *routes]
    return " ".join([*words, "|", uplink.description]).strip()


def read_uplink(description: str) -> Uplink | None:
    """None where the description is no such mark."""
    if not description.startswith(UPLINK_MARK):
        return None
    told, _, own = description.removeprefix(UPLINK_MARK).partition("|")
    bridge, *words = told.split()
    routes = [word.split(">") for word in words if ">" in word]
    return Uplink(
        bridge,
        tuple(ip_interface(word) for word in words if ">" not in word),
        tuple(GatewayRoute(destination, gateway) for destination, gateway in routes),
        own.strip(),
    )


def create(kind: str, name: str, mark: str, *more: str) -> Argv:
    """Its mark comes with it, and its name last: nothing of ours is ever there without."""
    return ("ifconfig", kind, "create", "description", f"{MARK}{mark}", *more, "name", name)


def create_bridge(name: LinkName) -> Argv:
    return create("bridge", name, "bridge", "group", BRIDGES)


def create_tap(name: LinkName, mac: Mac | None = None) -> Argv:
    """In the group whose members pass nothing until pf has an anchor for them."""
    return create("tap", name, "tap", *(("ether", mac) if mac else ()), "group", GUESTS)


def create_vlan(name: str, number: int, parent: str, mac: Mac | None = None) -> Argv:
    place = ("vlan", str(number), "vlandev", parent)
    return create("vlan", name, "vlan", *place, *(("ether", mac) if mac else ()))


def finish_pair(printed: str, names: tuple[LinkName, LinkName], mtu: int | None) -> Iterator[Argv]:
    """Both ends of what `ifconfig epair create` made and named: epair<N>a, epair<N>b."""
    first = printed.strip()
    for made, name in zip((first, f"{first[:-1]}b"), names, strict=True):
        size = ("mtu", str(mtu)) if mtu else ()
        yield ("ifconfig", made, "description", f"{MARK}epair", *size, "promisc", "name", name)
        yield set_up(name)


def set_up(name: str) -> Argv:
    return ("ifconfig", name, "up")


def set_mtu(name: str, mtu: int) -> Argv:
    return ("ifconfig", name, "mtu", str(mtu))


def destroy(name: str) -> Argv:
    return ("ifconfig", name, "destroy")


def join(bridge: str, port: str) -> Iterator[Argv]:
    yield ("ifconfig", bridge, "addm", port)
    yield set_up(port)


def bind_mac(bridge: str, port: str, mac: Mac) -> Argv:
    """The bridge takes frames from no other MAC there, and sends that one's nowhere else (ifconfig(8))."""
    return ("ifconfig", bridge, "static", port, mac, "ifmaxaddr", port, "1")


def add_address(name: str, held: Held) -> Argv:
    return ("ifconfig", name, _family(held), str(held), "alias")


def delete_address(name: str, held: Held) -> Argv:
    return ("ifconfig", name, _family(held), str(held), "-alias")


def _route(verb: str, route: GatewayRoute) -> Argv:
    family = "-inet6" if ":" in route.gateway else "-inet"
    return ("route", "-n", verb, family, route.destination, route.gateway)


def take_uplink(interface: Interface, uplink: Uplink) -> Iterator[Argv]:
    """Its addresses and routes become the bridge's. The mark comes first: it tells what is left to do."""
    yield ("ifconfig", interface.name, "description", uplink_mark(uplink))
    yield from join(uplink.bridge, interface.name)
    yield from _moved(interface.name, uplink.bridge, uplink)


def give_back(interface: Interface, uplink: Uplink) -> Iterator[Argv]:
    """The other way round; the mark goes last."""
    yield from _moved(uplink.bridge, interface.name, uplink)
    yield ("ifconfig", uplink.bridge, "deletem", interface.name)
    rest = ("description", uplink.description) if uplink.description else ("-description",)
    yield ("ifconfig", interface.name, *rest)


def _moved(source: str, target: str, uplink: Uplink) -> Iterator[Argv]:
    # Those that outlive their address would still lead to the interface that had it.
    yield from (_route("delete", route) for route in uplink.routes)
    for held in uplink.addresses:
        yield delete_address(source, held)
        yield add_address(target, held)
    yield from (_route("add", route) for route in uplink.routes)


def make_first(interface: Interface, gateway: IPv4Interface) -> Iterator[Argv]:
    """The gateway before all other IPv4 addresses; nothing if it is."""
    held = [one for one in interface.addresses if isinstance(one, IPv4Interface)]
    if held[:1] == [gateway]:
        return
    for one in held:
        yield delete_address(interface.name, one)
    for one in (gateway, *(one for one in held if one != gateway)):
        yield add_address(interface.name, one)


def _family(held: Held) -> str:
    return "inet" if held.version == 4 else "inet6"


def _address(words: Sequence[str]) -> Held | None:
    """`inet A netmask 0xffffff00 …`, `inet A --> B netmask …`, `inet6 A prefixlen 64 …`."""
    if words[:1] == ["inet"]:
        mask = int(words[words.index("netmask") + 1], 16)
        return IPv4Interface(f"{words[1]}/{mask.bit_count()}")
    if words[:1] == ["inet6"] and "%" not in words[1]:
        return IPv6Interface(f"{words[1]}/{words[words.index('prefixlen') + 1]}")
    return None
