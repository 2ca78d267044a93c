"""A stand-in for a FreeBSD host: it keeps what it is told, prints as FreeBSD does, and refuses what it refuses.

Formats are those of ifconfig(8), netstat(1), pfctl(8) and sysctl(8) of FreeBSD 14.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_interface
from typing import Final

from netwright.model.errors import KernelRefusedError
from netwright.render.nat_pf import MAIN_RULES

ALONE: Final = frozenset({"up", "promisc", "auto_linklocal", "-ifdisabled", "-description"})
FLAGS: Final = "BROADCAST,RUNNING,SIMPLEX,MULTICAST"


@dataclass
class Link:
    kind: str
    up: bool = False
    mtu: int = 1500
    description: str = ""
    ether: str = "58:9c:fc:10:ff:db"
    groups: list[str] = field(default_factory=list)
    members: list[str] = field(default_factory=list)
    static: dict[str, str] = field(default_factory=dict)
    """Ports and the MACs that they have for good."""
    most: dict[str, int] = field(default_factory=dict)
    """Ports and how many MACs each may have."""
    addresses: list[str] = field(default_factory=list)
    vlan: int = 0
    parent: str = ""
    peer: str = ""


@dataclass
class Anchor:
    text: str = ""

    @property
    def labels(self) -> list[str]:
        lines = [line.split(" label ") for line in self.text.splitlines()]
        return [parts[1] for parts in lines if len(parts) > 1]


@dataclass
class FreeBsdHost:
    """`run` is what drivers are given. `killed_at`: the command before which the caller dies."""

    links: dict[str, Link] = field(default_factory=dict)
    routes: list[tuple[str, str, str]] = field(default_factory=list)
    """Destination, gateway, interface."""
    sysctls: dict[str, str] = field(default_factory=dict)
    anchors: dict[str, Anchor] = field(default_factory=dict)
    tables: dict[str, list[str]] = field(default_factory=dict)
    ended: list[str] = field(default_factory=list)
    """Labels and addresses whose states were killed."""
    ran: list[str] = field(default_factory=list)
    main: str = MAIN_RULES
    enabled: bool = True
    killed_at: Callable[[str], bool] = lambda _: False

    def run(self, argv: Sequence[str], text: str = "") -> str:
        line = " ".join(argv)
        if self.killed_at(line):
            raise KeyboardInterrupt
        programs = {
            "ifconfig": self._ifconfig,
            "sysctl": self._sysctl,
            "netstat": self._netstat,
            "route": self._route,
        }
        self.ran.append(line)
        if argv[0] == "pfctl":
            return self._pfctl(list(argv[1:]), text)
        return programs[argv[0]](list(argv[1:]))

    def changes(self) -> list[str]:
        """What was run that is not only a look."""
        looks = ("sysctl -n", "netstat", "pfctl -q -s", "pfctl -q -t")
        ran = [line for line in self.ran if not line.startswith(looks) and " -s " not in line]
        return [line for line in ran if len(line.split()) > 2 or "=" in line]

    def _ifconfig(self, words: list[str]) -> str:
        if words == ["-a"]:
            return "".join(map(self._printed, self.links))
        if words[1:2] == ["create"]:
            return self._create(words[0], words[2:])
        if words[0] not in self.links:
            raise KernelRefusedError("ifconfig", f"ifconfig: interface {words[0]} does not exist")
        if len(words) == 1:
            return self._printed(words[0])
        self._set(words[0], words[1:])
        return ""

    def _create(self, kind: str, words: list[str]) -> str:
        number = next(
            n for n in range(99) if f"{kind}{n}" not in self.links and f"{kind}{n}a" not in self.links
        )
        name = f"{kind}{number}a" if kind == "epair" else f"{kind}{number}"
        self.links[name] = Link(kind, groups=[kind], peer=f"{kind}{number}b")
        if kind == "epair":
            self.links[f"{kind}{number}b"] = Link(kind, groups=[kind], peer=name)
        return f"{self._set(name, words)}\n"

    def _set(self, name: str, words: list[str]) -> str:
        link, rest = self.links[name], list(words)
        while rest:
            name = self._word(name, link, rest)
        return name

    def _word(self, name: str, link: Link, rest: list[str]) -> str:
        """One parameter of ifconfig's; the link's name after it."""
        word = rest.pop(0)
        if word in ALONE or (word == "inet6" and rest[0] in ALONE):
            link.up = link.up or word == "up"
            link.description = "" if word == "-description" else link.description
        elif word == "destroy":
            self._destroy(name)
        elif word == "static":
            port = rest.pop(0)
            link.static[port] = rest.pop(0)
        elif word in {"inet", "inet6"}:
            self._address(link, rest.pop(0), rest.pop(0))
        elif word == "name":
            return self._rename(name, link, rest.pop(0))
        else:
            self._plain(link, word, rest)
        return name

    def _plain(self, link: Link, word: str, rest: list[str]) -> None:
        value = rest.pop(0)
        match word:
            case "description" | "ether":
                setattr(link, word, value)
            case "group":
                link.groups.append(value)
            case "vlan" | "mtu":
                setattr(link, word, int(value))
            case "ifmaxaddr":
                link.most[value] = int(rest.pop(0))
            case "addm" | "deletem":
                self._member(link, word, value)
            case "vlandev" if value in self.links:
                link.parent = value
            case "vlandev":
                raise KernelRefusedError("ifconfig", f"ifconfig: interface {value} does not exist")
            case _:
                raise KernelRefusedError("ifconfig", f"ifconfig: {word}: bad value")

    def _rename(self, name: str, link: Link, new: str) -> str:
        if new in self.links:
            raise KernelRefusedError("ifconfig", "ifconfig: ioctl SIOCSIFNAME (set name): File exists")
        self.links[new] = link
        del self.links[name]
        for other in self.links.values():
            other.peer = new if other.peer == name else other.peer
        return new

    def _destroy(self, name: str) -> None:
        link = self.links.pop(name)
        if link.kind == "epair":
            self.links.pop(link.peer, None)
        for other in self.links.values():
            other.members = [member for member in other.members if member != name]

    def _member(self, bridge: Link, word: str, port: str) -> None:
        if word == "deletem":
            if port not in bridge.members:
                raise KernelRefusedError("ifconfig", f"ifconfig: BRDGDEL {port}: No such file or directory")
            bridge.members.remove(port)
            return
        if any(port in link.members for link in self.links.values()):
            raise KernelRefusedError("ifconfig", f"ifconfig: BRDGADD {port}: Device busy")
        bridge.members.append(port)

    def _address(self, link: Link, address: str, way: str) -> None:
        if way == "-alias":
            if address not in link.addresses:
                raise KernelRefusedError(
                    "ifconfig", "ifconfig: ioctl (SIOCDIFADDR): Can't assign requested address"
                )
            link.addresses.remove(address)
            return
        if address in link.addresses:
            raise KernelRefusedError("ifconfig", "ifconfig: ioctl (SIOCAIFADDR): File exists")
        link.addresses.append(address)

    def _printed(self, name: str) -> str:
        link = self.links[name]
        up = "UP," if link.up else ""
        lines = [f"{name}: flags=1008{'9' if up else '8'}43<{up}{FLAGS},LOWER_UP> metric 0 mtu {link.mtu}"]
        if link.description:
            lines.append(f"\tdescription: {link.description}")
        lines += ["\toptions=0", f"\tether {link.ether}", *map(_address_line, link.addresses)]
        if link.kind == "bridge":
            lines.append("\tid 00:00:00:00:00:00 priority 32768 hellotime 2 fwddelay 15")
            lines.append("\tmaxage 20 holdcnt 6 proto rstp maxaddr 2000 timeout 1200")
            for at, member in enumerate(link.members):
                lines.append(f"\tmember: {member} flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>")
                lines.append(f"\t        ifmaxaddr 0 port {at + 5} priority 128 path cost 2000")
        lines.append(f"\tgroups: {' '.join(link.groups)}")
        if link.kind == "vlan":
            lines.append(f"\tvlan: {link.vlan} vlanproto: 802.1q vlanpcp: 0 parent interface: {link.parent}")
        lines += ["\tmedia: Ethernet autoselect (1000baseT <full-duplex>)", "\tstatus: active"]
        lines.append("\tnd6 options=29<PERFORMNUD,IFDISABLED,AUTO_LINKLOCAL>")
        return "".join(f"{line}\n" for line in lines)

    def _sysctl(self, words: list[str]) -> str:
        if words[0] == "-n":
            return f"{self.sysctls.get(words[1], '0')}\n"
        name, _, value = words[0].partition("=")
        self.sysctls[name] = value
        return f"{name}: 0 -> {value}\n"

    def _netstat(self, words: list[str]) -> str:
        six = words[-1] == "inet6"
        lines = ["Routing tables", "", "Internet6:" if six else "Internet:"]
        lines.append("Destination        Gateway            Flags   Nhop#    Mtu      Netif Expire")
        for destination, gateway, interface in self.routes:
            if (":" in gateway) == six:
                lines.append(f"{destination:18} {gateway:18} UGS         4   1500 {interface:>10}")
        lines.append("127.0.0.1          link#2             UH          2  16384        lo0")
        return "".join(f"{line}\n" for line in lines)

    def _route(self, words: list[str]) -> str:
        *_, verb, _, destination, gateway = words
        if verb == "delete":
            kept = [one for one in self.routes if one[:2] != (destination, gateway)]
            if kept == self.routes:
                raise KernelRefusedError(
                    "route", f"delete net {destination}: gateway {gateway} fib 0: not in table"
                )
            self.routes = kept
            return f"delete net {destination}: gateway {gateway}\n"
        if any((one[0], ":" in one[1]) == (destination, ":" in gateway) for one in self.routes):
            raise KernelRefusedError(
                "route", f"add net {destination}: gateway {gateway} fib 0: route already in table"
            )
        over = next(
            name
            for name, link in self.links.items()
            for address in link.addresses
            if ip_interface(gateway).ip in ip_interface(address).network
        )
        self.routes.append((destination, gateway, over))
        return f"add net {destination}: gateway {gateway}\n"

    def _pfctl(self, words: list[str], text: str) -> str:
        flags = _flags(words)
        if "-k" in flags:
            self.ended.append(flags["-k"][-1])
            return ""
        if "-t" in flags:
            return self._table(flags["-t"][0], flags["-T"][0], text)
        name = flags.get("-a", [""])[0]
        if "-f" in flags:
            self.anchors[name] = Anchor(text)
            return ""
        if "-F" in flags:
            self._flush(name, flags["-F"][0])
            return ""
        return self._shown(flags["-s"][0], name)

    def _flush(self, name: str, part: str) -> None:
        kept = [line for line in self.anchors.pop(name, Anchor()).text.splitlines() if _part(line) != part]
        if kept:
            self.anchors[name] = Anchor("".join(f"{line}\n" for line in kept))

    def _table(self, name: str, command: str, text: str) -> str:
        if command == "replace":
            self.tables[name] = text.split()
            return ""
        if name not in self.tables:
            raise KernelRefusedError("pfctl", "pfctl: Table does not exist.")
        if command == "kill":
            del self.tables[name]
            return ""
        return "".join(f"   {address}\n" for address in sorted(self.tables[name]))

    def _shown(self, what: str, name: str) -> str:
        if what == "info":
            return f"Status: {'Enabled' if self.enabled else 'Disabled'} for 0 days 00:01:02      Debug: Urgent\n"
        if what == "ether":
            return "".join(f"{one} l3 all\n" for one in self.main.splitlines() if one.startswith("ether"))
        if what in {"nat", "rules"}:
            lines = [line for line in self.main.splitlines() if "anchor " in line]
            wanted = [line for line in lines if line.startswith("anchor") == (what == "rules")]
            # pfctl prints rdr, nat and binat apart, in this order.
            kinds = ("rdr-anchor", "nat-anchor", "binat-anchor", "anchor")
            return "".join(f"{one} all\n" for kind in kinds for one in wanted if one.startswith(kind + " "))
        if what == "Tables":
            return "".join(f"{one}\n" for one in self.tables)
        if what == "labels":
            return "".join(f"{label} 12 3 252 1 84 2 168 1\n" for label in self.anchors[name].labels)
        below = {f"{name}/{rest.split('/')[0]}" for one in self.anchors for rest in _rest(one, name)}
        if not below:
            raise KernelRefusedError("pfctl", f"Anchor '{name}' not found.")
        return "".join(f"  {one}\n" for one in sorted(below))


def _rest(name: str, room: str) -> list[str]:
    return [name.removeprefix(f"{room}/")] if name.startswith(f"{room}/") else []


def _part(line: str) -> str:
    """What of `pfctl -F` takes that line away."""
    word = line.split(maxsplit=1)[0]
    return {"table": "Tables", "pass": "rules", "block": "rules", "match": "rules"}.get(word, "nat")


def _flags(words: list[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    rest = list(words)
    while rest:
        word = rest.pop(0)
        values = found.setdefault(word, [])
        if word != "-q":
            values.append(rest.pop(0))
    return found


def _address_line(text: str) -> str:
    held = ip_interface(text)
    if held.version == 6:
        return f"\tinet6 {held.ip} prefixlen {held.network.prefixlen}"
    mask = int(held.network.netmask)
    return f"\tinet {held.ip} netmask {mask:#010x} broadcast {held.network.broadcast_address}"
