"""The port resource."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from netwright.model.caller import Role
from netwright.model.ids import LAST_ID
from netwright.model.kinds import (
    Anything,
    Choice,
    Flag,
    IpAddress,
    ListOf,
    MacAddress,
    Mapped,
    Member,
    Number,
    OneOf,
    Prefix,
    Record,
    Text,
    Uuid,
)
from netwright.model.resource import (
    ADMIN_STATE,
    DESCRIPTION,
    ID,
    NAME,
    PROJECT,
    REQUIRED,
    STAMPS,
    TAG,
    TAGS,
    Attribute,
    Resource,
    Verb,
    read_only,
)
from netwright.model.resources.qos import has_policy, networks_policy

_FIXED_IP: Final = Record(
    {"subnet_id": Member(Uuid("subnets"), nullable=True), "ip_address": Member(IpAddress(), nullable=True)}
)
_PAIR: Final = Record(
    {
        "ip_address": Member(Prefix(strict=False), required=True),
        "mac_address": Member(MacAddress(), nullable=True),
    }
)
_ATTACHMENT: Final = Record(
    {
        "kind": Member(Choice(("none", "namespace", "tap"))),
        "namespace": Member(Text(64), nullable=True),
        "link": Member(Text(15), nullable=True),
        "owner": Member(Number(0, LAST_ID), nullable=True),
        "group": Member(Number(0, LAST_ID), nullable=True),
    }
)
_GUEST: Final = Record(
    {
        "hostname": Member(Text(253), nullable=True),
        "user_data": Member(Text(65535, prose=True), nullable=True),
        "public_keys": Member(Mapped(Text(16384))),
        "meta": Member(Mapped(Text(prose=True))),
    }
)


def _names_addresses(fixed_ips: object) -> bool:
    """Whether addresses are chosen, which may be ones that others are reached at."""
    return isinstance(fixed_ips, list) and any(one.get("ip_address") for one in fixed_ips)


def _is_the_networks(device_owner: object) -> bool:
    """Whether that is a part of the network itself, such as a router: it may be gateway and send anything."""
    return str(device_owner).startswith("network:")


def _binding(name: str, kind: Text | Mapped, doc: str, column: str | None = None) -> Attribute:
    return Attribute(
        name,
        kind,
        doc,
        nullable=True,
        post=Role.ADMIN,
        put=Role.ADMIN,
        see=Role.ADMIN,
        column=column,
        extension="binding",
    )


_DHCP_OPTIONS: Final = ListOf(
    Record(
        {
            "opt_name": Member(Text(64, least=1), required=True),
            "opt_value": Member(Text(255), required=True, nullable=True),
            "ip_version": Member(OneOf((Number(4, 4), Number(6, 6)))),
        }
    ),
    most=64,
)
RESOURCE: Final = Resource(
    singular="port",
    plural="ports",
    path="ports",
    doc="Where a guest, a router or a service meets a network.",
    quota="port",
    tags=True,
    network_owner=frozenset({Verb.DELETE}),
    attributes=(
        ID,
        *PROJECT,
        Attribute(
            "network_id",
            Uuid("networks"),
            "Its network.",
            default=REQUIRED,
            put=Role.NOBODY,
            column="network_id",
        ),
        NAME,
        DESCRIPTION,
        ADMIN_STATE,
        read_only(
            "status",
            Text(),
            "ACTIVE while it is plugged and its host has built it, else DOWN.",
            column="status",
        ),
        Attribute(
            "mac_address",
            MacAddress(),
            "Its MAC address; null asks for a new one.",
            nullable=True,
            column="mac",
            network_owner=True,
        ),
        Attribute(
            "fixed_ips",
            ListOf(_FIXED_IP, 16),
            "Its addresses; a subnet alone asks for any of it.",
            network_owner=_names_addresses,
        ),
        read_only(
            "ip_allocation",
            Choice(("immediate", "deferred", "none")),
            "Whether it has addresses.",
            extension="ip_allocation",
        ),
        Attribute(
            "security_groups", ListOf(Uuid("security_groups"), 64, unique=True), "The groups that it is in."
        ),
        Attribute(
            "allowed_address_pairs",
            ListOf(_PAIR, 10),
            "Further addresses that it may send from.",
            extension="allowed-address-pairs",
            network_owner=True,
        ),
        Attribute(
            "port_security_enabled",
            Flag(),
            "Whether spoofing is prevented and groups hold.",
            column="port_security_enabled",
            extension="port-security",
            network_owner=True,
        ),
        Attribute(
            "device_id", Text(), "What it belongs to: a guest, a router.", default="", column="device_id"
        ),
        Attribute(
            "device_owner",
            Text(),
            "What kind of thing that is.",
            default="",
            column="device_owner",
            network_owner=_is_the_networks,
        ),
        Attribute(
            "dns_name",
            Text(63),
            "Its name on its network.",
            default="",
            column="dns_name",
            extension="dns-integration",
        ),
        Attribute(
            "dns_domain",
            Text(253),
            "The domain under which others publish its name.",
            default="",
            column="own_dns_domain",
            extension="dns-domain-ports",
        ),
        read_only(
            "dns_assignment",
            ListOf(Mapped(Text())),
            "The names that its addresses have.",
            extension="dns-integration",
        ),
        Attribute(
            "extra_dhcp_opts",
            _DHCP_OPTIONS,
            "Further DHCP options for it.",
            extension="extra_dhcp_opt",
        ),
        Attribute(
            "data_plane_status",
            Choice(("ACTIVE", "DOWN")),
            "What somebody who watches the wire says of it.",
            nullable=True,
            post=Role.NOBODY,
            put=Role.ADMIN,
            column="data_plane_status",
            extension="data-plane-status",
        ),
        Attribute(
            "propagate_uplink_status",
            Flag(),
            "Whether its guest is to see that the uplink is down.",
            default=True,
            column="propagate_uplink_status",
            extension="uplink-status-propagation",
        ),
        read_only(
            "resource_request",
            Mapped(Anything()),
            "What a scheduler must find for it: the least that its QoS policy asks for.",
            see=Role.ADMIN,
            extension="port-resource-request",
        ),
        _binding("binding:host_id", Text(), "The host that it is on.", column="host"),
        _binding("binding:profile", Mapped(Anything()), "What others keep of it."),
        read_only("binding:vif_type", Text(), "How it is plugged.", see=Role.ADMIN, extension="binding"),
        read_only("binding:vif_details", Anything(), "More of that.", see=Role.ADMIN, extension="binding"),
        Attribute(
            "binding:vnic_type", Choice(("normal",)), "Its kind of card.", nullable=True, extension="binding"
        ),
        Attribute(
            "netwright:attachment",
            _ATTACHMENT,
            "How it is plugged on its host; of a tap, the numbers of the user and group who may open it.",
            nullable=True,
            post=Role.ADMIN,
            put=Role.ADMIN,
            see=Role.ADMIN,
            extension="netwright-attachment",
        ),
        Attribute(
            "netwright:guest",
            _GUEST,
            "What the metadata service tells its guest.",
            nullable=True,
            private=True,
            extension="netwright-guest",
        ),
        read_only(
            "trunk_details",
            Anything(1 << 20),
            "What it carries, as a trunk's port.",
            nullable=True,
            filters=False,
            extension="trunk-details",
        ),
        *has_policy("qos", "The QoS policy that its traffic is held to."),
        networks_policy("qos-port-network-policy"),
        replace(TAGS, kind=ListOf(TAG, unique=True), post=Role.MEMBER),
        *STAMPS,
    ),
)
