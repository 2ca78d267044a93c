"""linux_net's device helpers, and its helpers about files and processes, on a real kernel."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from nova.net_calls import call_apart
from nova.net_hosts import NetHost

from netwright.kernel import sriov
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.nova import linux_net
from netwright.nova.linux_net import (
    LinuxBridgeInterfaceDriver,
    create_tap_dev,
    create_veth_pair,
    delete_bridge_dev,
    delete_net_dev,
    device_exists,
    is_pid_cmdline_correct,
    set_device_mtu,
    set_vf_interface_vlan,
    write_to_file,
)
from netwright.testing.namespaces import add_addresses, add_bridge, add_veth, ip, run

MAC = "fa:16:3e:00:00:01"


def test_device_exists_looks_where_the_thread_is(place: NetHost) -> None:
    """It knows the links of the calling thread's namespace, by their whole names; a name that none can have is an error."""
    assert device_exists("eth0", on=place.on)
    assert not device_exists("eth", on=place.on)
    with pytest.raises(InvalidError):
        device_exists("../net/lo", on=place.on)


def test_delete_net_dev_deletes_what_is_there(place: NetHost) -> None:
    """A link goes; one that is not there is no error; one that cannot be deleted is the kernel's error."""
    add_bridge(place.name, "br1")
    for _ in range(2):
        delete_net_dev("br1", on=place.on)
        assert not device_exists("br1", on=place.on)
    with pytest.raises(KernelRefusedError):
        delete_net_dev("lo", on=place.on)


@pytest.mark.parametrize("alias", ["netwright:network:1", "netwright:port:1 tap"])
def test_the_agents_links_are_not_deleted(place: NetHost, alias: str) -> None:
    """A link that the agent made is refused, by any of the functions that delete."""
    add_bridge(place.name, "br1")
    ip(place.name, "link", "set", "br1", "alias", alias)
    for delete in (delete_net_dev, delete_bridge_dev):
        with pytest.raises(KernelRefusedError, match="is the agent's"):
            delete("br1", on=place.on)
    with pytest.raises(KernelRefusedError, match="is the agent's"):
        create_veth_pair("br1", "v2", on=place.on)
    assert device_exists("br1", on=place.on)


def test_delete_bridge_dev_deletes_a_bridge(place: NetHost) -> None:
    """A bridge that is up goes, with its ports let go; what is no bridge is refused, what is not there is no error."""
    add_bridge(place.name, "br1")
    ip(place.name, "link", "set", "eth0", "master", "br1")
    for _ in range(2):
        delete_bridge_dev("br1", on=place.on)
    assert not device_exists("br1", on=place.on)
    assert "master" not in place.link("eth0")
    with pytest.raises(KernelRefusedError, match="eth0 is no bridge"):
        delete_bridge_dev("eth0", on=place.on)


def test_delete_bridge_dev_leaves_the_host_its_addresses(place: NetHost) -> None:
    """The uplink of a bridge that is deleted directly has its addresses and routes again."""
    before = place.addresses("eth0"), place.addresses("eth0", "-6"), place.routes("eth0")
    LinuxBridgeInterfaceDriver.ensure_bridge("br1", "eth0", filtering=False, on=place.on)
    assert place.addresses("eth0") == []
    delete_bridge_dev("br1", on=place.on)
    assert (place.addresses("eth0"), place.addresses("eth0", "-6"), place.routes("eth0")) == before


def test_create_tap_dev_makes_a_persistent_tap(place: NetHost) -> None:
    """The tap is up, marked, with the MAC asked for, and another process can open it; a second call changes nothing."""
    create_tap_dev("tap1", MAC, on=place.on)
    create_tap_dev("tap1", "fa:16:3e:00:00:02", on=place.on)
    assert place.mac("tap1") == MAC
    assert ",UP" in place.link("tap1")
    assert "alias netwright:nova:tap" in place.link("tap1")
    assert "tap1: tap" in run(place.name, ["ip", "tuntap", "show"]).stdout
    create_tap_dev("tap2", on=place.on)
    assert device_exists("tap2", on=place.on)
    with pytest.raises(InvalidError, match="MAC"):
        create_tap_dev("tap3", "fa:16:3e", on=place.on)


def test_a_vmms_tap_stays_as_it_is(place: NetHost) -> None:
    """A tap that somebody else made, with an alias or up, is not touched, nor is another link of that name."""
    ip(place.name, "tuntap", "add", "tap1", "mode", "tap")
    ip(place.name, "link", "set", "tap1", "alias", "a machine's")
    add_veth(place.name, "tap2", place.wire, "far")
    ip(place.name, "link", "set", "tap2", "down")
    before = place.link("tap1"), place.link("tap2")
    for name in ("tap1", "tap2"):
        create_tap_dev(name, MAC, on=place.on)
    assert (place.link("tap1"), place.link("tap2")) == before


