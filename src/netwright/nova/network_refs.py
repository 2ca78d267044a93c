"""A network as nova's callers hand it over, a model or a dict, parsed into a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Final

from netwright.model.errors import InvalidError
from netwright.model.ids import LinkName
from netwright.nova.given import link, number, parsed, part, text_of, zoneless

_WHERE: Final = "network"


@dataclass(frozen=True, slots=True)
class NetworkRef:
    """A row of nova's networks (nova.objects.Network), as far as a host needs it."""

    uuid: str
    label: str = ""
    cidr: IPv4Network | None = None
    cidr_v6: IPv6Network | None = None
    gateway: IPv4Address | None = None
    gateway_v6: IPv6Address | None = None
    dhcp_server: IPv4Address | None = None
    dhcp_start: IPv4Address | None = None
    dns: tuple[IPv4Address | IPv6Address, ...] = ()
    """dns1 and dns2."""
    bridge: LinkName | None = None
    bridge_interface: LinkName | None = None
    vlan: int | None = None
    mtu: int | None = None
    host: str = ""
    multi_host: bool = False
    share_address: bool = False
    enable_dhcp: bool = True
    injected: bool = False


def parse_network(network: object) -> NetworkRef:
    """Raises InvalidError, which names the field that is wrong."""
    return NetworkRef(
        uuid=text_of(network, "uuid", _WHERE) or text_of(network, "id", _WHERE),
        label=text_of(network, "label", _WHERE),
        cidr=parsed(network, "cidr", IPv4Network, _WHERE),
        cidr_v6=parsed(network, "cidr_v6", IPv6Network, _WHERE),
        gateway=parsed(network, "gateway", IPv4Address, _WHERE),
        gateway_v6=parsed(network, "gateway_v6", IPv6Address, _WHERE),
        dhcp_server=parsed(network, "dhcp_server", IPv4Address, _WHERE),
        dhcp_start=parsed(network, "dhcp_start", IPv4Address, _WHERE),
        dns=tuple(_dns(network)),
        bridge=link(network, "bridge", _WHERE),
        bridge_interface=link(network, "bridge_interface", _WHERE),
        vlan=number(network, "vlan", _WHERE),
        mtu=number(network, "mtu", _WHERE),
        host=text_of(network, "host", _WHERE),
        multi_host=bool(part(network, "multi_host")),
        share_address=bool(part(network, "share_address")),
        enable_dhcp=part(network, "enable_dhcp") is not False,
        injected=bool(part(network, "injected")),
    )


def _dns(network: object) -> Iterator[IPv4Address | IPv6Address]:
    for name in ("dns1", "dns2"):
        text = text_of(network, name, _WHERE)
        if text:
            try:
                yield ip_address(zoneless(text))
            except ValueError as error:
                raise InvalidError(str(error), f"{_WHERE}.{name}") from error
