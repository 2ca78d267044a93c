"""Which way packets may take through a network's bridge: rules of FORWARD, IPv4 and IPv6."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from netwright.model.errors import InvalidError
from netwright.nova.given import link_name
from netwright.nova.iptables import IptablesTable
from netwright.nova.linux_host import LinuxHost, current

Rule = tuple[str, str]
"""A chain of the filter table's, wrapped, and what stands behind it."""
_CHAIN: Final = "FORWARD"
_ACTION: Final = re.compile(r"\$?[A-Za-z0-9_.][A-Za-z0-9_.-]*")
_EVERYWHERE: Final = "all"


def get_gateway_rules(bridge: str, *, on: LinuxHost | None = None) -> list[Rule]:
    """Of a network that the host routes for: anywhere, or to and from forward_bridge_interface only."""
    host, name = current(on), link_name(bridge, "bridge")
    interfaces = host.options.forward_bridge_interface
    if _EVERYWHERE in interfaces:
        return [(_CHAIN, f"-i {name} -j ACCEPT"), (_CHAIN, f"-o {name} -j ACCEPT")]
    rules = []
    for text in filter(None, interfaces):
        other = link_name(text, "forward_bridge_interface")
        rules.append((_CHAIN, f"-i {name} -o {other} -j ACCEPT"))
        rules.append((_CHAIN, f"-i {other} -o {name} -j ACCEPT"))
    action = _drop_action(host)
    return [
        *rules,
        (_CHAIN, f"-i {name} -o {name} -j ACCEPT"),
        (_CHAIN, f"-i {name} -j {action}"),
        (_CHAIN, f"-o {name} -j {action}"),
    ]


def add_forward_rules(host: LinuxHost, bridge: str, *, gateway: bool) -> None:
    """Not applied yet."""
    rules = get_gateway_rules(bridge, on=host) if gateway else _closed(bridge, _drop_action(host))
    for table in _tables(host):
        for chain, rule in rules:
            table.add_rule(chain, rule)


def remove_forward_rules(host: LinuxHost, bridge: str, *, gateway: bool) -> None:
    """Not applied yet. Those that drop go whatever iptables_drop_action was when they were made."""
    if gateway:
        rules = get_gateway_rules(bridge, on=host)
    else:
        actions = dict.fromkeys(("DROP", _drop_action(host)))
        rules = [rule for action in actions for rule in _closed(bridge, action)]
    for table in _tables(host):
        for chain, rule in rules:
            table.remove_rule(chain, rule)


def remove_all_forward_rules(host: LinuxHost, bridge: str) -> None:
    """Of either kind, for who had a gateway may have none by now. Not applied yet."""
    for gateway in (True, False):
        remove_forward_rules(host, bridge, gateway=gateway)


def _closed(bridge: str, action: str) -> list[Rule]:
    """Of a network that the host does not route for."""
    return [
        (_CHAIN, f"--in-interface {bridge} -j {action}"),
        (_CHAIN, f"--out-interface {bridge} -j {action}"),
    ]


def _tables(host: LinuxHost) -> Iterator[IptablesTable]:
    manager = host.iptables_manager
    yield manager.ipv4["filter"]
    if manager.options.use_ipv6:
        yield manager.ipv6["filter"]


def _drop_action(host: LinuxHost) -> str:
    action = host.options.iptables_drop_action
    if not _ACTION.fullmatch(action):
        raise InvalidError(f"{action!r} is not a target of iptables", "iptables_drop_action")
    return action
