"""netwright-cni as container runtimes run it: ports, addresses, packets, and nothing left behind."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace

import pytest
from cni_runtime import Answer, Container, Runtime, finish, nameless

from netwright.kernel import netns
from netwright.model.ids import NamespaceName, PortId, port_link_name
from netwright.testing import lab as labs
from netwright.testing.dns_client import lookup
from netwright.testing.lab import Lab
from netwright.testing.namespaces import addresses_of, eventually, ip, run


@pytest.fixture(scope="module")
def runtime() -> Iterator[Runtime]:
    """A lab whose network `blue` has IPv4 and IPv6."""
    lab = Lab(f"t{uuid.uuid4().hex[:8]}")
    with labs.running(lab):
        labs.netwright(lab, "network", "create", "blue", "--cidr", "10.20.0.0/24", "--mtu", "1400")
        labs.netwright(lab, "subnet", "create", "six", "--network", "blue", "--cidr", "fd00:20::/64")
        conf = {"cniVersion": "1.1.0", "name": f"cni-{lab.name}", "type": "netwright-cni", "network": "blue"}
        yield Runtime(lab, {**conf, "socket": str(lab.socket)})


@pytest.fixture
def containers(runtime: Runtime) -> Iterator[list[Container]]:
    """Three, of which nothing is left afterwards."""
    made = [Container(runtime.lab.guest(uuid.uuid4().hex[:8])) for _ in range(3)]
    for one in made:
        labs.add_guest(one.namespace)
    yield made
    for one in made:
        assert runtime.run("DEL", one) == Answer(0, None)
        netns.delete(one.namespace)
    assert runtime.ports() == []


def pings(one: Container, address: str, count: int = 1) -> bool:
    return run(one.namespace, ["ping", "-c", str(count), "-W", "2", address], check=False).returncode == 0


def items(result: Mapping[str, object], key: str) -> list[Mapping[str, object]]:
    found = result[key]
    assert isinstance(found, list)
    return found


def first_address(result: Mapping[str, object], version: int = 4) -> str:
    texts = [str(one["address"]).partition("/")[0] for one in items(result, "ips")]
    return next(text for text in texts if (":" in text) == (version == 6))


def test_containers_reach_one_another_and_their_gateway(
    runtime: Runtime, containers: list[Container]
) -> None:
    """ADD gives what the result says: addresses, MTU, MAC, default routes; packets go between containers, to the gateway and outside."""
    one, other, _ = containers
    results = [runtime.add(each) for each in (one, other)]
    host, inside = items(results[0], "interfaces")
    (port,) = [port for port in runtime.ports() if port["device_id"] == one.id]
    assert host["name"] == port_link_name(PortId(str(port["id"])))
    assert "sandbox" not in host
    assert inside == {
        "name": "eth0",
        "mac": port["mac_address"],
        "mtu": 1400,
        "sandbox": one.environment["CNI_NETNS"],
    }
    assert addresses_of(one.namespace, "eth0") == {str(ip["address"]) for ip in items(results[0], "ips")}
    assert len(items(results[0], "ips")) == 2
    assert {ip["interface"] for ip in items(results[0], "ips")} == {1}
    assert {"dst": "0.0.0.0/0", "gw": "10.20.0.1"} in items(results[0], "routes")
    assert results[0]["dns"] == {
        "nameservers": ["10.20.0.1"],
        "domain": "netwright.internal",
        "search": ["netwright.internal"],
    }
    assert port["status"] == "ACTIVE"
    for version in (4, 6):
        assert pings(one, first_address(results[1], version))
    assert pings(one, "10.20.0.1")
    assert pings(other, "fd00:20::1")
    assert pings(one, labs.INTERNET)


def test_containers_on_a_router_network(runtime: Runtime, containers: list[Container]) -> None:
    """They reach one another and nobody else's; the result names the DHCP port as name server, which knows them."""
    one, other, third = containers
    labs.netwright(runtime.lab, "network", "create", "apart", "--router", "--cidr", "10.20.0.0/24")
    results = [runtime.add(each, network="apart") for each in (one, replace(other, args="K8S_POD_NAME=db"))]
    runtime.add(third, runtimeConfig={"ips": ["10.20.0.200"]})
    assert pings(one, first_address(results[1]))
    assert not pings(one, "10.20.0.200")
    dns = results[0]["dns"]
    assert isinstance(dns, Mapping)
    (server,) = dns["nameservers"]
    known = (first_address(results[1]),)
    assert eventually(lambda: lookup(one.namespace, server, "db.netwright.internal") == known)


