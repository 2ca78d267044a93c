"""Logs of security groups in the plans of hosts."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from asking import groups, logs, ports
from group_scene import plug, prepare
from worlds import HOST, OTHER_HOST, world

from netwright.control import plans
from netwright.control.groups import GroupRequest
from netwright.control.logs import LogRequest
from netwright.control.ports import PortRequest
from netwright.control.world import World
from netwright.model.intent import LogEvent, Unplugged
from netwright.model.plan import GroupItem, HostPlan, PlanDelta, apply


@contextmanager
def followed(here: World) -> Iterator[None]:
    """What is done within is told to both hosts: their plans before with the deltas are the plans after."""
    before = [plans.snapshot(here, host) for host in (HOST, OTHER_HOST)]
    yield
    for plan in before:
        delta = plans.delta(here, plan.host, plan.generation)
        assert isinstance(delta, PlanDelta)
        assert apply(plan, delta) == plans.snapshot(here, plan.host)


def logging(plan: HostPlan) -> set[str]:
    """The groups whose chains log."""
    return {item.id for item in plan.items.values() if isinstance(item, GroupItem) and item.logs}


def test_a_log_about_a_port_is_in_its_groups_chains_where_it_is_plugged() -> None:
    """Whatever becomes of port and log, its host alone logs for it, and is told what changed."""
    with world() as here:
        network, group = prepare(here)
        another = groups.create(here, [GroupRequest(name="db")])[0].value.id
        plug(here, network, group, HOST)
        (port,) = plug(here, network, group, OTHER_HOST)
        with followed(here):
            request = LogRequest(resource_type="security_group", event=LogEvent.ACCEPT, port_id=port)
            log = logs.create(here, [request])[0].value.id
        assert logging(plans.snapshot(here, HOST)) == set()
        assert logging(plans.snapshot(here, OTHER_HOST)) == {group}
        with followed(here):
            ports.update(here, port, PortRequest(security_groups=(another,)))
        assert logging(plans.snapshot(here, OTHER_HOST)) == {another}
        with followed(here):
            ports.update(here, port, PortRequest(security_groups=(another, group), host=HOST))
        assert logging(plans.snapshot(here, HOST)) == {group, another}
        with followed(here):
            logs.update(here, log, LogRequest(enabled=False))
        assert logging(plans.snapshot(here, HOST)) == set()
        with followed(here):
            logs.update(here, log, LogRequest(enabled=True))
            ports.update(here, port, PortRequest(attachment=Unplugged()))
        assert logging(plans.snapshot(here, HOST)) == set()
        with followed(here):
            logs.delete(here, log)
