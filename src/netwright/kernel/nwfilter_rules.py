"""What libvirt has made of a filter in the kernel: whether a link's rules are all there, and whose they are.

Read with the tools that libvirt writes with, so that both of their back ends, legacy and nf_tables, will do.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from netwright.kernel.nwfilter_libvirt import DRIVER
from netwright.model.errors import KernelRefusedError
from netwright.model.nwfilter import PORT_MARK

_COMMENT: Final = re.compile(r"--comment \"?([a-z][0-9a-f]{12})\b")
_JUMPS: Final = {
    "FORWARD": ("-j libvirt-in", "-j libvirt-out"),
    "INPUT": ("-j libvirt-host-in",),
}
_OWN: Final = ("mac", "ipv4-own", "arp-own", "ipv6-own")
"""The chains in which a guest's frames are held against what is its own: each ends by dropping."""

Chains = Mapping[str, list[str]]


@dataclass(frozen=True, slots=True)
class LinkRules:
    """A link's rules at a moment: the marks of the filters that they come from, and all of their text."""

    marks: frozenset[str]
    text: tuple[tuple[str, ...], ...]

    def tampered(self, before: LinkRules) -> bool:
        """Whether they differ though no filter has changed: one that has brings a mark of its own."""
        return self.text != before.text and self.marks <= before.marks


@dataclass(frozen=True, slots=True)
class KernelRules:
    """All tables, read once."""

    packets: tuple[Chains, ...]
    """Of IPv4 and of IPv6."""
    frames: Chains

    def mark(self, link: str) -> str:
        """The mark of the port's filter in force on the link; empty if rules of it are missing."""
        marks = {frozenset(_marks(chains, link)) for chains in self.packets}
        if len(marks) != 1 or not _frames_hold(self.frames, link):
            return ""
        own = [mark for mark in marks.pop() if mark.startswith(PORT_MARK)]
        return own[0] if len(own) == 1 else ""

    def of(self, link: str) -> LinkRules:
        """All chains made for it; a link's name is part of theirs."""
        own = [
            (name, *rules)
            for chains in (*self.packets, self.frames)
            for name, rules in sorted(chains.items())
            if link in name
        ]
        marks = {found[1] for chain in own for rule in chain for found in _COMMENT.finditer(rule)}
        return LinkRules(frozenset(marks), tuple(own))


def read_rules() -> KernelRules:
    """In the namespace of the calling thread. Raises KernelRefusedError."""
    packets = tuple(_saved(program, "-t", "filter") for program in ("iptables-save", "ip6tables-save"))
    return KernelRules(packets, _saved("ebtables-save"))


def _saved(program: str, *options: str) -> Chains:
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if found is None:
        raise KernelRefusedError(DRIVER, f"{program} is missing (Debian: apt-get install iptables ebtables)")
    done = subprocess.run([found, *options], capture_output=True, text=True, check=False)
    if done.returncode:
        raise KernelRefusedError(DRIVER, f"{program}: {done.stderr.strip()}")
    chains: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        if line.startswith("-A "):
            _, chain, rule = line.split(" ", 2)
            chains.setdefault(chain, []).append(rule)
    return chains


def _marks(chains: Chains, link: str) -> Iterable[str]:
    """Marks that all three of the link's chains have; the last rule of each drops what is left."""
    names = [f"{kind}-{link}" for kind in ("FI", "FO", "HI")]
    for hook, jumps in _JUMPS.items():
        if not all(jump in chains.get(hook, ()) for jump in jumps):
            return set()
    for parent, name in zip(("libvirt-in", "libvirt-out", "libvirt-host-in"), names, strict=True):
        if not any(_leads(rule, link, name) for rule in chains.get(parent, ())):
            return set()
    ends = [[rule for rule in chains.get(name, ()) if rule.endswith("-j DROP")] for name in names]
    return set.intersection(
        *({found[1] for rule in rules for found in _COMMENT.finditer(rule)} for rules in ends)
    )


def _leads(rule: str, link: str, chain: str) -> bool:
    words = rule.split()
    return words[-2:] == ["-g", chain] and link in words


def _frames_hold(chains: Chains, link: str) -> bool:
    whole = {"PREROUTING": f"-i {link} -j libvirt-I-{link}", "POSTROUTING": f"-o {link} -j libvirt-O-{link}"}
    if not all(jump in chains.get(hook, ()) for hook, jump in whole.items()):
        return False
    guards = [f"libvirt-I-{link}", f"libvirt-O-{link}", *(f"I-{link}-{own}" for own in _OWN)]
    return all(chains.get(name, [""])[-1].endswith("-j DROP") for name in guards)
