"""Logs of security groups: which packets are written down, how many, and as what."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from netwright.agent.packet_log import PacketLog
from netwright.model.host import LogLimit
from netwright.model.ids import GroupId, LogId
from netwright.model.intent import AnyProtocol, Anywhere, Direction, EtherType, PortRange
from netwright.model.plan import GroupItem, LogPlan, RulePlan, Serving
from netwright.testing import frames
from netwright.testing.namespaces import eventually
from netwright.testing.rig import Rig, rig
from netwright.testing.samples import sample_guest, sample_network, sample_subnet
from netwright.testing.wires import Wired, silent_guests, wired

V4 = sample_subnet("10.42.0.0/24", Serving.STATIC)
V6 = sample_subnet("fd42::/64", Serving.STATIC, number=2)
NET = sample_network(V4, V6)
WEB, CALLERS = (GroupId(f"{number:08x}-6c0f-4000-8000-000000000042") for number in (1, 2))
LOG, OTHER = (LogId(f"{number:08x}-1091-4000-8000-000000000042") for number in (1, 2))
OUT = tuple(RulePlan(Direction.EGRESS, kind, AnyProtocol(), Anywhere()) for kind in EtherType)
HTTP = tuple(RulePlan(Direction.INGRESS, kind, PortRange(6, 80, 80), Anywhere()) for kind in EtherType)
BOTH = LogPlan(LOG, accepted=True, dropped=True)
ACCEPTS = replace(BOTH, dropped=False)
DROPS = replace(BOTH, accepted=False)
BURST = 5


@dataclass(frozen=True)
class Logging:
    """Guest 0 calls guest 1 (in WEB: port 80 is open) and guest 2 (in no group)."""

    rig: Rig
    wired: Wired
    directory: Path

    def plan(self, *logs: LogPlan, port_logs: tuple[LogId, ...] = ()) -> None:
        caller, web, bare = self.wired.ports
        ports = (
            replace(caller, groups=(CALLERS,)),
            replace(web, groups=(WEB,), logs=port_logs),
            replace(bare, logs=port_logs),
        )
        groups = GroupItem(WEB, True, (*OUT, *HTTP), logs=logs), GroupItem(CALLERS, True, OUT)
        outcome = self.rig.plan(NET, *groups, *ports)
        assert not outcome.failures, outcome
        assert not self.rig.look().writes

    def call(self, port: int, *, guest: int = 1, version: int = 4, source: int = 40000) -> bool:
        one, two = self.wired.end(0, version), self.wired.end(guest, version)
        frame = frames.tcp(one, two, (source, port), frames.SYN)
        return self.wired.arrives(0, guest, frame)

    def lines(self, count: int) -> list[dict]:
        """All there are of TCP, once there are that many: the host sends some IPv6 of its own."""
        assert eventually(lambda: len(self._lines()) >= count), self._lines()
        return self._lines()

    def _lines(self) -> list[dict]:
        return [line for line in self.written() if line.get("protocol") == frames.TCP]

    def written(self) -> list[dict]:
        file = self.directory / "packets.log"
        return [json.loads(line) for line in file.read_bytes().splitlines()] if file.exists() else []


@pytest.fixture(params=["nftables", "iptables/nft", "iptables/legacy"])
def logging(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Logging]:
    with ExitStack() as stack:
        ports = stack.enter_context(silent_guests(*(sample_guest(number, NET) for number in range(3))))
        made = stack.enter_context(rig(tmp_path, request.param, log_limit=LogLimit(1, BURST)))
        made.plan(NET, *ports)
        log = made.do(lambda: PacketLog(tmp_path, made.around()))
        made.do(log.start)
        stack.callback(log.stop)
        joined = stack.enter_context(wired(*ports))
        joined.exchange([])  # the bridge learns where everyone is, and floods nothing from now on
        yield Logging(made, joined, tmp_path)


@pytest.mark.parametrize("version", [4, 6])
def test_a_dropped_packet_is_a_line_that_tells_all_of_it(logging: Logging, version: int) -> None:
    """What no rule lets in is written down with its port, its groups, its addresses and its MACs, and dropped."""
    logging.plan(DROPS)
    caller, web, _ = logging.wired.ports
    assert logging.call(80, version=version), "an open port"
    assert not logging.call(81, version=version)
    (line,) = logging.lines(1)
    one, two = logging.wired.end(0, version), logging.wired.end(1, version)
    assert line.pop("time").endswith("+00:00")
    assert line == {
        "host": "rig",
        "log_id": LOG,
        "action": "DROP",
        "direction": "ingress",
        "port_id": web.id,
        "project_id": web.project_id,
        "security_group_ids": [WEB],
        "rule": None,
        "source_mac": caller.mac,
        "destination_mac": web.mac,
        "ethertype": f"IPv{version}",
        "source": str(one.address),
        "destination": str(two.address),
        "length": {4: 40, 6: 60}[version],
        "protocol": 6,
        "source_port": 40000,
        "destination_port": 81,
    }


def test_an_accepted_packet_names_its_rule(logging: Logging) -> None:
    """The first packet of a connection is a line with the rule that let it in; its answer, and drops, are none."""
    logging.plan(ACCEPTS)
    assert logging.call(80)
    assert not logging.call(81)
    back = frames.tcp(logging.wired.end(1), logging.wired.end(0), (80, 40000), frames.SYN_ACK)
    assert logging.wired.arrives(1, 0, back)
    (line,) = logging.lines(1)
    assert (line["action"], line["direction"], line["destination_port"]) == ("ACCEPT", "ingress", 80)
    assert line["rule"] == {
        "security_group_id": WEB,
        "direction": "ingress",
        "ethertype": "IPv4",
        "protocol": 6,
        "port_range_min": 80,
        "port_range_max": 80,
    }


def test_each_log_is_limited_by_itself(logging: Logging) -> None:
    """Of a burst a log writes as many lines as its burst allows, and another log as many of its own."""
    other = replace(BOTH, id=OTHER)
    logging.plan(BOTH, other)
    for number in range(8 * BURST):
        # Both ways of ending, so that a log's limit holds over all its rules together.
        logging.call(80 + number % 2, source=40000 + number)
    assert eventually(lambda: len(logging.written()) >= 2 * BURST), logging.written()
    # Packets that the host itself sends (IPv6's) count like the guests'.
    lines = [line["log_id"] for line in logging.written()]
    # One more a second trickles in: the burst lasts less than that many.
    assert BURST <= lines.count(LOG) <= 2 * BURST
    assert BURST <= lines.count(OTHER) <= 2 * BURST


def test_a_log_of_one_port_is_silent_about_others(logging: Logging) -> None:
    """A log of a group and a port tells of that port only."""
    logging.plan(replace(DROPS, port_id=logging.wired.ports[2].id))
    logging.call(81)
    logging.plan(replace(DROPS, port_id=logging.wired.ports[1].id))
    logging.call(82)
    assert [line["destination_port"] for line in logging.lines(1)] == [82]


def test_a_log_without_a_group_tells_of_ports_without_groups(logging: Logging) -> None:
    """A port's own log tells once what the port drops, whatever groups it has, be it none."""
    logging.plan(port_logs=(LOG,))
    assert not logging.call(81)
    assert not logging.call(80, guest=2)
    found = [(line["destination_port"], line["security_group_ids"]) for line in logging.lines(2)]
    assert found == [(81, [WEB]), (80, [])]


def test_a_log_that_goes_leaves_nothing(logging: Logging) -> None:
    """Logs come and go without an open moment, and their limits and chains go with them."""
    before = logging.rig.there()
    logging.plan(BOTH, port_logs=(OTHER,))
    assert logging.rig.there() != before
    logging.plan()
    logging.plan(BOTH)
    logging.plan()
    assert not logging.call(81)
    left = {str(key) for keys in logging.rig.there().values() for key in keys}
    assert not [key for key in left if LOG in key or OTHER in key or "-yes-" in key or "-log-" in key]
