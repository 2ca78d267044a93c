"""What a guest reads at which path, and what a connection's bytes are answered with."""

from __future__ import annotations

import json
from base64 import b64encode
from dataclasses import replace
from http import HTTPStatus
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.agent.callers import Callers
from netwright.agent.metadata_answers import Asked, answer
from netwright.agent.metadata_documents import document
from netwright.agent.metadata_http import LARGEST_REQUEST, Conversation, Request, Response
from netwright.model.ids import Mac, NetworkId
from netwright.model.intent import Guest
from netwright.model.plan import PortItem, Serving
from netwright.testing.samples import NETWORK, sample_address, sample_nic, sample_port, sample_subnet

V4 = sample_subnet("10.20.0.0/24")
V6 = sample_subnet("2001:db8::/64", Serving.SLAAC, number=2)
STATIC = replace(
    sample_subnet("10.30.0.0/24", Serving.STATIC, number=3), dns_nameservers=(ip_address("192.0.2.53"),)
)
SECOND = sample_port(sample_address(STATIC, "10.30.0.9"), number=2)
FIRST = sample_port(sample_address(V4, "10.20.0.9"), sample_address(V6, "2001:db8::f816:3eff:fe00:1"))
PORT = replace(
    FIRST,
    nics=(sample_nic(FIRST, "203.0.113.7"), sample_nic(SECOND)),
    guest=Guest(
        hostname="web",
        user_data=b64encode(b"#cloud-config\n{}\n").decode(),
        public_keys=(("mine", "ssh-ed25519 AAAA me"), ("other\nline", "ssh-rsa BBBB\nssh-rsa CCCC")),
        meta=(("role", "front"),),
    ),
    security_group_names=("default", "web\nservers"),
)


def read(path: str, port: PortItem = PORT) -> str | None:
    found = document(port, path, b"seed")
    return None if found is None else found.body.decode()


def walk(path: str, leaves: dict[str, str]) -> None:
    listing = read(path)
    assert listing is not None
    for name in listing.splitlines():
        key = name.partition("=")[0] + "/" if "=" in name else name
        if key.endswith("/"):
            walk(path + key, leaves)
        else:
            leaves[path + key] = read(path + key) or ""


def test_the_openstack_layout_lists_what_it_has() -> None:
    """Versions and their documents are listed by name, user data only where there is some."""
    versions = (read("/openstack") or "").splitlines()
    assert versions[0] == "2012-08-10"
    assert versions[-2:] == ["2018-08-27", "latest"]
    assert (read("/openstack/latest/") or "").splitlines() == [
        "meta_data.json",
        "user_data",
        "password",
        "vendor_data.json",
        "network_data.json",
        "vendor_data2.json",
    ]
    assert read("/openstack/2012-08-10") == "meta_data.json\nuser_data"
    assert read("/openstack/2012-08-10/network_data.json") is None
    assert read("/openstack/latest/user_data") == "#cloud-config\n{}\n"
    assert read("/openstack/latest/password") == ""
    assert read("/openstack/latest/user_data", replace(PORT, guest=Guest())) is None


def test_meta_data_says_who_the_guest_is() -> None:
    """meta_data.json has the identity, name, keys and the user's own pairs."""
    said = json.loads(read("/openstack/latest/meta_data.json") or "")
    assert said["uuid"] == PORT.device_id
    assert said["hostname"] == "web.example.internal"
    assert said["public_keys"]["mine"] == "ssh-ed25519 AAAA me"
    assert said["keys"][0] == {"name": "mine", "type": "ssh", "data": "ssh-ed25519 AAAA me"}
    assert said["meta"] == {"role": "front"}
    assert said["project_id"] == PORT.project_id
    assert "random_seed" in said
    assert "random_seed" not in json.loads(read("/openstack/2012-08-10/meta_data.json") or "")


def test_network_data_describes_every_interface() -> None:
    """A DHCP network says only its type; a static one its address, routes and name servers."""
    said = json.loads(read("/openstack/latest/network_data.json") or "")
    assert [link["ethernet_mac_address"] for link in said["links"]] == [FIRST.mac, SECOND.mac]
    assert [network["type"] for network in said["networks"]] == ["ipv4_dhcp", "ipv6_slaac", "ipv4"]
    static = said["networks"][2]
    assert (static["ip_address"], static["netmask"]) == ("10.30.0.9", "255.255.255.0")
    assert static["routes"] == [{"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.30.0.1"}]
    assert said["services"] == static["services"] == [{"type": "dns", "address": "192.0.2.53"}]


def test_the_ec2_layout_can_be_walked_from_its_listings() -> None:
    """Every listed name leads to a document, and the leaves are the guest's."""
    leaves: dict[str, str] = {}
    walk("/2009-04-04/", leaves)
    meta = {path.removeprefix("/2009-04-04/meta-data/"): text for path, text in leaves.items()}
    assert meta["instance-id"].startswith("i-")
    assert meta["local-ipv4"] == "10.20.0.9"
    assert meta["public-ipv4"] == "203.0.113.7"
    assert meta["mac"] == FIRST.mac
    assert meta["local-hostname"] == "web.example.internal"
    assert meta["public-keys/0/openssh-key"] == "ssh-ed25519 AAAA me"
    assert meta["public-keys/1/openssh-key"] == "ssh-rsa BBBB ssh-rsa CCCC"
    assert meta["security-groups"] == "default\nweb servers"
    assert meta["placement/availability-zone"] == "default"
    assert meta[f"network/interfaces/macs/{SECOND.mac}/local-ipv4s"] == "10.30.0.9"
    assert leaves["/2009-04-04/user-data"] == "#cloud-config\n{}\n"
    assert read("/latest/meta-data/public-keys") == "0=mine\n1=other line"
    assert "2009-04-04" in (read("/") or "").splitlines()


