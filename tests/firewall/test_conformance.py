"""One meaning: every engine's verdicts on real packets are the reference's, on one host and across two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conforming import COMPARED, Bench, one_host, two_hosts
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from oracle import Scene
from packet_space import scenes

ENOUGH = 10_000


def profile(examples: int) -> settings:
    return settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )


@pytest.fixture(scope="module")
def alone(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with one_host(engine, tmp_path_factory.mktemp("alone")) as bench:
        yield bench


@pytest.fixture(scope="module")
def apart(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with two_hosts(engine, tmp_path_factory.mktemp("apart")) as bench:
        yield bench


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("where", ["alone", "apart"])
def test_packets_pass_as_groups_say_at_length(request: pytest.FixtureRequest, where: str) -> None:
    """Ten times as many scenes, other ones than the quick runs have, and not one verdict differs."""
    bench = request.getfixturevalue(where)

    @profile(400)
    @given(data=st.data())
    def at_length(data: st.DataObject) -> None:
        judge(bench, data)

    at_length()


def judge(bench: Bench, data: st.DataObject) -> None:
    scene: Scene = data.draw(scenes(bench.bare))
    bench.judge(scene, turned=data.draw(st.booleans()))


@profile(40)
@given(data=st.data())
def test_on_one_host_packets_pass_as_groups_say(alone: Bench, data: st.DataObject) -> None:
    """Between guests, to the host and from it, each packet, answer and error arrives exactly if the reference says so."""
    judge(alone, data)


@profile(40)
@given(data=st.data())
def test_across_two_hosts_packets_pass_as_groups_say(apart: Bench, data: st.DataObject) -> None:
    """Members on another host are members; each packet is judged by both ends, wherever they are."""
    judge(apart, data)


def test_enough_packets_were_compared(engine: str, alone: Bench, apart: Bench) -> None:
    """The tests above compared at least ten thousand packets that arrived with this engine, and as many that did not."""
    assert COMPARED[engine, True] >= ENOUGH
    assert COMPARED[engine, False] >= ENOUGH
