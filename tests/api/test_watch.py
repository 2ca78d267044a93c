"""Agents follow the plan through the watch, and tell what they made of it."""

from __future__ import annotations

import http.client
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network
from pathlib import Path

import pytest
from served import PATIENCE_S, Client, serving

from netwright.agent.desired import Desired
from netwright.agent.ledger import Ledger
from netwright.agent.reconcile import Outcome
from netwright.agent.reporter import Reporter
from netwright.agent.server import Server as ServerOfAgent
from netwright.api import watch
from netwright.api.server import Server
from netwright.model.host import Stage, Traits
from netwright.model.ids import HostName, LinkName, PortId, port_link_name
from netwright.model.intent import HostTap, VmmTap
from netwright.model.plan import HostPlan, ItemKey, Noun, PlanDelta, PlanUpdate, PortItem, apply
from netwright.model.report import HostFacts, PortStatus, Report, StageFailure, VmmLink
from netwright.testing.namespaces import eventually
from netwright.wire.codec import decode_update, encode_report
from netwright.wire.unix_http import UnixConnection

HOST = HostName("h1")
TAP = {"netwright:attachment": {"kind": "tap"}}


@contextmanager
def watching(server: Server, generation: int | None = None) -> Iterator[http.client.HTTPResponse]:
    connection = UnixConnection(server.socket_path, PATIENCE_S)
    known = "" if generation is None else f"&generation={generation}"
    connection.request("GET", f"/v1/watch?host={HOST}{known}")
    try:
        yield connection.getresponse()
    finally:
        connection.close()


def line(stream: http.client.HTTPResponse) -> PlanUpdate:
    while not (text := stream.readline().strip()):
        pass
    return decode_update(text)


def test_a_watch_begins_with_the_plan_and_goes_on_with_deltas(server: Server, client: Client) -> None:
    """The first line is the whole plan; each commit is followed by a delta that leads to the next."""
    network = client.host_network("10.1.0.0/24")
    with watching(server) as stream:
        plan = line(stream)
        assert isinstance(plan, HostPlan)
        port = client.make("port", network_id=network["id"], **TAP)
        delta = line(stream)
        assert isinstance(delta, PlanDelta)
        plan = apply(plan, delta)
        item = plan.items[ItemKey(Noun.PORT, port["id"])]
        assert isinstance(item, PortItem)
        assert item.attachment == HostTap()
        client.drop("port", port["id"])
        plan = apply(plan, line(stream))
        assert ItemKey(Noun.PORT, port["id"]) not in plan.items
        assert plan == decode_update(client.send("GET", f"/v1/plan?host={HOST}").raw)


