"""How a firewall driver is found, what it keeps on disk, and what it does when the kernel will not."""

from __future__ import annotations

import shutil
from collections.abc import Collection, Hashable, Iterator, Mapping
from ipaddress import ip_network
from itertools import permutations
from pathlib import Path
from typing import ClassVar

import pytest
from asking import groups, networks, ports, subnets
from distributions import distribution
from nova.clouds import DRIVERS, NETWORK, PROJECT, Cloud, cloud, ingress, instance, vif
from worlds import world

from netwright.control.groups import GroupRequest
from netwright.control.networks import NetworkRequest
from netwright.control.ports import PortRequest
from netwright.control.subnets import SubnetRequest
from netwright.kernel.driver import Driver
from netwright.model.errors import InvalidError, KernelRefusedError, NotFoundError
from netwright.model.host import Traits
from netwright.model.ids import NetworkId, bridge_name, port_link_name
from netwright.model.intent import HostTap
from netwright.model.plan import Item, PortItem
from netwright.nova.firewall import (
    EngineFirewallDriver,
    FirewallDriver,
    FirewallOptions,
    IptablesFirewallDriver,
    NoopFirewallDriver,
    NWFilterFirewall,
    load_driver,
)
from netwright.nova.group_source import StoreGroups
from netwright.testing import frames
from netwright.testing.frames import End
from netwright.testing.namespaces import ip, run

A, B = (vif(number, f"10.31.0.{10 + number}") for number in (1, 2))


class Stubborn:
    """A driver whose keys are still in use when they are first removed, as filters of a running guest are."""

    there: ClassVar[dict[str, None]] = {}
    refusals = 0

    def observe(self, keys: Collection[str] | None = None) -> Mapping[str, None]:
        return {key: None for key in self.there if keys is None or key in keys}

    def put(self, items: Mapping[str, None]) -> None:
        self.there.update(items)

    def remove(self, keys: Collection[str]) -> None:
        if Stubborn.refusals:
            Stubborn.refusals -= 1
            raise KernelRefusedError("stubborn", "Requested operation is not valid: nwfilter is in use")
        for key in keys:
            self.there.pop(key, None)


class Engine:
    """What the entry point names."""

    def render(self, item: Item, traits: Traits) -> Mapping[Hashable, object]:
        return {port_link_name(item.id): None} if isinstance(item, PortItem) else {}

    def driver(self) -> Driver[Hashable, object]:
        return Stubborn()  # type: ignore[return-value]  # its keys are links' names


engine = Engine()


class StubbornFirewall(EngineFirewallDriver):
    engine = "stubborn"


@pytest.fixture
def stubborn(tmp_path: Path) -> Iterator[None]:
    with distribution(tmp_path, "stubborn", {"stubborn": "nova.test_firewall_drivers:engine"}):
        yield


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Cloud]:
    with cloud(tmp_path / "run", "nftables") as made:
        made.group("web", ingress("udp", 53))
        yield made


def filtered(host: Cloud) -> EngineFirewallDriver:
    """A driver that has both instances filtered as the group web says."""
    host.plug(A, B)
    driver = host.driver()
    for number, interface in ((1, A), (2, B)):
        driver.prepare_instance_filter(instance(number, "web"), [interface])
    return driver


@pytest.mark.usefixtures("stubborn")
def test_what_is_still_in_use_is_taken_away_once_it_is_not(host: Cloud) -> None:
    """Unfiltering tries again, and only after all retries says that it could not; a later call can."""
    from nova.test_firewall_drivers import Stubborn as Loaded  # noqa: PLC0415 - as the entry point loads it

    pauses: list[float] = []
    options = FirewallOptions(host.directory, retries=3, pause=pauses.append)
    driver = StubbornFirewall(StoreGroups(host.world), options)
    host.plug(A)
    driver.prepare_instance_filter(instance(1, "web"), [A])
    Loaded.refusals = 4
    driver.unfilter_instance(instance(1, "web"), [A])
    assert pauses
    assert not driver.instance_filter_exists(instance(1, "web"), [A])
    driver.prepare_instance_filter(instance(1, "web"), [A])
    Loaded.refusals = 100
    with pytest.raises(KernelRefusedError, match="in use"):
        driver.unfilter_instance(instance(1, "web"), [A])
    Loaded.refusals = 0
    assert driver.instance_filter_exists(instance(1, "web"), [A])
    driver.unfilter_instance(instance(1, "web"), [A])
    assert not Loaded.there
    driver.close()


