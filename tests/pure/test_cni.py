"""What the CNI plugin reads from a runtime, and what it makes of a port."""

from __future__ import annotations

import json
from collections.abc import Mapping
from ipaddress import ip_interface
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.cli import cni_port, cni_request, cni_result
from netwright.cli.cni_request import Attached, CniError, Code
from netwright.cli.cni_result import Scene
from netwright.kernel.guest_end import GuestEnd
from netwright.model.ids import LinkName, Mac

CONF = {"cniVersion": "1.1.0", "name": "blue", "type": "netwright-cni"}
ENVIRON = {"CNI_CONTAINERID": "c0ffee", "CNI_IFNAME": "eth0", "CNI_NETNS": "/run/netns/c0ffee"}
MAC = "fa:16:3e:00:00:01"
SUBNET = {
    "id": "s4", "cidr": "10.20.0.0/24", "ip_version": 4, "gateway_ip": "10.20.0.1", "enable_dhcp": True,
    "dns_nameservers": [], "host_routes": [], "ipv6_address_mode": None,
}  # fmt: skip
NETWORK = {"id": "n", "mtu": 1450, "netwright:gateway_place": "host", "netwright:gateway_hosts": "every"}
PORT = {
    "id": "p", "mac_address": MAC, "fixed_ips": [{"subnet_id": "s4", "ip_address": "10.20.0.9"}],
    "dns_assignment": [{"fqdn": "web.example.org.", "hostname": "web"}],
}  # fmt: skip


def scene(
    subnet: Mapping[str, object] = SUBNET, network: Mapping[str, object] = NETWORK, **dhcp: object
) -> Scene:
    return Scene(PORT, {**NETWORK, **network}, {"s4": {**SUBNET, **subnet}}, [dhcp] if dhcp else [], "h1")


def routes(of: Scene) -> list[tuple[str, str]]:
    return [(str(route.destination), str(route.via)) for route in cni_result.guest_end(of).routes]


def refusal(text: str, environ: Mapping[str, str] = ENVIRON) -> CniError:
    with pytest.raises(CniError) as caught:
        cni_request.wishes(cni_request.conf(cni_request.document(text.encode())), environ)
    return caught.value


@pytest.mark.parametrize(
    "wrong",
    [
        {"CNI_CONTAINERID": text}
        for text in ("", "-rf", ".x", "a/../../b", "x" * 256, "a\nb", "a b", "ä", "a\n")
    ]
    + [
        {"CNI_IFNAME": text}
        for text in ("", ".", "..", "a..b", "eth0/x", "eth0:1", "a" * 16, "eth 0", "eth0\n", "ö")
    ],
    ids=str,
)
def test_hostile_variables_are_refused_by_name(wrong: dict[str, str]) -> None:
    """Code 4, with the names of all that are wrong."""
    with pytest.raises(CniError) as caught:
        cni_request.attached({**ENVIRON, **wrong})
    assert caught.value.code is Code.ENVIRONMENT
    assert caught.value.details == next(iter(wrong))


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"cniVersion": 1}, Code.VERSION),
        ({"cniVersion": ["1.1.0"]}, Code.VERSION),
        ({"cniVersion": "0.2.0"}, Code.VERSION),
        ({"name": "../x"}, Code.CONFIG),
        ({"name": "x" * 300}, Code.CONFIG),
        ({"name": None}, Code.CONFIG),
        ({"ipam": {}}, Code.FIELD),
        ({"runtimeConfig": {"portMappings": []}}, Code.FIELD),
        ({"runtimeConfig": {"ips": ["no"]}}, Code.CONFIG),
        ({"runtimeConfig": {"ips": "10.0.0.1"}}, Code.CONFIG),
        ({"runtimeConfig": []}, Code.CONFIG),
        ({"args": {"cni": {"ips": [1]}}}, Code.CONFIG),
        ({"socket": "x"}, Code.CONFIG),
        ({"socket": "/a\0b"}, Code.CONFIG),
        ({"wait": True}, Code.CONFIG),
        ({"wait": 0}, Code.CONFIG),
        ({"wait": float("nan")}, Code.CONFIG),
        ({"security_groups": "web"}, Code.CONFIG),
        ({"network": 7}, Code.CONFIG),
        ({"cni.dev/valid-attachments": {}}, Code.CONFIG),
        ({"cni.dev/valid-attachments": [{"containerID": "x"}]}, Code.CONFIG),
        ({"prevResult": "x"}, Code.CONFIG),
    ],
    ids=str,
)
def test_malformed_configurations_are_refused(changed: dict[str, object], code: Code) -> None:
    """Each with the code that the specification has for it."""
    assert refusal(json.dumps({**CONF, **changed})).code is code


@pytest.mark.parametrize(("text", "code"), [("", 1), ("{", 6), ("[]", 7), ("[" * 100_000, 6), ("\0", 6)])
def test_what_is_no_configuration_is_refused(text: str, code: int) -> None:
    """No JSON is 6, no object 7, nothing at all a version that is not spoken."""
    assert refusal(text).code == code


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(sorted(cni_request.OWN | {"cni", "ips", "mac", "args", "runtimeConfig", "dns", "prevResult"})), inner)))  # fmt: skip
def test_any_json_is_read_or_refused(value: object) -> None:
    """Nothing but CniError comes out, whatever stands in the place of whatever."""
    for key in (*cni_request.OWN, "args", "runtimeConfig", "dns", "prevResult", "cni.dev/valid-attachments"):
        text = json.dumps({**CONF, key: value}).encode()
        for read in (cni_request.conf, cni_request.leaving):
            try:
                conf = read(cni_request.document(text))
                cni_request.wishes(conf, ENVIRON)
                cni_result.expected(conf.previous or {}, LinkName("eth0"), "/x")
            except CniError:
                pass


