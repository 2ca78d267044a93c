"""A flat network's bridge: what the uplink had is the bridge's, and the uplink's again afterwards."""

from __future__ import annotations

import socket
from collections.abc import Sequence

import pytest
from nova.net_calls import call_apart
from nova.net_hosts import BRIDGE, NetHost, flat_network

from netwright.kernel import netns
from netwright.kernel.addresses import Addresses
from netwright.kernel.links import Links
from netwright.kernel.netns import Namespaces
from netwright.kernel.uplinks import Uplinks
from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.nova.linux_host import linux_host
from netwright.nova.linux_net import (
    LinuxBridgeInterfaceDriver,
    get_dev,
    initialize_gateway_device,
    plug,
    unplug,
)
from netwright.testing.namespaces import add_bridge, add_veth, ip, run

MAC = "fa:16:3e:00:00:01"
ensure_bridge, remove_bridge = (
    LinuxBridgeInterfaceDriver.ensure_bridge,
    LinuxBridgeInterfaceDriver.remove_bridge,
)


def everything(host: NetHost, link: str) -> Sequence[object]:
    """What a host's traffic needs of the link."""
    return host.addresses(link), host.addresses(link, "-6"), host.routes(link)


def test_the_uplinks_addresses_and_routes_are_the_bridges_and_come_back(place: NetHost) -> None:
    """plug moves IPv4 and IPv6 addresses and every route to the bridge; unplug moves them back, and the bridge is gone."""
    before = everything(place, "eth0")
    assert len(place.routes("eth0")) == 4
    assert plug(flat_network(), MAC, on=place.on) == BRIDGE
    assert everything(place, BRIDGE) == before
    assert everything(place, "eth0") == ([], [], [])
    assert f"master {BRIDGE}" in place.link("eth0")
    assert plug(flat_network(), MAC, on=place.on) == BRIDGE
    assert everything(place, BRIDGE) == before
    assert unplug(flat_network(), on=place.on) == BRIDGE
    assert everything(place, "eth0") == before
    assert not place.link(BRIDGE)
    assert "alias" not in place.link("eth0")
    assert unplug(flat_network(), on=place.on) == BRIDGE


def test_the_hosts_connections_live_through_plug_and_unplug(place: NetHost) -> None:
    """A TCP connection between the host and its wire carries data before, while the uplink is on the bridge, and after."""
    steps = (
        lambda: None,
        lambda: plug(flat_network(), MAC, on=place.on),
        lambda: unplug(flat_network(), on=place.on),
    )
    with socket.create_server(("192.0.2.2", 7000)) as server:
        with netns.inside(place.wire):
            far = socket.create_connection(("192.0.2.2", 7000), timeout=5)
        near, _ = server.accept()
        with far, near:
            near.settimeout(5)
            for step in steps:
                step()
                far.sendall(b"question")
                assert near.recv(8) == b"question"
                near.sendall(b"answer")
                assert far.recv(6) == b"answer"


def test_a_bridge_forwards_at_once_and_is_marked(place: NetHost) -> None:
    """It is up, with neither STP nor forward delay, and its alias says whose it is, as the uplink's does."""
    ensure_bridge(BRIDGE, "eth0", filtering=False, on=place.on)
    said = place.link(BRIDGE)
    assert "stp_state 0" in said
    assert "forward_delay 0" in said
    assert ",UP" in said
    assert "alias netwright:nova:bridge" in said
    assert f"alias netwright:nova:uplink:{BRIDGE}" in place.link("eth0")


def test_a_bridge_has_its_uplinks_mac_for_good(place: NetHost) -> None:
    """The bridge's MAC is the uplink's, or without one its own, and does not follow guests that come and go."""
    ensure_bridge(BRIDGE, "eth0", filtering=False, on=place.on)
    ensure_bridge("br7", None, filtering=False, on=place.on)
    assert place.mac(BRIDGE) == place.mac("eth0")
    alone = place.mac("br7")
    for bridge in (BRIDGE, "br7"):
        add_veth(place.name, f"tap-{bridge}", place.wire, f"guest-{bridge}")
        ip(place.name, "link", "set", f"tap-{bridge}", "address", "02:00:00:00:00:01")
        ip(place.name, "link", "set", f"tap-{bridge}", "master", bridge)
    assert place.mac(BRIDGE) == place.mac("eth0")
    assert place.mac("br7") == alone


