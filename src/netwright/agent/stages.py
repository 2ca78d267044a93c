"""The stages of this host and who does them: built in this order, swept in the reverse."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

from netwright.agent.firewalls import Firewall, firewall_rows
from netwright.agent.metadata import MetadataService
from netwright.agent.reconcile import Row
from netwright.kernel.addresses import Addresses
from netwright.kernel.devices import exists
from netwright.kernel.dnsmasq import DnsmasqDaemons
from netwright.kernel.dnsmasq_files import DhcpFiles
from netwright.kernel.driver import wide
from netwright.kernel.links import Links
from netwright.kernel.netns import Namespaces
from netwright.kernel.routes import Routes
from netwright.kernel.sysctls import Sysctls
from netwright.kernel.uplinks import Uplinks
from netwright.kernel.vlans import Vlans
from netwright.kernel.wireguard import WireGuards
from netwright.model.host import LinkKey, Stage, TapLink, Traits


def stages(
    traits: Traits, firewall: Firewall, dnsmasq: DnsmasqDaemons, metadata: MetadataService
) -> tuple[Row, ...]:
    """One row a stage; drivers are bound to the namespace of the thread that calls this."""
    directory = Path(traits.directory)
    namespaces = Namespaces(directory)
    engines, bindings = firewall_rows(firewall, traits)
    return (
        Row(Stage.NAMESPACES, wide(namespaces)),
        *engines,
        Row(Stage.BRIDGES, wide(Links(bridges=True))),
        Row(Stage.SYSCTLS, wide(Sysctls()), swept=False),
        Row(Stage.VLANS, wide(Vlans())),
        Row(Stage.UPLINKS, wide(Uplinks())),
        Row(
            Stage.PORTS,
            wide(Links(bridges=False)),
            may_wait=_waits_for_vmm,
        ),
        bindings,
        Row(Stage.WIREGUARD, wide(WireGuards())),
        Row(Stage.ADDRESSES, wide(Addresses(namespaces))),
        Row(Stage.ROUTES, wide(Routes(namespaces))),
        Row(Stage.DHCP_FILES, wide(DhcpFiles(directory))),
        Row(Stage.DNSMASQ, wide(dnsmasq)),
        Row(Stage.METADATA, wide(metadata)),
    )


def _waits_for_vmm(key: Hashable, value: object) -> bool:
    if not isinstance(key, LinkKey) or not isinstance(value, TapLink):
        return False
    return not value.ours and not exists(key.name)
