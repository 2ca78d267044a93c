"""The stages of this host and who does them: built in this order, swept in the reverse."""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path

from netwright.agent.firewalls import Firewall, firewall_rows, is_table
from netwright.agent.metadata import MetadataService
from netwright.agent.reconcile import Row
from netwright.kernel.addresses import Addresses
from netwright.kernel.devices import exists
from netwright.kernel.dnsmasq import DnsmasqDaemons
from netwright.kernel.dnsmasq_files import DhcpFiles
from netwright.kernel.driver import wide
from netwright.kernel.links import Links
from netwright.kernel.netns import Namespaces
from netwright.kernel.nft import NftTables
from netwright.kernel.nft_reading import LIMITS
from netwright.kernel.routes import Routes
from netwright.kernel.shapers import Shapers
from netwright.kernel.sysctls import Sysctls
from netwright.kernel.uplinks import Uplinks
from netwright.kernel.vlans import Vlans
from netwright.kernel.wireguard import WireGuards
from netwright.model.host import DhcpFileKey, FileKind, LinkKey, ShaperKey, Stage, TapLink, Traits


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
        Row(Stage.QOS, wide(NftTables(families=LIMITS)), holds_others=is_table),
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
        Row(Stage.SHAPERS, wide(Shapers()), may_wait=_waits_for_link),
        Row(Stage.WIREGUARD, wide(WireGuards())),
        Row(Stage.ADDRESSES, wide(Addresses(namespaces))),
        Row(Stage.ROUTES, wide(Routes(namespaces))),
        Row(Stage.DHCP_FILES, wide(DhcpFiles(directory)), disturbs=_ends_daemon),
        Row(Stage.DNSMASQ, wide(dnsmasq)),
        Row(Stage.METADATA, wide(metadata)),
    )


def _ends_daemon(key: Hashable) -> tuple[Stage, Hashable] | None:
    """A daemon that has tags to read is started anew."""
    if isinstance(key, DhcpFileKey) and key.kind is FileKind.TAGS:
        return Stage.DNSMASQ, key.network
    return None


def _waits_for_vmm(key: Hashable, value: object) -> bool:
    if not isinstance(key, LinkKey) or not isinstance(value, TapLink):
        return False
    return not value.ours and not exists(key.name)


def _waits_for_link(key: Hashable, _: object) -> bool:
    return isinstance(key, ShaperKey) and not exists(key.link)
