"""An agent whose firewall is iptables, and others who write there."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from lab_host import guest_lab

from netwright.testing import lab as labs
from netwright.testing.lab import Lab
from netwright.testing.namespaces import eventually, run


@pytest.fixture(params=["nft", "legacy"])
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("NETWRIGHT_FIREWALL", "iptables")
    monkeypatch.setenv("NETWRIGHT_IPTABLES_BACKEND", request.param)
    return str(request.param)


@pytest.fixture
def lab(backend: str) -> Iterator[Lab]:
    with guest_lab() as (made, service):
        labs.wait_ready(made, service)
        yield made


def test_what_others_flush_comes_back(lab: Lab, backend: str) -> None:
    """After a flush of each table, a deleted jump, and an accept put before ours, all is soon as it was."""

    def saved() -> list[str]:
        text = run(lab.host, [f"iptables-{backend}-save"]).stdout
        return sorted(line for line in text.splitlines() if "netwright" in line)

    def ours_is_first() -> bool:
        rules = run(lab.host, [f"iptables-{backend}", "-w", "-S", "FORWARD"]).stdout.splitlines()
        return "netwright-FORWARD" in rules[1]

    assert eventually(lambda: any("netwright-o" in line for line in saved()), seconds=20)
    before = saved()
    first = '-m comment --comment "netwright:first" -j netwright-FORWARD'
    harms = [f"iptables-{backend} -w -t {table} -F" for table in ("raw", "mangle", "filter", "nat")]
    harms += [f"iptables-{backend} -w -D FORWARD {first}", f"iptables-{backend} -w -I FORWARD -j ACCEPT"]
    for harm in harms:
        run(lab.host, ["sh", "-c", harm])
        assert eventually(lambda: saved() == before and ours_is_first(), seconds=20), harm
