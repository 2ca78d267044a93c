"""A project's way into its network: a port of the host's address leads to its VPN instance, by UDP."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from netwright.kernel.conntrack import Flow
from netwright.nova.fake_network import pretended
from netwright.nova.floating import settle
from netwright.nova.linux_host import LinuxHost, current
from netwright.nova.nat_tables import Address, at_port, exactly, other_than, port_of, same_family, table_of

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
    _close(host, (public, number), private, other_than)
    lead = f"-d {public} -p udp --dport {number} -j DNAT --to {at_port(private, VPN_PORT)}"
    for chain in _CHAINS:
        nat.add_rule(chain, lead)
    let_in = table_of(host, "filter", public.version, "public_ip")
    let_in.add_rule("FORWARD", _let_in(public, number, private))
    host.iptables_manager.apply()
    settle(host, lambda flow: _is_over(flow, public, number) and flow.reply.source != private)


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
    _close(host, (public, number), private, exactly)
    host.iptables_manager.apply()
    settle(host, lambda flow: _is_over(flow, public, number) and flow.reply.source == private)


def _let_in(public: Address, port: int, private: Address) -> str:
    """By this way only: another's removal, or a rule that drops all else, is none of its business."""
    way = f"-m conntrack --ctorigdst {public} --ctorigdstport {port}"
    return f"-d {private} -p udp --dport {VPN_PORT} {way} -j ACCEPT"


def _close(host: LinuxHost, way: tuple[Address, int], private: Address, spell: Callable[[str], str]) -> None:
    """Takes away the rules of this way to such private addresses, whichever life added them."""
    public, port = way
    own, prefix = re.escape(str(public)), "(?:/32|/128)?"
    lead = rf"-d {own}{prefix} -p udp (?:-m udp )?--dport {port} -j DNAT"
    target = rf"--to(?:-destination)? {spell(at_port(private, VPN_PORT))}"
    let_in = rf"-d {spell(str(private))}{prefix} -p udp (?:-m udp )?--dport {VPN_PORT}"
    came_by = rf"-m conntrack --ctorigdst {own}{prefix} --ctorigdstport {port} -j ACCEPT"
    for name, pattern in (("nat", f"{lead} {target}"), ("filter", f"{let_in} {came_by}")):
        table = table_of(host, name, public.version, "public_ip")
        table.forget(str(public), re.compile(rf"{pattern}(?=\s|$)"))


def _is_over(flow: Flow, public: Address, port: int) -> bool:
    return flow.protocol == _UDP and flow.original.target == public and flow.original.target_port == port