def test_processes_that_make_one_tap_at_once_do_not_fail(place: NetHost) -> None:
    """Four at the same time all succeed, and the tap is there."""
    children = [call_apart(place, "create_tap_dev", "tap1", MAC) for _ in range(4)]
    for child in children:
        said, _ = child.communicate(timeout=60)
        assert child.returncode == 0, said
    assert place.mac("tap1") == MAC


def test_the_mtu_is_the_callers_or_the_options(place: NetHost) -> None:
    """set_device_mtu sets what it is told, or network_device_mtu, or nothing; what is no MTU is refused; the old name works."""
    set_device_mtu("eth0", 1400, on=place.on)
    assert "mtu 1400" in place.link("eth0")
    host = place.with_options(network_device_mtu=1300)
    set_device_mtu("eth0", on=host)
    assert "mtu 1300" in place.link("eth0")
    set_device_mtu("eth0", on=place.on)
    assert "mtu 1300" in place.link("eth0")
    linux_net._set_device_mtu("eth0", 1200, on=host)
    assert "mtu 1200" in place.link("eth0")
    with pytest.raises(InvalidError, match="not an MTU"):
        set_device_mtu("eth0", 10, on=place.on)
    with pytest.raises(KernelRefusedError, match="eth9: no such link"):
        set_device_mtu("eth9", 1400, on=place.on)


def test_a_veth_pair_carries_packets(place: NetHost) -> None:
    """Both ends are up, promiscuous and marked, with the MTU asked for; what goes in at one comes out at the other."""
    create_veth_pair("v1", "v2", 1400, on=place.on)
    for name in ("v1", "v2"):
        said = place.link(name)
        for part in ("PROMISC,", ",UP", "mtu 1400", "alias netwright:nova:veth"):
            assert part in said
    ip(place.name, "link", "set", "v2", "netns", place.wire)
    ip(place.wire, "link", "set", "v2", "up")
    add_addresses(place.name, "v1", "10.9.0.1/24")
    add_addresses(place.wire, "v2", "10.9.0.2/24")
    run(place.name, ["ping", "-c1", "-W2", "10.9.0.2"])


def test_a_veth_pair_is_made_anew(place: NetHost) -> None:
    """Whatever had either name goes first; network_device_mtu holds where no MTU is said; the old name works."""
    add_bridge(place.name, "v1")
    create_veth_pair("v2", "v3", on=place.on)
    linux_net._create_veth_pair("v1", "v2", on=place.with_options(network_device_mtu=1280))
    with pytest.raises(InvalidError):
        create_veth_pair("v1", "v2", 67, on=place.on)
    assert "veth" in place.link("v1")
    assert "mtu 1280" in place.link("v2")
    assert not device_exists("v3", on=place.on)


def test_a_fake_network_has_no_devices(place: NetHost) -> None:
    """With fake_network nothing is made, changed or deleted."""
    host, before = place.with_options(fake_network=True), ip(place.name, "link")
    create_tap_dev("tap1", MAC, on=host)
    create_veth_pair("v1", "v2", on=host)
    set_device_mtu("eth0", 1400, on=host)
    delete_net_dev("eth0", on=host)
    set_vf_interface_vlan("0000:01:10.0", MAC, 100, on=host)
    assert ip(place.name, "link") == before


@pytest.mark.parametrize("address", ["", "0000:01:10", "0000:01:10.8", "../../x", "0000:01:10.0/.."])
def test_a_vf_is_named_by_a_pci_address(place: NetHost, address: str) -> None:
    """What is no PCI address never becomes a path."""
    with pytest.raises(InvalidError, match="not a PCI address"):
        set_vf_interface_vlan(address, MAC, 100, on=place.on)


def test_a_vf_that_is_not_there_is_an_error(place: NetHost) -> None:
    """A PCI address without a virtual function is named; so is a VLAN or a MAC that is none."""
    with pytest.raises(KernelRefusedError, match=r"00ff:01:10\.0 is no virtual function"):
        set_vf_interface_vlan("00FF:01:10.0", MAC, 100, on=place.on)
    with pytest.raises(InvalidError, match="VLAN"):
        set_vf_interface_vlan("0000:01:10.0", MAC, 4095, on=place.on)
    with pytest.raises(InvalidError, match="MAC"):
        set_vf_interface_vlan("0000:01:10.0", "x", 100, on=place.on)


