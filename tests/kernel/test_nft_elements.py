"""Elements written and read without libnftables: the kernel and nft see no difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from netwright.kernel import netns
from netwright.kernel.libnftables import Nftables
from netwright.kernel.netlink import NETFILTER, Netlink
from netwright.kernel.nft import NftTables, write_script
from netwright.kernel.nft_messages import GET_ELEMENTS, entries, in_set
from netwright.model.errors import KernelRefusedError
from netwright.model.host import NftElement, NftKey, NftKind, NftSet, NftValue, Traits
from netwright.model.ids import GroupId, NamespaceName
from netwright.render.firewall_base import firewall_base
from netwright.render.firewall_groups import members_sets
from netwright.render.nft import BRIDGE, Nft, chain, element, mapping, prefix_text
from netwright.testing.namespaces import namespace, run

GROUP = GroupId("aaaaaaaa-0000-4000-8000-000000000001")
BASE = (
    firewall_base(Traits(directory="/", bridge_conntrack=False))
    | members_sets(GROUP)
    | chain(BRIDGE, "c", ())
)
T = TypeVar("T")

LINKS = st.integers(0, 5).map(lambda number: f"tap{number:08x}-90")
MACS = st.integers(0, 5).map(lambda number: f"fa:16:3e:00:00:{number:02x}")
FOURS = st.ip_addresses(v=4)
SIXES = st.ip_addresses(v=6)
SERVICES = st.integers(1, 65535).map(str)


def _network4(address: IPv4Address, length: int) -> str:
    return prefix_text(IPv4Network((address, length), strict=False))


def _network6(address: IPv6Address, length: int) -> str:
    return prefix_text(IPv6Network((address, length), strict=False))


def _range6(address: IPv6Address, length: int) -> str:
    prefix = IPv6Network((address, length), strict=False)
    return f"{int(prefix[0]):#x}-{int(prefix[-1]):#x}"


RANGES = st.integers(0, 600).map(lambda block: f"{100 * block + 1}-{100 * block + 50}")
"""Any two of them are the same, or apart."""
NETS4 = st.builds(_network4, FOURS, st.integers(8, 31))
NETS6 = st.builds(_network6, SIXES, st.integers(16, 127))
FIELDS: dict[str, tuple[st.SearchStrategy[str], ...]] = {
    "ifname": (LINKS,),
    "ifname . ether_addr": (LINKS, MACS),
    "ifname . ether_addr . ipv4_addr": (LINKS, MACS, FOURS.map(str)),
    "ifname . ether_addr . ipv6_addr": (LINKS, MACS, SIXES.map(str)),
    "ifname . ether_addr . ipv4_addr; flags interval": (LINKS, MACS, NETS4),
    "ifname . ether_addr . ipv6_addr; flags interval": (LINKS, MACS, NETS6),
    "iifname . @th,64,128": (LINKS, SIXES.map(lambda address: hex(int(address)))),
    "iifname . @th,64,128; flags interval": (LINKS, st.builds(_range6, SIXES, st.integers(16, 127))),
    "iifname": (LINKS,),
    "ifname . ifname . ipv4_addr; flags interval": (LINKS, LINKS, NETS4),
    "inet_service": (SERVICES,),
    "ipv4_addr . inet_service": (FOURS.map(str), SERVICES),
    "ipv4_addr . inet_service; flags interval": (FOURS.map(str), RANGES),
    "iface_type": (st.just("ether"),),
    "ipv4_addr": (FOURS.map(str),),
    "ipv6_addr": (SIXES.map(str),),
    "ipv4_addr; flags interval": (NETS4,),
    "ipv4_addr . ipv4_addr; flags interval": (NETS4, NETS4),
    "ipv6_addr; flags interval": (NETS6,),
    "ipv6_addr . ipv6_addr; flags interval": (NETS6, NETS6),
}
DATA: dict[str, st.SearchStrategy[str]] = {
    "": st.just(""),
    "verdict": st.sampled_from(("goto c", "jump c")),
    "ct zone": st.integers(1, 65535).map(str),
    "ipv4_addr": FOURS.map(str),
    "ipv4_addr . inet_service": st.builds(lambda address, port: f"{address} . {port}", FOURS, SERVICES),
}
_INTERVAL = "; flags interval"


def _elements(key: NftKey, declared: NftSet) -> st.SearchStrategy[Nft]:
    """Random elements of a set, told from its declaration."""
    spec = declared.spec.split(" ", 1)[1]
    fields, _, data = spec.partition(" : ")
    if data.endswith(_INTERVAL):
        fields, data = fields + _INTERVAL, data.removesuffix(_INTERVAL)
    keys = st.tuples(*FIELDS[fields]).map(" . ".join)
    return st.dictionaries(keys, DATA[data], min_size=1, max_size=6).map(
        lambda some: {
            NftKey(NftKind.ELEMENT, key.family, key.name, text): NftElement(value)
            for text, value in some.items()
        }
    )


SETS = {key: value for key, value in BASE.items() if isinstance(value, NftSet)}


class Bench:
    """The tables with nothing in their sets, in a namespace of their own."""

    def __init__(self, host: NamespaceName) -> None:
        self.host = host
        self._thread = ThreadPoolExecutor(1, initializer=netns.enter, initargs=(host,))
        self.driver, self.nft, self._netlink = self.do(lambda: (NftTables(), Nftables(), Netlink(NETFILTER)))
        self.do(lambda: self.driver.put(BASE))

    def do(self, act: Callable[[], T]) -> T:
        return self._thread.submit(act).result()

    def dumped(self, key: NftKey) -> list[bytes]:
        """The kernel's own account of a set, byte for byte."""
        found = self.do(lambda: list(self._netlink.dump(GET_ELEMENTS, in_set(key.family, key.name))))
        return sorted(entry for message in found for entry in entries(message))

    def listed(self, key: NftKey) -> str:
        return run(self.host, ["nft", "list", key.kind, key.family, "netwright", key.name]).stdout

    def flush(self, key: NftKey) -> None:
        self.do(lambda: self.nft.write(f"flush {key.kind} {key.family} netwright {key.name}"))

    def close(self) -> None:
        for opened in (self.driver, self.nft, self._netlink):
            self.do(opened.close)
        self._thread.shutdown()


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    with namespace("nft") as host:
        made = Bench(host)
        try:
            yield made
        finally:
            made.close()


