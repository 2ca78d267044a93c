"""Firewall engines that other packages bring, under the entry point `netwright.firewall`.

A package names an object with two methods: `render(item, traits)`, a pure function that gives the keys and
values that one item of the plan needs, and `driver()`, which makes a driver of those.
"""

from __future__ import annotations

from collections.abc import Collection, Hashable, Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import entry_points
from typing import Final, NamedTuple, Protocol, runtime_checkable

import structlog

from netwright.kernel.driver import Driver
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.model.host import Stage, Traits
from netwright.model.plan import AddressGroupItem, GroupItem, Item, MemberItem, PortItem
from netwright.render.firewalls import Engine, unfiltered
from netwright.render.stages import ByStage, untyped

ENTRY_POINT: Final = "netwright.firewall"


@runtime_checkable
class Plugin(Protocol):
    """What the entry point names."""

    def render(self, item: Item, traits: Traits) -> Mapping[Hashable, object]:
        """What a group, an address group, a port or a member needs: pure, equal for equal items."""

    def driver(self) -> Driver[Hashable, object]:
        """A driver of those, bound to the calling thread's namespace."""


class PluginKey(NamedTuple):
    """A key of a plugin's own, under the plugin's name."""

    plugin: str
    key: Hashable


def plugin_names() -> tuple[str, ...]:
    return tuple(sorted({entry.name for entry in entry_points(group=ENTRY_POINT)}))


def find_plugin(name: str) -> Engine | None:
    """Translation as everywhere, groups and ports by the plugin. Raises InvalidError if it does not load."""
    if name not in plugin_names():
        return None
    plugin = _load(name)

    def engine(item: Item, traits: Traits) -> ByStage:
        stages = dict(unfiltered(item, traits))
        if isinstance(item, GroupItem | AddressGroupItem | PortItem | MemberItem):
            part = {PluginKey(name, key): value for key, value in plugin.render(item, traits).items()}
            stages[Stage.FIREWALL_PLUGIN] = untyped(part)
        return stages

    return engine


class PluginDriver:
    """The drivers of all plugins that are installed: one no longer chosen is swept like the others."""

    def __init__(self) -> None:
        self._drivers: dict[str, Driver[Hashable, object]] = {}
        for name in plugin_names():
            try:
                self._drivers[name] = _load(name).driver()
            except (InvalidError, KernelRefusedError) as error:
                structlog.get_logger("netwright.agent").warning(
                    "firewall_not_loaded", name=name, said=str(error)
                )

    def observe(self, keys: Collection[PluginKey] | None = None) -> Mapping[PluginKey, object]:
        asked = _by_plugin(keys) if keys is not None else dict.fromkeys(self._drivers)
        found: dict[PluginKey, object] = {}
        for name, some in asked.items():
            with self._driver(name) as driver:
                found.update((PluginKey(name, key), value) for key, value in driver.observe(some).items())
        return found

    def put(self, items: Mapping[PluginKey, object]) -> None:
        for name, keys in _by_plugin(items).items():
            with self._driver(name) as driver:
                driver.put({key: items[PluginKey(name, key)] for key in keys})

    def remove(self, keys: Collection[PluginKey]) -> None:
        for name, some in _by_plugin(keys).items():
            with self._driver(name) as driver:
                driver.remove(some)

    @contextmanager
    def _driver(self, name: str) -> Iterator[Driver[Hashable, object]]:
        """Whatever a stranger's driver raises is a refusal: it must not end the agent."""
        if name not in self._drivers:
            raise KernelRefusedError(name, f"the firewall '{name}' did not load")
        try:
            yield self._drivers[name]
        except KernelRefusedError:
            raise
        except Exception as error:
            raise KernelRefusedError(name, f"{type(error).__name__}: {error}") from error


def _by_plugin(keys: Collection[PluginKey]) -> dict[str, list[Hashable]]:
    grouped: dict[str, list[Hashable]] = {}
    for name, key in keys:
        grouped.setdefault(name, []).append(key)
    return grouped


def _load(name: str) -> Plugin:
    entry = next(entry for entry in entry_points(group=ENTRY_POINT) if entry.name == name)
    try:
        found: object = entry.load()
    except Exception as error:  # a stranger's module may fail in any way
        raise InvalidError(
            f"the firewall '{name}' ({entry.value}) does not load: {error}", "firewall"
        ) from error
    if not isinstance(found, Plugin):
        raise InvalidError(f"the firewall '{name}' ({entry.value}) has no render and driver", "firewall")
    return found
