"""What users do with QoS policies in random lives."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import TypeVar

from asking import floating_ips, networks, ports
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from netwright.api.nouns import NOUNS
from netwright.control.floating_ips import FloatingIpRequest
from netwright.control.networks import NetworkRequest
from netwright.control.ports import PortRequest
from netwright.control.queries import Query
from netwright.control.requests import Asker, Requests
from netwright.control.world import World
from netwright.model.caller import Caller, Role
from netwright.model.errors import RequestError
from netwright.model.ids import QosPolicyId

V = TypeVar("V")
PICK = st.integers(0, 30)
QOS_RULES: Mapping[str, dict[str, object]] = {
    "bandwidth_limit": {"max_kbps": 1000},
    "packet_rate_limit": {"max_kpps": 10},
    "dscp_marking": {"dscp_mark": 46},
    "minimum_bandwidth": {"min_kbps": 500},
}


def pick(found: Sequence[V], at: int) -> V:
    if not found:
        raise RequestError("nothing to pick")
    return found[at % len(found)]


class QosLife(RuleBasedStateMachine):
    """Policies and their rules come and go; networks, ports and floating IPs take them."""

    world: World

    @rule(
        at=PICK,
        kind=st.sampled_from(tuple(QOS_RULES)),
        way=st.sampled_from(["ingress", "egress"]),
        there=st.booleans(),
    )
    def change_policy(self, at, kind, way, there):
        """A rule comes or goes; the policy is made where there is none to pick."""
        asked, asker = Requests(self.world, NOUNS), Asker(Caller(None, Role.ADMIN))
        with contextlib.suppress(RequestError):
            if at >= len(asked.find(NOUNS["policies"], asker, Query())) < 4:
                asked.create(NOUNS["policies"], asker, [{"is_default": at == 0}])
            policy = pick(asked.find(NOUNS["policies"], asker, Query()), at)["id"]
            beneath, noun = Asker(asker.caller, str(policy)), NOUNS[f"{kind}_rules"]
            if there:
                values = QOS_RULES[kind] | ({} if "dscp" in kind else {"direction": way})
                asked.create(noun, beneath, [values])
            else:
                asked.delete(noun, beneath, str(pick(asked.find(noun, beneath, Query()), at)["id"]))

    @rule(at=PICK, policy=st.none() | PICK, what=st.sampled_from(["network", "port", "floating"]))
    def take_policy(self, at, policy, what):
        with contextlib.suppress(RequestError):
            asked, asker = Requests(self.world, NOUNS), Asker(Caller(None, Role.ADMIN))
            found = asked.find(NOUNS["policies"], asker, Query())
            wanted = None if policy is None else QosPolicyId(str(pick(found, policy)["id"]))
            if what == "network":
                networks.update(
                    self.world,
                    pick(networks.find(self.world, {}), at).value.id,
                    NetworkRequest(qos_policy_id=wanted),
                )
            elif what == "port":
                ports.update(
                    self.world,
                    pick(ports.find(self.world, {}), at).value.id,
                    PortRequest(qos_policy_id=wanted),
                )
            else:
                floating = pick(floating_ips.find(self.world, {}), at).value
                floating_ips.update(self.world, floating.id, FloatingIpRequest(qos_policy_id=wanted))