def test_groups_guard_containers(runtime: Runtime, containers: list[Container]) -> None:
    """A container whose group lets nothing in is not reached, and is once a rule says so; none speaks as another."""
    one, other, _ = containers
    labs.netwright(runtime.lab, "security-group", "create", "shut")
    runtime.add(one)
    second = runtime.add(other, security_groups=["shut"])
    assert not pings(one, first_address(second))
    allowed = ["--ingress", "--protocol", "icmp"]
    labs.netwright(runtime.lab, "security-group", "rule", "create", "shut", *allowed)
    assert eventually(lambda: pings(one, first_address(second)))
    assert pings(other, "10.20.0.1")
    ip(other.namespace, "address", "add", "10.20.0.250/24", "dev", "eth0")
    spoofed = ["ping", "-c", "1", "-W", "1", "-I", "10.20.0.250", "10.20.0.1"]
    assert run(other.namespace, spoofed, check=False).returncode != 0


def test_a_namespace_that_has_only_a_path(runtime: Runtime) -> None:
    """A process' namespace is named for as long as it is attached, by /proc/PID/ns/net; DEL lets go of it."""
    with nameless() as process:
        one = Container(NamespaceName(""), path=f"/proc/{process.pid}/ns/net")
        result = runtime.add(one)
        (port,) = runtime.ports()
        attachment = port["netwright:attachment"]
        assert isinstance(attachment, Mapping)
        pin = NamespaceName(str(attachment["namespace"]))
        assert pin in runtime.pins()
        asked = ["nsenter", "-t", str(process.pid), "-n", "ping", "-c", "1", "-W", "2", "10.20.0.1"]
        assert run(labs.HOST_NAMESPACE, asked, check=False).returncode == 0
        assert runtime.run("CHECK", one, prevResult=result) == Answer(0, None)
        assert runtime.run("DEL", one, prevResult=result) == Answer(0, None)
        assert not netns.path_of(pin).exists()
        assert runtime.ports() == []


def test_check_tells_what_is_missing(runtime: Runtime, containers: list[Container]) -> None:
    """CHECK is content after ADD, and not once an address, a route or the port is gone."""
    one, other, _ = containers
    result = runtime.add(one)
    assert runtime.run("CHECK", one, prevResult=result) == Answer(0, None)
    ip(one.namespace, "route", "delete", "default")
    broken = runtime.run("CHECK", one, prevResult=result)
    assert broken.code == 101
    assert "0.0.0.0/0" in str(broken.said)
    ip(one.namespace, "address", "flush", "dev", "eth0")
    assert f"{first_address(result)}/24" in str(runtime.run("CHECK", one, prevResult=result).said)
    assert runtime.run("CHECK", other, prevResult=result).code == 7
    (port,) = runtime.ports()
    labs.netwright(runtime.lab, "port", "delete", str(port["id"]))
    assert runtime.run("CHECK", one, prevResult=result).code == 101


