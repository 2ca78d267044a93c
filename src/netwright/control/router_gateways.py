"""A router's gateways: its ports on external networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final

from netwright.control import policy, router_interfaces, router_ports
from netwright.control.bodies import Values
from netwright.control.fixed_ips import FixedIpRequest
from netwright.control.given import UNSET, Left, given
from netwright.control.refusals import NamedConflictError, invalid
from netwright.control.router_ports import Place
from netwright.control.world import Work
from netwright.model.caller import Caller
from netwright.model.ids import NetworkId, QosPolicyId, RouterId, SubnetId
from netwright.model.intent import Subnet
from netwright.store import floating_ips, networks, routers, subnets
from netwright.store.routers import RouterPort, RouterPortKind

FIELD: Final = "external_gateway_info"
_GATEWAY: Final = RouterPortKind.GATEWAY
_ADMINS: Final = ("enable_snat", "external_fixed_ips")


@dataclass(frozen=True, slots=True)
class GatewayRequest:
    """A gateway as a user asks for it."""

    network_id: NetworkId
    enable_snat: bool = True
    fixed_ips: tuple[FixedIpRequest, ...] | None = None
    """None: any."""
    qos_policy_id: QosPolicyId | Left | None = UNSET


def read(info: object) -> GatewayRequest | None:
    """What was read from a body: None for no gateway."""
    if not isinstance(info, dict):
        return None
    listed = info.get("external_fixed_ips")
    fixed = [_fixed_ip(one) for one in listed] if isinstance(listed, list) else []
    snat = info.get("enable_snat", True)
    policy = info.get("qos_policy_id", UNSET)
    return GatewayRequest(
        NetworkId(str(info["network_id"])),
        bool(snat),
        tuple(fixed) or None,
        policy if policy is None or policy is UNSET else QosPolicyId(str(policy)),
    )


def refuse_members(rule: str, infos: Sequence[object], caller: Caller) -> None:
    """Raises ForbiddenError where somebody who is no admin says what only admins do."""
    if caller.is_admin:
        return
    for info in infos:
        for name in _ADMINS:
            if isinstance(info, dict) and name in info:
                raise policy.disallowed(f"{rule}:{name}")


def settle_first(work: Work, router: RouterId, wanted: GatewayRequest | None) -> None:
    """Gives the router that first gateway, or none at all. Raises RequestError."""
    theirs = of(work, router)
    if wanted is None:
        for gateway in theirs:
            remove(work, gateway)
    elif not theirs:
        add(work, router, wanted)
    elif theirs[0].network == wanted.network_id:
        _change(work, theirs[0], wanted)
    else:
        remove(work, theirs[0])
        add(work, router, wanted, first=True)


def add(work: Work, router: RouterId, wanted: GatewayRequest, *, first: bool = False) -> None:
    """One more gateway. Raises RequestError."""
    network = networks.get(work.connection, wanted.network_id).value
    if not network.external:
        raise invalid(FIELD, f"Network {network.id} is not an external network.")
    theirs = subnets.of_network(work.connection, network.id)
    _refuse_gateway_address(theirs, wanted)
    _refuse_overlaps(work, router, theirs)
    place = Place(router, _GATEWAY, router_ports.NOBODY, first, given(wanted.qos_policy_id, None))
    router_ports.make(work, place, network, wanted.fixed_ips)


def remove(work: Work, gateway: RouterPort) -> None:
    """Raises ConflictError while floating IPs need it."""
    twins = [one for one in of(work, gateway.router) if one.network == gateway.network]
    needed = {"router_id": (gateway.router,), "network_id": (gateway.network,)}
    if len(twins) == 1 and floating_ips.find(work.connection, needed):
        message = (
            f"Gateway cannot be updated for router {gateway.router}, since a gateway to external network"
            f" {gateway.network} is required by one or more floating IPs."
        )
        raise NamedConflictError("RouterExternalGatewayInUseByFloatingIp", message, FIELD)
    router_ports.let_go(work, gateway.port)


def remove_asked(work: Work, router: RouterId, wanted: GatewayRequest) -> None:
    """The gateway on that network that has one of these addresses, or the first there."""
    gateway = _meant(of(work, router), wanted, twin=True)
    if gateway is None:
        raise invalid("external_gateways", f"router {router} has no such gateway on {wanted.network_id}.")
    remove(work, gateway)


def settle(work: Work, router: RouterId, wanted: Sequence[GatewayRequest]) -> None:
    """Gives the router just these gateways; those that are there already stay. Raises RequestError."""
    left = of(work, router)
    fresh: list[GatewayRequest] = []
    for one in wanted:
        kept = _meant(left, one, twin=False)
        if kept is None:
            fresh.append(one)
        else:
            left.remove(kept)
            _limit(work, kept, one)
    for one in fresh:
        moved = next((gateway for gateway in left if gateway.network == one.network_id), None)
        if moved is None:
            add(work, router, one)
        else:
            left.remove(moved)
            _change(work, moved, one)
    for gateway in left:
        remove(work, gateway)


def of(work: Work, router: RouterId) -> list[RouterPort]:
    return routers.find(work.connection, {"router_id": (router,), "kind": (_GATEWAY.value,)})


def _meant(theirs: Sequence[RouterPort], wanted: GatewayRequest, *, twin: bool) -> RouterPort | None:
    """`twin`: where no address is named any gateway on the network will do."""
    named = {one.address for one in wanted.fixed_ips or () if one.address is not None}
    for gateway in theirs:
        has = {fixed.address for fixed in gateway.fixed_ips}
        if gateway.network == wanted.network_id and (named & has or (twin and not named)):
            return gateway
    return None


def _change(work: Work, gateway: RouterPort, wanted: GatewayRequest) -> None:
    _limit(work, gateway, wanted)
    if wanted.fixed_ips is not None:
        _refuse_gateway_address(subnets.of_network(work.connection, gateway.network), wanted)
        router_ports.readdress(work, gateway.port, wanted.fixed_ips)


def _limit(work: Work, gateway: RouterPort, wanted: GatewayRequest) -> None:
    if wanted.qos_policy_id is not UNSET and wanted.qos_policy_id != gateway.qos_policy_id:
        router_ports.limit(work, gateway.port, wanted.qos_policy_id)


def _refuse_gateway_address(theirs: Sequence[Subnet], wanted: GatewayRequest) -> None:
    for asked in wanted.fixed_ips or ():
        if asked.address is not None and asked.address in {subnet.gateway_ip for subnet in theirs}:
            why = f"External IP {asked.address} is the same as the gateway IP."
            raise invalid("external_fixed_ips", why)


def _refuse_overlaps(work: Work, router: RouterId, theirs: Sequence[Subnet]) -> None:
    interfaces = {"router_id": (router,), "kind": (RouterPortKind.INTERFACE.value,)}
    on = {fixed.subnet_id for one in routers.find(work.connection, interfaces) for fixed in one.fixed_ips}
    there = subnets.find(work.connection, {"id": sorted(on)}) if on else []
    router_interfaces.refuse_overlaps(router, theirs, [record.value for record in there])


def _fixed_ip(one: Values) -> FixedIpRequest:
    subnet, address = one.get("subnet_id"), one.get("ip_address")
    return FixedIpRequest(
        None if subnet is None else SubnetId(str(subnet)),
        None if address is None else ip_address(str(address)),
    )
