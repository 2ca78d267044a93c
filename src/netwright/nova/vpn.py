"""A project's way into its network: a port of the host's address leads to its VPN instance, by UDP."""

from __future__ import annotations

import re
from typing import Final

from netwright.kernel.conntrack import Flow
from netwright.nova.fake_network import pretended
from netwright.nova.floating import end_flows
from netwright.nova.linux_host import LinuxHost, current
from netwright.nova.nat_tables import Address, at_port, forget, port_of, same_family, table_of

VPN_PORT: Final = 1194
"""OpenVPN's (IANA)."""
_UDP: Final = 17
_CHAINS: Final = ("PREROUTING", "OUTPUT")


def ensure_vpn_forward(
    public_ip: str, port: int | str, private_ip: str, *, on: LinuxHost | None = None
) -> None:
    """The public port leads to the private address's port 1194, and nowhere else any more.

    Raises InvalidError, KernelRefusedError.
    """
    host, number = current(on), port_of(port, "port")
    public, private = same_family((public_ip, "public_ip"), (private_ip, "private_ip"))
    nat = table_of(host, "nat", public.version, "public_ip")
    if pretended(host, "ensure_vpn_forward", public=at_port(public, number), private=str(private)):
        return
    _close(host, public, number, rf"(?!{_target(private)}(?:\s|$))\S+")
    table_of(host, "filter", public.version, "public_ip").add_rule("FORWARD", _let_in(private))
    for chain in _CHAINS:
        nat.add_rule(chain, _lead(public, number, private))
    host.iptables_manager.apply()
    end_flows(lambda flow: _is_over(flow, public, number) and flow.reply.source != private)


def remove_vpn_forward(
    public_ip: str, port: int | str, private_ip: str, *, on: LinuxHost | None = None
) -> None:
    """What ensure_vpn_forward has made, in this life or an earlier one, and what is connected by it.

    Raises InvalidError, KernelRefusedError.
    """
    host, number = current(on), port_of(port, "port")
    public, private = same_family((public_ip, "public_ip"), (private_ip, "private_ip"))
    if pretended(host, "remove_vpn_forward", public=at_port(public, number), private=str(private)):
        return
    _close(host, public, number, _target(private))
    host.iptables_manager.apply()
    end_flows(lambda flow: _is_over(flow, public, number) and flow.reply.source == private)


def _lead(public: Address, port: int, private: Address) -> str:
    return f"-d {public} -p udp --dport {port} -j DNAT --to {at_port(private, VPN_PORT)}"


def _let_in(private: Address) -> str:
    return f"-d {private} -p udp --dport {VPN_PORT} -j ACCEPT"


def _target(private: Address) -> str:
    return re.escape(at_port(private, VPN_PORT))


def _close(host: LinuxHost, public: Address, port: int, target: str) -> None:
    """Takes the port's ways to such targets (a pattern) away, and opens nobody's VPN port without a way."""
    match = rf"-d {re.escape(str(public))}(?:/32|/128)? -p udp (?:-m udp )?--dport {port} -j DNAT"
    way = re.compile(rf"-A \S+-(?:PREROUTING|OUTPUT) {match} --to(?:-destination)? ({target})(?=\s|$)")
    gone = {found for text in forget(host, "nat", public.version, way) for found in way.findall(text)}
    rules = table_of(host, "nat", public.version, "public_ip").rules
    for one in gone:
        if not any(rule.rule.endswith(f"-j DNAT --to {one}") for rule in rules):
            _let_nobody_in(host, public.version, one)


def _let_nobody_in(host: LinuxHost, version: int, target: str) -> None:
    private = re.escape(target.removesuffix(f":{VPN_PORT}").strip("[]"))
    match = rf"-d {private}(?:/32|/128)? -p udp (?:-m udp )?--dport {VPN_PORT} -j ACCEPT"
    forget(host, "filter", version, re.compile(rf"-A \S+-FORWARD {match}(?=\s|$)"))


def _is_over(flow: Flow, public: Address, port: int) -> bool:
    return flow.protocol == _UDP and flow.original.target == public and flow.original.target_port == port