def test_arguments_are_known_or_lenient() -> None:
    """An unknown key of CNI_ARGS is told, unless the runtime says that such may be."""
    assert refusal(json.dumps(CONF), {**ENVIRON, "CNI_ARGS": "STRANGE=1"}).code is Code.ENVIRONMENT
    assert refusal(json.dumps(CONF), {**ENVIRON, "CNI_ARGS": "IP"}).code is Code.ENVIRONMENT
    lenient = {**ENVIRON, "CNI_ARGS": "IgnoreUnknown=true;STRANGE=1;IP=10.0.0.1,fd00::1;K8S_POD_NAME=a"}
    wishes = cni_request.wishes(cni_request.conf(CONF), lenient)
    assert (wishes.ips, wishes.pod) == ((ip_interface("10.0.0.1"), ip_interface("fd00::1")), "a")


def test_a_capability_goes_before_args_and_those_before_variables() -> None:
    """The conventions' order."""
    environ = {**ENVIRON, "CNI_ARGS": "IP=10.0.0.3"}
    in_args = {**CONF, "args": {"cni": {"ips": ["10.0.0.2"]}}}
    in_both = {**in_args, "runtimeConfig": {"ips": ["10.0.0.1"]}}
    for given_conf, first in ((CONF, "10.0.0.3"), (in_args, "10.0.0.2"), (in_both, "10.0.0.1")):
        assert str(cni_request.wishes(cni_request.conf(given_conf), environ).ips[0].ip) == first


def test_routes_are_those_that_dhcp_would_tell() -> None:
    """Host routes and a default route by the gateway; none where a host route is the default, or there is no gateway."""
    assert routes(scene()) == [("0.0.0.0/0", "10.20.0.1")]
    other = {"destination": "192.0.2.0/24", "nexthop": "10.20.0.7"}
    assert routes(scene({"host_routes": [other]})) == [
        ("192.0.2.0/24", "10.20.0.7"),
        ("0.0.0.0/0", "10.20.0.1"),
    ]
    default = {"destination": "0.0.0.0/0", "nexthop": "10.20.0.7"}
    assert routes(scene({"host_routes": [default]})) == [("0.0.0.0/0", "10.20.0.7")]
    assert routes(scene({"gateway_ip": None})) == []


def test_the_gateway_is_the_hosts_own_where_each_host_is_one() -> None:
    """Only the address of the host that the port is on counts."""
    gateways = [
        {"host": "h2", "addresses": ["10.20.0.5"]},
        {"host": "h1", "addresses": ["fd00::5", "10.20.0.6"]},
    ]
    own = {"netwright:gateway_hosts": "own", "netwright:gateways": gateways}
    assert routes(scene(network=own)) == [("0.0.0.0/0", "10.20.0.6")]


def test_name_servers_are_those_that_dhcp_would_tell() -> None:
    """The subnet's own, or none where one is unspecified; else the gateway, or the DHCP port of a router network."""

    def servers(of: Scene) -> object:
        made = cni_result.success(
            cni_request.conf(CONF), Attached("c", LinkName("eth0")), "/x", of, (LinkName("t"), Mac(MAC))
        )
        dns = made["dns"]
        return dns.get("nameservers") if isinstance(dns, Mapping) else None

    assert servers(scene()) == ["10.20.0.1"]
    assert servers(scene({"dns_nameservers": ["192.0.2.53", "2001:db8::53"]})) == ["192.0.2.53"]
    assert servers(scene({"dns_nameservers": ["0.0.0.0"]})) is None
    assert servers(scene({"enable_dhcp": False})) is None
    router = {"netwright:gateway_place": "router"}
    assert servers(scene(network=router)) is None
    assert servers(scene(network=router, fixed_ips=[{"subnet_id": "s4", "ip_address": "10.20.0.2"}])) == [
        "10.20.0.2"
    ]


def test_a_link_is_half_made_while_it_lacks_an_address() -> None:
    """Only if it is the port's, by its MAC."""
    end = GuestEnd(Mac(MAC), 1500, (), ())
    whole = GuestEnd(Mac(MAC), 1500, (ip_interface("10.20.0.9/24"), ip_interface("10.0.0.1/8")), ())
    assert cni_port.is_half_made(PORT, end)
    assert not cni_port.is_half_made(PORT, whole)
    assert not cni_port.is_half_made({**PORT, "mac_address": "fa:16:3e:00:00:02"}, end)


def test_names_of_pins_are_made_of_digests() -> None:
    """Whatever container and configuration are called, the name is short and plain, and differs for each."""
    one = cni_request.conf({**CONF, "name": "x" * 200})
    names = {
        cni_port.pin_of(conf, Attached(container, LinkName(link)))
        for conf in (one, cni_request.conf(CONF), cni_request.conf({**CONF, "socket": "/run/other"}))
        for container in ("a" * 255, "b")
        for link in ("eth0", "net1")
    }
    assert len(names) == 12
    assert all(len(name) == 43 and name.startswith("nwcni-") for name in names)
    assert one.socket == Path("/run/netwright/api.sock")
