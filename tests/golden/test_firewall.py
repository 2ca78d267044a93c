"""The nftables script of a small host, in both ways of tracking connections."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_host import plan

from netwright.kernel.nft import write_script
from netwright.model.host import NftKey, NftValue, Stage, Traits
from netwright.render.items import render

HERE = Path(__file__).parent


@pytest.mark.parametrize(("native", "name"), [(True, "host_native.nft"), (False, "host_br_netfilter.nft")])
def test_the_script_is_as_recorded(native: bool, name: str) -> None:
    """A plan renders to the recorded transaction, every rule with its tag."""
    desired: dict[NftKey, NftValue] = {}
    for item in plan():
        part = render(item, Traits("/run/netwright", native)).get(Stage.FIREWALL, {})
        desired.update((key, value) for key, value in part.items())  # type: ignore[misc]
    assert write_script(desired) == (HERE / name).read_text()
