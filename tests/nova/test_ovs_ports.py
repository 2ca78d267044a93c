"""Instances' ports on a real Open vSwitch, whose datapath is in user space: what is in its database, and who reaches whom."""

from __future__ import annotations

import signal
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import pytest
from nova.net_hosts import NetHost
from nova.ovs_switch import INTEGRATION, Switch, guest_on, reaches, switch_on

from netwright.kernel import netns
from netwright.model.errors import InvalidError
from netwright.nova.linux_net import (
    OvsConfigurationFailure,
    create_ovs_vif_port,
    create_tap_dev,
    delete_ovs_vif_port,
    update_device_mtu,
)

GET_FEATURES = struct.pack("<III", 1, 1, 0)
"""A vhost-user message of the front end's: request, flags (version 1), size."""
FEATURES = struct.pack("<III", 1, 5, 8)
"""The head of its answer, which has eight bytes more."""
MAC = "fa:16:3e:00:00:02"
IDS = ("5d6e4f70-8192-a3b4-c5d6-e7f80fa1c3b2", MAC, "0fa1c3b2-5d6e-4f70-8192-a3b4c5d6e7f8")


@contextmanager
def stopped(switch: Switch, daemon: str) -> Iterator[None]:
    switch.signal(daemon, signal.SIGSTOP)
    try:
        yield
    finally:
        switch.signal(daemon, signal.SIGCONT)


def put(switch: Switch, name: str = "tap1", **more: object) -> None:
    create_ovs_vif_port(INTEGRATION, name, *IDS, on=switch.on, **more)


def test_a_port_bears_the_instances_ids_and_our_mark(switch: Switch) -> None:
    """external_ids are nova's four and `netwright=nova`; the link's MTU is the one asked for, or network_device_mtu."""
    create_tap_dev("tap1", on=switch.on)
    put(switch, mtu=1400)
    said = switch.interface("tap1", "external_ids")
    for word in (f"iface-id={IDS[0]}", "iface-status=active", f'attached-mac="{MAC}"', f"vm-uuid={IDS[2]}"):
        assert word.replace('"', "") in said.replace('"', "")
    assert "netwright=nova" in said
    assert switch.vsctl("port-to-br", "tap1") == INTEGRATION
    assert "mtu 1400" in switch.place.link("tap1")
    create_ovs_vif_port(INTEGRATION, "tap1", *IDS, on=switch.with_options(network_device_mtu=1300))
    assert "mtu 1300" in switch.place.link("tap1")


def test_ports_of_one_vlan_reach_each_other_and_no_other(switch: Switch) -> None:
    """Without 8021q in the kernel: tag 10 reaches tag 10, and neither tag 20 nor a port without tag."""
    with ExitStack() as stack:
        one, two, other, plain = (
            stack.enter_context(guest_on(switch, number, tag))
            for number, tag in ((1, 10), (2, 10), (3, 20), (4, None))
        )
        assert reaches(one, "10.0.0.2")
        assert not reaches(one, "10.0.0.3")
        assert not reaches(one, "10.0.0.4")
        assert not reaches(plain, "10.0.0.3")
        create_ovs_vif_port(INTEGRATION, "tap3", *IDS, tag=10, on=switch.on)
        assert reaches(other, "10.0.0.1")
        create_ovs_vif_port(INTEGRATION, "tap1", *IDS, on=switch.on)
        assert reaches(two, "10.0.0.3")
        assert not reaches(two, "10.0.0.1")
        assert reaches(one, "10.0.0.4")


def test_a_port_is_as_the_last_call_says(switch: Switch) -> None:
    """On its bridge it keeps its number, and nothing of what was asked before; asked for on another bridge it moves."""
    create_tap_dev("tap1", on=switch.on)
    put(switch, tag=10)
    number = switch.interface("tap1", "ofport")
    switch.vsctl("set", "Interface", "tap1", "external_ids:other=1")
    put(switch)
    assert switch.interface("tap1", "ofport") == number
    assert switch.vsctl("get", "Port", "tap1", "tag") == "[]"
    assert "other" not in switch.interface("tap1", "external_ids")
    switch.vsctl("add-br", "br-two", "--", "set", "Bridge", "br-two", "datapath_type=netdev")
    create_ovs_vif_port("br-two", "tap1", *IDS, on=switch.on)
    assert switch.vsctl("port-to-br", "tap1") == "br-two"
    assert switch.vsctl("list-ports", INTEGRATION) == ""


def test_the_mtu_of_an_interface_that_the_switch_makes_stays(switch: Switch) -> None:
    """It is asked of the switch, so that ports that come later do not change it; update_device_mtu changes it."""
    put(switch, "int1", interface_type="internal", mtu=1400)
    create_tap_dev("tap1", on=switch.on)
    put(switch, mtu=1200)
    assert "mtu 1400" in switch.place.link("int1")
    update_device_mtu("int1", 1350, "internal", on=switch.on)
    assert "mtu 1350" in switch.place.link("int1")
    update_device_mtu("int1", None, "internal", on=switch.on)
    assert "mtu 1350" in switch.place.link("int1")
    update_device_mtu("tap1", 1250, on=switch.on)
    assert "mtu 1250" in switch.place.link("tap1")