@pytest.mark.parametrize("engine_name", DRIVERS)
def test_an_interface_whose_bridge_is_not_there_is_refused(engine_name: str, tmp_path: Path) -> None:
    """Where bridges have to hand packets over, a missing one would leave the instance unfiltered."""
    network = NetworkId("99999999-649f-477b-9e5b-f1f75b21c03c")
    with cloud(tmp_path / "run", engine_name) as host:
        host.group("web")
        with pytest.raises(KernelRefusedError, match=f"there is no bridge {bridge_name(network)}"):
            host.driver().prepare_instance_filter(instance(1, "web"), [vif(1, "10.31.0.11", network=network)])


@pytest.mark.parametrize("engine_name", DRIVERS)
def test_a_bridge_hands_over_what_passes_it_even_where_the_host_says_it_need_not(
    engine_name: str, tmp_path: Path
) -> None:
    """Filtering does not depend on the host's bridge-nf-call-iptables (of old it did)."""
    with cloud(tmp_path / "run", engine_name) as host:
        host.group("web", ingress("udp", 53))
        run(host.host, ["sysctl", "-qw", "net.bridge.bridge-nf-call-iptables=0"])
        bridge = bridge_name(NETWORK)
        ip(
            host.host,
            "link",
            "set",
            bridge,
            "type",
            "bridge",
            "nf_call_iptables",
            "0",
            "nf_call_ip6tables",
            "0",
        )
        filtered(host)
        guests = host.wired((instance(1), A), (instance(2), B))
        near, far = guests.end(0), guests.end(1)
        assert guests.arrives(1, 0, frames.udp(far, near, (4000, 53), b"x"))
        assert guests.arrives(0, 1, frames.udp(near, far, (53, 4000), b"answer"))
        assert not guests.arrives(1, 0, frames.udp(far, near, (4000, 54), b"x"))


def test_without_a_plan_on_disk_nothing_is_swept(host: Cloud) -> None:
    """A driver that finds filters and no plan of theirs leaves them, and adds its own."""
    host.plug(A, B)
    host.driver().prepare_instance_filter(instance(1, "web"), [A])
    shutil.rmtree(host.directory)
    fresh = host.driver()
    fresh.prepare_instance_filter(instance(2, "web"), [B])
    guests = host.wired((instance(1), A), (instance(2), B))
    near, far = guests.end(0), guests.end(1)
    assert not guests.arrives(1, 0, frames.udp(far, near, (4000, 54), b"x"))
    assert guests.arrives(1, 0, frames.udp(far, near, (4000, 53), b"x"))


def test_an_instance_that_went_while_changes_waited_is_swept_by_the_next_life(host: Cloud) -> None:
    """Killed between defer on and off, a driver leaves a plan that its successor brings about."""
    host.plug(A, B)
    first = host.driver()
    first.prepare_instance_filter(instance(1, "web"), [A])
    first.filter_defer_apply_on()
    first.unfilter_instance(instance(1, "web"), [A])
    first.prepare_instance_filter(instance(2, "web"), [B])
    assert port_link_name(str(A["id"])) in host.ruleset()
    first.close()
    second = host.driver()
    second.setup_basic_filtering(instance(2, "web"), [B])
    assert second.instance_filter_exists(instance(2, "web"), [B])
    assert port_link_name(str(A["id"])) not in host.ruleset()


@pytest.mark.parametrize(("before", "after"), list(permutations(DRIVERS, 2)))
def test_a_host_changes_drivers_and_its_instances_stay_filtered(
    before: str, after: str, tmp_path: Path
) -> None:
    """A driver over another engine takes its predecessor's instances over, and sweeps what that had made."""
    with cloud(tmp_path / "run", before) as host:
        host.group("web", ingress("udp", 53))
        filtered(host).close()
        host.engine = after
        second = host.driver()
        second.setup_basic_filtering(instance(1, "web"), [A])
        guests = host.wired((instance(1), A), (instance(2), B))
        for near, far in ((guests.end(0), guests.end(1)), (guests.end(1), guests.end(0))):
            receiver = int(near != guests.end(0))
            assert guests.arrives(1 - receiver, receiver, frames.udp(far, near, (4000, 53), b"x"))
            assert not guests.arrives(1 - receiver, receiver, frames.udp(far, near, (4000, 54), b"x"))
        for number, interface in ((1, A), (2, B)):
            assert second.instance_filter_exists(instance(number), [interface])
            second.unfilter_instance(instance(number), [interface])
        assert port_link_name(str(A["id"])) not in host.ruleset()