def test_del_takes_everything_away_however_often(runtime: Runtime, containers: list[Container]) -> None:
    """After DEL there is neither port nor link; a second one, without a namespace or configuration, is content, too."""
    one, *_ = containers
    host, _ = items(runtime.add(one), "interfaces")
    assert host["name"] in ip(runtime.lab.host, "link", "show")
    assert runtime.run("DEL", one) == Answer(0, None)
    assert str(host["name"]) not in ip(runtime.lab.host, "link", "show")
    assert "eth0" not in ip(one.namespace, "link", "show")
    assert runtime.ports() == []
    assert runtime.run("DEL", one) == Answer(0, None)
    bare = {key: value for key, value in one.environment.items() if key != "CNI_NETNS"}
    socket_only = f'{{"socket": "{runtime.lab.socket}"}}'
    assert finish(runtime.start_with("DEL", bare, socket_only)) == Answer(0, None)


def test_del_without_a_configuration_finds_the_port(runtime: Runtime) -> None:
    """The container and the interface are enough: the port goes, and the name of its namespace."""
    with nameless() as process:
        one = Container(NamespaceName(""), path=f"/proc/{process.pid}/ns/net")
        runtime.add(one)
        assert len(runtime.pins()) == 1
        bare = {key: value for key, value in one.environment.items() if key != "CNI_NETNS"}
        assert finish(runtime.start_with("DEL", bare, f'{{"socket": "{runtime.lab.socket}"}}')).status == 0
        assert runtime.ports() == []
        assert runtime.pins() == []


def test_gc_removes_what_the_runtime_does_not_know(runtime: Runtime, containers: list[Container]) -> None:
    """Only ports of the configuration whose container and interface are not among the valid ones go."""
    one, other, third = containers
    for each in (one, other):
        runtime.add(each)
    runtime.add(third, name="another")
    labs.netwright(runtime.lab, "port", "create", "mine", "--network", "blue", "--device", other.id)
    valid = [{"containerID": one.id, "ifname": "eth0"}, {"containerID": other.id, "ifname": "eth1"}]
    assert runtime.run("GC", **{"cni.dev/valid-attachments": valid}) == Answer(0, None)
    assert {port["device_id"] for port in runtime.ports()} == {one.id, third.id}
    assert pings(one, "10.20.0.1")
    assert "mine" in labs.netwright(runtime.lab, "port", "list").stdout
    labs.netwright(runtime.lab, "port", "delete", "mine")
    assert runtime.run("GC").code == 7
    assert runtime.run("DEL", third, name="another") == Answer(0, None)


def test_a_failed_add_leaves_nothing(runtime: Runtime, containers: list[Container]) -> None:
    """An address that is taken, a prefix that is wrong, a group that is not there: no port, no link, no name."""
    one, other, _ = containers
    taken = first_address(runtime.add(other))
    for fields, code in (
        ({"runtimeConfig": {"ips": [taken]}}, 100),
        ({"runtimeConfig": {"ips": ["10.20.0.77/25"]}}, 7),
        ({"security_groups": ["nobody"]}, 7),
        ({"network": "nowhere"}, 7),
        ({"host": "elsewhere", "wait": 0.5}, 11),
        ({"runtimeConfig": {"mac": "no"}}, 100),
    ):
        answer = runtime.run("ADD", one, **fields)
        assert (answer.status, answer.code) == (1, code), answer
        assert [port["device_id"] for port in runtime.ports()] == [other.id]
        assert "eth0" not in ip(one.namespace, "link", "show")
    assert runtime.pins() == []


def test_a_failed_add_leaves_no_name(runtime: Runtime) -> None:
    """A namespace that has only a path has none again, whether the server refuses or the interface is there already."""
    with nameless() as process:
        one = Container(NamespaceName(""), path=f"/proc/{process.pid}/ns/net")
        assert runtime.run("ADD", one, network="nowhere").code == 7
        assert runtime.run("ADD", replace(one, link="lo")).code == 103
        assert runtime.pins() == []
        runtime.add(one)
        assert runtime.run("ADD", one).code == 103
        assert len(runtime.pins()) == 1
        assert runtime.run("GC", **{"cni.dev/valid-attachments": []}) == Answer(0, None)
        assert (runtime.pins(), runtime.ports()) == ([], [])


