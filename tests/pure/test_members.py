"""Members of groups whose ports are on other hosts."""

from __future__ import annotations

from ipaddress import ip_network

from asking import ports, subnets
from group_scene import plug, prepare
from worlds import HOST, OTHER_HOST, world

from netwright.control import plans
from netwright.control.ports import PortRequest
from netwright.control.subnets import SubnetRequest
from netwright.model.ids import PortId
from netwright.model.intent import Ipv6Mode, Unplugged
from netwright.model.plan import HostPlan, ItemKey, MemberItem, Noun, PlanDelta


def members(plan: HostPlan) -> dict[PortId, MemberItem]:
    return {item.id: item for item in plan.items.values() if isinstance(item, MemberItem)}


def test_a_host_knows_the_addresses_of_members_on_other_hosts() -> None:
    """A port plugged elsewhere is a member here exactly while a rule of a port here names its group."""
    with world() as here:
        network, group = prepare(here)
        there = plug(here, network, group, OTHER_HOST)[0]
        assert members(plans.snapshot(here, HOST)) == {}

        mine = plug(here, network, group, HOST)[0]
        found = members(plans.snapshot(here, HOST))
        address = ports.get(here, there).value.fixed_ips[0].address
        assert set(found) == {there}
        assert found[there].groups == (group,)
        assert {str(prefix) for prefix in found[there].prefixes} == {f"{address}/32", "192.0.2.7/32"}

        ports.update(here, mine, PortRequest(attachment=Unplugged()))
        assert members(plans.snapshot(here, HOST)) == {}


def test_a_port_among_many_changes_one_member_elsewhere() -> None:
    """Where a group is in use on two hosts, a further port on one is a single item for the other."""
    with world() as here:
        network, group = prepare(here)
        plug(here, network, group, OTHER_HOST, 20)
        plug(here, network, group, HOST, 2)
        before = plans.snapshot(here, HOST).generation
        added = plug(here, network, group, OTHER_HOST)[0]
        delta = plans.delta(here, HOST, before)
        assert isinstance(delta, PlanDelta)
        assert [item.key for item in delta.changed if isinstance(item, MemberItem)] == [
            ItemKey(Noun.MEMBER, added)
        ]
        assert set(delta.removed) == {ItemKey(Noun.PORT, added), ItemKey(Noun.PORT_QOS, added)}


def test_an_address_that_comes_and_goes_with_its_subnet_is_told_to_other_hosts() -> None:
    """Guests there take addresses of a new automatic subnet, and lose them with it: groups here follow."""
    with world() as here:
        network, group = prepare(here)
        there = plug(here, network, group, OTHER_HOST)[0]
        plug(here, network, group, HOST)

        def told(since: int) -> set[str]:
            delta = plans.delta(here, HOST, since)
            assert isinstance(delta, PlanDelta)
            items = [item for item in delta.changed if isinstance(item, MemberItem) and item.id == there]
            return {str(prefix) for item in items for prefix in item.prefixes if prefix.version == 6}

        before = plans.generation(here)
        mode = Ipv6Mode.SLAAC
        request = SubnetRequest(
            network_id=network, cidr=ip_network("fd00::/64"), ipv6_ra_mode=mode, ipv6_address_mode=mode
        )
        (subnet,) = subnets.create(here, [request])
        fixed = ports.get(here, there).value.fixed_ips
        assert told(before) == {f"{one.address}/128" for one in fixed if one.address.version == 6} != set()
        before = plans.generation(here)
        subnets.delete(here, subnet.value.id)
        delta = plans.delta(here, HOST, before)
        assert isinstance(delta, PlanDelta)
        assert there in {item.id for item in delta.changed if isinstance(item, MemberItem)}
        assert told(before) == set()