def card(directory: Path, *links: str) -> Path:
    """Two functions of one card as sysfs shows them."""
    physical = directory / "devices/0000:01:00.0"
    for number in range(2):
        virtual = directory / f"devices/0000:01:10.{number}"
        virtual.mkdir(parents=True)
        (virtual / "physfn").symlink_to("../0000:01:00.0")
    for link in links:
        (physical / "net" / link).mkdir(parents=True)
    physical.mkdir(exist_ok=True)
    for number in range(2):
        (physical / f"virtfn{number}").symlink_to(f"../0000:01:10.{number}")
    return directory / "devices"


def test_a_vf_is_found_by_its_pci_address(tmp_path: Path) -> None:
    """The card's link and the VF's number and own links come from sysfs; a switch's ends of VFs are not the card's link."""
    devices = card(tmp_path, "enp1s0f0", "aa_rep")
    (devices / "0000:01:00.0/net/aa_rep/phys_port_name").write_text("pf0vf0\n")
    (devices / "0000:01:00.0/net/enp1s0f0/phys_port_name").write_text("p0\n")
    assert sriov.find("0000:01:10.1", devices) == sriov.VirtualFunction("enp1s0f0", 1, ())
    (devices / "0000:01:10.1/net/eth7").mkdir(parents=True)
    assert sriov.find("0000:01:10.1", devices).links == ("eth7",)
    with pytest.raises(KernelRefusedError, match="no virtual function"):
        sriov.find("0000:01:00.0", devices)


def test_a_card_without_a_link_here_is_said(tmp_path: Path) -> None:
    """A VF whose physical function has no link in this namespace is an error that says so."""
    with pytest.raises(KernelRefusedError, match="has no link here"):
        sriov.find("0000:01:10.0", card(tmp_path))


def test_a_pci_address_may_leave_out_its_domain() -> None:
    """`01:10.0` is `0000:01:10.0`, in lower case."""
    assert sriov.pci_address("0A:10.0") == sriov.pci_address("0000:0a:10.0") == "0000:0a:10.0"


def test_a_file_is_written_whole(tmp_path: Path) -> None:
    """A reader sees an old or a new content, never a part, however often it is written meanwhile."""
    path, over = tmp_path / "nova-br100.conf", threading.Event()
    contents = ["a" * 100_000, "b" * 90_000]
    write_to_file(path, contents[0])

    def write() -> None:
        while not over.is_set():
            for content in contents:
                write_to_file(path, content)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        seen = {path.read_text() for _ in range(500)}
    finally:
        over.set()
        writer.join()
    assert seen <= set(contents)
    assert [one.name for one in tmp_path.iterdir()] == ["nova-br100.conf"]


def test_a_file_keeps_its_permissions_and_its_links(tmp_path: Path) -> None:
    """A new file is 0644; one that is there keeps its mode; a symbolic link goes on pointing to what is written."""
    path, link = tmp_path / "file", tmp_path / "link"
    write_to_file(path, "one")
    assert path.stat().st_mode & 0o777 == 0o644
    path.chmod(0o600)
    link.symlink_to("file")
    write_to_file(str(link), "two")
    assert (path.read_text(), path.stat().st_mode & 0o777) == ("two", 0o600)
    assert link.is_symlink()


def test_modes_are_to_write_or_to_append(tmp_path: Path) -> None:
    """`a` puts text behind what is there, `b` takes bytes; another mode, or a directory that is not there, is an error and leaves nothing."""
    path = tmp_path / "file"
    write_to_file(path, "one\n", "a")
    write_to_file(path, b"two\n", "ab")
    assert path.read_text() == "one\ntwo\n"
    write_to_file(path, b"three", "wb")
    assert path.read_bytes() == b"three"
    with pytest.raises(ValueError, match="mode"):
        write_to_file(path, "x", "r+")
    with pytest.raises(OSError, match="No such file"):
        write_to_file(tmp_path / "no/file", "x")
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


def test_a_process_is_known_by_a_name_in_its_command_line() -> None:
    """The name has to stand there whole: `nova-br1.conf` is not in `nova-br1.conf.old`, nor in a process that is gone."""
    runs = "print(flush=True); input()"
    argv = [sys.executable, "-c", runs, "--conf-file=/run/nova-br1.conf", "nova-br2.conf.old"]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        for match, right in (
            ("nova-br1.conf", True),
            ("/run/nova-br1.conf", True),
            ("br1.conf", False),
            ("nova-br2.conf", False),
            ("", False),
        ):
            assert is_pid_cmdline_correct(process.pid, match) is right
        process.communicate(b"\n")
    assert not is_pid_cmdline_correct(process.pid, "nova-br1.conf")
    assert not is_pid_cmdline_correct(0, "python")
    assert not is_pid_cmdline_correct(-os.getpid(), "python")
