"""The names of nova.network.linux_net that there are so far."""

from __future__ import annotations

from netwright.nova.iptables import (
    IptablesManager,
    IptablesOptions,
    IptablesRule,
    IptablesTable,
    get_binary_name,
)

__all__ = ["IptablesManager", "IptablesOptions", "IptablesRule", "IptablesTable", "get_binary_name"]
