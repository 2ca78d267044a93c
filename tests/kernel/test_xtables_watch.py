"""Legacy iptables sends no events: its tables' shapes tell that somebody changed them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from netwright.kernel import netns
from netwright.kernel.xtables_watch import TableShapes, XtablesWatch
from netwright.model.ids import NamespaceName
from netwright.testing.namespaces import namespace, run


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


@pytest.mark.parametrize("deed", ["a legacy rule", "a word of the monitor's"])
def test_the_watch_tells_of_a_change(deed: str) -> None:
    """A change of a legacy table, or the monitor's word of one in the nft back end, is told."""
    told = threading.Event()
    with shapes() as (host, thread, _):
        watch = thread.submit(XtablesWatch, told.set).result()
        thread.submit(watch.start).result()
        if deed == "a legacy rule":
            run(host, ["sh", "-c", "sleep 0.1; iptables-legacy -A FORWARD -j DROP"])
        else:
            watch.tell()
        assert told.wait(5)
        watch.stop()


def test_the_names_of_tables_are_read_in_the_hosts_namespace() -> None:
    """The machine's own tables are not taken for the host's."""
    with shapes() as (host, thread, reader):
        run(host, ["iptables-legacy", "-t", "raw", "-A", "OUTPUT", "-j", "ACCEPT"])
        assert set(thread.submit(reader.read).result()) == {("ip", "raw")}
