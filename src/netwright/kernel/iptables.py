"""Driver of the iptables engine: sets, then chains that name them; taken away in the reverse order."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from netwright.kernel.ipsets import FAMILY, Ipsets
from netwright.kernel.xt_chains import XtChains
from netwright.model.xtables import XtKey, XtValue


class Iptables:
    """iptables and ip6tables in both back ends, ebtables and ipset, in the calling thread's namespace."""

    def __init__(self) -> None:
        self._sets = Ipsets()
        self._chains = XtChains()

    def observe(self, keys: Collection[XtKey] | None = None) -> Mapping[XtKey, XtValue]:
        if keys is None:
            return {**self._sets.observe(), **self._chains.observe()}
        sets, chains = _parted(keys)
        return {**self._sets.observe(sets), **self._chains.observe(chains)}

    def put(self, items: Mapping[XtKey, XtValue]) -> None:
        sets, chains = _parted(items)
        if sets:
            self._sets.put({key: items[key] for key in sets})
        if chains:
            self._chains.put({key: items[key] for key in chains})

    def remove(self, keys: Collection[XtKey]) -> None:
        sets, chains = _parted(keys)
        if chains:
            self._chains.remove(chains)
        if sets:
            self._sets.remove(sets)


def _parted(keys: Collection[XtKey]) -> tuple[list[XtKey], list[XtKey]]:
    sets = [key for key in keys if key.family == FAMILY]
    return sets, [key for key in keys if key.family != FAMILY]
