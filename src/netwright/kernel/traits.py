"""What this host's kernel can do, found by asking it once."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from netwright.kernel.libnftables import Nftables
from netwright.model.errors import KernelRefusedError
from netwright.model.host import Traits

_PROBE: Final = """
add table bridge netwright_probe
add chain bridge netwright_probe c { type filter hook prerouting priority 0; }
add rule bridge netwright_probe c ct state established accept
add map bridge netwright_probe zones { typeof meta ibrname : ct zone; }
add rule bridge netwright_probe c ct zone set meta ibrname map @zones
"""
"""All that the native way uses: NF_CONNTRACK_BRIDGE, and NFT_BRIDGE_META for the zones."""
_LOG_PROBE: Final = """
add table bridge netwright_probe
add chain bridge netwright_probe c
add rule bridge netwright_probe c log group 28279
"""
_BRIDGE_NETFILTER: Final = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


def probe(directory: str, firewall: str = "nftables") -> Traits:
    """Asks for conntrack in the bridge family; without it, for br_netfilter.

    Raises KernelRefusedError where there is neither: security groups would not be stateful.
    """
    _load("nf_conntrack_bridge")
    _load("nfnetlink_log")
    nft = Nftables()
    try:
        native, logs = nft.accepts(_PROBE), nft.accepts(_LOG_PROBE)
    finally:
        nft.close()
    if not native:
        _load("br_netfilter")
        if not _BRIDGE_NETFILTER.exists():
            said = "neither conntrack on bridges (CONFIG_NF_CONNTRACK_BRIDGE) nor br_netfilter"
            raise KernelRefusedError("traits", f"this kernel has {said}: modprobe br_netfilter")
    return Traits(directory=directory, bridge_conntrack=native, firewall=firewall, packet_logs=logs)


def _load(module: str) -> None:
    """Loads a module where modules are; a kernel that has it built in needs none."""
    modprobe = shutil.which("modprobe") or shutil.which("modprobe", path="/sbin:/usr/sbin")
    if modprobe:
        subprocess.run([modprobe, "--quiet", module], check=False, capture_output=True)