def test_what_is_asked_for_is_given(runtime: Runtime, containers: list[Container]) -> None:
    """Addresses and a MAC by runtimeConfig, by args or by CNI_ARGS; the pod's name becomes the port's, and answers in DNS."""
    one, other, third = containers
    first = runtime.add(one, runtimeConfig={"ips": ["10.20.0.77/24"], "mac": "fa:16:3e:77:00:01"})
    assert first_address(first) == "10.20.0.77"
    assert items(first, "interfaces")[1]["mac"] == "fa:16:3e:77:00:01"
    assert first_address(runtime.add(other, args={"cni": {"ips": ["10.20.0.78"]}})) == "10.20.0.78"
    args = "IgnoreUnknown=1;IP=10.20.0.79;K8S_POD_NAME=web-0;K8S_POD_NAMESPACE=shop;STRANGE=1"
    assert first_address(runtime.add(replace(third, args=args))) == "10.20.0.79"
    (pod,) = [port for port in runtime.ports() if port["device_id"] == third.id]
    assert (pod["name"], pod["description"]) == ("web-0", "pod shop/web-0")
    assert eventually(
        lambda: lookup(one.namespace, "10.20.0.1", "web-0.netwright.internal") == ("10.20.0.79",)
    )


def test_an_older_version_gets_its_own_result(runtime: Runtime, containers: list[Container]) -> None:
    """0.3.1 and 0.4.0 have the IP version in the result; none before 1.1.0 has an MTU, GC or STATUS."""
    for container, version in zip(containers, ("0.3.1", "0.4.0", "1.0.0"), strict=True):
        result = runtime.add(container, cniVersion=version)
        assert result["cniVersion"] == version
        assert ["version" in one for one in items(result, "ips")] == [version < "1"] * 2
        assert not any("mtu" in one for one in items(result, "interfaces"))
        assert runtime.run("STATUS", cniVersion=version).code == 1
    assert runtime.run("CHECK", containers[0], cniVersion="0.3.1", prevResult={}).code == 1
    assert runtime.run("ADD", containers[0], cniVersion="2.0.0").code == 1


def test_two_adds_at_once_make_one_port(runtime: Runtime, containers: list[Container]) -> None:
    """Of parallel ADDs of one interface one succeeds; the others say that it exists, and take nothing from it."""
    one, *_ = containers
    answers = [finish(process) for process in [runtime.start("ADD", one) for _ in range(3)]]
    assert sorted(answer.status for answer in answers) == [0, 1, 1]
    assert {answer.code for answer in answers if answer.status} == {103}
    assert len(runtime.ports()) == 1
    assert pings(one, "10.20.0.1")


def test_many_containers_at_once(runtime: Runtime) -> None:
    """A dozen ADDs at the same time give a dozen ports and addresses; as many DELs leave none, and no link."""
    with ExitStack() as stack:
        processes = [stack.enter_context(nameless()) for _ in range(12)]
        many = [Container(NamespaceName(""), path=f"/proc/{one.pid}/ns/net") for one in processes]
        added = [finish(process) for process in [runtime.start("ADD", each) for each in many]]
        assert [answer.status for answer in added] == [0] * 12, added
        assert len({first_address(answer.said) for answer in added if answer.said}) == 12
        assert len(runtime.ports()) == len(runtime.pins()) == 12
        removed = [finish(process) for process in [runtime.start("DEL", each) for each in many]]
        assert removed == [Answer(0, None)] * 12
    assert (runtime.ports(), runtime.pins(), _port_links(runtime.lab)) == ([], [], [])


