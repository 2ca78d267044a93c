"""FreeBSD's interfaces, on a stand-in that prints and refuses as FreeBSD does (freebsd_host.py)."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from ipaddress import IPv4Interface, IPv6Interface
from pathlib import Path

import pytest
from nova.freebsd_host import FreeBsdHost, Link

from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.nova import ifconfig
from netwright.nova.ifconfig import GatewayRoute, Interface, Uplink, Vlan
from netwright.nova.netdev import get_driver
from netwright.nova.netdev_freebsd import FreeBsdNetDevDriver

GOLDEN = Path(__file__).parents[1] / "golden" / "freebsd_commands.txt"
NETWORK = {
    "id": "4e8e5957-649f-477b-9e5b-f1f75b21c03c",
    "cidr": "10.20.0.0/24",
    "gateway": "10.20.0.1",
    "dhcp_server": "10.20.0.1",
    "cidr_v6": "fd20::/64",
    "gateway_v6": "fd20::1",
    "bridge": "br100",
}
# As FreeBSD 14 prints them.
BRIDGE = """\
bridge0: flags=1008943<UP,BROADCAST,RUNNING,PROMISC,SIMPLEX,MULTICAST,LOWER_UP> metric 0 mtu 1450
\tdescription: netwright:nova:bridge
\toptions=0
\tether 58:9c:fc:10:ff:db
\tinet 10.2.70.109 netmask 0xffffff00 broadcast 10.2.70.255
\tinet6 fe80::5a9c:fcff:fe10:eb7d%bridge0 prefixlen 64 scopeid 0x3
\tinet6 2001:db8:c01:bdb0::1 prefixlen 64
\tid 00:00:00:00:00:00 priority 32768 hellotime 2 fwddelay 15
\tmaxage 20 holdcnt 6 proto rstp maxaddr 2000 timeout 1200
\troot id 00:00:00:00:00:00 priority 32768 ifcost 0 port 0
\tmember: tap0 flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>
\t        ifmaxaddr 0 port 14 priority 128 path cost 2000
\tmember: vtnet0 flags=143<LEARNING,DISCOVER,AUTOEDGE,AUTOPTP>
\t        ifmaxaddr 0 port 1 priority 128 path cost 2000
\tgroups: bridge netwright_br
\tnd6 options=9<PERFORMNUD,IFDISABLED>
"""
VLAN = """\
vlan100: flags=8002<BROADCAST,MULTICAST> metric 0 mtu 1500
\toptions=80003<RXCSUM,TXCSUM,LINKSTATE>
\tether a4:ba:db:e0:ae:33
\tgroups: vlan
\tvlan: 100 vlanproto: 802.1q vlanpcp: 0 parent interface: em0
\tmedia: Ethernet autoselect (1000baseT <full-duplex>)
\tstatus: active
\tnd6 options=29<PERFORMNUD,IFDISABLED,AUTO_LINKLOCAL>
"""
ROUTES = """\
Routing tables

Internet:
Destination        Gateway            Flags   Nhop#    Mtu      Netif Expire
default            192.168.1.1        UGS         4   1500        em0
127.0.0.1          link#2             UH          2  16384        lo0
10.9.0.0/16        192.168.1.2        UGS         5   1500        em0
10.8.0.0/16        10.99.0.1          UGS         6   1500        em1
192.168.1.0/24     link#1             U           3   1500        em0
"""


def host() -> FreeBsdHost:
    """With an uplink em0 that has an address, a default route and its owner's description."""
    em0 = Link("em", up=True, description="to the switch", addresses=["192.0.2.2/24", "2001:db8::2/64"])
    routes = [("default", "192.0.2.1", "em0"), ("default", "2001:db8::1", "em0")]
    return FreeBsdHost({"em0": em0}, routes)


def test_what_ifconfig_prints_is_read() -> None:
    """A bridge, a VLAN and routes as FreeBSD prints them become values; link-local addresses are left out."""
    assert ifconfig.read_interface(BRIDGE) == Interface(
        name="bridge0",
        up=True,
        mtu=1450,
        description="netwright:nova:bridge",
        ether="58:9c:fc:10:ff:db",
        groups=("bridge", "netwright_br"),
        members=("tap0", "vtnet0"),
        addresses=(IPv4Interface("10.2.70.109/24"), IPv6Interface("2001:db8:c01:bdb0::1/64")),
    )
    vlan = ifconfig.read_interface(VLAN)
    assert vlan is not None
    assert (vlan.up, vlan.vlan, vlan.is_ours) == (False, Vlan(100, "em0"), False)
    assert ifconfig.read_routes(ROUTES, "em0") == (
        GatewayRoute("default", "192.168.1.1"),
        GatewayRoute("10.9.0.0/16", "192.168.1.2"),
    )


