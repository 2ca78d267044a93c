"""Everything that netwright has in a host's kernel, looked at with its own drivers: equal means unchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from netwright.kernel import netns
from netwright.kernel.addresses import Addresses
from netwright.kernel.dnsmasq import DnsmasqDaemons
from netwright.kernel.links import Links
from netwright.kernel.nft import NftTables
from netwright.kernel.routes import Routes
from netwright.model.host import Stage
from netwright.model.ids import NamespaceName

State = Mapping[Stage, object]


class HostState:
    """Drivers in a host's namespace, used to look only."""

    def __init__(self, host: NamespaceName, run_directory: Path) -> None:
        self._host = host
        namespaces = netns.Namespaces(run_directory)
        with netns.inside(host):
            self._looks: dict[Stage, Callable[[], object]] = {
                Stage.FIREWALL: NftTables().observe,
                Stage.BRIDGES: Links(bridges=True).observe,
                Stage.PORTS: Links(bridges=False).observe,
                Stage.ADDRESSES: Addresses(namespaces).observe,
                Stage.ROUTES: Routes(namespaces).observe,
                Stage.DNSMASQ: DnsmasqDaemons(run_directory).observe,
            }

    def look(self) -> State:
        """What there is now, by stage."""
        with netns.inside(self._host):
            return {stage: look() for stage, look in self._looks.items()}