def test_a_second_interface_of_a_container(runtime: Runtime, containers: list[Container]) -> None:
    """A container may have several; DEL of one leaves the other."""
    one, *_ = containers
    second = replace(one, link="net1")
    first, other = runtime.add(one), runtime.add(second)
    assert first_address(first) != first_address(other)
    assert runtime.run("DEL", second) == Answer(0, None)
    assert "net1" not in ip(one.namespace, "link", "show")
    assert pings(one, "10.20.0.1")


def test_a_chain_of_plugins(runtime: Runtime, containers: list[Container]) -> None:
    """What plugins before this one have made stays in the result; indices count on."""
    one, *_ = containers
    loopback = {"name": "lo", "mac": "00:00:00:00:00:00", "sandbox": one.environment["CNI_NETNS"]}
    before = {
        "cniVersion": "1.1.0",
        "interfaces": [loopback],
        "ips": [{"address": "127.0.0.1/8", "interface": 0}],
    }
    result = runtime.add(one, prevResult=before)
    assert [each["name"] for each in items(result, "interfaces")][0::2] == ["lo", "eth0"]
    assert [each["interface"] for each in items(result, "ips")] == [0, 2, 2]
    assert runtime.run("CHECK", one, prevResult=result) == Answer(0, None)


HOSTILE = (
    {"CNI_CONTAINERID": "a/../../b"},
    {"CNI_IFNAME": "eth0/x"},
    {"CNI_NETNS": ""},
    {"CNI_NETNS": "run/netns/x"},
    {"CNI_NETNS": "/nowhere/at/all"},
    {"CNI_NETNS": "/etc/passwd"},
    {"CNI_NETNS": "/proc/self/ns/mnt"},
    {"CNI_NETNS": "/proc/self/ns/net"},
    {"CNI_ARGS": "STRANGE=1"},
    {"CNI_COMMAND": "NUKE"},
)


def test_hostile_variables_are_refused(runtime: Runtime, containers: list[Container]) -> None:
    """Each is told by its name, with code 4, and nothing is made."""
    for wrong in HOSTILE:
        environment = {**containers[0].environment, **wrong}
        answer = finish(runtime.start_with("ADD", environment, json.dumps(runtime.conf)))
        assert (answer.status, answer.code) == (1, 4), (wrong, answer)
        assert next(iter(wrong)) in str(answer.said)
    assert runtime.ports() == []


@pytest.mark.parametrize(
    ("text", "code"), [("", 1), ("{", 6), (" " * (2**20 + 9), 6), ('{"name": "x", "ipam": {}}', 1)]
)
def test_malformed_configurations_are_refused(runtime: Runtime, text: str, code: int) -> None:
    """Whatever comes in is answered with an error of the specification's (tests/pure has more of them)."""
    answer = finish(runtime.start_with("ADD", Container(NamespaceName("x")).environment, text))
    assert (answer.status, answer.code) == (1, code), answer


def test_version_needs_no_server(runtime: Runtime) -> None:
    """VERSION tells what is spoken, and the version that it was asked in."""
    answer = finish(runtime.start_with("VERSION", {}, '{"cniVersion": "1.0.0"}'))
    spoken = ["0.3.1", "0.4.0", "1.0.0", "1.1.0"]
    assert answer == Answer(0, {"cniVersion": "1.0.0", "supportedVersions": spoken})


def test_after_a_boot_nothing_is_left(runtime: Runtime, containers: list[Container]) -> None:
    """Ports of containers that went with the boot are gone after the first ADD, without GC or DEL."""
    one, other, third = containers
    for each in (one, other):
        runtime.add(each)
    for each in (one, other):
        netns.delete(each.namespace)
    for mark in (runtime.lab.socket.parent / "cni").iterdir():
        mark.write_text("another boot")
    runtime.add(third)
    assert [port["device_id"] for port in runtime.ports()] == [third.id]
    assert eventually(lambda: len(_port_links(runtime.lab)) == 1)


def _port_links(lab: Lab) -> list[str]:
    return [line for line in ip(lab.host, "-o", "link", "show").splitlines() if ": tap" in line]
