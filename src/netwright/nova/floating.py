"""Floating IPs of linux_net: translated both ways, routed by this host, ended with their connections."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import closing
from typing import Final

from netwright.kernel.conntrack import Conntrack, Flow
from netwright.kernel.ebtables import tells_bridges
from netwright.model.errors import InvalidError
from netwright.nova.ebtables import ensure_ebtables_rules, remove_ebtables_rules
from netwright.nova.fake_network import pretended
from netwright.nova.given import address_of, link_name
from netwright.nova.linux_host import LinuxHost, current
from netwright.nova.nat_tables import Address, exactly, other_than, same_family, table_of
from netwright.nova.network_refs import parse_network

_LOGICAL: Final = re.compile(r"--logical-in \S+ ")
Rules = list[tuple[str, str]]
"""Wrapped chains of the table nat, and what stands behind them."""


def floating_forward_rules(floating_ip: str, fixed_ip: str, device: str | None) -> Rules:
    """The rules of one floating IP, in order. `device`: what it is seen through from outside; None: any.

    Raises InvalidError.
    """
    floating, fixed = same_family((floating_ip, "floating_ip"), (fixed_ip, "fixed_ip"))
    snat = f"-s {fixed} -j SNAT --to {floating}"
    own = [f"{snat} -d {fixed}", f"{snat} -o {link_name(device, 'device')}"] if device else [snat]
    return [
        *(("float-snat", rule) for rule in own),
        ("PREROUTING", f"-d {floating} -j DNAT --to {fixed}"),
        ("OUTPUT", f"-d {floating} -j DNAT --to {fixed}"),
        ("POSTROUTING", f"-s {fixed} -m conntrack --ctstate DNAT -j SNAT --to-source {floating}"),
    ]


def floating_ebtables_rules(fixed_ip: str, network: object) -> tuple[list[str], str]:
    """Rules, and their table: what a guest with a floating IP sends off its network its host routes.

    Raises InvalidError for a network without bridge or cidr.
    """
    ref, fixed = parse_network(network), address_of(fixed_ip, "fixed_ip")
    inside = ref.cidr if fixed.version == 4 else ref.cidr_v6
    if ref.bridge is None or inside is None:
        raise InvalidError("forced routing needs the network's bridge and cidr", "network")
    protocol, end = ("ipv4", "ip") if fixed.version == 4 else ("ipv6", "ip6")
    match = f"--logical-in {ref.bridge} -p {protocol} --{end}-src {fixed} ! --{end}-dst {inside}"
    return [f"PREROUTING {match} -j redirect --redirect-target CONTINUE"], "nat"


def ensure_floating_forward(
    floating_ip: str, fixed_ip: str, device: str | None, network: object, *, on: LinuxHost | None = None
) -> None:
    """The floating IP leads to this fixed IP, and to no other any more, now and for what was under way.

    What is sent off the network is routed here, unless the bridge is the device, or there is no network.
    While applying rules is put off, what is under way is left to clean_conntrack, afterwards.

    Raises InvalidError, KernelRefusedError.
    """
    host, rules = current(on), floating_forward_rules(floating_ip, fixed_ip, device)
    floating, fixed = same_family((floating_ip, "floating_ip"), (fixed_ip, "fixed_ip"))
    table = table_of(host, "nat", floating.version, "floating_ip")
    forced = _forced(fixed_ip, device, network)
    if pretended(host, "ensure_floating_forward", rules=rules, forced=forced):
        return
    table.forget(str(floating), _of(floating, other_than(str(fixed))))
    for chain, rule in rules:
        table.add_rule(chain, rule)
    host.iptables_manager.apply()
    if forced:
        ensure_ebtables_rules(_spelled(forced), "nat", on=host)
    settle(host, lambda flow: _is_others(flow, floating, fixed))


def remove_floating_forward(
    floating_ip: str, fixed_ip: str, device: str | None, network: object, *, on: LinuxHost | None = None
) -> None:
    """What ensure_floating_forward has made, in this life or an earlier one. Connections go on for a while.

    Raises InvalidError, KernelRefusedError.
    """
    host = current(on)
    floating, fixed = same_family((floating_ip, "floating_ip"), (fixed_ip, "fixed_ip"))
    forced = _forced(fixed_ip, device, network)
    table = table_of(host, "nat", floating.version, "floating_ip")
    if pretended(host, "remove_floating_forward", floating_ip=str(floating), fixed_ip=str(fixed)):
        return
    table.forget(str(floating), _of(floating, exactly(str(fixed))))
    host.iptables_manager.apply()
    if forced:
        remove_ebtables_rules(_spelled(forced), "nat", on=host)


def clean_conntrack(fixed_ip: str, *, on: LinuxHost | None = None) -> None:
    """Ends the fixed IP's connections that are translated, those that it began too.

    Raises InvalidError, KernelRefusedError.
    """
    fixed = address_of(fixed_ip, "fixed_ip")
    if not pretended(on, "clean_conntrack", fixed_ip=str(fixed)):
        end_flows(lambda flow: _is_translated(flow, fixed))


def settle(host: LinuxHost, chosen: Callable[[Flow], bool]) -> None:
    """Ends those connections by which the old rules live on; not while the new ones are put off.

    Raises KernelRefusedError.
    """
    if not host.iptables_manager.iptables_apply_deferred:
        end_flows(chosen)


def end_flows(chosen: Callable[[Flow], bool]) -> int:
    """Ends those of the host's connections (of no zone); how many. Raises KernelRefusedError."""
    with closing(Conntrack()) as table:
        return table.end([flow for flow in table.flows() if flow.zone == 0 and chosen(flow)])


def _is_translated(flow: Flow, fixed: Address) -> bool:
    """As the target of what others began, or the source of what it began itself."""
    if flow.reply.source == fixed:
        return flow.original.target != fixed
    return flow.original.source == fixed and flow.reply.target != fixed


def _is_others(flow: Flow, floating: Address, fixed: Address) -> bool:
    """To the floating IP when it led elsewhere, or nowhere yet; or from it, when it was another's."""
    if flow.original.target == floating:
        return flow.reply.source != fixed
    return flow.reply.target == floating and flow.original.source != fixed


def _of(floating: Address, fixed: str) -> re.Pattern[str]:
    """The floating IP's rules as we write them and as the kernel does; `fixed` is a pattern."""
    prefix, own = "(?:/32|/128)?", re.escape(str(floating))
    dnat = rf"(?:PREROUTING|OUTPUT) -d {own}{prefix} -j DNAT --to(?:-destination)? {fixed}"
    snat = rf"(?:float-snat|POSTROUTING) -s {fixed}{prefix} (?:.* )?-j SNAT --to(?:-source)? {own}"
    return re.compile(rf"-A \S+-(?:{dnat}|{snat})(?= |$)")


def _forced(fixed_ip: str, device: str | None, network: object) -> list[str]:
    if network is None or device == parse_network(network).bridge:
        return []
    return floating_ebtables_rules(fixed_ip, network)[0]


def _spelled(rules: list[str]) -> list[str]:
    """As this kernel takes them: one that cannot tell bridges apart is not asked to.

    A fixed IP is on one bridge of a host only.
    """
    if tells_bridges():
        return rules
    return [_LOGICAL.sub("", rule) for rule in rules]
