"""The demo's steps, in order: each does one thing as a user would, checks it, and says what came of it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from typing import Final

from netwright.kernel import netns
from netwright.kernel.nft_counters import read_counters
from netwright.model.host import NftKey, NftKind
from netwright.model.ids import NetworkId, bridge_name
from netwright.testing import packets
from netwright.testing.demo_world import World, check, check_soon, json_of, pings
from netwright.testing.host_state import HostState
from netwright.testing.lab import INTERNET, UPLINK_ADDRESS
from netwright.testing.traffic import Flow, Loss

GUESTS: Final = ("web1", "web2")
_SPOOF: Final = (NftKey(NftKind.CHAIN, "bridge", "spoof_ip4"),)
_UDP_PORT, _TCP_PORT, _SPOOF_PORT = 5001, 5002, 5003
_FORGED: Final = "10.20.0.99"
_HEAL_MS: Final = 1000


@dataclass(frozen=True, slots=True)
class Step:
    """`run` gives the result in one line, or raises."""

    title: str
    run: Callable[[World], str]


def make_network(world: World) -> str:
    world.netwright("network", "create", "blue", "--cidr", "10.20.0.0/24")
    return "blue, 10.20.0.0/24: gateway, DHCP, DNS and NAT with one command"


def join_namespaces(world: World) -> str:
    for guest in GUESTS:
        namespace = world.lab.guest(guest)
        world.shell("ip", "netns", "add", namespace)
        world.netwright("port", "create", guest, "--network", "blue")
        world.netwright("port", "plug", guest, "--netns", namespace)
        world.shell(str(world.lab.directory / "dhcp"), namespace)
        held = world.in_guest(guest, "ip", "-4", "-o", "address", "show", "dev", "eth0").stdout
        check(f" {world.address(guest)}/24 " in held, f"{guest} holds the address of its port", held)
    return ", ".join(f"{guest} leased {world.address(guest)}" for guest in GUESTS)


def boot_vm(world: World) -> str:
    world.netwright("security-group", "create", "web")
    world.netwright("security-group", "rule", "create", "web", "--protocol", "icmp")
    guest = ["--hostname", "vm1", "--property", "role=demo"]
    world.netwright("port", "create", "vm1", "--network", "blue", "--security-group", "web", *guest)
    world.netwright("port", "plug", "vm1", "--tap")
    begun = time.monotonic()
    world.screen.typed(f"qemu-system-x86_64 … -netdev tap,ifname={world.link('vm1')},script=no,downscript=no")
    vm = world.boot("vm1")
    vm.wait_booted()
    leased = vm.wait_lease()
    seconds = time.monotonic() - begun
    check(leased == world.address("vm1"), f"vm1 leased {world.address('vm1')}", leased)
    return f"vm1 booted and leased {leased} {seconds:.1f} s after power on, without KVM"


def ping(world: World) -> str:
    for source, target in (("web1", "web2"), ("web2", "vm1")):
        said = world.in_guest(source, "ping", "-c", "3", "-i", "0.2", target, check=False)
        check(
            pings(said.stdout) == (3, 3), f"{source} reaches {target} by its name", said.stdout + said.stderr
        )
    return "web1 → web2, web2 → vm1: every packet answered, their names from the network's own DNS"


def open_port(world: World) -> str:
    source, address = world.lab.guest("web1"), world.address("vm1")
    page = f"http://{address}/"
    denied = world.in_guest("web1", "curl", "--silent", "--max-time", "1", page, check=False)
    check(denied.returncode == 28, "the port is shut: curl times out", denied.stdout + denied.stderr)
    world.screen.said("times out: no rule of group web lets TCP in")
    world.netwright("security-group", "rule", "create", "web", "--protocol", "tcp", "--dst-port", "80")
    waited = check_soon(lambda: packets.opens(source, address, 80), "the port is open")
    text = world.in_guest("web1", "curl", "--silent", "--max-time", "5", page).stdout
    check("vm1" in text, "vm1's page came", text)
    return f"“{text.strip()}”, open {waited:.0f} ms after the command returned, nothing restarted"


def spoof(world: World) -> str:
    source, true, target = world.lab.guest("web1"), world.address("web1"), world.address("web2")
    with closing(packets.Catcher(world.lab.guest("web2"), _SPOOF_PORT)) as catcher:
        packets.send_forged(source, true, target, _SPOOF_PORT, 5)
        honest = catcher.caught()
        check([sender for sender, _ in honest] == [true] * 5, "5 honest packets arrive", str(honest))
        before = _dropped(world)
        packets.send_forged(source, _FORGED, target, _SPOOF_PORT, 5)
        forged = catcher.caught()
        dropped = _dropped(world) - before
    world.screen.typed(f"nsenter --net=/run/netns/{world.lab.host} nft list chain bridge netwright spoof_ip4")
    check(not forged, "no forged packet arrives", str(forged))
    check(dropped == 5, "the counter grew by 5", f"it grew by {dropped}")
    return f"5 packets from {true} arrived, 5 from {_FORGED} did not: counter {before} → {before + dropped}"


def reach_out(world: World) -> str:
    seen = world.in_guest("web1", "curl", "--silent", "--max-time", "5", f"http://{INTERNET}/").stdout.strip()
    check(seen == UPLINK_ADDRESS, f"the internet sees {UPLINK_ADDRESS}", seen)
    from_vm = world.in_vm("vm1", f"wget -qO- http://{INTERNET}/").strip()
    check(from_vm == UPLINK_ADDRESS, f"the internet sees vm1 as {UPLINK_ADDRESS}", from_vm)
    return f"the server outside saw both guests as {seen}, the uplink's address"


def float_address(world: World) -> str:
    made = world.netwright("floating-ip", "create", "public", "--port", "vm1", "--format", "json")
    address = str(json_of(made)["floating_ip_address"])
    curl = ["curl", "--silent", "--max-time", "5", "--retry", "3", "--retry-connrefused"]
    text = world.in_guest("net", *curl, f"http://{address}/").stdout
    check("vm1" in text, "vm1's page came", text)
    seen = world.in_vm("vm1", f"wget -qO- http://{INTERNET}/").strip()
    check(seen == address, f"vm1 goes out as {address} now", seen)
    return f"http://{address}/ from outside: “{text.strip()}”; and vm1 goes out under that address"


def read_metadata(world: World) -> str:
    url = "http://169.254.169.254/openstack/latest/meta_data.json"
    told = json_of(world.in_vm("vm1", f"wget -qO- {url}"))
    check(told.get("hostname", "") in {"vm1", "vm1.netwright.internal"}, "it is told its name", str(told))
    check(told.get("meta") == {"role": "demo"}, "it is told its properties", str(told))
    other = json_of(world.in_guest("web1", "curl", "--silent", "--max-time", "5", url).stdout)
    check(other.get("uuid") != told.get("uuid"), "web1 is told of itself, not of vm1", str(other))
    return f"vm1 is told its name “{told['hostname']}” and role=demo; web1, asking the same, hears of itself"


def kill(world: World) -> str:
    web1, web2, outside = (world.lab.guest(label) for label in ("web1", "web2", "net"))
    udp = Flow("udp", web1, web2, world.address("web2"), _UDP_PORT)
    world.stack.callback(udp.kill)
    tcp = Flow("tcp", web1, outside, INTERNET, _TCP_PORT)
    world.stack.callback(tcp.kill)
    world.screen.said("web1 → web2: a UDP packet every ms; web1 → internet: a TCP stream through NAT")
    time.sleep(1)
    world.kill_service()
    fresh = world.in_guest(
        "web1", "curl", "--silent", "--max-time", "5", f"http://{INTERNET}/"
    ).stdout.strip()
    check(fresh == UPLINK_ADDRESS, "a new connection opens with netwright dead", fresh)
    time.sleep(1)
    world.restart_service()
    time.sleep(1)
    losses = {"UDP": udp.stop(), "TCP": tcp.stop()}
    for name, loss in losses.items():
        check(loss.whole and loss.sent.count > 1000, f"{name} lost nothing", str(loss))
    return "; ".join(_flow_line(name, loss) for name, loss in losses.items())


def heal(world: World) -> str:
    bridge = bridge_name(NetworkId(str(world.port("web1")["network_id"])))
    pid = (world.lab.run_directory / "dnsmasq" / str(world.port("web1")["network_id"]) / "pid").read_text()
    harms = {
        "rules": ["nft", "flush", "ruleset"],
        "bridge port": ["ip", "link", "set", world.link("vm1"), "nomaster"],
        "gateway": ["ip", "address", "delete", "10.20.0.1/24", "dev", bridge],
        "route": ["ip", "route", "delete", "10.20.0.0/24"],
        "dnsmasq": ["kill", "-9", pid.strip()],
    }
    state = HostState(world.lab.host, world.lab.run_directory)
    before, took = state.look(), {}
    for what, argv in harms.items():
        world.on_host(*argv)
        took[what] = check_soon(lambda: state.look() == before, f"everything is back after {argv}")
        check(took[what] <= _HEAL_MS, f"{what} came back within a second", f"{took[what]:.0f} ms")
    return "back after: " + ", ".join(f"{what} {ms:.0f} ms" for what, ms in took.items())


def inspect(world: World) -> str:
    floating = world.ask("/v2.0/floatingips")["floatingips"]
    assert isinstance(floating, list)
    page = f"http://{floating[0]['floating_ip_address']}/"
    world.in_guest("net", "curl", "--silent", "--max-time", "5", page)
    world.in_vm("vm1", f"wget -qO- http://{INTERNET}/")
    said = world.on_host("netwright", "inspect", "vm1").stdout
    world.screen.said(said)
    return "every hop is as the plan says"


def _dropped(world: World) -> int:
    with netns.inside(world.lab.host):
        counts = read_counters(_SPOOF)[_SPOOF[0]]
    return counts[-1].packets or 0


def _flow_line(name: str, loss: Loss) -> str:
    ends = f"{loss.sent.count} sent, {loss.received.count} received, {loss.lost} lost"
    return f"{name}: {ends} (longest pause {loss.received.longest_gap_ms:g} ms)"


STEPS: Final = (
    Step("A network", make_network),
    Step("Two namespaces join it by DHCP", join_namespaces),
    Step("A virtual machine joins it", boot_vm),
    Step("Guests reach one another", ping),
    Step("A security group opens a port", open_port),
    Step("A forged source address is dropped", spoof),
    Step("Guests reach out through NAT", reach_out),
    Step("A floating IP reaches in", float_address),
    Step("Guests learn who they are", read_metadata),
    Step("kill -9 under traffic", kill),
    Step("What is broken comes back", heal),
    Step("The path of vm1's packets", inspect),
)
