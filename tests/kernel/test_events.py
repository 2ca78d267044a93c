"""What the monitor makes of nftables' own notifications."""

from __future__ import annotations

import threading
from collections.abc import Hashable
from concurrent.futures import ThreadPoolExecutor

from netwright.kernel import netns
from netwright.kernel.events import Monitor
from netwright.kernel.libnftables import Nftables
from netwright.model.host import Stage
from netwright.model.ids import LinkName, NamespaceName
from netwright.testing.namespaces import eventually, namespace, run


class Heard:
    """A listener that only counts."""

    def __init__(self) -> None:
        self.suspected: list[Stage] = []

    def suspect(self, stage: Stage, keys: list[Hashable] | None = None) -> None:
        self.suspected.append(stage)

    def vmm_link(self, name: LinkName, *, present: bool) -> None:
        """Taps are not what is tested here."""

    def facts_changed(self) -> None:
        """Nor are the host's own routes."""


def test_own_rules_are_known_as_such_whatever_thread_wrote_them() -> None:
    """A write through our own socket raises no suspicion, also from a thread that is not the process's first."""
    heard = Heard()
    with namespace("events") as host, ThreadPoolExecutor(1, initializer=_stay, initargs=(host,)) as other:
        monitor, nft = other.submit(Monitor, heard).result(), other.submit(Nftables).result()
        other.submit(monitor.start).result()
        for number in range(5):
            other.submit(nft.write, f"add table inet own{number}").result()
        run(host, ["nft", "add", "table", "inet", "strange"])
        assert eventually(lambda: bool(heard.suspected))
        monitor.stop()
        other.submit(nft.close).result()
    assert heard.suspected == [Stage.FIREWALL], "one stranger wrote, once"


def _stay(host: NamespaceName) -> None:
    """The thread lives in the namespace until it ends."""
    context = netns.inside(host)
    context.__enter__()
    threading.current_thread().__dict__["namespace"] = context
