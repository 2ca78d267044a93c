"""What stops netwright's traffic to the commands that let it through, in the words of its owner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Final

from netwright.model.foreign import Backend, Does, Field, Span
from netwright.model.ids import BRIDGE_PREFIX
from netwright.render.foreign_owners import Owner
from netwright.render.foreign_traffic import Kind, Step, Traffic
from netwright.render.foreign_verdict import Blow, is_own

Command = tuple[str, ...]
_PROGRAMS: Final[Mapping[tuple[Backend, str], str]] = {
    (Backend.IPTABLES_NFT, "ip"): "iptables-nft",
    (Backend.IPTABLES_NFT, "ip6"): "ip6tables-nft",
    (Backend.IPTABLES_LEGACY, "ip"): "iptables-legacy",
    (Backend.IPTABLES_LEGACY, "ip6"): "ip6tables-legacy",
    (Backend.EBTABLES_LEGACY, "bridge"): "ebtables-legacy",
}
_INWARDS: Final = frozenset({"prerouting", "input", "forward", "ingress"})
_OUTWARDS: Final = frozenset({"output", "postrouting", "forward", "egress"})


def fixes(blow: Blow, owner: Owner, traffic: Traffic, step: Step) -> tuple[Command, ...]:
    """What an administrator would type; none where the owner leaves no place for it."""
    special = _OWNERS.get(owner, _none)
    # What an owner's own place accepts must not have passed netwright's filter by.
    simple = blow.does is not Does.DIVERT and _own_jump(blow) <= 1
    found = tuple(special(blow, traffic, step)) if simple else ()
    return found or tuple(_general(blow, traffic, step))


def _own_jump(blow: Blow) -> int:
    """The place of netwright's own filter in the base chain, counted from 1; 0 where it is elsewhere."""
    own = [at for at, rule in enumerate(blow.base.rules, 1) if _filters(rule.action.chain)]
    return max(own, default=0)


def _filters(chain: str) -> bool:
    """Netwright's own filter, or the chains in which libvirt keeps its network filters."""
    return is_own(chain) or chain.startswith("libvirt-")


def _none(*_: object) -> Iterator[Command]:
    yield from ()


def _docker(blow: Blow, traffic: Traffic, step: Step) -> Iterator[Command]:
    """DOCKER-USER is asked first and is the administrator's; Docker keeps it over restarts."""
    program = _PROGRAMS.get((blow.table.backend, blow.table.family))
    if program and blow.base.hook == "forward" and "DOCKER-USER" in blow.table.chains:
        for side in _sides(traffic, step, "-i", "-o"):
            yield (program, "-I", "DOCKER-USER", side, _bridges(traffic, "+"), "-j", "ACCEPT")


def _firewalld(_: Blow, traffic: Traffic, __: Step) -> Iterator[Command]:
    """Guests' way to the host stays guarded by netwright itself."""
    yield ("firewall-cmd", "--permanent", "--zone=trusted", f"--add-interface={traffic.bridge}")
    yield ("firewall-cmd", "--reload")


def _ufw(blow: Blow, traffic: Traffic, step: Step) -> Iterator[Command]:
    match blow.base.hook:
        case "forward":
            for side in _sides(traffic, step, "in", "out"):
                yield ("ufw", "route", "allow", side, "on", traffic.bridge)
        case "input":
            yield ("ufw", "allow", "in", "on", traffic.bridge)
        case "output":
            yield ("ufw", "allow", "out", "on", traffic.bridge)
        case _:
            return


_OWNERS: Final[Mapping[Owner, Callable[[Blow, Traffic, Step], Iterator[Command]]]] = {
    Owner.DOCKER: _docker,
    Owner.FIREWALLD: _firewalld,
    Owner.UFW: _ufw,
}


def _general(blow: Blow, traffic: Traffic, step: Step) -> Iterator[Command]:
    """Lets it through first in the base chain; where nothing tells it apart there, without that rule."""
    program = _PROGRAMS.get((blow.table.backend, blow.table.family))
    sides = list(_matches(blow, traffic, step, native=program is None))
    if not sides:
        yield from _without(blow, program)
    for words in sides:
        if program:
            after = (str(_own_jump(blow) + 1),) if _own_jump(blow) else ()
            yield (program, "-t", blow.table.name, "-I", blow.base.name, *after, *words, "-j", "ACCEPT")
        else:
            yield ("nft", *_native_place(blow), *words, "accept")


def _matches(blow: Blow, traffic: Traffic, step: Step, *, native: bool) -> Iterator[Command]:
    """How a rule in the base chain knows the traffic."""
    family = blow.table.family
    if blow.does is Does.DIVERT and traffic.kind is Kind.FLOATING:
        yield ("ip", "daddr", traffic.about) if native else ("-d", traffic.about)
    elif family in {"netdev", "arp"}:
        return
    elif native:
        names = ("iifname", "oifname")
        pattern = "tap*" if family == "bridge" else _bridges(traffic, "*")
        for side in _sides(traffic, step, *names, bridged=family == "bridge"):
            yield (side, f'"{pattern}"')
    else:
        names = ("--logical-in", "--logical-out") if family == "bridge" else ("-i", "-o")
        for side in _sides(traffic, step, *names):
            yield (side, _bridges(traffic, "+"))


def _bridges(traffic: Traffic, any_more: str) -> str:
    """All of netwright's bridges, or the traffic's own where it bears a name of its own."""
    called = not traffic.bridge.startswith(BRIDGE_PREFIX)
    return traffic.bridge if called else BRIDGE_PREFIX + any_more


def _sides(traffic: Traffic, step: Step, come: str, go: str, *, bridged: bool = False) -> Iterator[str]:
    """Whether the packet is known by the link that it came by, by that which it leaves by, or by neither."""
    fields = (Field.PHYS_IN, Field.PHYS_OUT) if bridged else (Field.IIF, Field.OIF)
    start = ("tap",) if bridged else (BRIDGE_PREFIX, traffic.bridge)
    if step.hook in _INWARDS and _begins(step.packet.get(fields[0]), start):
        yield come
    elif step.hook in _OUTWARDS and _begins(step.packet.get(fields[1]), start):
        yield go


def _begins(known: Span | tuple[str, ...] | None, start: tuple[str, ...]) -> bool:
    return isinstance(known, tuple) and bool(known) and all(word.startswith(start) for word in known)


def _without(blow: Blow, program: str | None) -> Iterator[Command]:
    if blow.rule is None and program:
        yield (program, "-t", blow.table.name, "-P", blow.base.name, "ACCEPT")
    elif blow.rule is None:
        yield ("nft", "add", "chain", *_place(blow, blow.base.name), "{ policy accept; }")
    elif program:
        # The rule's own words are shown beside this; its number is enough to name it.
        number = blow.chain.rules.index(blow.rule) + 1
        yield (program, "-t", blow.table.name, "-D", blow.chain.name, str(number))
    else:
        yield ("nft", "delete", "rule", *_place(blow, blow.chain.name), "handle", str(blow.rule.handle))


def _native_place(blow: Blow) -> Command:
    """First in the base chain, or right after netwright's own filter there."""
    own, place = _own_jump(blow), _place(blow, blow.base.name)
    if own:
        return ("add", "rule", *place, "position", str(blow.base.rules[own - 1].handle))
    return ("insert", "rule", *place)


def _place(blow: Blow, chain: str) -> Command:
    return blow.table.family, blow.table.name, chain
