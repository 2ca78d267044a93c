"""A small Networking API that keeps its objects in dicts, for tests of what speaks to one.

It refuses what the real one refuses (unknown attributes, missing ones, unknown ids, things in use, taken
addresses) and plays one host that brings every link up, unless told what fails there.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address, ip_network
from itertools import islice
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

Object = dict[str, object]
_NAME_LIMIT: Final = 255
_COMMON: Final = ("project_id", "description")


class Refusal(Exception):  # noqa: N818  # an answer, not a fault
    """An error answer: HTTP status, type and message of the Networking API."""

    def __init__(self, status: int, kind: str, message: str) -> None:
        super().__init__(message)
        self.status, self.kind, self.message = status, kind, message


@dataclass(frozen=True, slots=True)
class Kind:
    """One collection: its attributes with their defaults (`...`: must be given), and those never changed."""

    singular: str
    attributes: Mapping[str, object]
    fixed: frozenset[str] = frozenset()


_NETWORK: Final = Kind(
    "network",
    {
        "name": "",
        "admin_state_up": True,
        "shared": False,
        "router:external": False,
        "mtu": 1500,
        "dns_domain": "",
        "port_security_enabled": True,
        "provider:network_type": "local",
        "provider:physical_network": None,
        "provider:segmentation_id": None,
        "netwright:gateway_place": "router",
        "netwright:nat": True,
        "netwright:host_access": False,
        "netwright:shared_gateway": False,
        "netwright:bridge": None,
        "netwright:gateway_hosts": "every",
        "netwright:gateway_host": None,
    },
    frozenset({"netwright:gateway_place", "provider:network_type", "provider:segmentation_id"}),
)
_SUBNET: Final = Kind(
    "subnet",
    {
        "name": "",
        "network_id": ...,
        "cidr": ...,
        "ip_version": ...,
        "gateway_ip": "",
        "enable_dhcp": True,
        "allocation_pools": (),
        "dns_nameservers": (),
        "host_routes": (),
        "ipv6_ra_mode": None,
        "ipv6_address_mode": None,
    },
    frozenset({"network_id", "cidr", "ip_version", "ipv6_ra_mode", "ipv6_address_mode"}),
)
_PORT: Final = Kind(
    "port",
    {
        "name": "",
        "network_id": ...,
        "mac_address": "",
        "fixed_ips": (),
        "security_groups": (),
        "allowed_address_pairs": (),
        "port_security_enabled": True,
        "admin_state_up": True,
        "device_id": "",
        "device_owner": "",
        "dns_name": "",
        "binding:host_id": "",
        "netwright:attachment": {"kind": "none"},
        "netwright:guest": {},
    },
    frozenset({"network_id"}),
)
_GROUP: Final = Kind("security_group", {"name": "", "stateful": True, "netwright:revocation": "cut"})
_LOG: Final = Kind(
    "log",
    {
        "name": "",
        "enabled": True,
        "event": "ALL",
        "resource_type": ...,
        "resource_id": None,
        "target_id": None,
    },
    frozenset({"event", "resource_type", "resource_id", "target_id"}),
)
_RULE: Final = Kind(
    "security_group_rule",
    {
        "security_group_id": ...,
        "direction": ...,
        "ethertype": "IPv4",
        "protocol": None,
        "port_range_min": None,
        "port_range_max": None,
        "remote_ip_prefix": None,
        "remote_group_id": None,
    },
)
_FLOATING_IP: Final = Kind(
    "floatingip",
    {
        "floating_network_id": ...,
        "floating_ip_address": "",
        "port_id": None,
        "fixed_ip_address": None,
    },
    frozenset({"floating_network_id", "floating_ip_address"}),
)
_VPN: Final = Kind(
    "vpn",
    {
        "name": "",
        "network_id": ...,
        "kind": "forward",
        "public_address": None,
        "public_port": 1000,
        "private_address": None,
        "peer_range": None,
    },
    frozenset({"network_id", "kind", "peer_range"}),
)
_VPN_PEER: Final = Kind(
    "vpn_peer",
    {"name": "", "vpn_id": ..., "public_key": "", "address": "", "config": "[Interface]\n"},
    frozenset({"vpn_id", "public_key", "address"}),
)
KINDS: Final = {
    f"{one.singular}s": one
    for one in (_NETWORK, _SUBNET, _PORT, _GROUP, _RULE, _FLOATING_IP, _LOG, _VPN, _VPN_PEER)
}
_USES: Final = (
    ("networks", "ports", "network_id"),
    ("networks", "floatingips", "floating_network_id"),
    ("security_groups", "ports", "security_groups"),
)
_PARTS: Final = (
    ("networks", "subnets", "network_id"),
    ("security_groups", "security_group_rules", "security_group_id"),
    ("networks", "vpns", "network_id"),
    ("vpns", "vpn_peers", "vpn_id"),
)


@dataclass
class FakeApi:
    """The server's objects. `failures`: what the host reports, and then no link comes up."""

    host: str = "h1"
    failures: list[Object] = field(default_factory=list)
    last_seen: str = ""
    page: int = 1000
    """How many objects a list's answer holds at most."""
    objects: dict[str, dict[str, Object]] = field(default_factory=lambda: {plural: {} for plural in KINDS})
    lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, method: str, target: str, body: object) -> tuple[int, object]:
        """HTTP status and JSON of one request."""
        parts = urlsplit(target)
        words = [unquote(word) for word in parts.path.strip("/").split("/")]
        if (method, words) == ("GET", ["v1", "status"]):
            return 200, self._status()
        if words[1:2] == ["log"]:
            words.pop(1)  # /v2.0/log/logs
        plural = words[1].replace("-", "_") if len(words) > 1 and words[0] in {"v1", "v2.0"} else ""
        act = _ACTS.get((method, len(words) - 2))
        if plural not in KINDS or act is None:
            raise Refusal(404, "HTTPNotFound", "The resource could not be found.")
        with self.lock:
            return act(self, plural, words[2] if len(words) > 2 else parts.query, body)

    def _status(self) -> Object:
        seen = self.last_seen or datetime.now(UTC).isoformat()
        host = {"name": self.host, "last_seen": seen, "generation": 7, "converged": not self.failures}
        counts = {plural: len(held) for plural, held in self.objects.items()}
        hosts = [{**host, "failures": self.failures, "facts": {}}]
        return {"version": "0.1.0", "generation": 7, "hosts": hosts, "counts": counts}

    def listed(self, plural: str, query: str, _: object) -> tuple[int, object]:
        asked = [(key, value) for key, value in parse_qsl(query) if key not in {"limit", "marker"}]
        after = dict(parse_qsl(query)).get("marker")
        found = [one for one in self._all(plural) if all(_matches(one, key, value) for key, value in asked)]
        begin = next((at + 1 for at, one in enumerate(found) if one["id"] == after), 0)
        shown = found[begin : begin + self.page]
        more = begin + self.page < len(found)
        again = "".join(f"{key}={value}&" for key, value in asked)
        if not more:
            return 200, {plural: shown}
        href = f"http://x/v2.0/{plural}?{again}marker={shown[-1]['id']}"
        return 200, {plural: shown, f"{plural}_links": [{"rel": "next", "href": href}]}

    def show(self, plural: str, identifier: str, _: object) -> tuple[int, object]:
        return 200, {KINDS[plural].singular: self._shown(plural, self._one(plural, identifier))}

    def create(self, plural: str, _: str, body: object) -> tuple[int, object]:
        kind = KINDS[plural]
        given = _attributes(kind, body, kind.attributes.keys())
        missing = [key for key, default in kind.attributes.items() if default is ... and key not in given]
        if missing:
            raise Refusal(
                400, "HTTPBadRequest", f"Failed to parse request. Required attribute {missing[0]!r}."
            )
        made: Object = {
            "id": str(uuid4()),
            **{key: [] if default == () else default for key, default in kind.attributes.items()},
            "project_id": "default",
            "description": "",
            **given,
        }
        _COMPLETE.get(plural, _nothing)(self, made)
        self.objects[plural][str(made["id"])] = made
        return 201, {kind.singular: self._shown(plural, made)}

    def update(self, plural: str, identifier: str, body: object) -> tuple[int, object]:
        kind = KINDS[plural]
        there = self._one(plural, identifier)
        changes = _attributes(kind, body, kind.attributes.keys() - kind.fixed)
        changed = {**there, **changes}
        _COMPLETE.get(plural, _nothing)(self, changed)
        self.objects[plural][identifier] = changed
        return 200, {kind.singular: self._shown(plural, changed)}

    def delete(self, plural: str, identifier: str, _: object) -> tuple[int, object]:
        self._one(plural, identifier)
        for used, user, key in _USES:
            if used == plural and any(_names(one[key], identifier) for one in self._all(user)):
                word = KINDS[plural].singular.replace("_", " ").capitalize()
                raise Refusal(409, f"{word.title().replace(' ', '')}InUse", f"{word} {identifier} is in use.")
        del self.objects[plural][identifier]
        for owner, part, key in _PARTS:
            held = self.objects[part]
            if owner == plural:
                self.objects[part] = {own: one for own, one in held.items() if one[key] != identifier}
        return 204, None

    def _all(self, plural: str) -> list[Object]:
        return [self._shown(plural, one) for one in self.objects[plural].values()]

    def _one(self, plural: str, identifier: str) -> Object:
        found = self.objects[plural].get(identifier)
        if found is None:
            word = KINDS[plural].singular.replace("_", " ").title().replace(" ", "")
            raise Refusal(404, f"{word}NotFound", f"{word} {identifier} could not be found.")
        return found

    def _shown(self, plural: str, one: Object) -> Object:
        """The object with the attributes that are not a user's to write."""
        identifier = one["id"]
        match plural:
            case "networks":
                mine = [
                    sub["id"] for sub in self.objects["subnets"].values() if sub["network_id"] == identifier
                ]
                return {**one, "status": "ACTIVE", "subnets": mine}
            case "ports":
                attached = one["netwright:attachment"] != {"kind": "none"}
                up = attached and not self.failures and one["binding:host_id"] == self.host
                return {**one, "status": "ACTIVE" if up else "DOWN"}
            case "floatingips":
                return {**one, "status": "ACTIVE" if one["port_id"] else "DOWN"}
            case "security_groups":
                rules = self.objects["security_group_rules"].values()
                return {
                    **one,
                    "security_group_rules": [
                        rule for rule in rules if rule["security_group_id"] == identifier
                    ],
                }
            case _:
                return one

    def _subnets_of(self, network: object) -> list[Object]:
        return [one for one in self.objects["subnets"].values() if one["network_id"] == network]

    def complete_subnet(self, subnet: Object) -> None:
        network = self._one("networks", str(subnet["network_id"]))
        try:
            net = ip_network(str(subnet["cidr"]))
        except ValueError as error:
            raise Refusal(400, "HTTPBadRequest", f"Invalid input for cidr. Reason: {error}.") from error
        place = network["netwright:gateway_place"]
        for other in self.objects["subnets"].values():
            neighbour = self.objects["networks"][str(other["network_id"])]
            both_here = (
                place == neighbour["netwright:gateway_place"] == "host" and other["id"] != subnet["id"]
            )
            if both_here and _overlap(str(other["cidr"]), str(net)):
                raise Refusal(409, "OverlappingCidr", f"cidr {net} overlaps subnet {other['id']}.")
        if subnet["gateway_ip"] == "":
            subnet["gateway_ip"] = str(net[1])

    def complete_port(self, port: Object) -> None:
        self._one("networks", str(port["network_id"]))
        for group in _as_list(port["security_groups"]):
            self._one("security_groups", str(group))
        subnets = self._subnets_of(port["network_id"])
        others = [one for one in self.objects["ports"].values() if one["id"] != port["id"]]
        taken = {
            ip["ip_address"] for one in others for ip in _as_list(one["fixed_ips"]) if isinstance(ip, dict)
        }
        is_new = port["id"] not in self.objects["ports"]
        one_each = [{"subnet_id": one["id"]} for one in subnets] if is_new else []
        asked = _as_list(port["fixed_ips"]) or one_each
        port["fixed_ips"] = [_fixed_ip(one, subnets, taken) for one in asked if isinstance(one, dict)]
        port["mac_address"] = port["mac_address"] or f"fa:16:3e:00:00:{len(others):02x}"

    def complete_rule(self, rule: Object) -> None:
        self._one("security_groups", str(rule["security_group_id"]))
        if rule["remote_ip_prefix"] and rule["remote_group_id"]:
            raise Refusal(400, "SecurityGroupRemoteGroupAndRemoteIpPrefix", "Only one remote may be given")
        for other in self.objects["security_group_rules"].values():
            if all(other[key] == rule[key] for key in _RULE.attributes):
                raise Refusal(
                    409, "SecurityGroupRuleExists", f"Rule already exists. Rule id is {other['id']}."
                )

    def complete_floating_ip(self, floating: Object) -> None:
        network = self._one("networks", str(floating["floating_network_id"]))
        if not network["router:external"]:
            raise Refusal(400, "BadRequest", f"Network {network['id']} is not a valid external network")
        subnets = self._subnets_of(network["id"])
        others = [one for one in self.objects["floatingips"].values() if one["id"] != floating["id"]]
        asked: Object = {"subnet_id": subnets[0]["id"]} if subnets else {}
        if floating["floating_ip_address"]:
            asked["ip_address"] = floating["floating_ip_address"]
        address = _fixed_ip(asked, subnets, {one["floating_ip_address"] for one in others})["ip_address"]
        floating["floating_ip_address"] = address
        port = self._one("ports", str(floating["port_id"])) if floating["port_id"] else {}
        fixed = [one["ip_address"] for one in _as_list(port.get("fixed_ips")) if isinstance(one, dict)]
        floating["fixed_ip_address"] = floating["fixed_ip_address"] or fixed[0] if fixed else None


