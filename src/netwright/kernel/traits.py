"""What this host's kernel can do, found by asking it once."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from netwright.kernel.lease_spool import SCRIPT
from netwright.kernel.libnftables import Nftables
from netwright.kernel.tools import find_tool, run_tool
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
_TRACKED: Final = "conntrack on bridges (CONFIG_NF_CONNTRACK_BRIDGE)"
_LOG_PROBE: Final = """
add table bridge netwright_probe
add chain bridge netwright_probe c
add rule bridge netwright_probe c log group 28279
"""
_MARK_PROBE: Final = """
add table inet netwright_probe
add chain inet netwright_probe c
add rule inet netwright_probe c ct mark & 0x00080000 == 0x00080000 drop
"""
_BRIDGE_NETFILTER: Final = Path("/proc/sys/net/bridge/bridge-nf-call-iptables")


_PACKAGES: Final = {
    "iptables-{}-save": "iptables",
    "iptables-{}-restore": "iptables",
    "ip6tables-{}-save": "iptables",
    "ip6tables-{}-restore": "iptables",
    "ebtables-save": "iptables",
    "ebtables-restore": "iptables",
    "ipset": "ipset",
}


def probe(directory: str, firewall: str = "nftables", xtables: str = "auto") -> Traits:
    """Asks for conntrack in the bridge family; without it, and for iptables, for br_netfilter.

    `xtables`: `auto` or a back end. Raises KernelRefusedError where there is neither: security groups would
    not be stateful; and for iptables where one of its programs is missing.
    """
    _load("nf_conntrack_bridge")
    _load("nfnetlink_log")
    nft = Nftables()
    try:
        native, logs, marks = map(nft.accepts, (_PROBE, _LOG_PROBE, _MARK_PROBE))
    finally:
        nft.close()
    backend = probe_xtables(xtables) if firewall == "iptables" else "nft"
    if not native or firewall == "iptables":
        _load("br_netfilter")
        if not _BRIDGE_NETFILTER.exists():
            said = "no br_netfilter" if native else f"neither {_TRACKED} nor br_netfilter"
            raise KernelRefusedError("traits", f"this kernel has {said}: modprobe br_netfilter")
    return Traits(
        directory=directory,
        bridge_conntrack=native,
        firewall=firewall,
        xtables=backend,
        flow_marks=marks,
        packet_logs=logs,
        lease_script=str(SCRIPT),
    )


def probe_xtables(wanted: str) -> str:
    """The back end that `iptables` is on this host, unless one is asked for.

    Raises KernelRefusedError, with the Debian packages, where a program of it is missing.
    """
    backend = wanted
    if wanted == "auto":
        backend = "nft" if "nf_tables" in run_tool("iptables", ["--version"]) else "legacy"
    missing = {
        program: package
        for name, package in _PACKAGES.items()
        if find_tool(program := name.format(backend)) is None
    }
    if missing:
        install = " ".join(sorted(set(missing.values())))
        said = f"{', '.join(missing)} not found: apt-get install {install}"
        raise KernelRefusedError("traits", f"the iptables firewall needs them: {said}")
    return backend


def _load(module: str) -> None:
    """Loads a module where modules are; a kernel that has it built in needs none."""
    modprobe = shutil.which("modprobe") or shutil.which("modprobe", path="/sbin:/usr/sbin")
    if modprobe:
        subprocess.run([modprobe, "--quiet", module], check=False, capture_output=True)
