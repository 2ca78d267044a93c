"""What those of one project can do to the things of another: nothing that was not given to them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from askers import Asker, trusting
from served import Client

from netwright.model.caller import Role


@pytest.fixture(scope="module")
def crowd() -> Iterator[Client]:
    with trusting() as (_, client):
        yield client


@pytest.fixture
def admin(crowd: Client) -> Asker:
    return Asker(crowd, Role.ADMIN, "office")


@pytest.fixture
def owner(crowd: Client) -> Asker:
    """A member of the project whose things they are."""
    return Asker(crowd, Role.MEMBER, "owners")


@pytest.fixture
def stranger(crowd: Client) -> Asker:
    return Asker(crowd, Role.MEMBER, "strangers")


@pytest.fixture
def meadow(admin: Asker) -> str:
    """A network of the owner's that all may use; its subnet is 10.3.0.0/24."""
    shared = {"shared": True, "project_id": "owners"}
    network: str = admin.make("/v2.0/networks", "network", shared)["id"]
    admin.make("/v2.0/subnets", "subnet", {"network_id": network, "cidr": "10.3.0.0/24", "ip_version": 4})
    return network


@pytest.mark.parametrize(
    "attributes",
    [
        {"device_owner": "network:router_interface"},
        {"device_owner": "network:anything"},
        {"fixed_ips": [{"ip_address": "10.3.0.77"}]},
    ],
)
def test_only_a_networks_owner_makes_parts_of_it(
    meadow: str, owner: Asker, stranger: Asker, attributes: dict
) -> None:
    """On a shared network a guest of another project is no router, and chooses no address."""
    wanted = {"port": {"network_id": meadow, **attributes}}
    answer = stranger.send("POST", "/v2.0/ports", wanted)
    assert (answer.status, answer.kind) == (403, "PolicyNotAuthorized")
    port = stranger.make("/v2.0/ports", "port", {"network_id": meadow, "device_owner": "compute:nova"})
    answer = stranger.send("PUT", f"/v2.0/ports/{port['id']}", {"port": attributes})
    assert (answer.status, answer.kind) == (403, "PolicyNotAuthorized")
    made = owner.make("/v2.0/ports", "port", {"network_id": meadow, **attributes})
    assert owner.send("DELETE", f"/v2.0/ports/{made['id']}").status == 204