def _nothing(_: FakeApi, __: Object) -> None:
    """Some objects are complete as they are written."""


_COMPLETE: Final[Mapping[str, Callable[[FakeApi, Object], None]]] = {
    "subnets": FakeApi.complete_subnet,
    "ports": FakeApi.complete_port,
    "security_group_rules": FakeApi.complete_rule,
    "floatingips": FakeApi.complete_floating_ip,
}
_ACTS: Final[Mapping[tuple[str, int], Callable[[FakeApi, str, str, object], tuple[int, object]]]] = {
    ("GET", 0): FakeApi.listed,
    ("POST", 0): FakeApi.create,
    ("GET", 1): FakeApi.show,
    ("PUT", 1): FakeApi.update,
    ("DELETE", 1): FakeApi.delete,
}


def _attributes(kind: Kind, body: object, allowed: Collection[str]) -> Object:
    inner = body.get(kind.singular) if isinstance(body, dict) else None
    if not isinstance(inner, dict):
        raise Refusal(400, "HTTPBadRequest", f"Resource body required: {kind.singular!r}")
    if unknown := sorted(inner.keys() - {*allowed, *_COMMON}):
        raise Refusal(400, "HTTPBadRequest", f"Unrecognized attribute(s) {', '.join(map(repr, unknown))}")
    name = inner.get("name", "")
    if not isinstance(name, str) or len(name) > _NAME_LIMIT:
        raise Refusal(400, "HTTPBadRequest", f"Invalid input for name. Reason: at most {_NAME_LIMIT}.")
    return inner


