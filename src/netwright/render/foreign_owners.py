"""Whose a foreign rule is, guessed by the names that well-known programs give to their tables and chains."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

from netwright.model.foreign import ForeignTable
from netwright.render.foreign_verdict import Blow


class Owner(StrEnum):
    DOCKER = "Docker"
    FIREWALLD = "firewalld"
    UFW = "ufw"
    LIBVIRT = "libvirt"
    KUBE_PROXY = "kube-proxy"
    CALICO = "Calico"
    FAIL2BAN = "fail2ban"
    UNKNOWN = "unknown"


_TABLES: Final = {
    "firewalld": Owner.FIREWALLD,
    "kube-proxy": Owner.KUBE_PROXY,
    "docker-bridges": Owner.DOCKER,
    "libvirt_network": Owner.LIBVIRT,
    "f2b-table": Owner.FAIL2BAN,
}
_CHAINS: Final = (
    ("DOCKER", Owner.DOCKER),
    ("ufw-", Owner.UFW),
    ("ufw6-", Owner.UFW),
    ("LIBVIRT_", Owner.LIBVIRT),
    ("libvirt-", Owner.LIBVIRT),
    ("KUBE-", Owner.KUBE_PROXY),
    ("cali-", Owner.CALICO),
    ("f2b-", Owner.FAIL2BAN),
    ("FWD_", Owner.FIREWALLD),
    ("IN_", Owner.FIREWALLD),
    ("FORWARD_direct", Owner.FIREWALLD),
    ("INPUT_direct", Owner.FIREWALLD),
    ("OUTPUT_direct", Owner.FIREWALLD),
    ("PREROUTING_direct", Owner.FIREWALLD),
    ("POSTROUTING_direct", Owner.FIREWALLD),
)
_POLICIES: Final = (Owner.UFW, Owner.FIREWALLD, Owner.DOCKER, Owner.CALICO)
"""Who leaves its verdict to a shared base chain's last rule or policy, the likelier one first."""


def owner_of(blow: Blow) -> Owner:
    """The table tells, or the chain; in a base chain that many share, whoever else has chains there."""
    if blow.table.name in _TABLES:
        return _TABLES[blow.table.name]
    own = _by_name(blow.chain.name)
    if own is not Owner.UNKNOWN:
        return own
    if blow.rule is not None and blow.chain.rules[-1:] != (blow.rule,):
        return Owner.UNKNOWN
    there = _present(blow.table)
    return next((owner for owner in _POLICIES if owner in there), Owner.UNKNOWN)


def _present(table: ForeignTable) -> frozenset[Owner]:
    return frozenset(_by_name(name) for name in table.chains)


def _by_name(chain: str) -> Owner:
    return next((owner for prefix, owner in _CHAINS if chain.startswith(prefix)), Owner.UNKNOWN)
