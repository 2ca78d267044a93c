"""Links of one kind in the host's namespace that are ours by how their alias begins."""

from __future__ import annotations

from collections.abc import Collection

from netwright.kernel import rtnetlink
from netwright.kernel.attempts import attempt_all
from netwright.kernel.rtnetlink import LinkState
from netwright.model.errors import KernelRefusedError
from netwright.model.host import LinkKey
from netwright.model.ids import LinkName


class MarkedLinks:
    """What there is of them, and how they go. `stage` is who speaks in errors."""

    def __init__(self, stage: str, kind: str, mark: str) -> None:
        self._stage, self._kind, self._mark = stage, kind, mark
        self.reader = rtnetlink.open_reader()

    def are_ours(self, state: LinkState) -> bool:
        """Whether that link is one of them."""
        return state.kind == self._kind and state.alias.startswith(self._mark)

    def look(self, keys: Collection[LinkKey] | None = None) -> list[LinkState]:
        """Ours among all links, or among those of these names."""
        if keys is None:
            states = rtnetlink.links(self.reader, self._kind)
        else:
            states = [state for key in keys if (state := self.find(key.name))]
        return [state for state in states if self.are_ours(state)]

    def find(self, name: LinkName) -> LinkState | None:
        """The link of that name, whoever's it is."""
        return rtnetlink.link(self.reader, name=name)

    def require(self, name: LinkName) -> LinkState:
        """The same; raises KernelRefusedError where there is none."""
        state = self.find(name)
        if state is None:
            raise KernelRefusedError(self._stage, f"{name}: no such link")
        return state

    def remove(self, keys: Collection[LinkKey]) -> None:
        """Ours go; a stranger's of the name stays. Raises KernelRefusedError."""
        attempt_all(self._stage, keys, lambda key: self.delete(key.name))

    def delete(self, name: LinkName) -> None:
        """One of ours, if it is there. Raises KernelRefusedError."""
        state = self.find(name)
        if state and self.are_ours(state):
            with rtnetlink.writer() as route:
                rtnetlink.delete_link(route, state.index)

    def close(self) -> None:
        self.reader.close()