def test_what_is_no_instances_port_is_not_taken(switch: Switch) -> None:
    """An uplink on another bridge, and a bridge itself, stay where they are; a port with another instance's ids is taken over."""
    switch.vsctl("add-br", "br-ex", "--", "set", "Bridge", "br-ex", "datapath_type=netdev")
    switch.vsctl("add-port", "br-ex", "eth0")
    for name in ("eth0", "br-ex"):
        with pytest.raises(OvsConfigurationFailure, match=f"port {name} on bridge br-ex is no instance's"):
            put(switch, name)
    assert switch.vsctl("port-to-br", "eth0") == "br-ex"
    switch.vsctl("set", "Interface", "eth0", "external_ids:iface-id=before")
    put(switch, "eth0")
    assert switch.vsctl("port-to-br", "eth0") == INTEGRATION


@pytest.mark.parametrize(
    ("kind", "more"),
    [("dpdkvhostuser", {}), ("dpdkvhostuserclient", {"vhost_server_path": "/run/vm.sock"}), ("dpdk", {})],
)
def test_a_switch_without_dpdk_says_so(switch: Switch, kind: str, more: dict[str, str]) -> None:
    """A vhost-user port on a build without DPDK is an error that names the type and why, and no port is left."""
    with pytest.raises(
        OvsConfigurationFailure, match=f"no interfaces of type {kind}; it is built without DPDK"
    ):
        put(switch, "vhu1", interface_type=kind, **more)
    assert switch.vsctl("list-ports", INTEGRATION) == ""


def test_a_vmm_speaks_vhost_user_with_either_kind_of_port(place: NetHost) -> None:
    """With DPDK a dpdkvhostuserclient connects to the VMM's socket, a dpdkvhostuser listens on its own; both answer; the MTU is the switch's."""
    with switch_on(place, dpdk=True) as switch, socket.socket(socket.AF_UNIX) as vmm:
        vmm.bind(f"{switch.directory}/vm.sock")
        vmm.listen()
        vmm.settimeout(60)
        path = {"vhost_server_path": f"{switch.directory}/vm.sock"}
        put(switch, "vhu1", interface_type="dpdkvhostuserclient", mtu=1400, **path)
        put(switch, "vhu2", interface_type="dpdkvhostuser", tag=10)
        with vmm.accept()[0] as called, socket.socket(socket.AF_UNIX) as calling:
            calling.connect(f"{switch.directory}/vhu2")
            for wire in (called, calling):
                wire.settimeout(60)
                wire.sendall(GET_FEATURES)
                assert wire.recv(12) == FEATURES
        assert switch.interface("vhu1", "mtu_request") == "1400"
        update_device_mtu("vhu2", 1300, "dpdkvhostuser", on=switch.on)
        assert switch.interface("vhu2", "mtu_request") == "1300"
        for name in ("vhu1", "vhu2"):
            delete_ovs_vif_port(INTEGRATION, name, on=switch.on)
        assert switch.vsctl("list-ports", INTEGRATION) == ""
        assert not (switch.directory / "vhu2").exists()


def test_what_the_switch_says_is_told_and_no_port_is_left(switch: Switch) -> None:
    """A link that is not there, an unknown type, a type that lacks an option, a bridge that is not there: each is named."""
    with pytest.raises(OvsConfigurationFailure, match=r"tap1.*No such device"):
        put(switch)
    with pytest.raises(OvsConfigurationFailure, match="no interfaces of type nonsense"):
        put(switch, interface_type="nonsense")
    with pytest.raises(OvsConfigurationFailure, match="requires valid 'peer'"):
        put(switch, interface_type="patch")
    with pytest.raises(OvsConfigurationFailure, match="Bridge with name=br-no"):
        create_ovs_vif_port("br-no", "tap1", *IDS, on=switch.on)
    assert switch.vsctl("list-ports", INTEGRATION) == ""


@pytest.mark.parametrize(
    "wrong",
    [
        {"dev": "tap1; reboot"},
        {"iface_id": "two words"},
        {"instance_id": ""},
        {"mac": "fa:16"},
        {"interface_type": "in ternal"},
        {"tag": 4095},
        {"tag": 0},
        {"mtu": 1, "interface_type": "internal"},
        {"mtu": 1},
        {"vhost_server_path": "/run/vm.sock"},
        {"interface_type": "dpdkvhostuserclient"},
        {"interface_type": "dpdkvhostuserclient", "vhost_server_path": "run/vm.sock"},
    ],
)
def test_what_makes_no_port_is_refused_before_the_switch_is_asked(
    place: NetHost, wrong: dict[str, object]
) -> None:
    """Names, ids, VLANs, MTUs and sockets that cannot be are an InvalidError, also where no switch runs."""
    asked = {"dev": "tap1", "iface_id": IDS[0], "mac": MAC, "instance_id": IDS[2], **wrong}
    with pytest.raises(InvalidError):
        create_ovs_vif_port(bridge=INTEGRATION, **asked, on=place.on)