def test_an_alias_of_the_uplinks_owner_comes_back(place: NetHost) -> None:
    """What the uplink's alias said before is behind the mark, and alone again after unplug."""
    ip(place.name, "link", "set", "eth0", "alias", "to the world")
    plug(flat_network(), MAC, on=place.on)
    assert f"alias netwright:nova:uplink:{BRIDGE} to the world" in place.link("eth0")
    unplug(flat_network(), on=place.on)
    assert "alias to the world" in place.link("eth0")


def test_the_gateway_stays_on_the_bridge_when_the_hosts_addresses_go_back(place: NetHost) -> None:
    """unplug gives the uplink the host's own addresses, not the network's gateway."""
    plug(flat_network(), MAC, on=place.on)
    initialize_gateway_device(BRIDGE, flat_network(cidr_v6="2001:db8:1::/64"), on=place.on)
    assert place.addresses(BRIDGE) == ["10.0.0.1/24", "192.0.2.2/24"]
    unplug(flat_network(), on=place.on)
    assert place.addresses("eth0") == ["192.0.2.2/24"]
    assert place.addresses("eth0", "-6") == ["2001:db8::2/64"]


def killed(place: NetHost, number: int, call: str, *words: object) -> bool:
    """Whether the call was killed before that one of its netlink messages, not done before it came to that."""
    inject = f"inject=sendto,sendmsg:signal=SIGKILL:when={number}"
    strace = ("strace", "-qq", "-o", "/dev/null", "-e", "trace=sendto,sendmsg", "-e", inject)
    child = call_apart(place, call, *words, wrapper=strace)
    said, _ = child.communicate(timeout=60)
    assert child.returncode in {0, -9}, said
    return child.returncode != 0


def test_whoever_is_killed_while_plugging_the_next_call_puts_it_right(place: NetHost) -> None:
    """Killed between any two netlink messages, ensure_bridge leaves what the next one completes and remove_bridge undoes."""
    before = everything(place, "eth0")
    number = 1
    while killed(place, number, "ensure_bridge", BRIDGE, "eth0", None, True, False):
        if number % 2 == 1:
            ensure_bridge(BRIDGE, "eth0", filtering=False, on=place.on)
            assert everything(place, BRIDGE) == before, number
            assert everything(place, "eth0") == ([], [], []), number
        remove_bridge(BRIDGE, filtering=False, on=place.on)
        assert everything(place, "eth0") == before, number
        assert not place.link(BRIDGE)
        number += 3
    assert number > 20


def test_whoever_is_killed_while_unplugging_the_next_call_puts_it_right(place: NetHost) -> None:
    """Killed between any two netlink messages, remove_bridge leaves what the next one completes."""
    before = everything(place, "eth0")
    number = 1
    ensure_bridge(BRIDGE, "eth0", filtering=False, on=place.on)
    while killed(place, number, "remove_bridge", BRIDGE, True, False):
        remove_bridge(BRIDGE, filtering=False, on=place.on)
        assert everything(place, "eth0") == before, number
        assert not place.link(BRIDGE)
        ensure_bridge(BRIDGE, "eth0", filtering=False, on=place.on)
        number += 2
    assert number > 10


def test_processes_that_plug_at_once_do_not_fail(place: NetHost) -> None:
    """Six at the same time all succeed, and the bridge is as if there had been one."""
    before = everything(place, "eth0")
    children = [call_apart(place, "plug", flat_network(), MAC) for _ in range(6)]
    for child in children:
        said, _ = child.communicate(timeout=120)
        assert child.returncode == 0, said
    assert everything(place, BRIDGE) == before
    assert place.forward() == [f"-i {BRIDGE} -j ACCEPT", f"-o {BRIDGE} -j ACCEPT"]


def test_a_later_process_knows_what_an_earlier_one_made(place: NetHost) -> None:
    """unplug by a process without memory takes away the bridge and its rules, and gives the uplink back its own."""
    before = everything(place, "eth0")
    child = call_apart(place, "plug", flat_network(), MAC)
    said, _ = child.communicate(timeout=60)
    assert child.returncode == 0, said
    assert place.forward()
    unplug(flat_network(), on=place.on)
    assert everything(place, "eth0") == before
    assert place.forward() == place.forward("ip6") == []


