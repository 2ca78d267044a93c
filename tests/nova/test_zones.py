"""IPv6 zones, in which any text may stand: no address or prefix of a caller's brings one into the house."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address, IPv6Network

import pytest
from nova.managers import ADMIN, flat_dhcp

from netwright.model.errors import InvalidError
from netwright.nova import given, import_rows
from netwright.nova.fixed_ip_calls import address_of
from netwright.nova.instances import parse_network_info
from netwright.nova.linux_net import floating_forward_rules
from netwright.nova.nat_tables import network_of
from netwright.nova.network_refs import parse_network

ADDRESS, PREFIX = "fd00::1%x\n-A evil", "fd00::%x\n-A evil/64"


def _info(**subnet: object) -> object:
    network = {"id": "4e8e5957-649f-477b-9e5b-f1f75b21c03c", "subnets": [subnet]}
    vif = {"id": "00000001-90e7-4000-8000-000000000000", "address": "fa:16:3e:00:00:01", "network": network}
    return parse_network_info([vif])


@pytest.mark.parametrize(
    "call",
    [
        lambda: given.address_of(ADDRESS, "x"),
        lambda: given.parsed({"x": ADDRESS}, "x", IPv6Address, "x"),
        lambda: given.parsed({"x": PREFIX}, "x", IPv6Network, "x"),
        lambda: parse_network({"uuid": "u", "dns1": ADDRESS}),
        lambda: parse_network({"uuid": "u", "cidr_v6": PREFIX}),
        lambda: address_of(ADDRESS),
        lambda: network_of(PREFIX, "x"),
        lambda: import_rows.address({"address": ADDRESS}),
        lambda: import_rows.rule_requests({"cidr": PREFIX, "protocol": "tcp"}, "group", None),
        lambda: floating_forward_rules(ADDRESS, "fd00::3", None),
        lambda: _info(cidr=PREFIX, ips=[]),
        lambda: _info(cidr="fd00::/64", ips=[ADDRESS]),
    ],
)
def test_a_zone_is_refused_wherever_callers_hand_addresses_over(call: Callable[[], object]) -> None:
    """What is handed over with a zone is an InvalidError, before any of it is used."""
    with pytest.raises(InvalidError):
        call()


@pytest.mark.parametrize(
    "wrong", [{"gateway_v6": ADDRESS}, {"cidr_v6": PREFIX}, {"dns1": ADDRESS}, {"dns2": ADDRESS}]
)
def test_no_network_has_a_zone(wrong: dict[str, str]) -> None:
    """create_networks refuses it by its argument, and nothing is made."""
    with flat_dhcp() as manager:
        whole: dict[str, object] = {"cidr_v6": "fd00::/64", "bridge": "br100", **wrong}
        with pytest.raises(InvalidError) as refused:
            manager.create_networks(ADMIN, "net", **whole)
        assert refused.value.field in wrong
        assert manager.get_all_networks(ADMIN) == []


def test_addresses_without_a_zone_are_taken() -> None:
    """Of both families, as text or parsed."""
    assert given.address_of("192.0.2.1", "x") == IPv4Address("192.0.2.1")
    assert given.parsed({"x": IPv6Network("fd00::/64")}, "x", IPv6Network, "x") == IPv6Network("fd00::/64")
