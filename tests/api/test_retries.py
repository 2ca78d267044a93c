"""Requests that are sent again."""

from __future__ import annotations

import sqlite3
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from askers import PROJECT, ROLE, SETTINGS, USER
from served import Client, client_of, serving


def key() -> dict[str, str]:
    return {"Idempotency-Key": str(uuid.uuid4())}


def test_a_retried_creation_is_done_once(client: Client) -> None:
    """The same POST with the same key gives the same answer, and there is one thing of it."""
    header, name = key(), f"n{uuid.uuid4().hex[:8]}"
    first = client.send("POST", "/v2.0/networks", {"network": {"name": name}}, header)
    again = client.send("POST", "/v2.0/networks", {"network": {"name": name}}, header)
    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body
    assert len(client.get(f"/v2.0/networks?name={name}")["networks"]) == 1


def test_a_key_is_for_one_request(client: Client) -> None:
    """Another request with the same key is refused; another project's key is its own."""
    header = key()
    assert client.send("POST", "/v2.0/networks", {"network": {"name": "one"}}, header).status == 201
    refused = client.send("POST", "/v2.0/networks", {"network": {"name": "two"}}, header)
    assert (refused.status, refused.kind) == (409, "IdempotencyKeyReused")
    other = {**header, "X-Project-Id": "another"}
    assert client.send("POST", "/v2.0/networks", {"network": {"name": "two"}}, other).status == 201


def test_a_creation_that_failed_can_be_tried_again(client: Client) -> None:
    """What was refused leaves its key free."""
    header = key()
    assert client.send("POST", "/v2.0/subnets", {"subnet": {"cidr": "10.0.0.0/24"}}, header).status == 400
    network = client.make("network")["id"]
    body = {"subnet": {"cidr": "10.0.0.0/24", "ip_version": 4, "network_id": network}}
    assert client.send("POST", "/v2.0/subnets", body, header).status == 201


def test_a_secret_is_told_again_and_kept_nowhere(tmp_path: Path) -> None:
    """A retry gets the private key that was told once; no file of the database has it, nor anything that was answered, nor the key."""
    header, mark = key(), f"mark-{uuid.uuid4().hex}"
    with serving(tmp_path) as server:
        client = client_of(server)
        client.make("network", name="x", description="kept in clear")
        network = client.host_network()
        vpn = client.make("vpn", network_id=network["id"], kind="wireguard", public_address="192.0.2.9",
                          peer_range="10.91.0.0/24")  # fmt: skip
        body = {"vpn_peer": {"vpn_id": vpn["id"], "name": "ann"}}
        first, again = (client.send("POST", "/v1/vpn-peers", body, header) for _ in range(2))
        assert first.status == again.status == 201
        assert first.body == again.body
        marked = {**key(), "X-Project-Id": "p"}
        made = client.send("POST", "/v2.0/networks", {"network": {"name": mark}}, marked)
        client.drop("network", made.body["network"]["id"])
        files = b"".join(path.read_bytes() for path in tmp_path.glob("netwright.db*"))
        client.connection.close()
    assert b"kept in clear" in files
    assert first.body["vpn_peer"]["private_key"].encode() not in files
    for sent in (header, marked):
        assert sent["Idempotency-Key"].encode() not in files
    with sqlite3.connect(tmp_path / "netwright.db") as raw:
        rows = raw.execute("SELECT * FROM answers").fetchall()
    raw.close()
    assert len(rows) == 2
    assert mark not in str(rows)


def test_an_answer_opens_for_its_own_asker_only(tmp_path: Path) -> None:
    """Another user of the project with the same key, or the same user in another project, makes a thing of their own."""
    header, body = key(), {"network": {"name": "mine"}}
    with serving(tmp_path, settings=SETTINGS) as server:
        client = client_of(server)
        who = ({PROJECT: "blue", USER: "ann"}, {PROJECT: "blue", USER: "bob"}, {PROJECT: "red", USER: "ann"})
        made = [
            client.send("POST", "/v2.0/networks", body, {ROLE: "MEMBER", **header, **one}).body["network"][
                "id"
            ]
            for one in (*who, *who)
        ]
        client.connection.close()
    assert made[:3] == made[3:]
    assert len(set(made)) == 3


def test_retries_at_once_are_done_once(tmp_path: Path) -> None:
    """Eight clients that send one request with one key at the same time get one network."""
    header = key()

    def ask(_: int) -> str:
        client = client_of(server)
        try:
            answer = client.send("POST", "/v2.0/networks", {"network": {"name": "only"}}, header)
            return answer.body["network"]["id"]
        finally:
            client.connection.close()

    with serving(tmp_path) as server, ThreadPoolExecutor(8) as pool:
        assert len(set(pool.map(ask, range(8)))) == 1