@pytest.mark.parametrize("key", SETS, ids=lambda key: f"{key.family} {key.name}")
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_raw_elements_are_those_that_nft_writes(bench: Bench, key: NftKey, data: st.DataObject) -> None:
    """Of every set that is declared, elements written raw and by libnftables are the same bytes in the kernel."""
    items = data.draw(_elements(key, SETS[key]))
    bench.flush(key)
    try:
        bench.do(lambda: bench.nft.write(write_script(items)))
    except KernelRefusedError:
        return  # ranges that overlap
    theirs, shown = bench.dumped(key), bench.listed(key)
    bench.flush(key)
    bench.do(lambda: bench.driver.put(items))
    assert bench.dumped(key) == theirs
    assert bench.listed(key) == shown


@pytest.mark.parametrize("key", SETS, ids=lambda key: f"{key.family} {key.name}")
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_is_read_is_what_was_put(bench: Bench, key: NftKey, data: st.DataObject) -> None:
    """Under its key each element is found with its data, one by one as in the list; removed, it is not."""
    items = data.draw(_elements(key, SETS[key]))
    bench.flush(key)
    try:
        bench.do(lambda: bench.driver.put(items))
    except KernelRefusedError:
        return  # ranges that overlap
    everything = bench.do(bench.driver.observe)
    assert {one: everything.get(one) for one in items} == items
    for one in items:
        assert bench.do(lambda one=one: bench.driver.observe([one])) == {one: items[one]}
    bench.do(lambda: bench.driver.remove(items.keys()))
    assert bench.do(lambda: bench.driver.observe(items.keys())) == {}


def test_a_thousand_elements_are_read_as_one_is(bench: Bench) -> None:
    """A set asked for many of its elements tells of those that it has, and of no others."""
    some: Nft = {}
    for number in range(1000):
        some |= element(
            BRIDGE,
            "bind_ip4",
            f"tap{number:08x}-90",
            "fa:16:3e:00:00:01",
            f"10.0.{number >> 8}.{number & 255}",
        )
    there = dict(list(some.items())[::2])
    bench.do(lambda: bench.driver.put(there))
    assert bench.do(lambda: bench.driver.observe(some.keys())) == there
    bench.do(lambda: bench.driver.remove(some.keys()))
    assert bench.do(lambda: bench.driver.observe(some.keys())) == {}


def test_a_refused_transaction_names_its_element_and_leaves_nothing(bench: Bench) -> None:
    """One element that cannot be, a verdict without its chain, keeps all the others out, and is named."""
    good: Nft = element(BRIDGE, "secured", "tap0000000a-90") | mapping(
        BRIDGE, "ports_in", "tap0000000a-90", "goto c"
    )
    bad = mapping(BRIDGE, "ports_in", "tap0000000b-90", "goto nowhere")
    with pytest.raises(KernelRefusedError, match=r"ports_in.*tap0000000b-90.*No such file"):
        bench.do(lambda: bench.driver.put({**good, **bad}))
    assert bench.do(lambda: bench.driver.observe([*good, *bad])) == {}


def test_what_maps_elsewhere_is_replaced(bench: Bench) -> None:
    """A map's element gets its new data, a range gives way to one that overlaps it."""
    link, mac = "tap0000000c-90", "fa:16:3e:00:00:0c"
    before: dict[NftKey, NftValue] = {
        **mapping(BRIDGE, "ports_in", link, "goto c"),
        **element(BRIDGE, "bind_net4", link, mac, "10.0.0.0/24"),
    }
    after: dict[NftKey, NftValue] = {
        **mapping(BRIDGE, "ports_in", link, "goto spoof"),
        **element(BRIDGE, "bind_net4", link, mac, "10.0.0.0/25"),
    }
    bench.do(lambda: bench.driver.put(before))
    bench.do(lambda: bench.driver.put(after))
    assert bench.do(lambda: bench.driver.observe({*before, *after})) == after
    bench.do(lambda: bench.driver.remove({*before, *after}))
    assert bench.do(lambda: bench.driver.observe({*before, *after})) == {}
