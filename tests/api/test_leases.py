"""Leases as agents tell them over HTTP."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from served import Client

from netwright.model.ids import HostName, Mac
from netwright.model.leases import LeaseChange, LeaseEvent, LeaseReport
from netwright.wire.codec import encode_leases


def report(network: str, mac: str = "fa:16:3e:00:00:05", host: str = "h1") -> bytes:
    event = LeaseEvent(LeaseChange.TAKEN, network, ip_address("10.95.0.5"), Mac(mac))
    return encode_leases(LeaseReport(HostName(host), (event,)))


def test_leases_are_taken(client: Client) -> None:
    """A report is taken, and once more; so is one that says nothing of ours: an agent must not be held up."""
    network = client.make("network", **{"netwright:gateway_place": "router"})["id"]
    client.make("subnet", network_id=network, cidr="10.95.0.0/24", ip_version=4)
    for told in (report(network), report(network), report("gone"), report(network, mac="nonsense")):
        assert client.send("POST", "/v1/leases", told).status == 204


@pytest.mark.parametrize("body", [b"", b"{", b"[]", report("n", host="a b")])
def test_what_is_no_report_is_refused(client: Client, body: bytes) -> None:
    """Bytes that no agent would send are a 400."""
    assert client.send("POST", "/v1/leases", body).status == 400
