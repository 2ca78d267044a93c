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
        third = next(NUMBER) % 250 if "ground subnet" not in self.there else 0
        self.special("ground subnet", "subnets", network_id=network, cidr=f"10.99.{third}.0/24")
        return network


def named() -> dict[str, object]:
    return {"name": f"thing-{next(NUMBER)}"}


def port_number() -> dict[str, object]:
    number = next(NUMBER)
    return {"port_range_min": number, "port_range_max": number}


def peer_range() -> str:
    """Another one each time, for a long time."""
    block, third = divmod(next(NUMBER), 250)
    return f"10.{60 + block % 30}.{third}.0/24"


def direction() -> dict[str, object]:
    """Another one than the time before."""
    return {"direction": next(WAYS)}


def forwarding(site: Site) -> dict[str, object]:
    """Of ports that no other one has."""
    number = next(NUMBER)
    port = site.special("forwarded", "ports", network_id=site.ground())
    return {"protocol": "tcp", "external_port": number, "internal_port": number, "internal_port_id": port}


BODIES: Mapping[str, Callable[[Site], dict[str, object]]] = {
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
    "address_groups": lambda _: {**named(), "addresses": ["192.0.2.0/24"]},
    "port_forwardings": forwarding,
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
        "peer_range": peer_range(),
    },
    "vpn_peers": lambda site: {"vpn_id": site.one("vpns")},
}
CHANGES: Mapping[str, Callable[[Site], dict[str, object]]] = {
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
