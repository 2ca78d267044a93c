"""Debian's own cloud-init, unpacked, against the metadata service."""

from __future__ import annotations

import json
import subprocess
from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from netwright.agent.callers import Callers
from netwright.agent.metadata import MetadataService
from netwright.model.host import Listener, ListenerKey
from netwright.model.ids import LinkName, NamespaceName
from netwright.model.intent import Guest
from netwright.testing.namespaces import add_addresses, add_veth, ip, namespaces, run
from netwright.testing.samples import NETWORK, sample_address, sample_port, sample_subnet

ROOT = Path(__file__).parents[2]
TREE = ROOT / ".cache" / "cloud-init"
SUBNET = sample_subnet("10.97.0.0/24")
DATA = "#cloud-config\nhostname: web\n"
PORT = replace(
    sample_port(sample_address(SUBNET, "10.97.0.9")),
    guest=Guest(
        "web", b64encode(DATA.encode()).decode(), (("mine", "ssh-ed25519 AAAA me"),), (("role", "front"),)
    ),
)


@pytest.fixture(scope="module")
def tree() -> Path:
    made = subprocess.run(
        [ROOT / "scripts/setup-cloud-init", TREE], capture_output=True, text=True, check=False
    )
    if made.returncode != 0:
        pytest.skip(f"cloud-init cannot be fetched: {made.stderr.strip()[-200:]}")
    return TREE


@pytest.fixture
def guest() -> Iterator[NamespaceName]:
    callers = Callers()
    callers.put(PORT)
    service = MetadataService(callers.find)
    with namespaces("dhcp", "guest") as (dhcp, name):
        add_veth(dhcp, "ns-1", name, "eth0", PORT.mac)
        add_addresses(dhcp, "ns-1", "10.97.0.2/24", "169.254.169.254/32")
        add_addresses(name, "eth0", "10.97.0.9/24")
        ip(name, "route", "add", "169.254.169.254/32", "via", "10.97.0.2")
        service.put({ListenerKey(dhcp, LinkName("ns-1")): Listener(NETWORK, "router")})
        yield name
        service.close()


def crawl(guest: NamespaceName, tree: Path, kind: str, directory: Path) -> Mapping[str, object]:
    path = f"PYTHONPATH={tree / 'usr/lib/python3/dist-packages'}"
    probe = Path(__file__).with_name("cloud_init_probe.py")
    run(guest, ["env", path, "/usr/bin/python3", str(probe), kind, "http://169.254.169.254", str(directory)])
    said: Mapping[str, object] = json.loads((directory / "said.json").read_text())
    return said


def test_the_openstack_source_takes_everything(guest: NamespaceName, tree: Path, tmp_path: Path) -> None:
    """Identity, keys, user data and the network's description are what cloud-init understands."""
    said = crawl(guest, tree, "openstack", tmp_path)
    metadata = said["metadata"]
    assert metadata["instance-id"] == PORT.device_id
    assert metadata["local-hostname"] == "web.example.internal"
    assert metadata["public_keys"] == {"mine": "ssh-ed25519 AAAA me"}
    assert metadata["meta"] == {"role": "front"}
    assert said["userdata"] == DATA
    assert said["version"] == 2
    assert said["ec2"]["local-ipv4"] == "10.97.0.9"
    (link,) = said["network"]["config"]
    assert (link["name"], link["mac_address"], link["mtu"]) == ("eth0", PORT.mac, 1450)
    assert link["subnets"] == [{"type": "dhcp4"}]


def test_the_ec2_source_takes_everything(guest: NamespaceName, tree: Path, tmp_path: Path) -> None:
    """With a session token of IMDSv2, the whole tree is walked and understood."""
    said = crawl(guest, tree, "ec2", tmp_path)
    metadata = said["metadata"]
    assert said["token"]
    assert metadata["instance-id"].startswith("i-")
    assert metadata["local-hostname"] == "web.example.internal"
    assert metadata["public-keys"] == {"mine": "ssh-ed25519 AAAA me"}
    assert metadata["network"]["interfaces"]["macs"][PORT.mac]["local-ipv4s"] == "10.97.0.9"
    assert said["userdata"] == DATA
