"""A body with which each resource can be made, and what that needs to be there.

A resource without a row fails the tests of tests/api/test_every_resource.py, which says so.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest
from askers import Asker
from served import Client

from netwright.api.nouns import NOUNS
from netwright.control import qos as control_qos
from netwright.model.caller import Role
from netwright.model.qos import DSCP_MARKS
from netwright.model.resource import Resource, Verb

NUMBER = itertools.count(1)
PREFIXES = (f"10.{second}.{third}.0/24" for second in range(128, 256) for third in range(256))
"""Of hosts, where none may overlap another."""
MARKS = itertools.cycle(DSCP_MARKS)
WAYS = itertools.cycle(("ingress", "egress"))
FEW = frozenset(f"{kind}_rules" for kind in control_qos.TABLES)
"""Of these a parent takes one for each direction: each is made beneath a parent of its own."""


@dataclass
class Site:
    """One project, its member and an admin; what bodies need is made when first asked for."""

    client: Client
    project: str
    there: dict[str, str] = field(default_factory=dict)

    @property
    def member(self) -> Asker:
        return Asker(self.client, Role.MEMBER, self.project)

    @property
    def admin(self) -> Asker:
        return Asker(self.client, Role.ADMIN, self.project)

    def maker(self, resource: Resource) -> Asker:
        """Who of the project may make these."""
        return self.admin if resource.roles[Verb.CREATE] > Role.MEMBER else self.member

    def collection(self, resource: Resource) -> str:
        """The path of the list, beneath the project's own parent if it has one."""
        if resource.plural in FEW and resource.parent:
            return resource.collection.format(parent_id=self.make(resource.parent.plural)["id"])
        parent = self.one(resource.parent.plural) if resource.parent else ""
        return resource.collection.format(parent_id=parent)

    def make(self, plural: str, **attributes: object) -> dict:
        resource = NOUNS[plural].resource
        body = {**body_of(resource, self), **attributes}
        return self.maker(resource).make(self.collection(resource), resource.singular, body)

    def one(self, plural: str) -> str:
        """The id of one that can be used again and again."""
        if plural not in self.there:
            self.there[plural] = str(self.make(plural)["id"])
        return self.there[plural]

    def special(self, label: str, plural: str, **attributes: object) -> str:
        """The same of one with attributes that only an admin gives."""
        if label not in self.there:
            resource = NOUNS[plural].resource
            body = {**body_of(resource, self), **attributes}
            made = self.admin.make(self.collection(resource), resource.singular, body)
            self.there[label] = str(made["id"])
        return self.there[label]

    def outside(self) -> str:
        """An external network with addresses."""
        network = self.special("outside", "networks", **{"router:external": True})
        self.special("outside subnet", "subnets", network_id=network, cidr="198.18.0.0/16")
        return network

    def ground(self) -> str:
        """A network whose gateway is on hosts, with a subnet of its own."""
        network = self.special("ground", "networks", **{"netwright:gateway_place": "host"})
        self.special("ground subnet", "subnets", network_id=network, cidr=next(PREFIXES))
        return network

    def guest(self) -> dict[str, object]:
        """A port that floating IPs can lead to, as a port forwarding names it."""
        port = self.special("guest", "ports", network_id=self.ground())
        shown = self.admin.get(f"/v2.0/ports/{port}")["port"]
        return {"internal_port_id": port, "internal_ip_address": shown["fixed_ips"][0]["ip_address"]}


def named() -> dict[str, object]:
    return {"name": f"thing-{next(NUMBER)}"}


def port_number() -> dict[str, object]:
    number = next(NUMBER)
    return {"port_range_min": number, "port_range_max": number}


def direction() -> dict[str, object]:
    """Another one than the time before."""
    return {"direction": next(WAYS)}


