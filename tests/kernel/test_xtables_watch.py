"""Legacy iptables sends no events: its tables' shapes tell that somebody changed them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from netwright.kernel import netns
from netwright.kernel.ipsets import Ipsets, SetSizes
from netwright.kernel.xtables_watch import TableShapes, XtablesWatch
from netwright.model.ids import NamespaceName
from netwright.model.xtables import XtElement, XtKey, XtKind, XtSet, XtValue
from netwright.testing.namespaces import namespace, run

NAME = "netwright-m4-9a0c000094da3b9f"


def _element(number: int) -> tuple[XtKey, XtValue]:
    return XtKey(XtKind.ELEMENT, "", "set", "", NAME, f"192.0.2.{number}"), XtElement()


SETS: dict[XtKey, XtValue] = {
    XtKey(XtKind.SET, "", "set", "", NAME): XtSet("hash:ip family inet"),
    **dict([_element(1)]),
}


@contextmanager
def shapes() -> Iterator[tuple[NamespaceName, ThreadPoolExecutor, TableShapes]]:
    """A namespace, a thread that lives there, and a reader in it."""
    with (
        namespace("xt") as host,
        ThreadPoolExecutor(1, initializer=netns.enter, initargs=(host,)) as thread,
    ):
        made = thread.submit(TableShapes).result()
        try:
            yield host, thread, made
        finally:
            made.close()


CHANGES = {
    "a rule appended": "iptables-legacy -A FORWARD -j DROP",
    "a rule deleted": "iptables-legacy -D FORWARD 1",
    "a chain made": "iptables-legacy -N stranger",
    "a table flushed": "iptables-legacy -F",
    "a rule put before another": "iptables-legacy -I FORWARD -j LOG",
    "an IPv6 rule": "ip6tables-legacy -A FORWARD -j DROP",
    "another table used": "iptables-legacy -t mangle -A FORWARD -j ACCEPT",
    "a restore": "sh -c 'iptables-legacy-save | grep -v LOG | iptables-legacy-restore'",
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_change_of_a_legacy_table_shows_in_its_shape(change: str) -> None:
    """Adding, deleting, flushing and restoring rules each change what is read; looking twice does not."""
    with shapes() as (host, thread, reader):
        run(host, ["sh", "-c", "iptables-legacy -A FORWARD -j ACCEPT; iptables-legacy -I FORWARD -j LOG"])
        before = thread.submit(reader.read).result()
        assert thread.submit(reader.read).result() == before
        run(host, ["sh", "-c", CHANGES[change]])
        assert thread.submit(reader.read).result() != before


def test_reading_shapes_makes_no_table() -> None:
    """A namespace without legacy tables has none after a look either: a table, once made, slows every packet."""
    with shapes() as (host, thread, reader):
        assert thread.submit(reader.read).result() == {}
        assert run(host, ["cat", "/proc/net/ip_tables_names"]).stdout == ""


def test_counters_are_no_change() -> None:
    """Packets that rules count leave the shape as it was."""
    with shapes() as (host, thread, reader):
        run(host, ["iptables-legacy", "-A", "INPUT", "-j", "ACCEPT"])
        before = thread.submit(reader.read).result()
        run(host, ["ping", "-c", "1", "127.0.0.1"])
        assert thread.submit(reader.read).result() == before


@pytest.mark.parametrize("deed", ["a legacy rule", "a word of the monitor's", "a set flushed"])
def test_the_watch_tells_of_a_change(deed: str) -> None:
    """A change of a legacy table or of a set, or the monitor's word of one in the nft back end, is told."""
    told = threading.Event()
    with shapes() as (host, thread, _):
        thread.submit(Ipsets().put, SETS).result()
        watch = thread.submit(XtablesWatch, told.set).result()
        thread.submit(watch.start).result()
        if deed == "a legacy rule":
            run(host, ["sh", "-c", "sleep 0.1; iptables-legacy -A FORWARD -j DROP"])
        elif deed == "a set flushed":
            run(host, ["sh", "-c", "sleep 0.1; ipset flush"])
        else:
            watch.tell()
        assert told.wait(5)
        watch.stop()


STRANGE = {
    "an element added": "ipset add {} 192.0.2.200",
    "an element deleted": "ipset del {} 192.0.2.1",
    "a flush": "ipset flush {}",
    "a swap": "ipset create x hash:ip; ipset swap {} x",
    "a set destroyed": "ipset destroy {}",
}


@pytest.mark.parametrize("deed", STRANGE)
def test_what_others_do_to_a_set_is_told_from_what_we_do(deed: str) -> None:
    """Our own writes, also of what is there or is gone, are no change; a stranger's is, in their midst too."""
    with shapes() as (host, thread, _):
        sizes, sets = SetSizes(), Ipsets()

        def changed() -> bool:
            return thread.submit(sizes.changed).result()

        thread.submit(sets.put, SETS).result()
        changed()
        thread.submit(sets.put, dict([_element(1), _element(2), _element(3)])).result()
        thread.submit(sets.remove, [_element(2)[0], _element(9)[0]]).result()
        assert not changed()
        thread.submit(sets.put, dict([_element(4)])).result()
        run(host, ["sh", "-c", STRANGE[deed].format(NAME)])
        assert changed()
        assert not changed()
        thread.submit(sets.remove, list(SETS)).result()
        assert not changed()


def test_the_names_of_tables_are_read_in_the_hosts_namespace() -> None:
    """The machine's own tables are not taken for the host's."""
    with shapes() as (host, thread, reader):
        run(host, ["iptables-legacy", "-t", "raw", "-A", "OUTPUT", "-j", "ACCEPT"])
        assert set(thread.submit(reader.read).result()) == {("ip", "raw")}
