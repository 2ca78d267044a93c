"""The metadata service on real links, asked with curl and with raw sockets."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from netwright.agent.callers import Callers
from netwright.agent.metadata import MetadataService
from netwright.agent.metadata_server import MOST_PER_GUEST
from netwright.kernel import netns
from netwright.model.errors import KernelRefusedError
from netwright.model.host import Listener, ListenerKey
from netwright.model.ids import LinkName, NamespaceName, NetworkId
from netwright.testing.namespaces import (
    add_addresses,
    add_bridge,
    add_veth,
    eventually,
    ip,
    namespaces,
    plug,
    run,
)
from netwright.testing.samples import NETWORK, sample_address, sample_port, sample_subnet

V4 = sample_subnet("10.95.0.0/24")
PORT = sample_port(sample_address(V4, "10.95.0.9"))
BRIDGE = LinkName("br0")


@dataclass(frozen=True)
class Bench:
    host: NamespaceName
    guest: NamespaceName
    service: MetadataService

    def fetch(self, url: str, *words: str) -> str:
        argv = ["curl", "-s", "-g", "-m", "5", "-w", " %{http_code}", *words, url]
        return run(self.guest, argv, check=False).stdout

    def connect(self) -> socket.socket:
        with netns.inside(self.guest):
            return socket.create_connection(("10.95.0.1", 8775), timeout=5)


@pytest.fixture
def bench() -> Iterator[Bench]:
    callers = Callers()
    callers.put(PORT)
    service = MetadataService(callers.find)
    with namespaces("host", "guest") as (host, guest):
        add_bridge(host, BRIDGE, "10.95.0.1/24")
        plug(host, BRIDGE, "tap1", guest, PORT.mac)
        add_addresses(guest, "eth0", "10.95.0.9/24", "10.95.0.10/24")
        yield Bench(host, guest, service)
        service.close()


@pytest.fixture
def listening(bench: Bench) -> Bench:
    bench.service.put({ListenerKey(bench.host, BRIDGE): Listener(NETWORK, "host")})
    return bench


URL = "http://10.95.0.1:8775/latest/meta-data/local-ipv4"


def test_a_guest_is_known_by_its_address(listening: Bench) -> None:
    """The guest reads its own metadata; from an address that is no port's it reads nothing."""
    assert listening.fetch(URL) == "10.95.0.9 200"
    assert listening.fetch(URL, "--interface", "10.95.0.10").endswith("404")
    assert listening.fetch(URL, "-H", "X-Forwarded-For: 10.95.0.9", "--interface", "10.95.0.10").endswith(
        "404"
    )
    assert listening.fetch(URL, "-0") == "10.95.0.9 200"
    assert listening.fetch(URL, "-X", "DELETE").endswith("405")


def test_a_guest_is_known_by_its_link_local_address(listening: Bench) -> None:
    """Over IPv6 the guest needs no address of its own but the one from its MAC."""
    address = ip(listening.host, "-6", "-o", "address", "show", "dev", BRIDGE, "scope", "link").split()[3]
    url = f"http://[{address.split('/')[0]}%eth0]:8775/latest/meta-data/local-ipv4"
    assert eventually(lambda: listening.fetch(url) == "10.95.0.9 200")


def test_networks_in_one_namespace_are_told_apart(listening: Bench) -> None:
    """The same source address on another bridge is another network's guest, and unknown."""
    add_bridge(listening.host, "br1", "10.96.0.1/24")
    add_veth(listening.host, "tap2", listening.guest, "eth1")
    ip(listening.host, "link", "set", "tap2", "master", "br1")
    ip(listening.guest, "route", "add", "10.96.0.1/32", "dev", "eth1", "src", "10.95.0.9")
    ip(listening.host, "route", "add", "10.95.0.9/32", "dev", "br1")
    listening.service.put(
        {ListenerKey(listening.host, LinkName("br1")): Listener(NetworkId("other"), "host")}
    )
    assert listening.fetch("http://10.96.0.1:8775/latest/").endswith("404")
    ip(listening.host, "route", "delete", "10.95.0.9/32", "dev", "br1")
    assert listening.fetch(URL) == "10.95.0.9 200"


