"""A running agent with the iptables engine: what strangers do to its chains in tables that all share is put right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest
from lab_host import LabHost, guest_lab

from netwright.kernel import netns
from netwright.kernel.iptables import Iptables
from netwright.model.xtables import XtKey, XtValue
from netwright.testing import lab as labs
from netwright.testing.namespaces import eventually


@pytest.fixture(scope="module", params=["nft", "legacy"])
def backend(request: pytest.FixtureRequest) -> Iterator[str]:
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("NETWRIGHT_FIREWALL", "iptables")
        environment.setenv("NETWRIGHT_IPTABLES_BACKEND", request.param)
        yield str(request.param)


@pytest.fixture(scope="module")
def host(backend: str) -> Iterator[LabHost]:
    with guest_lab() as (lab, service):
        labs.wait_ready(lab, service)

        def look() -> Mapping[XtKey, XtValue]:
            with netns.inside(lab.host):
                return Iptables().observe()

        right = look()
        assert right, "the iptables engine was not chosen"
        yield LabHost(lab, service, look, right)


DEEDS = {
    "everything flushed": "iptables-{0} -F; ip6tables-{0} -F",
    "an empty restore": "printf '*filter\\nCOMMIT\\n' | iptables-{0}-restore",
    "one table flushed and its chains deleted": "iptables-{0} -t mangle -F; iptables-{0} -t mangle -X || true",
    "FORWARD flushed": "iptables-{0} -F FORWARD",
    "IPv6's FORWARD flushed": "ip6tables-{0} -F FORWARD",
    "ebtables flushed": "ebtables-nft -F",
}


@pytest.mark.parametrize("deed", DEEDS)
def test_what_strangers_do_with_iptables_is_put_right(host: LabHost, backend: str, deed: str) -> None:
    """After a foreign flush or restore of shared tables, of either back end, netwright's chains are soon as they were."""
    assert eventually(host.is_right)
    host.run(DEEDS[deed].format(backend))
    assert eventually(host.is_right, 10)
