"""The floating IP resource."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.kinds import Anything, IpAddress, ListOf, Text, Uuid
from netwright.model.resource import (
    DESCRIPTION,
    ID,
    PROJECT,
    REQUIRED,
    STAMPS,
    TAGS,
    Attribute,
    Resource,
    read_only,
)
from netwright.model.resources.qos import has_policy, networks_policy

RESOURCE: Final = Resource(
    singular="floatingip",
    plural="floatingips",
    path="floatingips",
    noun="FloatingIP",
    doc="An address of an external network that stands for a port's own.",
    extension="router",
    quota="floatingip",
    tags=True,
    attributes=(
        ID,
        *PROJECT,
        Attribute(
            "floating_network_id",
            Uuid("networks"),
            "The external network that it is from.",
            default=REQUIRED,
            put=Role.NOBODY,
            column="network_id",
        ),
        Attribute(
            "floating_ip_address",
            IpAddress(4),
            "The address.",
            nullable=True,
            post=Role.ADMIN,
            put=Role.NOBODY,
            column="address",
        ),
        Attribute(
            "subnet_id",
            Uuid(),
            "The subnet that it is to be from.",
            nullable=True,
            put=Role.NOBODY,
            see=Role.NOBODY,
        ),
        Attribute("port_id", Uuid("ports"), "The port it stands for.", nullable=True, column="port_id"),
        Attribute(
            "fixed_ip_address",
            IpAddress(4),
            "Which of the port's addresses.",
            nullable=True,
            column="fixed_address",
        ),
        Attribute(
            "router_id",
            Uuid("routers"),
            "The router that translates it: any with a gateway there; null: the one of the port's subnet.",
            nullable=True,
            own=True,
            column="router_id",
        ),
        *(
            Attribute(name, Text(253), doc, default="", put=Role.NOBODY, extension="dns-integration")
            for name, doc in (
                ("dns_name", "Its name in the DNS outside."),
                ("dns_domain", "The domain of that name."),
            )
        ),
        read_only("status", Text(), "ACTIVE while it stands for a port, else DOWN."),
        DESCRIPTION,
        read_only("port_details", Anything(), "That port.", extension="fip-port-details", filters=False),
        read_only("port_forwardings", ListOf(Anything()), "Its port forwardings.", filters=False),
        *has_policy("qos-fip", "The QoS policy whose bandwidth limits hold for what goes through it."),
        networks_policy("qos-fip-network-policy"),
        TAGS,
        *STAMPS,
    ),
)
