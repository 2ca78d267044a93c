"""A port's own DHCP options over HTTP: what is kept, merged, refused, and told to the port's host."""

from __future__ import annotations

import pytest
from served import Client, client_of

from netwright.api.server import Server
from netwright.model.dhcp_options import DhcpOption
from netwright.model.ids import HostName, PortId
from netwright.model.plan import HostPlan, ItemKey, Noun, PortItem
from netwright.wire.codec import decode_update

HOST = HostName("h1")
BOOT = {"opt_name": "bootfile-name", "opt_value": "pxelinux.0", "ip_version": 4}
TFTP = {"opt_name": "tftp-server", "opt_value": "192.0.2.9", "ip_version": 4}
SIX = {"opt_name": "bootfile-url", "opt_value": "http://[2001:db8::1]/x", "ip_version": 6}


@pytest.fixture(scope="module")
def network(server: Server) -> dict:
    client = client_of(server)
    made = client.host_network("10.73.0.0/24")
    client.connection.close()
    return made


def test_options_are_kept_and_told_to_the_host(client: Client, network: dict) -> None:
    """Shown as given, version 4 where none is, and part of the port's item on its host."""
    given = [{key: value for key, value in BOOT.items() if key != "ip_version"}, SIX]
    tap = {"netwright:attachment": {"kind": "tap"}, "binding:host_id": HOST}
    port = client.make("port", network_id=network["id"], extra_dhcp_opts=given, **tap)
    assert port["extra_dhcp_opts"] == [BOOT, SIX]
    assert client.get(f"/v2.0/ports/{port['id']}")["port"]["extra_dhcp_opts"] == [BOOT, SIX]
    plan = decode_update(client.send("GET", f"/v1/plan?host={HOST}").raw)
    assert isinstance(plan, HostPlan)
    item = plan.items[ItemKey(Noun.PORT, PortId(port["id"]))]
    assert isinstance(item, PortItem)
    assert item.dhcp_options == (
        DhcpOption("bootfile-name", "pxelinux.0"),
        DhcpOption("bootfile-url", "http://[2001:db8::1]/x", 6),
    )


def test_an_update_adds_replaces_and_takes_away(client: Client, network: dict) -> None:
    """By name and version; null takes away, and what is not named stays; nothing given changes nothing."""
    port = client.make("port", network_id=network["id"], extra_dhcp_opts=[BOOT])

    def update(*options: dict) -> list[dict]:
        return client.change("port", port["id"], extra_dhcp_opts=list(options))["extra_dhcp_opts"]

    assert update(TFTP) == [BOOT, TFTP]
    assert update({**BOOT, "opt_value": "other"}) == [{**BOOT, "opt_value": "other"}, TFTP]
    assert update({**TFTP, "opt_value": None}, {**SIX, "opt_value": None}) == [{**BOOT, "opt_value": "other"}]
    assert update() == [{**BOOT, "opt_value": "other"}]
    assert client.change("port", port["id"], name="x")["extra_dhcp_opts"] == [{**BOOT, "opt_value": "other"}]


@pytest.mark.parametrize(
    "option",
    [
        {**BOOT, "opt_name": "no-such-option"},
        {**BOOT, "opt_name": "67,option:router"},
        {**BOOT, "opt_name": "53"},
        {**BOOT, "opt_name": "255"},
        {**BOOT, "opt_name": ""},
        {**BOOT, "opt_name": "bootfile-url"},
        {**SIX, "opt_name": "router"},
        {**SIX, "opt_name": "3"},
        {**BOOT, "opt_value": ""},
        {**BOOT, "opt_value": "two\nlines"},
        {**BOOT, "opt_value": "é" * 200},
        {**BOOT, "ip_version": 5},
        {**BOOT, "more": 1},
        {"opt_name": "bootfile-name"},
        "bootfile-name=x",
    ],
)
def test_what_no_guest_could_be_told_is_refused(client: Client, network: dict, option: object) -> None:
    """Unknown names, the protocol's own options, several lines, too much text: a 400 that names the attribute."""
    body = {"port": {"network_id": network["id"], "extra_dhcp_opts": [option]}}
    answer = client.send("POST", "/v2.0/ports", body)
    assert answer.status == 400, answer
    assert "extra_dhcp_opts" in answer.message


def test_router_and_routes_may_be_empty(client: Client, network: dict) -> None:
    """The guest gets none, then."""
    empty = [
        {"opt_name": name, "opt_value": "", "ip_version": 4} for name in ("router", "classless-static-route")
    ]
    port = client.make("port", network_id=network["id"], extra_dhcp_opts=empty)
    assert port["extra_dhcp_opts"] == empty