def test_a_deleted_port_takes_its_link_with_it_if_asked(switch: Switch) -> None:
    """Port and link go; with delete_dev=False the link stays; what is not there is no error."""
    for keep in (True, False):
        create_tap_dev("tap1", on=switch.on)
        put(switch)
        for _ in range(2):
            delete_ovs_vif_port(INTEGRATION, "tap1", not keep, on=switch.on)
            assert switch.vsctl("list-ports", INTEGRATION) == ""
            assert bool(switch.place.link("tap1")) is keep


def test_what_is_no_instances_port_is_not_deleted(switch: Switch) -> None:
    """An uplink on the bridge, or the bridge's own port, stays there, with its link, and the error says what it is."""
    switch.vsctl("add-port", INTEGRATION, "eth0")
    for name in ("eth0", INTEGRATION):
        with pytest.raises(OvsConfigurationFailure, match="no instance's"):
            delete_ovs_vif_port(INTEGRATION, name, on=switch.on)
        assert switch.place.link(name)
    assert switch.vsctl("list-ports", INTEGRATION) == "eth0"


def test_another_bridges_port_is_not_deleted(switch: Switch) -> None:
    """A port that is not on the bridge named stays, with its link, and the error names its bridge."""
    create_tap_dev("tap1", on=switch.on)
    put(switch)
    with pytest.raises(OvsConfigurationFailure, match=f"is on bridge {INTEGRATION}, not on br-two"):
        delete_ovs_vif_port("br-two", "tap1", on=switch.on)
    assert switch.vsctl("port-to-br", "tap1") == INTEGRATION
    assert switch.place.link("tap1")


def test_a_switch_that_is_not_there_is_said_at_once(place: NetHost) -> None:
    """No database at ovsdb_connection is an error that names it; what is no connection is an InvalidError."""
    with pytest.raises(OvsConfigurationFailure, match=r"unix:/nowhere/db\.sock: No such file"):
        delete_ovs_vif_port(
            INTEGRATION, "tap1", on=place.with_options(ovsdb_connection="unix:/nowhere/db.sock")
        )
    for wrong in (
        "/run/db.sock",
        "ssl:192.0.2.1:6640",
        "unix:/a b",
        "unix:/" + "x" * 107,
        "unix:/a,tcp:192.0.2.1:6640",
    ):
        with pytest.raises(InvalidError, match="is not unix:PATH or tcp:ADDRESS:PORT"):
            delete_ovs_vif_port(INTEGRATION, "tap1", on=place.with_options(ovsdb_connection=wrong))


def test_a_database_over_tcp_is_reached(switch: Switch) -> None:
    """ovsdb_connection may be tcp:ADDRESS:PORT."""
    switch.vsctl("set-manager", "ptcp:6640:127.0.0.1")
    create_tap_dev("tap1", on=switch.on)
    create_ovs_vif_port(
        INTEGRATION, "tap1", *IDS, on=switch.with_options(ovsdb_connection="tcp:127.0.0.1:6640")
    )
    assert switch.vsctl("port-to-br", "tap1") == INTEGRATION


def test_nobody_waits_longer_than_ovs_vsctl_timeout(switch: Switch) -> None:
    """A database or a daemon that does not answer is an error after so many seconds; once it does, the call succeeds."""
    create_tap_dev("tap1", on=switch.on)
    for daemon, said in (
        ("ovsdb-server", "no answer from ovsdb-server"),
        ("ovs-vswitchd", "does ovs-vswitchd run"),
    ):
        with stopped(switch, daemon), pytest.raises(OvsConfigurationFailure, match=said):
            create_ovs_vif_port(INTEGRATION, "tap1", *IDS, on=switch.with_options(ovs_vsctl_timeout=1))
        put(switch)
        assert switch.interface("tap1", "ofport") not in {"", "[]", "-1"}


def test_ports_put_at_once_are_all_there(switch: Switch) -> None:
    """Six threads, two for each port, succeed, and each port is there once."""
    done: list[str] = []

    def put_one(name: str) -> None:
        with netns.inside(switch.place.name):
            put(switch, name, interface_type="internal")
        done.append(name)

    threads = [threading.Thread(target=put_one, args=(f"int{number % 3}",)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 6
    assert switch.vsctl("list-ports", INTEGRATION).split() == ["int0", "int1", "int2"]


def test_a_fake_network_has_no_ports(switch: Switch) -> None:
    """With fake_network nothing is asked of the switch."""
    host = switch.with_options(fake_network=True, ovsdb_connection="unix:/nowhere/db.sock")
    create_ovs_vif_port(INTEGRATION, "tap1", *IDS, on=host)
    update_device_mtu("tap1", 1400, "internal", on=host)
    delete_ovs_vif_port(INTEGRATION, "tap1", on=host)
    assert switch.vsctl("list-ports", INTEGRATION) == ""
