"""The firewall drivers of nova.virt.firewall and nova.virt.libvirt.firewall, over netwright's engines."""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import ClassVar, Final, Literal

import structlog

from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.model.host import SYSTEM_LIBVIRT
from netwright.model.ids import GroupId
from netwright.model.plan import GroupItem, HostItem, Item, ItemKey, Items, Noun, PortItem
from netwright.nova.filters import HOST, Filters
from netwright.nova.group_source import GroupSource
from netwright.nova.instance_items import (
    network_item,
    port_item,
    ports_of,
    pruned,
    remote_groups,
    same_net_group,
    same_net_id,
    with_members,
)
from netwright.nova.instances import Vif, parse_instance, parse_network_info

_LOG: Final = structlog.get_logger("netwright.nova")
DIRECTORY: Final = Path("/run/netwright/nova")


class FirewallDriver(ABC):
    """What nova asks of a firewall: an instance and its network_info, models or dicts (instances.py)."""

    @abstractmethod
    def setup_basic_filtering(self, instance: object, network_info: object) -> None:
        """Before the instance runs: its own MAC and addresses only, and nothing that groups have to allow."""

    @abstractmethod
    def prepare_instance_filter(self, instance: object, network_info: object) -> None:
        """All that the instance's groups say, before it runs."""

    @abstractmethod
    def apply_instance_filter(self, instance: object, network_info: object) -> None:
        """Once it runs."""

    @abstractmethod
    def unfilter_instance(self, instance: object, network_info: object) -> None:
        """Once it is gone."""

    @abstractmethod
    def instance_filter_exists(self, instance: object, network_info: object) -> bool:
        """Whether all that was prepared for it is in the kernel."""

    @abstractmethod
    def refresh_security_group_rules(self, security_group_id: str) -> None:
        """The group's rules have changed."""

    @abstractmethod
    def refresh_security_group_members(self, security_group_id: str) -> None:
        """Who is in the group has changed."""

    @abstractmethod
    def refresh_instance_security_rules(self, instance: object) -> None:
        """The instance is in other groups now."""

    @abstractmethod
    def filter_defer_apply_on(self) -> None:
        """Changes are gathered from now on."""

    @abstractmethod
    def filter_defer_apply_off(self) -> None:
        """They are made."""


@dataclass(frozen=True, slots=True)
class FirewallOptions:
    """`allow_same_net_traffic`: guests of a network may talk to each other whatever their groups say.

    `retries`: how often, a second apart, what is still in use is taken away again (of old,
    live_migration_retry_count). `backend`: of iptables; `auto` is whatever the host's `iptables` is.
    `libvirt`: the URI of its daemon, for nwfilter.
    """

    directory: Path = DIRECTORY
    allow_same_net_traffic: bool = False
    retries: int = 30
    pause: Callable[[float], None] = time.sleep
    backend: Literal["auto", "legacy", "nft"] = "auto"
    libvirt: str = SYSTEM_LIBVIRT


