"""How long what was taken away behind netwright's back stays away: from the command to the restored state."""

from __future__ import annotations

import os
import re
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from common import run
from guest import Guest
from host import HOST, Client, Lab, Network, Port, port_in, settle

from netwright.model.ids import NamespaceName

_PATIENCE_S: Final = 30.0
_PAUSE_S: Final = 0.005
_COUNTS: Final = re.compile(r"counter packets \d+ bytes \d+")
_WORD: Final = re.compile(r"[^\s,]+")
GATEWAY: Final = "10.20.0.1/16"
_PATIENT: Final = NamespaceName("patient")


@dataclass(frozen=True, slots=True)
class Damage:
    """What is done, and whether it is undone."""

    do: Callable[[], object]
    is_healed: Callable[[], bool]


def heal(lab: Lab, client: Client, network: Network, rounds: int) -> Mapping[str, list[float]]:
    """Milliseconds of each round, by what was damaged."""
    lab.guest(_PATIENT)
    port = client.create_port(port_in(network, _PATIENT, "eth0"))
    settle(client)
    found: dict[str, list[float]] = {name: [] for name in _damages(lab, network, port)}
    for _ in range(rounds):
        for name, damage in _damages(lab, network, port).items():
            found[name].append(_time(damage))
            settle(client)
    client.delete_port(port)
    settle(client)
    return found


def _time(damage: Damage) -> float:
    if not damage.is_healed():
        raise RuntimeError("not whole before the damage")
    begun = time.perf_counter()
    damage.do()
    while not damage.is_healed():
        if time.perf_counter() - begun > _PATIENCE_S:
            raise RuntimeError("not healed in time")
        time.sleep(_PAUSE_S)
    return (time.perf_counter() - begun) * 1000


def _damages(lab: Lab, network: Network, port: Port) -> Mapping[str, Damage]:
    whole = _rules()
    bridge, link = network.bridge, port.link
    return {
        "nft_flush": Damage(lambda: _host("nft flush ruleset"), lambda: _rules() == whole),
        "bridge_port": Damage(lambda: _host(f"ip link delete {link}"), lambda: _is_port(link, bridge)),
        "bridge_port_let_go": Damage(
            lambda: _host(f"ip link set {link} nomaster"), lambda: _is_port(link, bridge)
        ),
        "address": Damage(
            lambda: _host(f"ip address delete {GATEWAY} dev {bridge}"),
            lambda: GATEWAY in _host(f"ip address show dev {bridge}"),
        ),
        "route": Damage(
            lambda: _host("ip route delete 10.20.0.0/16"),
            lambda: bridge in _host("ip route show 10.20.0.0/16"),
        ),
        "dnsmasq": Damage(lambda: _kill_dnsmasq(lab, network), lambda: _leases(port)),
    }


def _host(words: str) -> str:
    return run(words.split(), where=HOST)


def _rules() -> Counter[str]:
    """All rules and elements, whatever their order, without their counts."""
    return Counter(_WORD.findall(_COUNTS.sub("counter", _host("nft list ruleset"))))


def _is_port(link: str, bridge: str) -> bool:
    """Both ends there, up, and on the bridge."""
    with suppress(RuntimeError):
        near = _host(f"ip link show dev {link}")
        far = run(["ip", "link", "show", "dev", "eth0"], where=_PATIENT)
        return f"master {bridge}" in near and ",UP,LOWER_UP" in near and ",UP,LOWER_UP" in far
    return False


def _kill_dnsmasq(lab: Lab, network: Network) -> None:
    pid = int((lab.run / "dnsmasq" / network.id / "pid").read_text())
    os.kill(pid, signal.SIGKILL)
    while Path(f"/proc/{pid}").exists():
        time.sleep(0.0005)


def _leases(port: Port) -> bool:
    """Whether the guest gets its address; waits until it does."""
    guest = Guest(_PATIENT, "eth0")
    try:
        guest.await_link()
        return guest.lease(port.mac_address) == port.address
    finally:
        guest.close()
