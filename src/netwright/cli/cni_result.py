"""A port as the API shows it -> the container's end of it, and what its runtime is told of that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_interface, ip_network
from typing import Final

from netwright.cli.cni_request import Attached, CniError, Code, Conf, interface
from netwright.cli.nouns import Item
from netwright.kernel.guest_end import GuestEnd, GuestRoute, Interface
from netwright.model.ids import LinkName, Mac
from netwright.model.intent import Address, Prefix

_DEFAULT: Final[Mapping[int, Prefix]] = {4: IPv4Network("0.0.0.0/0"), 6: IPv6Network("::/0")}


@dataclass(frozen=True, slots=True)
class Scene:
    """The port, and what it takes to know its routes and name servers; `host` is the one that it is on."""

    port: Item
    network: Item
    subnets: Mapping[str, Item]
    dhcp_ports: Sequence[Item]
    host: str

    def fixed(self) -> Iterator[tuple[Item, Address]]:
        """Each of the port's addresses, with its subnet."""
        for one in _items(self.port.get("fixed_ips")):
            yield self.subnets[str(one["subnet_id"])], ip_address(str(one["ip_address"]))

    def gateway(self, subnet: Item) -> Address | None:
        """The subnet's, or the host's own address there where each host is gateway of its own guests."""
        if self.network.get("netwright:gateway_hosts") != "own":
            given = subnet.get("gateway_ip")
            return ip_address(str(given)) if given else None
        own = [one for one in _items(self.network.get("netwright:gateways")) if one.get("host") == self.host]
        cidr = ip_network(str(subnet["cidr"]))
        held = (ip_address(str(address)) for one in own for address in _list(one.get("addresses")))
        return next((address for address in held if address in cidr), None)

    def nameservers(self, subnet: Item) -> list[Address]:
        """As DHCP tells them: the subnet's own, else netwright's; an unspecified one says "none"."""
        version = subnet.get("ip_version")
        given = [ip_address(str(one)) for one in _list(subnet.get("dns_nameservers"))]
        if given := [one for one in given if one.version == version]:
            return [one for one in given if not one.is_unspecified]
        if subnet.get("enable_dhcp") is not True or (version == 6 and not subnet.get("ipv6_address_mode")):
            return []
        if self.network.get("netwright:gateway_place") == "host":
            gateway = self.gateway(subnet)
            return [gateway] if gateway else []
        return [
            ip_address(str(one["ip_address"]))
            for port in self.dhcp_ports
            for one in _items(port.get("fixed_ips"))
            if one.get("subnet_id") == subnet["id"]
        ]


def guest_end(scene: Scene) -> GuestEnd:
    """Everything that DHCP and router advertisements would tell, but the way to the metadata service."""
    addresses = tuple(_interface(subnet, address) for subnet, address in scene.fixed())
    routes = dict.fromkeys(route for subnet in _subnets(scene) for route in _routes(scene, subnet))
    mtu = scene.network.get("mtu")
    if not isinstance(mtu, int):
        raise CniError(Code.INTERNAL, "the network has no MTU", str(mtu))
    return GuestEnd(Mac(str(scene.port["mac_address"])), mtu, addresses, tuple(routes))


def success(
    conf: Conf, attached: Attached, sandbox: str, scene: Scene, outside: tuple[LinkName, Mac]
) -> Item:
    """The result of an ADD, after those of the plugins before this one."""
    end, before = guest_end(scene), conf.previous or {}
    interfaces = list(_items(before.get("interfaces")))
    index = len(interfaces) + 1
    interfaces.append(_interface_of(conf, outside[0], outside[1], end.mtu))
    interfaces.append({**_interface_of(conf, attached.link, end.mac, end.mtu), "sandbox": sandbox})
    ips = [*_items(before.get("ips")), *(_ip(conf, scene, fixed, index) for fixed in scene.fixed())]
    routes = [{"dst": str(route.destination), "gw": str(route.via)} for route in end.routes]
    return {
        **before,
        "cniVersion": conf.version,
        "interfaces": interfaces,
        "ips": ips,
        "routes": [*_items(before.get("routes")), *routes],
        "dns": conf.dns or _dns(scene) or before.get("dns") or {},
    }


def expected(previous: Item, link: LinkName, sandbox: str) -> tuple[Mac | None, set[Interface]]:
    """The MAC and the addresses that the container's interface has by the result of an ADD."""
    interfaces = list(_items(previous.get("interfaces")))
    mine = [
        index
        for index, one in enumerate(interfaces)
        if one.get("name") == link and one.get("sandbox") == sandbox
    ]
    if not mine:
        raise CniError(Code.CONFIG, "prevResult does not have the interface", f"{link} in {sandbox}")
    mac = interfaces[mine[0]].get("mac")
    held = [one for one in _items(previous.get("ips")) if one.get("interface") in mine]
    return (Mac(str(mac).lower()) if mac else None), {interface(str(one.get("address"))) for one in held}


def expected_routes(previous: Item, own: Iterable[GuestRoute]) -> list[GuestRoute]:
    """Those of our routes that are in the result still: a plugin after this one may have taken some away."""
    told = {str(one.get("dst")) for one in _items(previous.get("routes"))}
    return [route for route in own if str(route.destination) in told]


def _subnets(scene: Scene) -> list[Item]:
    """Those that the port has addresses of, each once."""
    return list({str(subnet["id"]): subnet for subnet, _ in scene.fixed()}.values())


def _interface(subnet: Item, address: Address) -> Interface:
    return ip_interface((address, ip_network(str(subnet["cidr"])).prefixlen))


def _routes(scene: Scene, subnet: Item) -> Iterator[GuestRoute]:
    """The subnet's host routes, and the default route where none of them is it."""
    given = [
        GuestRoute(ip_network(str(one["destination"])), ip_address(str(one["nexthop"])))
        for one in _items(subnet.get("host_routes"))
    ]
    yield from given
    gateway = scene.gateway(subnet)
    if gateway and all(route.destination.prefixlen for route in given):
        yield GuestRoute(_DEFAULT[gateway.version], gateway)


def _interface_of(conf: Conf, name: LinkName, mac: Mac, mtu: int) -> dict[str, object]:
    """`mtu` came with version 1.1.0."""
    return {"name": name, "mac": mac, **({"mtu": mtu} if conf.version == "1.1.0" else {})}


def _ip(conf: Conf, scene: Scene, fixed: tuple[Item, Address], index: int) -> dict[str, object]:
    """`version` went with version 1.0.0."""
    subnet, address = fixed
    gateway = scene.gateway(subnet)
    return {
        **({"version": str(address.version)} if conf.version.startswith("0.") else {}),
        "address": str(_interface(subnet, address)),
        **({"gateway": str(gateway)} if gateway else {}),
        "interface": index,
    }


def _dns(scene: Scene) -> dict[str, object]:
    servers = dict.fromkeys(str(one) for subnet in _subnets(scene) for one in scene.nameservers(subnet))
    if not servers:
        return {}
    names = [str(one.get("fqdn")).rstrip(".") for one in _items(scene.port.get("dns_assignment"))]
    domains = [name.partition(".")[2] for name in names[:1]]
    return {"nameservers": list(servers), **({"domain": domains[0], "search": domains} if domains else {})}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _items(value: object) -> Iterator[Item]:
    for one in _list(value):
        if isinstance(one, Mapping):
            yield one
