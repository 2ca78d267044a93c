"""linux_net's translation on FreeBSD: SNAT, metadata and floating IPs in pf's anchors.

Untested on a real FreeBSD so far. Networks and floating IPs have an anchor each, which is all that there is
to know of them: nothing is kept in memory.
"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network
from typing import Final

from netwright.kernel.pf import Pf
from netwright.kernel.programs import Run, run_program
from netwright.model.errors import InvalidError
from netwright.model.ids import FloatingIpId, LinkName, NetworkId, PortId, SubnetId
from netwright.model.intent import GatewayPlace
from netwright.model.plan import FloatingIpItem, NetworkItem, Serving, SubnetPlan
from netwright.nova.given import address_of, link_name
from netwright.nova.network_refs import NetworkRef, parse_network
from netwright.nova.options import NetworkOptions
from netwright.render.nat_pf import Outside, floating_pf, translation_pf
from netwright.render.pf import floating_anchor, translation_anchor

_NO_PORT: Final = PortId("")
_NO_ZONE: Final = 1


class PfTranslation:
    """Networks are models or dicts (network_refs.py). All raise InvalidError, KernelRefusedError."""

    def __init__(self, options: NetworkOptions, run: Run = run_program) -> None:
        self._options = options
        self._pf = Pf(run)

    def ensure_network(self, network_ref: object) -> None:
        """What leaves is from routing_source_ip (if that is empty it stays as it is), but not to dmz_cidr.

        Guests find the metadata service.
        """
        network = parse_network(network_ref)
        item = _item(network, nat=bool(self._options.snat_address))
        self._pf.put(translation_pf(item, _bridge(network), self._outside()))

    def remove_network(self, network_ref: object) -> None:
        self._pf.remove([translation_anchor(NetworkId(parse_network(network_ref).uuid))])

    def ensure_floating_forward(
        self, floating_ip: str, fixed_ip: str, device: str | None, network_ref: object
    ) -> None:
        """Both directions, on the device or, without one, on public_interface."""
        network, address = parse_network(network_ref), _address4(floating_ip, "floating_ip")
        floating = FloatingIpItem(
            id=FloatingIpId(str(address)),
            address=address,
            fixed_address=_address4(fixed_ip, "fixed_ip"),
            port_id=_NO_PORT,
            network_id=NetworkId(network.uuid),
            zone=_NO_ZONE,
            uplink=link_name(device, "device") if device else None,
        )
        external = link_name(self._options.public_interface, "public_interface")
        self._pf.put(floating_pf(floating, _bridge(network), external))

    def remove_floating_forward(
        self, floating_ip: str, fixed_ip: str, device: str | None, network_ref: object
    ) -> None:
        """With the connections that went by it. One that is not there is no error."""
        del device, network_ref
        address, fixed = _address4(floating_ip, "floating_ip"), _address4(fixed_ip, "fixed_ip")
        self._pf.remove([floating_anchor(str(address))])
        self._pf.forget(str(fixed))

    def _outside(self) -> Outside:
        options = self._options
        return Outside(
            link_name(options.public_interface, "public_interface"),
            _address4(options.snat_address or options.my_ip, "routing_source_ip"),
            _address4(options.metadata_address, "metadata_host"),
            options.metadata_port,
            tuple(_network4(cidr, "dmz_cidr") for cidr in options.dmz_cidr),
        )


def _item(network: NetworkRef, *, nat: bool) -> NetworkItem:
    if network.cidr is None:
        raise InvalidError("the network has no cidr", "network.cidr")
    subnet = SubnetPlan(
        id=SubnetId(network.uuid),
        cidr=network.cidr,
        gateway_ip=network.gateway,
        held=network.dhcp_server or network.gateway,
        serving=Serving.DHCPV4 if network.enable_dhcp else Serving.STATIC,
        announced=False,
    )
    return NetworkItem(
        id=NetworkId(network.uuid),
        zone=_NO_ZONE,
        mtu=network.mtu or 1500,
        place=GatewayPlace.HOST,
        admin_up=True,
        uplink=network.bridge_interface,
        nat=nat,
        host_access=True,
        dns_domain="",
        subnets=(subnet,),
    )


def _bridge(network: NetworkRef) -> LinkName:
    if network.bridge is None:
        raise InvalidError("the network has no bridge", "network.bridge")
    return network.bridge


def _address4(text: str, where: str) -> IPv4Address:
    found = address_of(text, where)
    if not isinstance(found, IPv4Address):
        raise InvalidError(f"{found} is not an IPv4 address", where)
    return found


def _network4(text: str, where: str) -> IPv4Network:
    try:
        return IPv4Network(text)
    except ValueError as error:
        raise InvalidError(str(error), where) from error
