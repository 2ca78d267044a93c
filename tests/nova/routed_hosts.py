"""A host that routes for two guests behind a bridge, and somebody outside who knows no way to them."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from nova.xt_hosts import Host

from netwright.kernel import netns
from netwright.model.ids import NamespaceName
from netwright.nova.iptables import IptablesManager, IptablesOptions
from netwright.nova.iptables_marks import unmarked
from netwright.nova.linux_host import LinuxHost
from netwright.nova.options import NetworkOptions
from netwright.testing.namespaces import add_addresses, add_bridge, add_veth, ip, namespaces, plug, run
from netwright.testing.talk import Heard, ask, speaker

RANGE: Final = "10.0.0.0/24"
GATEWAY: Final = "10.0.0.1"
ONE, TWO = "10.0.0.3", "10.0.0.4"
ONE6, TWO6 = "fd00:a::3", "fd00:a::4"
HOST, OUTSIDE, FAR = "203.0.113.2", "203.0.113.1", "198.51.100.1"
HOST6, OUTSIDE6 = "2001:db8::2", "2001:db8::1"
NETWORK: Final = {
    "uuid": "0fa1c3b2-5d6e-4f70-8192-a3b4c5d6e7f8",
    "cidr": RANGE,
    "cidr_v6": "fd00:a::/64",
    "gateway": GATEWAY,
    "dhcp_server": GATEWAY,
    "bridge": "br100",
}
PORT: Final = 4000


@dataclass
class Routed:
    """`xt`: the host and its rules, which this thread is in. `one` and `two` are its guests, on br100."""

    xt: Host
    one: NamespaceName
    two: NamespaceName
    outside: NamespaceName
    on: LinuxHost = field(init=False)

    def __post_init__(self) -> None:
        self.on = self.life()

    def life(self, **options: Any) -> LinuxHost:
        """The host as a fresh process knows it, with these options."""
        chosen = NetworkOptions(**{"my_ip": HOST, **options})
        rules = IptablesOptions(backend=self.xt.backend, use_ipv6=chosen.use_ipv6)
        return LinuxHost(chosen, IptablesManager(options=rules))

    def bridge_nf(self, value: int) -> None:
        """Whether iptables sees what the bridge carries."""
        for name in ("iptables", "ip6tables"):
            run(self.xt.name, ["sysctl", "-qw", f"net.bridge.bridge-nf-call-{name}={value}"])

    def asks(
        self, who: NamespaceName, address: str, whom: NamespaceName, port: int = PORT, at: int = PORT
    ) -> Heard | None:
        """Sends to the address and port; `whom` listens at its own port `at` and answers."""
        any_ = "::" if ":" in address else "0.0.0.0"
        with speaker(who, any_) as mouth, speaker(whom, any_, at) as ear:
            return ask(mouth, ear, address, port)

    def rules(self, chain: str, table: str = "nat", family: str = "ip") -> list[str]:
        """The wrapped chain's rules as the kernel has them, without marks and modules' names."""
        saved = run(self.xt.name, [f"{family}tables-{self.xt.backend}-save", "-t", table]).stdout
        rules = [line for line in saved.splitlines() if line.startswith(f"-A netwright-{chain} ")]
        texts = [unmarked(rule.split(" ", 2)[2]).replace("-m udp ", "").strip() for rule in rules]
        return [text for text in texts if text and "/empty" not in text]

    def forced(self) -> int:
        """Packets that ebtables has redirected."""
        listed = run(self.xt.name, ["ebtables", "-t", "nat", "-L", "--Lc"]).stdout
        return sum(
            int(line.split("pcnt = ")[1].split()[0]) for line in listed.splitlines() if "redirect" in line
        )


@contextmanager
def routed(xt: Host) -> Iterator[Routed]:
    with namespaces("one", "two", "outside") as (one, two, outside):
        for name in (xt.name, one, two, outside):
            run(name, ["sysctl", "-qw", "net.ipv6.conf.default.accept_dad=0"])
        add_veth(xt.name, "eth0", outside, "eth0")
        add_addresses(xt.name, "eth0", f"{HOST}/24", f"{HOST6}/64")
        add_addresses(outside, "eth0", f"{OUTSIDE}/24", f"{OUTSIDE6}/64")
        add_addresses(outside, "lo", f"{FAR}/32")
        # It would answer to anyone, but nobody there answers it.
        for family in ("-4", "-6"):
            ip(outside, family, "route", "add", "default", "dev", "eth0")
        add_bridge(xt.name, "br100", f"{GATEWAY}/24", "fd00:a::1/64")
        for number, (guest, four, six) in enumerate(((one, ONE, ONE6), (two, TWO, TWO6))):
            plug(xt.name, "br100", f"tap{number}", guest, f"fa:16:3e:00:00:0{number}")
            add_addresses(guest, "eth0", f"{four}/24", f"{six}/64")
            ip(guest, "route", "add", "default", "via", GATEWAY)
            ip(guest, "-6", "route", "add", "default", "via", "fd00:a::1")
        ip(xt.name, "route", "add", "default", "via", OUTSIDE)
        run(xt.name, ["sysctl", "-qw", "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1"])
        yield Routed(xt, one, two, outside)


@contextmanager
def listening(where: NamespaceName, port: int, family: int = socket.AF_INET) -> Iterator[socket.socket]:
    """A TCP listener on all addresses of the namespace."""
    with netns.inside(where), socket.socket(family, socket.SOCK_STREAM) as opened:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(("::" if family == socket.AF_INET6 else "0.0.0.0", port))
        opened.listen()
        opened.settimeout(1)
        yield opened


def caller_of(listener: socket.socket, who: NamespaceName, address: str, port: int) -> str | None:
    """As whom the listener sees `who` when it connects to the address; None if it does not get there."""
    with netns.inside(who), socket.socket(listener.family, socket.SOCK_STREAM) as line:
        line.settimeout(0.5)
        scope = socket.if_nametoindex("eth0") if address.startswith("fe80") else 0
        target = (address, port, 0, scope) if ":" in address else (address, port)
        if line.connect_ex(target):
            return None
        accepted, caller = listener.accept()
        accepted.close()
        return str(caller[0])