def _matches(one: Object, key: str, value: str) -> bool:
    if key == "fixed_ips":
        name, _, wanted = value.partition("=")
        return any(ip.get(name) == wanted for ip in _as_list(one.get(key)) if isinstance(ip, dict))
    held = one.get(key)
    return (str(held).lower() if isinstance(held, bool) else str(held)) == value


def _fixed_ip(asked: Object, subnets: Sequence[Object], taken: Collection[object]) -> Object:
    """The address asked for, else the first free one of the subnet asked for."""
    text = str(asked.get("ip_address", ""))
    for subnet in subnets:
        net = ip_network(str(subnet["cidr"]))
        if asked.get("subnet_id", subnet["id"]) != subnet["id"] or (text and ip_address(text) not in net):
            continue
        used = {*taken, subnet["gateway_ip"]}
        if text in taken:
            raise Refusal(409, "IpAddressAlreadyAllocated", f"IP address {text} already allocated.")
        free = text or next((str(one) for one in islice(net.hosts(), 300) if str(one) not in used), "")
        if not free:
            raise Refusal(409, "IpAddressGenerationFailure", "No more IP addresses available on network.")
        return {"subnet_id": subnet["id"], "ip_address": free}
    raise Refusal(400, "InvalidIpForNetwork", f"IP address {text} is not valid on any subnet.")