def test_a_bridge_that_somebody_was_killed_over_is_finished(place: NetHost) -> None:
    """A bridge without an alias that is down is taken for half made: it is marked and up after the next call."""
    ip(place.name, "link", "add", BRIDGE, "type", "bridge")
    ensure_bridge(BRIDGE, None, filtering=False, on=place.on)
    assert "alias netwright:nova:bridge" in place.link(BRIDGE)
    assert ",UP" in place.link(BRIDGE)


def test_a_strangers_bridge_is_used_and_left(place: NetHost) -> None:
    """A bridge that an administrator made gets the uplink, and loses only that: it stays, as does another port of it."""
    before = everything(place, "eth0")
    add_bridge(place.name, BRIDGE, "192.0.2.77/25")
    add_veth(place.name, "eth1", place.wire, "eth1")
    ip(place.name, "link", "set", "eth1", "master", BRIDGE)
    plug(flat_network(), MAC, on=place.on)
    assert "alias" not in place.link(BRIDGE)
    assert f"master {BRIDGE}" in place.link("eth0")
    unplug(flat_network(), on=place.on)
    assert place.link(BRIDGE)
    assert f"master {BRIDGE}" in place.link("eth1")
    assert place.routes("eth0") == before[2]


def test_a_port_that_somebody_else_put_on_the_bridge_stays_as_it_is(place: NetHost) -> None:
    """An uplink that an administrator enslaved is neither marked nor stripped, and unplug leaves it there."""
    add_bridge(place.name, BRIDGE, "192.0.2.77/24")
    ip(place.name, "link", "set", "eth0", "master", BRIDGE)
    before = everything(place, "eth0"), everything(place, BRIDGE), place.mac(BRIDGE)
    plug(flat_network(), MAC, on=place.on)
    unplug(flat_network(), on=place.on)
    assert (everything(place, "eth0"), everything(place, BRIDGE), place.mac(BRIDGE)) == before
    assert f"master {BRIDGE}" in place.link("eth0")


def test_an_interface_of_another_bridge_is_not_taken_from_it(place: NetHost) -> None:
    """A second network on the same flat interface is refused, and the first keeps it with all that it took."""
    before = everything(place, "eth0")
    plug(flat_network(), MAC, on=place.on)
    with pytest.raises(KernelRefusedError, match="eth0 is on another bridge"):
        plug(flat_network(bridge="br200"), MAC, on=place.on)
    assert everything(place, BRIDGE) == before
    assert f"master {BRIDGE}" in place.link("eth0")


@pytest.mark.parametrize(
    ("bridge", "interface", "said"),
    [("eth0", None, "eth0 is there and is no bridge"), (BRIDGE, "eth9", "eth9: no such link")],
)
def test_what_cannot_be_is_an_error(place: NetHost, bridge: str, interface: str | None, said: str) -> None:
    """A bridge of a name that something else has, or an interface that is not there: the error names it."""
    with pytest.raises(KernelRefusedError, match=said):
        ensure_bridge(bridge, interface, on=place.on)


@pytest.mark.parametrize("changed", [{"cidr": None}, {"mtu": 67}, {"dhcp_server": None, "gateway": None}])
def test_neutrons_bridge_is_for_what_has_an_address(place: NetHost, changed: dict[str, object]) -> None:
    """A network that has no gateway's address, or no MTU, is an InvalidError before there is a link or a rule."""
    host = place.with_options(linuxnet_interface_driver="NeutronLinuxBridgeInterfaceDriver")
    with pytest.raises(InvalidError):
        plug(flat_network(**changed), MAC, on=host)
    assert not place.link("gw-0fa1c3b2-5d")
    assert not place.link("brq0fa1c3b2-5d")
    assert place.forward() == []


@pytest.mark.parametrize("name", ["", "br 100", "br/../x", "b" * 16, "-j ACCEPT", "br\n"])
def test_names_that_no_interface_has_are_refused(place: NetHost, name: str) -> None:
    """Names are checked before they come near a rule or the kernel."""
    with pytest.raises(InvalidError):
        ensure_bridge(name, None, on=place.on)
    with pytest.raises(InvalidError):
        plug(flat_network(bridge=name), MAC, on=place.on)


@pytest.mark.parametrize(
    "changed",
    [
        {"mtu": 67},
        {"vlan": 100, "bridge_interface": None},
        {"vlan": 100, "mtu": 65536},
        {"dhcp_server": None, "share_address": True},
    ],
)
def test_a_network_that_cannot_be_plugged_leaves_nothing(place: NetHost, changed: dict[str, object]) -> None:
    """An MTU that is none, or a VLAN of nothing, is an InvalidError before there is a link or a rule."""
    with pytest.raises(InvalidError):
        plug(flat_network(**changed), MAC, on=place.on)
    assert not place.link(BRIDGE)
    assert not place.link("vlan100")
    assert place.forward() == []


