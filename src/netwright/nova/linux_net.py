"""The names of nova.network.linux_net that there are so far."""

from __future__ import annotations

from netwright.nova.ebtables import (
    ensure_ebtables_rules,
    isolate_dhcp_address,
    remove_ebtables_rules,
    remove_isolate_dhcp_address,
)
from netwright.nova.iptables import (
    IptablesManager,
    IptablesOptions,
    IptablesRule,
    IptablesTable,
    get_binary_name,
)

__all__ = [
    "IptablesManager",
    "IptablesOptions",
    "IptablesRule",
    "IptablesTable",
    "ensure_ebtables_rules",
    "get_binary_name",
    "isolate_dhcp_address",
    "remove_ebtables_rules",
    "remove_isolate_dhcp_address",
]
