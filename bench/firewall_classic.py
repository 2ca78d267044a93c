"""nova-network's firewall alone: chains reached by destination address, all rules anew for each change."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Final

from classic import edited, iptables
from common import run
from firewall_host import FAR, NEAR, PlainBridge
from packets import DOOR, ECHO, SINK, Path

_TALK: Final = (*(f"-p udp -m udp --dport {port}" for port in (SINK, ECHO)), f"-p tcp -m tcp --dport {DOOR}")
_REST_S: Final = 0.1


class ClassicFirewall:
    """That many instances in one group, and two more that talk, listed last."""

    def __init__(self, ports: int) -> None:
        self.iptables = iptables()
        self._bridge = PlainBridge(f"classic{ports}", netfilter=1)
        self._instances = [f"10.30.{number >> 8}.{number & 255}" for number in range(10, ports + 10)]
        self._write(self._instances)

    @property
    def path(self) -> Path:
        return self._bridge.path

    def port_ms(self) -> float:
        """One instance more."""
        return self._timed([*self._instances, "10.40.0.1"])

    def member_ms(self) -> float:
        """One source more in every instance's chain: there were no sets then."""
        return self._timed(self._instances, ["-s 10.40.0.1/32 -p tcp -m tcp --dport 9999"])

    def rule_ms(self) -> float:
        """One rule more in every instance's chain."""
        return self._timed(self._instances, ["-s 198.51.100.0/24 -p tcp -m tcp --dport 9999"])

    def close(self) -> None:
        """It has nothing open."""

    def _timed(self, instances: Sequence[str], more: Sequence[str] = ()) -> float:
        """It is taken back, and the kernel given time to free the old tables behind our back."""
        begun = time.perf_counter()
        self._write(instances, more)
        taken = (time.perf_counter() - begun) * 1000
        self._write(self._instances)
        time.sleep(_REST_S)
        return taken

    def _write(self, instances: Sequence[str], more: Sequence[str] = ()) -> None:
        saved = run([f"{self.iptables}-save", "-c"], where=self._bridge.host)
        text = edited(saved, [*instances, NEAR, FAR], [*_TALK, *more])
        run([f"{self.iptables}-restore", "-c"], stdin=text, where=self._bridge.host)