@pytest.mark.parametrize(
    "path", ["/nothing", "/latest/meta-data/local-ipv4/x", "/openstack/../latest", "/latest/dynamic", "/%00"]
)
def test_other_paths_lead_nowhere(path: str) -> None:
    """What is not listed is not there."""
    assert read(path) is None


@given(st.text())
def test_no_path_is_an_error(path: str) -> None:
    """Any path is a document or nothing."""
    document(PORT, path, b"seed")


def asked(method: str, path: str, port: PortItem | None = PORT, now: float = 0, **headers: str) -> Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answer(Asked(Request(method, path, named), port, now, b"key", b"seed"))


def token(seconds: str, port: PortItem = PORT) -> Response:
    return asked("PUT", "/latest/api/token", port, x_aws_ec2_metadata_token_ttl_seconds=seconds)


def test_only_known_guests_are_answered_and_only_reads() -> None:
    """A stranger gets 404 for everything, a guest 405 for what is no read; forwarding headers say nothing."""
    assert asked("GET", "/latest/", None).status == HTTPStatus.NOT_FOUND
    assert asked("GET", "/latest/", None, x_forwarded_for="10.20.0.9").status == HTTPStatus.NOT_FOUND
    assert asked("POST", "/openstack/latest/password").status == HTTPStatus.METHOD_NOT_ALLOWED
    assert asked("GET", "/latest/meta-data/").status == HTTPStatus.OK


def test_a_token_is_good_for_its_port_and_time() -> None:
    """A guest's token opens its own metadata until it ends; any other is refused; none is needed."""
    given_token = token("60").body.decode()
    path = "/latest/meta-data/instance-id"
    assert asked("GET", path, now=59, x_aws_ec2_metadata_token=given_token).status == HTTPStatus.OK
    assert asked("GET", path, now=60, x_aws_ec2_metadata_token=given_token).status == HTTPStatus.UNAUTHORIZED
    assert asked("GET", path, SECOND, x_aws_ec2_metadata_token=given_token).status == HTTPStatus.UNAUTHORIZED
    assert asked("GET", path, x_aws_ec2_metadata_token="é").status == HTTPStatus.UNAUTHORIZED  # no secret
    for wrong in ("", "0", "21601", "-1", "x", "9" * 9):
        assert token(wrong).status == HTTPStatus.BAD_REQUEST


def talk(*chunks: bytes) -> tuple[bytes, bool]:
    conversation = Conversation(lambda request: Response(HTTPStatus.OK, request.path.encode()))
    return b"".join(conversation.feed(chunk) for chunk in chunks), conversation.ended


def test_requests_are_answered_however_they_are_cut() -> None:
    """One octet at a time, or several requests at once: each is answered once, in order."""
    one = b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n"
    whole, ended = talk(one + one)
    assert whole.count(b"HTTP/1.1 200 OK") == 2
    assert not ended
    assert talk(*(bytes([octet]) for octet in one + one)) == (whole, False)


def test_keep_alive_is_as_the_version_says() -> None:
    """HTTP/1.0 ends after one answer unless asked otherwise; HEAD has a length and no body."""
    assert talk(b"GET /a HTTP/1.0\r\n\r\n")[1]
    assert not talk(b"GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")[1]
    assert talk(b"GET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")[1]
    said = talk(b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n")[0]
    assert b"Content-Length: 2" in said
    assert said.endswith(b"\r\n\r\n")


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (b"nonsense\r\n\r\n", b"400"),
        (b"GET /a HTTP/1.1\r\nX: " + b"x" * LARGEST_REQUEST, b"431"),
        (b"PUT /a HTTP/1.1\r\nContent-Length: 99999\r\n\r\n" + b"x" * LARGEST_REQUEST, b"431"),
        (b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n" * 50, b"400"),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n", b"400"),
    ],
)
def test_what_is_no_sound_request_ends_the_conversation(sent: bytes, status: bytes) -> None:
    """Malformed, huge or endless input is answered once and not read further."""
    said, ended = talk(sent)
    assert ended
    assert said.split(b"HTTP/1.1 ")[-1].startswith(status)


@given(st.lists(st.binary()))
def test_no_bytes_are_an_error(chunks: list[bytes]) -> None:
    """Any bytes give an answer or silence, never an exception."""
    talk(*chunks)


def test_callers_are_found_by_address_and_by_mac() -> None:
    """Fixed addresses and the link-local one from the MAC lead to the port, on its own network only."""
    callers = Callers()
    callers.put(FIRST)
    assert callers.find(NETWORK, ip_address("10.20.0.9")) is FIRST
    assert callers.find(NETWORK, ip_address("fe80::f816:3eff:fe00:1%eth0")) is FIRST
    assert callers.find(NetworkId("other"), ip_address("10.20.0.9")) is None
    callers.remove(FIRST.id)
    assert callers.find(NETWORK, ip_address("10.20.0.9")) is None


def test_an_address_that_moved_stays_with_its_new_port() -> None:
    """In whichever order two ports change hands of an address, the one that has it now is found."""
    callers = Callers()
    callers.put(FIRST)
    heir = replace(SECOND, addresses=(sample_address(V4, "10.20.0.9"),), mac=Mac("fa:16:3e:00:00:02"))
    callers.put(heir)
    callers.remove(FIRST.id)
    assert callers.find(NETWORK, ip_address("10.20.0.9")) is heir
    callers.put(replace(heir, addresses=()))
    assert callers.find(NETWORK, ip_address("10.20.0.9")) is None