def _overlap(one: str, other: str) -> bool:
    first, second = ip_network(one), ip_network(other)
    return any(first[end] in second for end in (0, -1)) or second[0] in first


def _names(value: object, identifier: str) -> bool:
    return value == identifier or identifier in _as_list(value)


def _as_list(value: object) -> Sequence[object]:
    return value if isinstance(value, list | tuple) else ()


class _Server(ThreadingMixIn, UnixStreamServer):
    daemon_threads = True
    block_on_close = False


def _handler(api: FakeApi) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def address_string(self) -> str:
            return "unix"

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Tests read stderr."""

        def handle_one_request(self) -> None:
            with suppress(ConnectionError):
                super().handle_one_request()

        def _answer(self) -> None:
            data = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            try:
                status, answer = api.answer(self.command, self.path, json.loads(data) if data else None)
            except Refusal as no:
                problem = {"type": no.kind, "message": no.message, "detail": ""}
                status, answer = no.status, {"NeutronError": problem}
            text = b"" if answer is None else json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_POST = do_PUT = do_DELETE = _answer  # noqa: N815  # the base class's names

    return Handler


@contextmanager
def serving(api: FakeApi, path: Path) -> Iterator[str]:
    """The API on a Unix socket at that path while the block runs; gives the server's address."""
    server = _Server(str(path), _handler(api))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield f"unix:{path}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