def test_an_uplinks_mark_tells_all_that_it_had() -> None:
    """What is written in a description is read back as it was."""
    uplink = Uplink(
        "br100",
        (IPv4Interface("192.0.2.2/24"), IPv6Interface("2001:db8::2/64")),
        (GatewayRoute("default", "192.0.2.1"),),
        "to the switch",
    )
    assert ifconfig.read_uplink(ifconfig.uplink_mark(uplink)) == uplink
    assert ifconfig.read_uplink(ifconfig.uplink_mark(Uplink("br100"))) == Uplink("br100")
    assert ifconfig.read_uplink("to the switch") is None


def test_the_commands_are_as_recorded() -> None:
    """A bridge on a VLAN, a guest's tap on it, its gateway, a pair, and all of it gone: the recorded commands."""
    there = host()
    driver = FreeBsdNetDevDriver(there.run)
    driver.ensure_vlan(100, "em0", "02:00:00:00:00:01", 1450)
    driver.ensure_bridge("br100", "vlan100")
    driver.create_tap_dev("tap00000001-90", "fe:16:3e:00:00:01")
    driver.join_bridge("br100", "tap00000001-90")
    driver.bind_mac("br100", "tap00000001-90", "fa:16:3e:00:00:01")
    driver.initialize_gateway_device("br100", NETWORK)
    driver.bind_floating_ip("203.0.113.9", "em0")
    driver.unbind_floating_ip("203.0.113.9", "em0")
    driver.create_pair("veth0", "veth1", 1400)
    driver.ensure_bridge("br200", "em0")
    driver.remove_bridge("br200")
    driver.delete_net_dev("veth0")
    driver.remove_bridge("br100")
    driver.remove_vlan(100)
    assert "".join(f"{line}\n" for line in there.changes()) == GOLDEN.read_text()


def test_everything_is_there_and_a_second_time_changes_nothing() -> None:
    """Each call brings about what it says; made again it runs nothing but looks."""
    there = host()

    def all_of_it(driver: FreeBsdNetDevDriver) -> None:
        driver.ensure_vlan(100, "em0", mtu=1450)
        driver.ensure_bridge("br100", "vlan100")
        driver.create_tap_dev("tap1")
        driver.join_bridge("br100", "tap1")
        driver.initialize_gateway_device("br100", NETWORK)
        driver.bind_floating_ip("203.0.113.9", "em0")

    all_of_it(FreeBsdNetDevDriver(there.run))
    links = there.links
    assert links["br100"].members == ["vlan100", "tap1"]
    assert links["br100"].addresses == ["10.20.0.1/24", "fd20::1/64"]
    assert (links["vlan100"].vlan, links["vlan100"].parent, links["vlan100"].mtu) == (100, "em0", 1450)
    assert all(links[name].up for name in ("vlan100", "br100", "tap1"))
    assert "netwright" in links["tap1"].groups
    assert "netwright_br" in links["br100"].groups
    assert there.sysctls == {"net.inet.ip.forwarding": "1", "net.inet6.ip6.forwarding": "1"}
    before = len(there.changes())
    all_of_it(FreeBsdNetDevDriver(there.run))
    assert there.changes()[before:] == []


def test_an_uplinks_addresses_and_routes_move_and_come_back() -> None:
    """On a bridge an uplink's addresses and routes are the bridge's; without it they are its own again."""
    there = host()
    FreeBsdNetDevDriver(there.run).ensure_bridge("br100", "em0")
    assert there.links["em0"].addresses == []
    assert there.links["br100"].addresses == ["192.0.2.2/24", "2001:db8::2/64"]
    assert {route[2] for route in there.routes} == {"br100"}
    FreeBsdNetDevDriver(there.run).remove_bridge("br100")
    assert there.links["em0"] == host().links["em0"]
    assert sorted(there.routes) == sorted(host().routes)
    assert "br100" not in there.links


@pytest.mark.parametrize("at", range(14))
def test_an_interruption_is_put_right_by_the_next_call(at: int) -> None:
    """Killed before any of its commands, the move of an uplink onto a bridge, or off it, ends as if it were not."""
    for undo in (False, True):
        there, whole = host(), host()
        for one in (there, whole):
            if undo:
                FreeBsdNetDevDriver(one.run).ensure_bridge("br100", "em0")

        def call(one: FreeBsdHost, *, back: bool = undo) -> None:
            driver = FreeBsdNetDevDriver(one.run)
            driver.remove_bridge("br100") if back else driver.ensure_bridge("br100", "em0")

        there.killed_at = _before_change(at)
        try:
            call(there)
        except KeyboardInterrupt:
            there.killed_at = lambda _: False
            call(there)
        call(whole)
        assert there.links == whole.links
        assert sorted(there.routes) == sorted(whole.routes)


