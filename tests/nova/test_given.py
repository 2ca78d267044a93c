"""What callers hand over: a zone of an IPv6 address may hold any text, and none of it comes further."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv6Address

import pytest

from netwright.model.errors import InvalidError
from netwright.nova.fixed_ip_calls import address_of as fixed_address_of
from netwright.nova.given import address_of
from netwright.nova.linux_net import floating_forward_rules
from netwright.nova.nat_tables import network_of
from netwright.nova.network_refs import parse_network

MORE = "%x -j ACCEPT"
NETWORK = {"id": "n", "cidr": "10.0.0.0/24", "label": "private"}


@pytest.mark.parametrize(
    "handed_over",
    [
        lambda: address_of(f"2001:db8::1{MORE}", "address"),
        lambda: network_of(f"2001:db8::{MORE}/64", "ip_range"),
        lambda: floating_forward_rules(f"2001:db8::1{MORE}", "fd00::3", None),
        lambda: parse_network({**NETWORK, "cidr_v6": f"2001:db8::{MORE}/64"}),
        lambda: parse_network({**NETWORK, "gateway_v6": f"fe80::1{MORE}"}),
        lambda: parse_network({**NETWORK, "dns1": f"fe80::1{MORE}"}),
        lambda: fixed_address_of(f"2001:db8::1{MORE}"),
    ],
)
def test_a_zone_is_no_part_of_an_address(handed_over: Callable[[], object]) -> None:
    """What stands behind a percent sign would be words of a rule: it is an InvalidError."""
    with pytest.raises(InvalidError):
        handed_over()


def test_an_address_without_a_zone_is_taken() -> None:
    """Link-local ones too."""
    assert address_of("fe80::1", "address") == IPv6Address("fe80::1")