def test_a_commit_is_told_without_waiting_for_a_look(
    server: Server, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What this process wrote is told at its commit, also where it looks for other processes' once in an hour."""
    monkeypatch.setattr(watch, "_POLL_S", 3600)
    network = client.host_network("10.6.0.0/24")
    with watching(server) as stream:
        line(stream)
        for _ in range(3):
            client.make("port", network_id=network["id"], **TAP)
            assert isinstance(line(stream), PlanDelta)


def test_a_watch_goes_on_where_the_agent_stopped(server: Server, client: Client) -> None:
    """With a known generation the first line is a delta from it; with one that never was, the whole plan."""
    network = client.host_network("10.2.0.0/24")
    before = decode_update(client.send("GET", f"/v1/plan?host={HOST}").raw)
    assert isinstance(before, HostPlan)
    client.make("port", network_id=network["id"], **TAP)
    with watching(server, before.generation) as stream:
        delta = line(stream)
        assert isinstance(delta, PlanDelta)
        assert apply(before, delta) == decode_update(client.send("GET", f"/v1/plan?host={HOST}").raw)
    for never in (0, 10**12):
        with watching(server, never) as stream:
            assert isinstance(line(stream), HostPlan)


def test_a_watch_needs_a_host_and_a_number(client: Client) -> None:
    """A watch without a host, or from a generation that is no number, is a 400."""
    for query in ("", "host=", "host=a/b", "host=h1&generation=x", "host=h1&generation=-1"):
        assert client.send("GET", f"/v1/watch?{query}").status == 400


def test_the_server_stops_while_watches_are_open() -> None:
    """Stopping does not wait for the streams that agents hold: it ends them."""
    with tempfile.TemporaryDirectory() as directory, ExitStack() as stack:
        server = stack.enter_context(serving(Path(directory), tcp=False))
        with watching(server) as one, watching(server) as other:
            line(one)
            line(other)
            stack.close()
            assert one.read().strip() == other.read().strip() == b""


def tell(client: Client, **parts) -> None:
    generation = client.get("/v1/status")["generation"]
    report = Report(**{"host": HOST, "generation": generation, "converged": True, "complete": False, **parts})
    assert client.send("POST", "/v1/report", encode_report(report)).status == 204


def test_reports_say_which_ports_are_up(client: Client) -> None:
    """A port is ACTIVE when its host, which has its plan, says so, and DOWN when a complete report leaves it out."""
    network = client.host_network("10.3.0.0/24")
    port = client.make("port", network_id=network["id"], **TAP)

    def status() -> str:
        return client.get(f"/v2.0/ports/{port['id']}")["port"]["status"]

    generation = client.get("/v1/status")["generation"]
    tell(client, generation=generation - 1, ports=(PortStatus(PortId(port["id"]), True),))
    assert status() == "DOWN"
    tell(client, ports=(PortStatus(PortId(port["id"]), True),))
    assert status() == "ACTIVE"
    tell(client)
    assert status() == "ACTIVE"
    tell(client, complete=True)
    assert status() == "DOWN"
    assert client.get("/v1/status")["generation"] == generation


def test_a_tap_that_a_vmm_makes_plugs_the_port(server: Server, client: Client) -> None:
    """A link under a port's name plugs it on that host until the link goes; a tap of our own is left alone."""
    network = client.host_network("10.4.0.0/24")
    port = client.make("port", network_id=network["id"])
    ours = client.make("port", network_id=network["id"], **TAP)
    links = tuple(VmmLink(port_link_name(PortId(one["id"])), True) for one in (port, ours))
    tell(client, vmm_links=(*links, VmmLink(LinkName("tap%"), True)))
    shown = client.get(f"/v2.0/ports/{port['id']}")["port"]
    assert (shown["netwright:attachment"], shown["binding:host_id"]) == ({"kind": "vmm-tap"}, HOST)
    assert client.get(f"/v2.0/ports/{ours['id']}")["port"]["netwright:attachment"] == {"kind": "tap"}
    with watching(server) as stream:
        plan = line(stream)
        assert isinstance(plan, HostPlan)
        item = plan.items[ItemKey(Noun.PORT, port["id"])]
        assert isinstance(item, PortItem)
        assert item.attachment == VmmTap()
    tell(client, vmm_links=(VmmLink(links[0].name, False),))
    assert client.get(f"/v2.0/ports/{port['id']}")["port"]["netwright:attachment"] == {"kind": "none"}


def test_facts_and_failures_are_shown_and_minded(client: Client) -> None:
    """A host's routes refuse overlapping networks, its uplink's MTU is new networks', its failures are in the status."""

    facts = HostFacts((ip_network("10.200.0.0/16"),), 1400, (LinkName("eth0"),))
    failure = StageFailure("links", "said no", 3)
    tell(client, facts=facts, failures=(failure,), converged=False)
    (host,) = client.get("/v1/status")["hosts"]
    assert host["failures"] == [{"stage": "links", "said": "said no", "pending": 3}]
    assert host["converged"] is False
    network = client.make("network", **{"netwright:gateway_place": "host"})
    assert network["mtu"] == 1400
    body = {"subnet": {"network_id": network["id"], "cidr": "10.200.7.0/24"}}
    answer = client.send("POST", "/v2.0/subnets", body)
    assert (answer.status, answer.kind) == (409, "CidrOverlapsHostRoute")
    tell(client)


def test_what_is_no_report_is_refused(client: Client) -> None:
    """Bytes that are not a report of this wire version are a 400."""
    for data in (
        b"",
        b"{}",
        b'{"version":1,"body":{"host":"../x","generation":1,"converged":true,"complete":true}}',
    ):
        assert client.send("POST", "/v1/report", data).status == 400


@pytest.mark.parametrize(
    ("net", "place"),
    [
        (
            "10.4.1.0/24",
            {"netwright:attachment": {"kind": "namespace", "namespace": "there", "link": "eth0"}},
        ),
        ("10.4.2.0/24", {"netwright:attachment": {"kind": "tap", "owner": 7}}),
        ("10.4.3.0/24", {"binding:host_id": "h2"}),
    ],
)
def test_a_port_that_moves_is_down_until_its_host_tells_of_the_new_place(
    client: Client, net: str, place: dict[str, object]
) -> None:
    """What the host said before it knew of the move is of the old place; what moves no port leaves it ACTIVE."""
    network = client.host_network(net)
    port = client.make("port", network_id=network["id"], **TAP)
    up = (PortStatus(PortId(port["id"]), True),)

    def change(**changes: object) -> str:
        answer = client.send("PUT", f"/v2.0/ports/{port['id']}", {"port": changes})
        assert answer.status == 200
        return answer.body["port"]["status"]

    tell(client, ports=up)
    same = {name: port[name] for name in ("netwright:attachment", "binding:host_id")}
    for still in ({"name": "n"}, {"admin_state_up": False}, {"security_groups": []}, same):
        assert change(**still) == "ACTIVE"
    before = client.get("/v1/status")["generation"]
    assert change(**place) == "DOWN"
    host = place.get("binding:host_id", HOST)
    tell(client, host=host, generation=before, ports=up)
    assert client.get(f"/v2.0/ports/{port['id']}")["port"]["status"] == "DOWN"
    tell(client, host=host, ports=up)
    assert client.get(f"/v2.0/ports/{port['id']}")["port"]["status"] == "ACTIVE"


def test_a_port_that_came_back_before_its_host_looked_is_up_again(server: Server, client: Client) -> None:
    """A host for which nothing has changed in the end tells again of the ports that it was told of."""
    network = client.host_network("10.4.4.0/24")
    port = client.make("port", network_id=network["id"], **TAP)
    path = f"/v2.0/ports/{port['id']}"

    def is_up() -> bool:
        return client.get(path)["port"]["status"] == "ACTIVE"

    with ExitStack() as stack:
        reporter = Reporter(ServerOfAgent(f"unix:{server.socket_path}"), lambda: None)
        reporter.start()
        stack.callback(reporter.stop)
        stream = stack.enter_context(watching(server))
        plan = line(stream)
        assert isinstance(plan, HostPlan)
        desired, ledger = Desired(Traits("/nowhere", False)), Ledger(HOST, "nftables", frozenset())
        desired.replace(plan.items.values())
        ledger.record({Stage.PORTS: None}, Outcome(), desired)
        ledger.report(reporter, plan.generation, complete=False)
        assert eventually(is_up)
        for there in ({"kind": "tap", "owner": 7}, {"kind": "tap"}):
            client.send("PUT", path, {"port": {"netwright:attachment": there}})
        assert not is_up()
        generation = client.get("/v1/status")["generation"]
        ledger.ask([PortId(port["id"])])
        ledger.report(reporter, generation, complete=False)
        assert eventually(is_up)
