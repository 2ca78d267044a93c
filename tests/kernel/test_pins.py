"""Namespaces that have only a path are named, and containers' ends are set inside them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from ipaddress import ip_interface, ip_network
from pathlib import Path

import pytest
from cni_runtime import nameless

from netwright.kernel import guest_end, netns, pins
from netwright.kernel.guest_end import GuestEnd, GuestRoute
from netwright.model.errors import KernelRefusedError
from netwright.model.ids import LinkName, Mac, NamespaceName
from netwright.testing.namespaces import add_veth, ip, namespace, namespaces

MAC = Mac("fa:16:3e:00:00:07")


@pytest.fixture
def pin() -> Iterator[NamespaceName]:
    made = NamespaceName(f"{pins.OURS}test-{uuid.uuid4().hex[:12]}")
    yield made
    netns.delete(made)


def inode(path: Path) -> int:
    return path.stat().st_ino


def test_a_namespace_that_has_a_name_keeps_it(pin: NamespaceName, tmp_path: Path) -> None:
    """However its path is written; and nothing is made."""
    with namespace("pin") as known:
        link = tmp_path / "link"
        link.symlink_to(netns.path_of(known))
        for path in (netns.path_of(known), Path("/var/run/netns") / known, link):
            assert pins.name(path, pin) == known
            assert pins.existing(path, pin) == known
        assert not netns.path_of(pin).exists()


def test_a_namespace_without_a_name_gets_one(pin: NamespaceName) -> None:
    """It is the same namespace, lives on after its processes, and goes with the name."""
    with nameless() as process:
        path = Path(f"/proc/{process.pid}/ns/net")
        assert pins.existing(path, pin) is None
        for _ in range(2):
            assert pins.name(path, pin) == pin
        assert inode(netns.path_of(pin)) == inode(path)
        assert pins.existing(path, pin) == pin
    assert "lo" in ip(pin, "link", "show")
    assert pin in pins.every("test-")
    netns.delete(pin)
    assert pin not in pins.every("")


def test_a_name_goes_over_to_the_namespace_that_is_meant(pin: NamespaceName) -> None:
    """What an earlier container left under the name does not take the new one's place."""
    with nameless() as old, nameless() as new:
        paths = [Path(f"/proc/{process.pid}/ns/net") for process in (old, new)]
        pins.name(paths[0], pin)
        assert pins.existing(paths[1], pin) is None
        pins.name(paths[1], pin)
        assert inode(netns.path_of(pin)) == inode(paths[1])


def test_a_name_in_the_directory_may_be_a_link_to_a_process(pin: NamespaceName) -> None:
    """Such a name would lead elsewhere once the process is gone: it is not relied on."""
    with nameless() as process:
        link = netns.path_of(NamespaceName(f"nwt-{uuid.uuid4().hex[:8]}"))
        link.symlink_to(f"/proc/{process.pid}/ns/net")
        try:
            assert pins.name(link, pin) == pin
        finally:
            link.unlink()


@pytest.mark.parametrize(
    "place", ["/proc/self/ns/net", "/proc/self/ns/mnt", "/etc/passwd", "/nowhere", "/run/netns", "/dev/null"]
)
def test_what_is_no_other_network_namespace_is_refused(pin: NamespaceName, place: str) -> None:
    """The host's own, another kind of namespace, a file, a directory, nothing."""
    with pytest.raises(KernelRefusedError):
        pins.name(Path(place), pin)
    assert not netns.path_of(pin).exists()


def test_an_end_is_what_it_was_made() -> None:
    """Addresses, MTU and routes are set at once, twice without harm, with IPv6 that was off; others' links stay."""
    end = GuestEnd(
        MAC,
        1400,
        (ip_interface("10.9.0.5/24"), ip_interface("fd00:9::5/64")),
        (
            GuestRoute(ip_network("0.0.0.0/0"), ip_interface("10.9.0.1").ip),
            GuestRoute(ip_network("::/0"), ip_interface("fd00:9::1").ip),
        ),
    )
    with namespaces("host", "guest") as (host, guest):
        add_veth(host, "tap0", guest, "eth0", MAC)
        add_veth(host, "tap1", guest, "eth1")
        with netns.inside(guest):
            Path("/proc/sys/net/ipv6/conf/eth0/disable_ipv6").write_text("1")
        for _ in range(2):
            guest_end.configure(guest, LinkName("eth0"), end)
        found = guest_end.observe(guest, LinkName("eth0"))
        assert found is not None
        assert (found.mac, found.mtu, set(found.addresses), set(found.routes)) == (
            end.mac,
            end.mtu,
            set(end.addresses),
            set(end.routes),
        )
        guest_end.remove(guest, LinkName("eth0"), Mac("fa:16:3e:00:00:08"))
        assert guest_end.observe(guest, LinkName("eth0")) == found
        guest_end.remove(guest, LinkName("eth0"), MAC)
        assert guest_end.observe(guest, LinkName("eth0")) is None
        assert guest_end.observe(guest, LinkName("eth1")) is not None
        with pytest.raises(KernelRefusedError):
            guest_end.configure(guest, LinkName("eth0"), end)