def test_the_agent_does_not_see_what_linux_net_makes(place: NetHost, tmp_path) -> None:
    """None of the agent's drivers, which sweep what they see and nobody asked for, observes any of it."""
    plug(flat_network(), MAC, on=place.on)
    initialize_gateway_device(BRIDGE, flat_network(), on=place.on)
    drivers = (Links(bridges=True), Links(bridges=False), Uplinks(), Addresses(Namespaces(tmp_path)))
    assert [dict(driver.observe()) for driver in drivers] == [{}, {}, {}, {}]


def test_the_network_says_the_bridges_mtu(place: NetHost) -> None:
    """A flat network's MTU, or else network_device_mtu, is the bridge's; without either it is the uplink's."""
    plug(flat_network(mtu=1400), MAC, on=place.on)
    assert "mtu 1400" in place.link(BRIDGE)
    plug(flat_network(), MAC, on=place.with_options(network_device_mtu=1300))
    assert "mtu 1300" in place.link(BRIDGE)
    assert "mtu 1500" in place.link("eth0")


def test_flat_interface_comes_before_the_networks_own(place: NetHost) -> None:
    """The option flat_interface is what joins the bridge, whatever the network's bridge_interface says."""
    plug(flat_network(bridge_interface="eth9"), MAC, on=place.with_options(flat_interface="eth0"))
    assert f"master {BRIDGE}" in place.link("eth0")


def test_a_network_that_joins_nothing_has_a_bridge_of_its_own(place: NetHost) -> None:
    """Without flat_interface and bridge_interface there is a bridge without an uplink."""
    assert plug(flat_network(bridge_interface=None), MAC, on=place.on) == BRIDGE
    assert ip(place.name, "link", "show", "master", BRIDGE) == ""


def test_get_dev_is_the_bridge(place: NetHost) -> None:
    """get_dev is the network's bridge; a network without one is an InvalidError that says so."""
    assert get_dev(flat_network(), on=place.on) == BRIDGE
    with pytest.raises(InvalidError, match="no bridge"):
        get_dev(flat_network(bridge=None), on=place.on)


def test_a_fake_network_touches_nothing(place: NetHost) -> None:
    """With fake_network plug and unplug say what they would be about, and the host is as it was."""
    before = ip(place.name, "-d", "link"), everything(place, "eth0")
    host = linux_host(place.with_options(fake_network=True).options)
    assert plug(flat_network(share_address=True), MAC, on=host) == BRIDGE
    ensure_bridge(BRIDGE, "eth0", on=host)
    remove_bridge(BRIDGE, on=host)
    assert unplug(flat_network(), on=host) == BRIDGE
    assert (ip(place.name, "-d", "link"), everything(place, "eth0")) == before
    assert "netwright" not in run(place.name, ["iptables-save"]).stdout


SHARED = [
    "-A nova-INPUT -p ARP -i eth0 --arp-ip-dst 10.0.0.1 -j DROP",
    "-A nova-OUTPUT -p ARP -o eth0 --arp-ip-src 10.0.0.1 -j DROP",
    "-A nova-FORWARD -p IPv4 -i eth0 --ip-proto udp --ip-dport 67:68 -j DROP",
    "-A nova-FORWARD -p IPv4 -o eth0 --ip-proto udp --ip-dport 67:68 -j DROP",
]


@pytest.mark.parametrize("shared", ["the network", "the option"])
def test_a_shared_address_is_kept_from_the_wire(place: NetHost, shared: str) -> None:
    """With share_address or share_dhcp_address the four rules about the uplink are there, and gone after unplug."""
    network = flat_network(share_address=shared == "the network")
    host = place.with_options(share_dhcp_address=shared == "the option")

    def rules() -> list[str]:
        saved = run(place.name, ["ebtables-save", "-t", "filter"]).stdout.splitlines()
        return [line.strip() for line in saved if line.startswith("-A nova-")]

    plug(network, MAC, on=host)
    assert sorted(rules()) == sorted(SHARED)
    unplug(network, on=host)
    assert rules() == []
    assert not place.link(BRIDGE)
