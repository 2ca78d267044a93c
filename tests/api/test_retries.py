"""Requests that are sent again."""

from __future__ import annotations

import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

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
