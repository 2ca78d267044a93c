"""How many addresses networks have, and how many of these are in use."""

from __future__ import annotations

from typing import Final

from netwright.model.kinds import Anything, ListOf, Mapped, Number, Text, Uuid
from netwright.model.resource import ADMINS, PROJECT, READ, Reach, Resource, read_only

RESOURCE: Final = Resource(
    singular="network_ip_availability",
    plural="network_ip_availabilities",
    path="network-ip-availabilities",
    noun="Network",
    doc="How many addresses a network has, and how many of these are in use.",
    extension="network-ip-availability",
    verbs=READ,
    roles=ADMINS,
    reach=Reach.EVERYBODY,
    attributes=(
        read_only("network_id", Uuid("networks"), "The network.", column="id"),
        read_only("network_name", Text(), "Its name.", column="name"),
        *PROJECT,
        read_only("total_ips", Number(0, 1 << 128), "Addresses that ports of its subnets can have."),
        read_only("used_ips", Number(), "Those that are in use."),
        read_only(
            "subnet_ip_availability", ListOf(Mapped(Anything())), "The same of each subnet.", filters=False
        ),
    ),
)
