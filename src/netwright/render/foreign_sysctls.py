"""Switches of the kernel that stop netwright's traffic, whoever set them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from netwright.model.foreign import HostScene
from netwright.render.foreign_traffic import Kind, Traffic

_ROUTED: Final = frozenset({Kind.OUT, Kind.FLOATING})
_FULL: Final = 0.95
"""Of the connection table: beyond it new connections may be refused at any moment."""


@dataclass(frozen=True, slots=True)
class Switch:
    """`text`: what it is, as sysctl prints it; `fix`: the command's words."""

    text: str
    why: str
    fix: tuple[str, ...]
    certain: bool


def switches(host: HostScene, traffic: Traffic) -> Iterator[Switch]:
    """Those in the way of that traffic."""
    if traffic.kind in _ROUTED:
        yield from _forwarding(host, traffic)
        yield from _reverse_path(host, traffic)
        yield from _advertised(host, traffic)
    if traffic.kind is not Kind.BETWEEN:
        yield from _full(host)


def _forwarding(host: HostScene, traffic: Traffic) -> Iterator[Switch]:
    if traffic.version == 6:
        paths = ["net/ipv6/conf/all/forwarding"]
    else:
        links = (traffic.bridge, *traffic.links)
        paths = ["net/ipv4/ip_forward", *(f"net/ipv4/conf/{link}/forwarding" for link in links)]
    for path in paths:
        if host.sysctls.get(path) == "0":
            yield _switch(path, "0", "1", "the host forwards nothing", certain=True)
            return


def _reverse_path(host: HostScene, traffic: Traffic) -> Iterator[Switch]:
    """Strict: an answer is taken only from the link by which its sender would be reached."""
    if traffic.version == 6:
        return
    ways = host.uplinks.get(4, ())
    for link in traffic.links:
        path = f"net/ipv4/conf/{link}/rp_filter"
        strict = max(host.sysctls.get(path, "0"), host.sysctls.get("net/ipv4/conf/all/rp_filter", "0"))
        if strict == "1" and ways != (link,):
            why = f"the way to the outside is not by {link} alone: what comes in there may be refused"
            yield _switch(path, "1", "2", why, certain=False)


def _advertised(host: HostScene, traffic: Traffic) -> Iterator[Switch]:
    for link in traffic.links if traffic.version == 6 else ():
        path = f"net/ipv6/conf/{link}/accept_ra"
        heeded = host.sysctls.get(path) == "2" or host.sysctls.get("net/ipv6/conf/all/forwarding") != "1"
        if link in host.learnt and not heeded:
            why = "the default route was advertised, and no further advertisement is heeded: it will expire"
            yield _switch(path, host.sysctls.get(path, ""), "2", why, certain=False)


def _full(host: HostScene) -> Iterator[Switch]:
    path = "net/netfilter/nf_conntrack_max"
    held, most = (_count(host.sysctls.get(one)) for one in ("net/netfilter/nf_conntrack_count", path))
    if most and held >= most * _FULL:
        why = f"{held} connections are tracked of at most {most}: new ones are refused"
        yield _switch(path, str(most), str(most * 2), why, certain=held >= most)


def _switch(path: str, value: str, to: str, why: str, *, certain: bool) -> Switch:
    # A link's name may have dots: with slashes sysctl(8) takes it as it is.
    return Switch(f"{path} = {value}", why, ("sysctl", "-w", f"{path}={to}"), certain)


def _count(value: str | None) -> int:
    return int(value) if value and value.isdigit() else 0