def test_connections_that_a_refresh_forbids_end(host: Cloud) -> None:
    """An answer on a connection that the rules no longer allow does not pass any more."""
    driver = filtered(host)
    guests = host.wired((instance(1), A), (instance(2), B))
    near, far = guests.end(0), guests.end(1)
    host.group("shut")
    assert guests.arrives(1, 0, frames.udp(far, near, (4000, 53), b"one"))
    assert guests.arrives(1, 0, frames.udp(far, near, (4000, 53), b"two"))
    driver.refresh_instance_security_rules(instance(1, "shut"))
    assert not guests.arrives(1, 0, frames.udp(far, near, (4000, 53), b"three"))


def test_ports_in_the_store_are_members(host: Cloud) -> None:
    """A rule that names a group lets in the addresses of its ports on other hosts, once members are refreshed."""
    web = host.group("members")
    host.group("db", ingress("udp", 5432, group=web))
    host.plug(A, B)
    driver = host.driver()
    driver.prepare_instance_filter(instance(1, "db"), [A])
    guests = host.wired((instance(1), A), (instance(2), B))
    network = networks.create(host.world, [NetworkRequest(project_id=PROJECT)])[0].value.id
    subnets.create(host.world, [SubnetRequest(network_id=network, cidr=ip_network("10.77.0.0/24"))])
    asked = PortRequest(network_id=network, host="h2", attachment=HostTap(), security_groups=(web,))
    port = ports.create(host.world, [asked])[0].value
    far = End(guests.end(1).mac, port.fixed_ips[0].address)
    probe = frames.udp(far, guests.end(0), (4000, 5432), b"x")
    assert not guests.arrives(1, 0, probe)
    driver.refresh_security_group_members(web)
    assert guests.arrives(1, 0, probe)


def test_groups_are_found_by_name_or_id_in_their_project() -> None:
    """A name that nobody or that several have is refused, and no references are no groups."""
    with world() as here:
        asked = [GroupRequest(project_id=PROJECT, name=name) for name in ("web", "twice", "twice")]
        made = [record.value.id for record in groups.create(here, asked)][:2]
        source = StoreGroups(here)
        assert [group.id for group in source.find(PROJECT, ["web", made[1]])] == made
        assert source.find(PROJECT, []) == ()
        assert [len(group.rules) for group in source.find(PROJECT, ["default"])] == [4]
        assert source.get(made[0]) == source.find(PROJECT, ["web"])[0]
        with pytest.raises(NotFoundError):
            source.find("another", ["web"])
        with pytest.raises(InvalidError, match="several"):
            source.find(PROJECT, ["twice"])


def test_a_driver_is_loaded_by_its_old_name_or_its_engine(host: Cloud) -> None:
    """nova's class names, ours and the engines' give a driver with the old calls; unknown ones are listed."""
    source, options = StoreGroups(host.world), FirewallOptions(host.directory)
    driver = load_driver("nftables", source, options)
    assert isinstance(driver, FirewallDriver)
    driver.close()
    for name in ("none", "nova.virt.firewall.NoopFirewallDriver"):
        assert isinstance(load_driver(name, source), NoopFirewallDriver)
    with pytest.raises(InvalidError, match=r"no firewall driver is called 'ebtables'; there are .*iptables"):
        load_driver("ebtables", source)
    assert (IptablesFirewallDriver.engine, NWFilterFirewall.engine) == ("iptables", "nwfilter")


def test_the_noop_driver_takes_every_call() -> None:
    """It does nothing, and says that every filter is there."""
    driver = NoopFirewallDriver("virtapi", read_only=True)
    assert driver.setup_basic_filtering({}, []) is None
    assert driver.anything_else(1, two=2) is None
    assert driver.instance_filter_exists({}, [])
