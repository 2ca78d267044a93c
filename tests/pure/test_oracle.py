"""The rules' meaning is written down twice, for ending connections and for judging engines: both are one."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from oracle import Scene, allowed
from packet_space import packets, scenes

from netwright.model.intent import Direction
from netwright.render.verdicts import Opening, allows
from netwright.testing.samples import sample_address, sample_network, sample_port, sample_subnet

V4, V6 = sample_subnet("10.31.0.0/24"), sample_subnet("fd31::/64", number=2)
PORTS = tuple(
    sample_port(
        sample_address(V4, f"10.31.0.{10 + number}"),
        sample_address(V6, f"fd31::{10 + number}"),
        number=number,
        network=sample_network(V4, V6),
    )
    for number in (1, 2, 3)
)


@settings(
    max_examples=10, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
@given(scene=scenes(PORTS))
def test_the_reference_and_the_agent_read_rules_alike(scene: Scene) -> None:
    """For every packet of random scenes, both say the same of each end's groups."""
    for packet in packets(scene):
        for way in Direction:
            near, far = packet.sender, packet.target.address
            if way is Direction.INGRESS:
                near, far = packet.receiver, packet.source.address
            rules = [rule for group in scene.groups_of(near) for rule in group.rules]
            opening = Opening(way, far, packet.protocol, packet.port, packet.icmp)
            assert allows(rules, opening, scene.is_in) == allowed(scene, packet, way)