class EngineFirewallDriver(FirewallDriver):
    """A firewall engine of netwright's under the old calls. It lives in its maker's network namespace.

    Every call raises ConflictError where a netwright agent has the host.
    """

    engine: ClassVar[str] = "nftables"

    def __init__(self, groups: GroupSource, options: FirewallOptions | None = None) -> None:
        self.options = options or FirewallOptions()
        self._groups = groups
        self._filters = self._made_filters()

    def _made_filters(self) -> Filters:
        # Only here is Linux needed: a driver of another platform has filters of its own.
        from netwright.nova.instance_filters import InstanceFilters  # noqa: PLC0415

        return InstanceFilters(
            self.engine, self.options.directory, self.options.backend, self.options.libvirt
        )

    def setup_basic_filtering(self, instance: object, network_info: object) -> None:
        """What is prepared already stays as it is, and is put back where it is missing.

        Raises InvalidError, KernelRefusedError.
        """
        who, vifs = parse_instance(instance), parse_network_info(network_info)
        new: dict[ItemKey, Item] = {}
        for vif in vifs:
            new |= _keyed(network_item(vif), port_item(who, vif, ()))
        heal = [HostItem(HOST).key, *new]
        self._filters.change(lambda items: {**new, **items}, heal)

    def prepare_instance_filter(self, instance: object, network_info: object) -> None:
        """Raises InvalidError, NotFoundError (a group), KernelRefusedError."""
        who, vifs = parse_instance(instance), parse_network_info(network_info)
        groups = self._groups.find(who.project_id, who.groups)
        new: dict[ItemKey, Item] = {}
        for vif in vifs:
            theirs = (*groups, *self._extra(vif))
            port = port_item(who, vif, (group.id for group in theirs))
            new |= _keyed(network_item(vif), port, *theirs)
        heal = [key for key in new if key.noun is not Noun.NETWORK]
        self._filters.change(lambda items: self._settled({**_without(items, who.id), **new}), heal)

    def apply_instance_filter(self, instance: object, network_info: object) -> None:
        """Nothing is left to do: what was prepared was in force before the instance ran."""

    def unfilter_instance(self, instance: object, network_info: object) -> None:
        """Takes away what the instance had, and what only it used. One that is unknown is a line in the log.

        Raises KernelRefusedError if something is still in use after all retries.
        """
        who = parse_instance(instance)
        mine = {vif.id for vif in parse_network_info(network_info)}
        items = self._filters.items()
        if not ports_of(items, who.id) and not any(ItemKey(Noun.PORT, one) in items for one in mine):
            _LOG.info("instance_not_filtered", instance=who.id)
            return
        gone = {ItemKey(Noun.PORT, one) for one in mine}
        for left in range(self.options.retries, -1, -1):
            try:
                self._filters.change(
                    lambda found: self._settled(
                        {key: item for key, item in _without(found, who.id).items() if key not in gone}
                    )
                )
            except KernelRefusedError:
                if not left:
                    raise
                self.options.pause(1)
            else:
                return

    def instance_filter_exists(self, instance: object, network_info: object) -> bool:
        """Asks the kernel, whoever prepared it."""
        who, items = parse_instance(instance), self._filters.items()
        keys = [ItemKey(Noun.PORT, vif.id) for vif in parse_network_info(network_info)]
        found = [port for port in ports_of(items, who.id) if port.key in keys]
        used = {group for port in found for group in port.groups}
        groups = [item for item in items.values() if isinstance(item, GroupItem) and item.id in used]
        return len(found) == len(keys) and self._filters.has([HostItem(HOST), *found, *groups])

    def refresh_security_group_rules(self, security_group_id: str) -> None:
        """Only that group's own chains; nothing where no instance here is in it.

        A group that is gone allows nothing any more.
        """
        group = GroupId(str(security_group_id))
        key = ItemKey(Noun.GROUP, group)
        if key not in self._filters.items():
            return
        fresh = self._groups.get(group) or GroupItem(group, stateful=True, rules=())
        self._filters.change(lambda items: self._settled({**items, key: fresh}) if key in items else items)

    def refresh_security_group_members(self, security_group_id: str) -> None:
        """Only the sets of members; nothing where no rule here names the group."""
        group = GroupId(str(security_group_id))
        if group in remote_groups(self._filters.items().values()):
            self._filters.change(self._settled)

    def refresh_instance_security_rules(self, instance: object) -> None:
        """One that is not filtered is not brought back by it."""
        who = parse_instance(instance)
        groups = self._groups.find(who.project_id, who.groups)

        def decide(items: Items) -> Items:
            ports = ports_of(items, who.id)
            ids = [group.id for group in groups]
            own = [replace(port, groups=_with_extra(port, ids)) for port in ports]
            return self._settled({**items, **_keyed(*own, *groups)}) if ports else items

        self._filters.change(decide)

    def filter_defer_apply_on(self) -> None:
        self._filters.deferred = True

    def filter_defer_apply_off(self) -> None:
        """Raises KernelRefusedError."""
        self._filters.settle()

    def close(self) -> None:
        """Frees sockets; the instances stay filtered."""
        self._filters.close()

    def _extra(self, vif: Vif) -> tuple[GroupItem, ...]:
        return (same_net_group(vif),) if self.options.allow_same_net_traffic else ()

    def _settled(self, items: Items) -> Items:
        """With nothing that no port needs, and with those who are in the groups that rules name."""
        kept = pruned(items)
        named = remote_groups(kept.values())
        return with_members(kept, self._groups.members(named) if named else ())