def test_a_router_networks_listener_has_the_well_known_addresses(bench: Bench) -> None:
    """It is there before the addresses are, and answers on both once they are."""
    with namespaces("dhcp") as (dhcp,):
        add_veth(bench.host, "tap9", dhcp, "ns-1")
        ip(bench.host, "link", "set", "tap9", "master", BRIDGE)
        bench.service.put({ListenerKey(dhcp, LinkName("ns-1")): Listener(NETWORK, "router")})
        add_addresses(dhcp, "ns-1", "10.95.0.2/24", "169.254.169.254/32", "fe80::a9fe:a9fe/64")
        ip(bench.guest, "route", "add", "169.254.169.254/32", "via", "10.95.0.2")
        assert bench.fetch("http://169.254.169.254/latest/meta-data/local-ipv4") == "10.95.0.9 200"
        url = "http://[fe80::a9fe:a9fe%eth0]/latest/meta-data/local-ipv4"
        assert eventually(lambda: bench.fetch(url) == "10.95.0.9 200")


def test_listeners_are_observed_and_go(listening: Bench) -> None:
    """What was put is observed until it is removed; then nobody listens."""
    key = ListenerKey(listening.host, BRIDGE)
    assert listening.service.observe() == {key: Listener(NETWORK, "host")} == listening.service.observe([key])
    listening.service.remove([key])
    assert listening.service.observe() == {}
    assert listening.fetch(URL) == " 000"


def test_a_link_made_anew_is_listened_on_again(listening: Bench) -> None:
    """A listener bound to a link that is gone counts as absent; on a missing link there can be none."""
    key = ListenerKey(listening.host, BRIDGE)
    ip(listening.host, "link", "delete", BRIDGE)
    assert listening.service.observe() == {}
    with pytest.raises(KernelRefusedError):
        listening.service.put({key: Listener(NETWORK, "host")})
    add_bridge(listening.host, BRIDGE, "10.95.0.1/24")
    ip(listening.host, "link", "set", "tap1", "master", BRIDGE)
    listening.service.put({key: Listener(NETWORK, "host")})
    assert listening.fetch(URL) == "10.95.0.9 200"


def test_silent_guests_do_not_keep_others_waiting(listening: Bench) -> None:
    """With more idle connections than a guest may have, the next request is answered while they wait."""
    idle = [listening.connect() for _ in range(MOST_PER_GUEST + 4)]
    assert listening.fetch(URL) == "10.95.0.9 200"
    idle[-1].setblocking(False)
    with pytest.raises(BlockingIOError):
        idle[-1].recv(1)
    for sock in idle:
        sock.close()


def test_a_request_that_never_ends_is_ended(listening: Bench) -> None:
    """A guest that sends an octet now and then is cut off, ten seconds after its first one, while it goes on."""
    with listening.connect() as sock:
        stop = threading.Event()

        def drip() -> None:
            while not stop.wait(1):
                try:
                    sock.send(b"x")
                except OSError:
                    return

        dripping = threading.Thread(target=drip)
        before = time.monotonic()
        sock.send(b"GET /latest/ HTTP/1.1\r\nX: ")
        dripping.start()
        sock.settimeout(20)
        try:
            assert sock.recv(100) == b""
        except ConnectionResetError:
            pass
        finally:
            stop.set()
            dripping.join()
        assert time.monotonic() - before > 8


def test_a_huge_request_is_told_so(listening: Bench) -> None:
    """The refusal arrives whole although the request was not read to its end."""
    with listening.connect() as sock:
        sock.sendall(b"GET /latest/ HTTP/1.1\r\nX: " + b"x" * 60000)
        said = b""
        while chunk := sock.recv(4096):
            said += chunk
        assert said.startswith(b"HTTP/1.1 431")
        assert said.endswith(b"431 Request Header Fields Too Large\n")
