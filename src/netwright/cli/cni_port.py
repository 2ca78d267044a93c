"""The ports that stand for containers' interfaces: made, found again and removed, with no memory of our own.

Ours: ports whose device_owner is `compute:cni:<interface>:<network configuration>`; their device_id is the
container.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

from netwright.cli.client import Client
from netwright.cli.cni_request import Attached, CniError, Code, Conf, Wishes
from netwright.cli.cni_result import Scene
from netwright.cli.errors import RefusedError
from netwright.cli.find import find_id, find_project_id
from netwright.cli.nouns import NETWORK, PORT, SECURITY_GROUP, SUBNET, Item
from netwright.kernel import pins
from netwright.kernel.guest_end import GuestEnd
from netwright.model.ids import LinkName, NamespaceName

_OWNER: Final = "compute:cni:"


def make(
    client: Client, conf: Conf, attached: Attached, wishes: Wishes, place: tuple[str, NamespaceName]
) -> Item:
    """A port, plugged at `place`: host, namespace. Raises NotFoundError, InvalidError, RefusedError."""
    host, namespace = place
    named = {"security_groups": [find_id(client, SECURITY_GROUP, one) for one in conf.security_groups or ()]}
    asked = {
        "network_id": find_id(client, NETWORK, conf.network),
        "name": wishes.pod or attached.container,
        "device_id": attached.container,
        "device_owner": owner(conf, attached),
        "binding:host_id": host,
        "netwright:attachment": {"kind": "namespace", "namespace": namespace, "link": attached.link},
        **({"description": f"pod {wishes.pod_namespace}/{wishes.pod}"} if wishes.pod_namespace else {}),
        **({"fixed_ips": [{"ip_address": str(one.ip)} for one in wishes.ips]} if wishes.ips else {}),
        **({"mac_address": wishes.mac} if wishes.mac else {}),
        **({} if conf.security_groups is None else named),
        **({"project_id": find_project_id(client, conf.project)} if conf.project else {}),
    }
    return client.create(PORT, asked)


def owner(conf: Conf, attached: Attached) -> str:
    """An interface's name has no colon, so that this can be read back."""
    return f"{_OWNER}{attached.link}:{conf.name}"


def of_container(client: Client, conf: Conf, attached: Attached) -> list[Item]:
    """Its ports for the interface: of the configuration, or of any where that has no name."""
    found = client.list(PORT, [("device_id", attached.container)])
    begun = owner(conf, attached)
    return [
        port
        for port in found
        if port.get("device_id") == attached.container
        and (_owner_of(port) == begun or (not conf.name and _owner_of(port).startswith(begun)))
    ]


def of_configuration(client: Client, conf: Conf, host: str) -> Iterator[tuple[Item, Attached]]:
    """Every port of the configuration on the host, with what it stands for."""
    for port in client.list(PORT, [("binding:host_id", host)]):
        link, _, name = _owner_of(port).removeprefix(_OWNER).partition(":")
        if _owner_of(port).startswith(_OWNER) and name == conf.name and port.get("binding:host_id") == host:
            yield port, Attached(str(port.get("device_id")), LinkName(link))


def namespace_of(port: Item) -> NamespaceName:
    """Where the port is plugged; a name that no namespace has where it is not."""
    attachment = port.get("netwright:attachment")
    given = attachment.get("namespace") if isinstance(attachment, Mapping) else None
    return NamespaceName(str(given or f"{pins.OURS}nowhere"))


def is_half_made(port: Item, end: GuestEnd) -> bool:
    """Whether the container's link is the port's, and lacks an address of it."""
    fixed = port.get("fixed_ips")
    wanted = {str(one.get("ip_address")) for one in fixed} if isinstance(fixed, list) else set()
    held = {str(interface.ip) for interface in end.addresses}
    return end.mac == port.get("mac_address") and not wanted <= held


def forget(client: Client, port: Item) -> None:
    """One that is gone already is no error. Raises RefusedError."""
    try:
        client.delete(PORT, str(port["id"]))
    except RefusedError as error:
        if error.status != 404:
            raise


def scene(client: Client, port: Item) -> Scene:
    """What there is to know of the port's network."""
    of_network = [("network_id", str(port["network_id"]))]
    return Scene(
        port=port,
        network=client.show(NETWORK, str(port["network_id"])),
        subnets={str(one["id"]): one for one in client.list(SUBNET, of_network)},
        dhcp_ports=client.list(PORT, [*of_network, ("device_owner", "network:dhcp")]),
        host=str(port.get("binding:host_id")),
    )


def check_lengths(found: Scene, wishes: Wishes) -> None:
    """Raises CniError where an address was asked for with another prefix length than its subnet's."""
    lengths = {address: subnet for subnet, address in found.fixed()}
    for wished in wishes.ips:
        subnet = lengths.get(wished.ip)
        full = wished.network.prefixlen == wished.max_prefixlen
        if subnet and not full and str(wished.network) != str(subnet["cidr"]):
            raise CniError(Code.CONFIG, "wrong prefix length", f"{wished} is in {subnet['cidr']}")


def scope_of(conf: Conf) -> str:
    """What the names of pins begin with, after their prefix: one for each server and configuration."""
    return _digest(f"{conf.socket}\0{conf.name}")[:12]


def pin_of(conf: Conf, attached: Attached) -> NamespaceName:
    """The name that a namespace gets which has none, for as long as it is attached."""
    return NamespaceName(f"{pins.OURS}{scope_of(conf)}-{tail_of(attached)}")


def tail_of(attached: Attached) -> str:
    return _digest(f"{attached.container}\0{attached.link}")[:24]


def _owner_of(port: Item) -> str:
    return str(port.get("device_owner"))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
