"""What is restored on a small host without rules whose firewall is iptables."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_host import plan

from netwright.kernel.xt_chains import write_scripts
from netwright.model.host import Stage, Traits
from netwright.model.xtables import XtKey, XtKind, XtSet, XtValue
from netwright.render.firewalls import ENGINES
from netwright.render.items import render

HERE = Path(__file__).parent
NAMES = {"": "ebtables", "ip": "iptables", "ip6": "ip6tables"}


@pytest.mark.parametrize("backend", ["nft", "legacy"])
def test_the_scripts_are_as_recorded(backend: str) -> None:
    """A plan renders to the recorded sets, chains, rules and jumps, whichever the back end."""
    assert scripts(backend) == (HERE / "host_iptables.txt").read_text()


@pytest.mark.parametrize("backend", ["nft", "legacy"])
def test_names_are_short_enough(backend: str) -> None:
    """No chain's name is longer than xtables' 28 characters, no set's than ipset's 31."""
    keys = desired(backend)
    assert max(len(key.name) for key in keys if key.kind is XtKind.CHAIN) <= 28
    assert max(len(key.name) for key in keys if key.kind is XtKind.SET) <= 31


def desired(backend: str) -> dict[XtKey, XtValue]:
    found: dict[XtKey, XtValue] = {}
    traits = Traits("/run/netwright", bridge_conntrack=False, firewall="iptables", xtables=backend)
    for item in plan():
        found.update(render(item, traits, ENGINES["iptables"]).get(Stage.IPTABLES, {}))
    return found


def scripts(backend: str) -> str:
    keys = desired(backend)
    sets = [
        f"create {key.name} {value.spec}" if isinstance(value, XtSet) else f"add {key.name} {key.item}"
        for key, value in keys.items()
        if key.family == "set"
    ]
    chains = {key: value for key, value in keys.items() if key.family != "set"}
    written = write_scripts(chains, {})
    parts = [f"# {NAMES.get(family, 'ebtables')}\n{script}" for (_, family), script in written.items()]
    return "\n".join(["# ipset", *sorted(sets, key=_creation_first), *parts])


def _creation_first(line: str) -> tuple[bool, str]:
    return not line.startswith("create"), line
