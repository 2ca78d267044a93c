"""One meaning: every engine's verdicts on real packets are the reference's, on one host and across two."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from conforming import COMPARED, Bench, one_host, two_hosts
from hypothesis import HealthCheck, Phase, Verbosity, given, settings
from hypothesis import strategies as st
from oracle import Scene
from packet_space import scenes

ENOUGH = 10_000
LONG = {"nftables": 400}
"""Scenes; the other engines take tens of milliseconds for each change."""
LESS_LONG = 80


@pytest.fixture(scope="module")
def quick(request: pytest.FixtureRequest) -> int:
    """How many scenes are few."""
    return int(request.config.getoption("--scenes"))


@pytest.fixture(scope="module")
def alone(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with one_host(engine, tmp_path_factory.mktemp("alone")) as bench:
        yield bench


@pytest.fixture(scope="module")
def apart(engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with two_hosts(engine, tmp_path_factory.mktemp("apart")) as bench:
        yield bench


def judge(bench: Bench, examples: int) -> None:
    """So many random scenes, the same ones in every run, up to the first that goes wrong.

    The bench itself finds the least scene that shows it, with one packet a try; Hypothesis would need them all.
    """
    wrong: list[str] = []

    @settings(
        max_examples=examples,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        verbosity=Verbosity.quiet,
        suppress_health_check=list(HealthCheck),
    )
    @given(scene=scenes(bench.bare), turned=st.booleans())
    def one(scene: Scene, turned: bool) -> None:
        if not wrong:
            wrong.extend(bench.judge(scene, turned=turned))

    one()
    assert not wrong, wrong[0]


def test_on_one_host_packets_pass_as_groups_say(alone: Bench, quick: int) -> None:
    """Between guests, to the host and from it, each packet, answer and error arrives exactly if the reference says so."""
    judge(alone, quick)


def test_across_two_hosts_packets_pass_as_groups_say(apart: Bench, quick: int) -> None:
    """Members on another host are members; each packet is judged by both ends, wherever they are."""
    judge(apart, quick)


def test_enough_packets_were_compared(engine: str, alone: Bench, apart: Bench) -> None:
    """The tests above compared at least ten thousand packets with this engine; many arrived and many did not."""
    arrived, stopped = COMPARED[engine, True], COMPARED[engine, False]
    assert arrived + stopped >= ENOUGH
    assert min(arrived, stopped) >= ENOUGH / 10


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_on_one_host_packets_pass_as_groups_say_at_length(engine: str, alone: Bench) -> None:
    """Many scenes, and not one verdict differs."""
    judge(alone, LONG.get(engine, LESS_LONG))


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_across_two_hosts_packets_pass_as_groups_say_at_length(engine: str, apart: Bench) -> None:
    """Many scenes, and not one verdict differs."""
    judge(apart, LONG.get(engine, LESS_LONG))