def test_what_is_not_ours_stays() -> None:
    """A bridge, VLAN or member without our mark is neither deleted nor given away."""
    there = host()
    there.links |= {
        "br100": Link("bridge", up=True, groups=["bridge"], members=["em0"]),
        "vlan100": Link("vlan", up=True, vlan=100, parent="em0"),
    }
    driver = FreeBsdNetDevDriver(there.run)
    driver.ensure_bridge("br100", "em0")
    driver.remove_bridge("br100")
    driver.remove_vlan(100)
    assert there.changes() == []
    with pytest.raises(KernelRefusedError, match="is not VLAN 101"):
        driver.ensure_vlan(101, "em0", interface="vlan100")
    with pytest.raises(KernelRefusedError, match="is no bridge"):
        driver.ensure_bridge("em0")
    driver.ensure_bridge("br300")
    with pytest.raises(KernelRefusedError, match="Device busy"):
        driver.join_bridge("br300", "em0")


def test_a_pair_has_both_names_and_goes_as_one() -> None:
    """Both ends bear our mark and the names asked for; deleting one deletes the other."""
    there = host()
    driver = FreeBsdNetDevDriver(there.run)
    driver.create_pair("a0", "b0", 1400)
    assert [
        (there.links[name].peer, there.links[name].mtu, there.links[name].up) for name in ("a0", "b0")
    ] == [
        ("b0", 1400, True),
        ("a0", 1400, True),
    ]
    driver.create_pair("a0", "b0")
    assert there.links["a0"].mtu == 1500
    driver.delete_net_dev("b0")
    assert not driver.device_exists("a0")
    driver.delete_net_dev("b0")


def test_the_gateway_comes_first() -> None:
    """The DHCP server's address is the first on the bridge, and the others are behind it, in their order."""
    there = host()
    there.links["br100"] = Link(
        "bridge", up=True, groups=["bridge"], addresses=["10.20.0.9/24", "10.20.0.1/24"]
    )
    FreeBsdNetDevDriver(there.run).initialize_gateway_device("br100", NETWORK)
    assert there.links["br100"].addresses == ["10.20.0.1/24", "10.20.0.9/24", "fd20::1/64"]
    there = host()
    FreeBsdNetDevDriver(there.run).initialize_gateway_device("em0", None)
    assert there.ran == []


def test_a_floating_ip_is_bound_once_and_the_hosts_own_stays() -> None:
    """An address that the device has, with whatever prefix, is not added; one with another prefix is not removed."""
    there = host()
    driver = FreeBsdNetDevDriver(there.run)
    driver.bind_floating_ip("192.0.2.2", "em0")
    driver.unbind_floating_ip("192.0.2.2", "em0")
    driver.unbind_floating_ip("192.0.2.2", "em9")
    assert there.changes() == []


@pytest.mark.parametrize(
    "call",
    [
        lambda driver: driver.device_exists("em0; reboot"),
        lambda driver: driver.create_tap_dev("-a"),
        lambda driver: driver.ensure_bridge("br0", "a" * 16),
        lambda driver: driver.ensure_vlan(4095, "em0"),
        lambda driver: driver.ensure_vlan(1, "em0", "no mac"),
        lambda driver: driver.set_device_mtu("em0", 12),
        lambda driver: driver.bind_floating_ip("anything", "em0"),
        lambda driver: driver.initialize_gateway_device("em0", {"id": "x"}),
        lambda driver: driver.enable_forwarding(5),
    ],
)
def test_nothing_that_cannot_be_is_run(call: Callable[[FreeBsdNetDevDriver], None]) -> None:
    """Names, numbers and addresses are checked before anything is changed."""
    there = host()
    with pytest.raises(InvalidError):
        call(FreeBsdNetDevDriver(there.run))
    assert there.changes() == []


def test_freebsd_needs_nothing_of_linuxs() -> None:
    """The drivers for FreeBSD are imported where there are no netlink sockets and no pyroute2."""
    code = (
        "import sys, socket\n"
        "sys.modules['pyroute2'] = None\n"
        "del socket.AF_NETLINK, socket.AF_PACKET\n"
        "import netwright.nova.dhcp_freebsd, netwright.nova.firewall_freebsd, netwright.nova.nat_freebsd\n"
        "from netwright.nova.netdev import get_driver\n"
        "print(type(get_driver('freebsd')).__name__)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "FreeBsdNetDevDriver\n", done.stderr


@pytest.mark.parametrize("name", ["FreeBSD", "freebsd", "nova.network.netdev.FreeBsdNetDevDriver"])
def test_it_is_found_by_name(name: str) -> None:
    """By the platform's name as the system says it, and by the class's."""
    assert isinstance(get_driver(name), FreeBsdNetDevDriver)


def _before_change(at: int) -> Callable[[str], bool]:
    seen = 0

    def reached(line: str) -> bool:
        nonlocal seen
        if len(line.split()) <= 2 or line.startswith(("netstat", "sysctl -n")):
            return False
        seen += 1
        return seen == at + 1

    return reached