BODIES: Mapping[str, Callable[[Site], dict[str, object]]] = {
    "address_scopes": lambda _: {"ip_version": 4, **named()},
    "subnetpools": lambda _: {"prefixes": ["10.0.0.0/8"], **named()},
    "segments": lambda site: {
        "network_id": site.one("networks"),
        "network_type": "vlan",
        "segmentation_id": next(NUMBER),
        **named(),
    },
    "networks": lambda _: named(),
    "subnets": lambda site: {"network_id": site.make("networks")["id"], "cidr": "10.0.0.0/24"},
    "ports": lambda site: {"network_id": site.one("networks")},
    "security_groups": lambda _: named(),
    "security_group_rules": lambda site: {
        "security_group_id": site.one("security_groups"),
        "direction": "ingress",
        "protocol": "tcp",
        **port_number(),
    },
    "rbac_policies": lambda site: {
        "object_type": "network",
        "object_id": site.one("networks"),
        "action": "access_as_shared",
        "target_tenant": f"project-{next(NUMBER)}",
    },
    "trunks": lambda site: {"port_id": site.make("ports")["id"]},
    "flavors": lambda _: {"service_type": "L3_ROUTER_NAT", **named()},
    "service_profiles": lambda _: {"metainfo": f"{next(NUMBER)}"},
    "metering_labels": lambda _: named(),
    "metering_label_rules": lambda site: {
        "metering_label_id": site.make("metering_labels")["id"],
        "direction": "ingress",
        "remote_ip_prefix": "10.0.0.0/24",
    },
    "default_security_group_rules": lambda _: {"direction": "ingress", "protocol": "tcp", **port_number()},
    "address_groups": lambda _: named(),
    "port_forwardings": lambda site: {
        "protocol": "tcp",
        "external_port": next(NUMBER),
        "internal_port": next(NUMBER),
        **site.guest(),
    },
    "floatingips": lambda site: {"floating_network_id": site.outside()},
    "routers": lambda _: named(),
    "logs": lambda _: {"resource_type": "security_group", **named()},
    "policies": lambda _: named(),
    "bandwidth_limit_rules": lambda _: {"max_kbps": next(NUMBER), **direction()},
    "dscp_marking_rules": lambda _: {"dscp_mark": next(MARKS)},
    "minimum_bandwidth_rules": lambda _: {"min_kbps": next(NUMBER), **direction()},
    "packet_rate_limit_rules": lambda _: {"max_kpps": next(NUMBER), **direction()},
    "minimum_packet_rate_rules": lambda _: {"min_kpps": next(NUMBER), **direction()},
    "vpns": lambda site: {
        "network_id": site.ground(),
        "kind": "wireguard",
        "public_address": "192.0.2.9",
        "peer_range": next(PREFIXES),
    },
    "vpn_peers": lambda site: {"vpn_id": site.one("vpns")},
}
CHANGES: Mapping[str, Callable[[Site], dict[str, object]]] = {
    "rbac_policies": lambda _: {"target_tenant": f"project-{next(NUMBER)}"},
    "bandwidth_limit_rules": lambda _: {"max_kbps": next(NUMBER)},
    "dscp_marking_rules": lambda _: {"dscp_mark": next(MARKS)},
    "minimum_bandwidth_rules": lambda _: {"min_kbps": next(NUMBER)},
    "packet_rate_limit_rules": lambda _: {"max_kpps": next(NUMBER)},
    "minimum_packet_rate_rules": lambda _: {"min_kpps": next(NUMBER)},
}
"""What an update may change, where that is neither its name nor its description."""


def body_of(resource: Resource, site: Site) -> dict[str, object]:
    """What a POST must give. Fails the test for a resource that has no row."""
    if resource.plural not in BODIES:
        pytest.fail(f"tests/minimal_bodies.py: give {resource.plural} a row in BODIES", pytrace=False)
    return BODIES[resource.plural](site)


def change_of(resource: Resource, site: Site) -> dict[str, object]:
    """What a PUT changes; another value each time."""
    if resource.plural in CHANGES:
        return CHANGES[resource.plural](site)
    for name in ("name", "description"):
        if name in resource.by_name and resource.by_name[name].put < Role.NOBODY:
            return {name: f"changed-{next(NUMBER)}"}
    pytest.fail(f"tests/minimal_bodies.py: give {resource.plural} a row in CHANGES", pytrace=False)