class IptablesFirewallDriver(EngineFirewallDriver):
    """nova.virt.firewall.IptablesFirewallDriver, and the one of libvirt's by that name."""

    engine = "iptables"


class NWFilterFirewall(EngineFirewallDriver):
    """nova.virt.libvirt.firewall.NWFilterFirewall: a filter for each interface, through libvirtd."""

    engine = "nwfilter"


class NoopFirewallDriver:
    """Does nothing, whatever it is asked, and says that every filter is there."""

    def __init__(self, *_: object, **__: object) -> None: ...

    def __getattr__(self, name: str) -> Callable[..., None]:
        if name.startswith("__"):
            raise AttributeError(name)
        return _nothing

    def instance_filter_exists(self, instance: object, network_info: object) -> bool:
        del instance, network_info
        return True


_DRIVERS: Final[Mapping[str, type[EngineFirewallDriver]]] = {
    "nftables": EngineFirewallDriver,
    "iptables": IptablesFirewallDriver,
    "nwfilter": NWFilterFirewall,
    "nova.virt.firewall.IptablesFirewallDriver": IptablesFirewallDriver,
    "nova.virt.libvirt.firewall.IptablesFirewallDriver": IptablesFirewallDriver,
    "nova.virt.libvirt_conn.IptablesFirewallDriver": IptablesFirewallDriver,
    "nova.virt.libvirt.firewall.NWFilterFirewall": NWFilterFirewall,
    "nova.virt.libvirt_conn.NWFilterFirewall": NWFilterFirewall,
    "netwright.nova.firewall.IptablesFirewallDriver": IptablesFirewallDriver,
    "netwright.nova.firewall.NWFilterFirewall": NWFilterFirewall,
}
_OTHER_PLATFORMS: Final = {
    "pf": ("netwright.nova.firewall_freebsd", "PfFirewallDriver"),
    "netwright.nova.firewall_freebsd.PfFirewallDriver": (
        "netwright.nova.firewall_freebsd",
        "PfFirewallDriver",
    ),
}
_NOOP: Final = frozenset(
    {"none", "nova.virt.firewall.NoopFirewallDriver", "netwright.nova.firewall.NoopFirewallDriver"}
)


def load_driver(
    name: str, groups: GroupSource, options: FirewallOptions | None = None
) -> EngineFirewallDriver | NoopFirewallDriver:
    """By the engine's name, or the class's, nova's or ours. Raises InvalidError, KernelRefusedError."""
    if name in _NOOP:
        return NoopFirewallDriver()
    if name in _DRIVERS:
        return _DRIVERS[name](groups, options)
    if name not in _OTHER_PLATFORMS:
        known = ", ".join([*_DRIVERS, *_OTHER_PLATFORMS, *sorted(_NOOP)])
        raise InvalidError(f"no firewall driver is called {name!r}; there are {known}", "firewall_driver")
    module, kind = _OTHER_PLATFORMS[name]
    driver: object = getattr(import_module(module), kind)(groups, options)
    if not isinstance(driver, EngineFirewallDriver):
        raise InvalidError(f"{kind} is not a firewall driver", "firewall_driver")
    return driver


def _nothing(*_: object, **__: object) -> None: ...


def _keyed(*items: Item) -> dict[ItemKey, Item]:
    return {item.key: item for item in items}


def _without(items: Items, instance: str) -> dict[ItemKey, Item]:
    mine = {port.key for port in ports_of(items, instance)}
    return {key: item for key, item in items.items() if key not in mine}


def _with_extra(port: PortItem, groups: Iterable[GroupId]) -> tuple[GroupId, ...]:
    """The new groups, and what lets the port talk on its own network, if it had that."""
    extra = {same_net_id(port.network_id)}
    return tuple(sorted({*groups, *(extra & set(port.groups))}))
