"""The loop: what is reached, what waits, what is held back."""

from __future__ import annotations

from collections.abc import Hashable, Mapping

from hypothesis import given
from hypothesis import strategies as st

from netwright.agent.desired import Desired
from netwright.agent.reconcile import Row, Sweep, SweepLimit, reconcile
from netwright.model.host import Stage, Traits
from netwright.testing.fakes import FakeDriver

STATES = st.dictionaries(st.integers(0, 8).map(str), st.integers(0, 2), max_size=8)
FULL = {Stage.FIREWALL: None, Stage.PORTS: None}


def wanted(firewall: Mapping[str, object], ports: Mapping[str, object]) -> Desired:
    """A desired state given directly."""
    desired = Desired(Traits("/nowhere", False))
    desired.values[Stage.FIREWALL].update(firewall)
    desired.values[Stage.PORTS].update(ports)
    return desired


def rows(firewall: FakeDriver, ports: FakeDriver) -> tuple[Row, Row]:
    return Row(Stage.FIREWALL, firewall, gate=True), Row(Stage.PORTS, ports)


@given(STATES, STATES, STATES, STATES)
def test_a_full_look_reaches_the_desired_state_and_a_second_writes_nothing(
    firewall: dict[Hashable, object],
    ports: dict[Hashable, object],
    want_firewall: dict[str, object],
    want_ports: dict[str, object],
) -> None:
    """Whatever was there, one look makes it what is wanted, and the next finds nothing to do."""
    drivers = FakeDriver(firewall), FakeDriver(ports)
    desired = wanted(want_firewall, want_ports)
    outcome = reconcile(rows(*drivers), desired, FULL)
    assert (drivers[0].there, drivers[1].there) == (want_firewall, want_ports)
    assert not outcome.failures
    assert not reconcile(rows(*drivers), desired, FULL).writes


@given(STATES, STATES, st.sets(st.integers(0, 8).map(str)))
def test_a_look_at_some_keys_touches_no_others(
    there: dict[Hashable, object], want: dict[str, object], keys: set[Hashable]
) -> None:
    """Keys that are not looked at stay as they were; the others become what is wanted."""
    driver = FakeDriver(dict(there))
    reconcile(rows(FakeDriver(), driver), wanted({}, want), {Stage.PORTS: keys})
    for key in {*there, *want}:
        assert driver.there.get(key) == (want if key in keys else there).get(key)


def test_nothing_is_built_behind_a_shut_gate_and_nothing_swept() -> None:
    """While the gate's stage fails the stages after it wait, whole, and what was to go stays."""
    firewall, ports = FakeDriver({"old": 1}, refused={"rule"}), FakeDriver({"gone": 1})
    desired = wanted({"rule": 1}, {"port": 1})
    outcome = reconcile(rows(firewall, ports), desired, FULL)
    assert ports.there == {"gone": 1}
    assert firewall.there == {"old": 1}
    assert outcome.pending == FULL
    firewall.refused.clear()
    assert not reconcile(rows(firewall, ports), desired, outcome.pending).failures
    assert (firewall.there, ports.there) == ({"rule": 1}, {"port": 1})


def test_one_failed_key_leaves_the_others_done_and_itself_pending() -> None:
    """A stage that is no gate does what it can; what it could not is pending, and told."""
    ports = FakeDriver(refused={"a"})
    outcome = reconcile(rows(FakeDriver(), ports), wanted({}, {"a": 1, "b": 1}), FULL)
    assert ports.there == {"b": 1}
    assert outcome.failures[Stage.PORTS].said == "refused ['a']"
    pending = outcome.pending[Stage.PORTS]
    assert pending is not None
    assert "a" in pending


def test_what_does_not_stay_written_is_told() -> None:
    """A key that differs after every round is a failure, not a loop without end."""
    ports = FakeDriver(deaf={"a"})
    outcome = reconcile(rows(FakeDriver(), ports), wanted({}, {"a": 1}), FULL)
    assert outcome.pending == {Stage.PORTS: {"a"}}
    assert "still differs" in outcome.failures[Stage.PORTS].said


def test_a_removal_far_larger_than_usual_is_held_back_until_it_is_allowed() -> None:
    """A look that would remove most ports removes nothing at all, again and again, until told to."""
    ports = FakeDriver({f"p{number}": 1 for number in range(30)})
    firewall = FakeDriver({"old": 1})
    desired = wanted({}, {"p0": 1})
    limited = Sweep(limit=SweepLimit(Stage.PORTS))
    for _ in range(2):
        outcome = reconcile(rows(firewall, ports), desired, FULL, limited)
        assert outcome.held
        assert len(ports.there) == 30
        assert firewall.there == {"old": 1}
        assert "29 of 30" in outcome.failures[Stage.PORTS].said
    meant = {f"p{number}" for number in range(1, 26)}
    assert not reconcile(rows(firewall, ports), desired, {Stage.PORTS: meant}, limited).failures
    assert len(ports.there) == 5
    assert not reconcile(rows(firewall, ports), desired, FULL, Sweep()).failures
    assert ports.there == {"p0": 1}


def test_before_a_servers_plan_nothing_goes() -> None:
    """A plan from disk builds what is missing and removes nothing."""
    ports = FakeDriver({"newer": 1})
    outcome = reconcile(rows(FakeDriver(), ports), wanted({}, {"older": 1}), FULL, Sweep(allowed=False))
    assert ports.there == {"newer": 1, "older": 1}
    assert not outcome.failures


def test_what_may_wait_is_right_while_it_is_absent() -> None:
    """A value that waits for someone else is put where it is there and wrong, and not where it is missing."""
    ports = FakeDriver({"there": 0})
    row = Row(Stage.PORTS, ports, may_wait=lambda key, _: key not in ports.there)
    outcome = reconcile((row,), wanted({}, {"there": 1, "missing": 1}), {Stage.PORTS: None})
    assert ports.there == {"there": 1}
    assert not outcome.failures
