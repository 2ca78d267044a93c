"""netwright's own VPN resource, and that of its peers."""

from __future__ import annotations

from typing import Final

from netwright.model.caller import Role
from netwright.model.kinds import Choice, IpAddress, Number, Prefix, Text, Uuid
from netwright.model.resource import (
    ADMINS_WRITE,
    DESCRIPTION,
    ID,
    NAME,
    PROJECT,
    REQUIRED,
    STAMPS,
    Attribute,
    Resource,
    read_only,
)

RESOURCE: Final = Resource(
    singular="vpn",
    plural="vpns",
    path="vpns",
    doc="A way into a project's network from outside, at an address and UDP port of a host.",
    roles=ADMINS_WRITE,
    root="/v1",
    attributes=(
        ID,
        *PROJECT,
        NAME,
        DESCRIPTION,
        Attribute(
            "network_id",
            Uuid("networks"),
            "Its network.",
            default=REQUIRED,
            put=Role.NOBODY,
            column="network_id",
        ),
        Attribute(
            "kind",
            Choice(("forward", "wireguard")),
            "Who ends it: a guest, or the host.",
            put=Role.NOBODY,
            column="kind",
        ),
        Attribute("public_address", IpAddress(4), "Null: any of the host's.", nullable=True),
        Attribute("public_port", Number(1, 65535), "The UDP port.", nullable=True),
        Attribute("private_address", IpAddress(4), "The guest that ends it.", nullable=True),
        Attribute(
            "peer_range", Prefix(4), "Where peers' addresses are from.", nullable=True, put=Role.NOBODY
        ),
        read_only("public_key", Text(), "The host's public key."),
        *STAMPS,
    ),
)

PEER: Final = Resource(
    singular="vpn_peer",
    plural="vpn_peers",
    path="vpn-peers",
    doc="Who may come in by a WireGuard VPN.",
    roles=ADMINS_WRITE,
    root="/v1",
    attributes=(
        ID,
        Attribute("vpn_id", Uuid("vpns"), "Its VPN.", default=REQUIRED, put=Role.NOBODY, column="vpn_id"),
        NAME,
        Attribute(
            "public_key",
            Text(44),
            "Its public key; null: the pair is made here, and the private one told once.",
            nullable=True,
            put=Role.NOBODY,
            column="public_key",
        ),
        Attribute("address", IpAddress(4), "Its address.", nullable=True, put=Role.NOBODY),
        read_only("config", Text(4096, prose=True), "What wg-quick(8) reads.", filters=False),
        read_only("private_key", Text(), "Its private key, where it was made just now.", filters=False),
        *STAMPS,
    ),
)
