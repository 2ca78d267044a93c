"""The nova-network way of one more port: an `ip` process a step, and the whole host's iptables anew.

Chains are nova's (mitaka: `nova-compute-inst-N`, reached by destination address); the security group is the
same as netwright's ports have in this bench. It is less than nova ran: no nova-network process with a save
and restore of its own, no sudo or rootwrap, no signal to dnsmasq.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Sequence
from typing import Final

from common import run
from host import silence

from netwright.kernel.netns import create
from netwright.model.ids import NamespaceName

_OURS: Final = "nova-compute-"
_REST_S: Final = 0.2
GROUP: Final = range(8000, 8010)
"""The security group's rules: TCP ports, open to one prefix."""


class Classic:
    """A host with that many ports in place, made in one batch: they are not what is measured."""

    def __init__(self, ports: int) -> None:
        self.iptables = iptables()
        self._ports = ports
        self._host, self._guests = f"classic{ports}", f"classic{ports}-guests"
        for namespace in (self._host, self._guests):
            create(NamespaceName(namespace))
            silence(namespace)
        run(["ip", "link", "add", "br100", "type", "bridge"], where=self._host)
        run(["ip", "link", "set", "br100", "up"], where=self._host)
        far = f"netns /run/netns/{self._guests}"
        lines = [
            f"link add vnet{one} master br100 up type veth peer name n{one} {far}" for one in range(ports)
        ]
        run(["ip", "-batch", "-"], stdin="\n".join(lines), where=self._host)
        self._restore(edited(self._save(), _addresses(ports)))

    def add(self) -> float:
        """One more port: its milliseconds.

        It is taken away again, and the kernel given time to free the old tables behind our back.
        """
        begun = time.perf_counter()
        number = self._ports
        for where, words in self._steps(number):
            run(["ip", *words.split()], where=where)
        self._restore(edited(self._save(), _addresses(number + 1)))
        taken = (time.perf_counter() - begun) * 1000
        run(["ip", "link", "delete", f"vnet{number}"], where=self._host)
        self._restore(edited(self._save(), _addresses(number)))
        time.sleep(_REST_S)
        return taken

    def _steps(self, number: int) -> Iterator[tuple[str, str]]:
        near, far = f"vnet{number}", f"new{number}"
        yield self._host, f"link add {near} type veth peer name {far}"
        yield self._host, f"link set {far} netns {self._guests}"
        yield self._host, f"link set {near} mtu 1500"
        yield self._host, f"link set {near} master br100"
        yield self._host, f"link set {near} up"
        yield self._guests, f"link set {far} address fa:16:3e:00:{number >> 8:02x}:{number & 255:02x}"
        yield self._guests, f"link set {far} mtu 1500"
        yield self._guests, f"link set {far} up"
        yield self._guests, f"address add {_address(number)}/16 dev {far}"
        yield self._guests, f"route add default via 10.30.0.1 dev {far} metric {number + 10}"

    def _save(self) -> str:
        return run([f"{self.iptables}-save", "-c"], where=self._host)

    def _restore(self, text: str) -> None:
        run([f"{self.iptables}-restore", "-c"], stdin=text, where=self._host)


def iptables() -> str:
    """What nova-network would have found: the old back end where there is one."""
    return "iptables-legacy" if shutil.which("iptables-legacy-save") else "iptables-nft"


def edited(saved: str, instances: Sequence[str], more: Sequence[str] = ()) -> str:
    """The saved rules with nova's lines taken out and made anew, as IptablesManager does.

    `instances` by their addresses; `more`: what each one's chain accepts beside the group.
    """
    others = [line for line in saved.splitlines() if _OURS not in line]
    if "*filter" not in others:
        others += ["*filter", "COMMIT"]
    at = others.index("*filter") + 1
    policies = at + next(index for index, line in enumerate(others[at:]) if not line.startswith(":"))
    return (
        "\n".join(
            [*others[:policies], *_chains(len(instances)), *_rules(instances, more), *others[policies:]]
        )
        + "\n"
    )


def _chains(ports: int) -> Iterator[str]:
    for name in ("FORWARD", "local", "provider", "sg-fallback", *(f"inst-{one}" for one in range(ports))):
        yield f":{_OURS}{name} - [0:0]"


def _rules(instances: Sequence[str], more: Sequence[str]) -> Iterator[str]:
    yield f"[0:0] -A FORWARD -j {_OURS}FORWARD"
    yield f"[0:0] -A {_OURS}FORWARD -j {_OURS}local"
    yield f"[0:0] -A {_OURS}FORWARD -i br100 -j ACCEPT"
    yield f"[0:0] -A {_OURS}FORWARD -o br100 -j ACCEPT"
    yield f"[0:0] -A {_OURS}sg-fallback -j DROP"
    for number, address in enumerate(instances):
        chain = f"[0:0] -A {_OURS}inst-{number}"
        yield f"[0:0] -A {_OURS}local -d {address}/32 -j {_OURS}inst-{number}"
        yield f"{chain} -m state --state INVALID -j DROP"
        yield f"{chain} -m state --state RELATED,ESTABLISHED -j ACCEPT"
        yield f"{chain} -j {_OURS}provider"
        yield f"{chain} -s 10.30.0.1/32 -p udp -m udp --sport 67 --dport 68 -j ACCEPT"
        yield from (f"{chain} -s 198.51.100.0/24 -p tcp -m tcp --dport {port} -j ACCEPT" for port in GROUP)
        yield from (f"{chain} {match} -j ACCEPT" for match in more)
        yield f"{chain} -j {_OURS}sg-fallback"


def _addresses(ports: int) -> list[str]:
    return [_address(number) for number in range(ports)]


def _address(number: int) -> str:
    return f"10.30.{(number + 10) >> 8}.{(number + 10) & 255}"
