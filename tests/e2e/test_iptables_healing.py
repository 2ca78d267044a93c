"""A running agent with the iptables engine: what strangers do to its chains in tables that all share is put right."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import pytest

from netwright.kernel import netns
from netwright.kernel.iptables import Iptables
from netwright.model.xtables import XtKey, XtValue
from netwright.testing import lab as labs
from netwright.testing.lab import Lab
from netwright.testing.namespaces import eventually, run


@dataclass(frozen=True)
class Host:
    lab: Lab
    backend: str
    look: Callable[[], Mapping[XtKey, XtValue]]
    right: Mapping[XtKey, XtValue]

    def run(self, command: str, stdin: str = "") -> str:
        return run(self.lab.host, ["sh", "-c", command], stdin=stdin).stdout

    def is_right(self) -> bool:
        return self.look() == self.right


@pytest.fixture(scope="module", params=["nft", "legacy"])
def host(request: pytest.FixtureRequest) -> Iterator[Host]:
    lab = Lab(f"t{uuid.uuid4().hex[:8]}")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NETWRIGHT_FIREWALL", "iptables")
        environment.setenv("NETWRIGHT_IPTABLES_BACKEND", request.param)
        with labs.running(lab) as service:
            labs.netwright(lab, "network", "create", "blue", "--cidr", "10.20.0.0/24")
            labs.netwright(lab, "port", "create", "web", "--network", "blue")
            labs.add_guest(lab.guest("g1"))
            labs.netwright(lab, "port", "plug", "web", "--netns", lab.guest("g1"))
            labs.wait_ready(lab, service)

            def look() -> Mapping[XtKey, XtValue]:
                with netns.inside(lab.host):
                    return Iptables().observe()

            right = look()
            assert right, "the iptables engine was not chosen"
            yield Host(lab, request.param, look, right)


DEEDS = {
    "everything flushed": "iptables-{0} -F; ip6tables-{0} -F",
    "an empty restore": "printf '*filter\\nCOMMIT\\n' | iptables-{0}-restore",
    "one table flushed and its chains deleted": "iptables-{0} -t mangle -F; iptables-{0} -t mangle -X || true",
    "FORWARD flushed": "iptables-{0} -F FORWARD",
    "IPv6's FORWARD flushed": "ip6tables-{0} -F FORWARD",
    "ebtables flushed": "ebtables-nft -F",
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_strangers_do_with_iptables_is_put_right(host: Host, deed: str) -> None:
    """After a foreign flush or restore of shared tables, of either back end, netwright's chains are soon as they were."""
    assert eventually(host.is_right)
    host.run(DEEDS[deed].format(host.backend))
    assert eventually(host.is_right, 10)
