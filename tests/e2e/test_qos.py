"""A limit from the command to the kernel, through an agent's death and strangers' hands."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from subprocess import Popen

import pytest
from lab_host import guest_lab, inspect

from netwright.model.ids import LinkName, PortId, port_link_name, shaper_link_name
from netwright.testing import lab as labs
from netwright.testing.lab import Lab
from netwright.testing.namespaces import eventually, run


@dataclass(frozen=True)
class Limited:
    """A guest whose port has a policy of 8 Mbit/s each way, and of a mark."""

    lab: Lab
    link: LinkName
    services: list[Popen[bytes]]

    def limits(self) -> list[str]:
        """The rates to and from the guest, where what it sends is led, and its mark's chain."""
        queues = [self._said("tc", "qdisc", "show", "dev", one) for one in (self.link, self.shaper)]
        led = self._said("tc", "filter", "show", "dev", self.link, "ingress")
        marked = self._said("nft", "list", "map", "bridge", "netwright-qos", "marked")
        return [
            *(rate for said in queues for rate in re.findall(r"rate (\S+)", said)),
            *re.findall(r"Redirect to device (\S+)\)", led),
            *re.findall(r"goto (\S+)", marked),
        ]

    def has(self, rate: str) -> bool:
        return eventually(lambda: self.limits() == [rate, rate, self.shaper, "dscp-46"])

    @property
    def shaper(self) -> LinkName:
        return shaper_link_name(self.link)

    def _said(self, *words: str) -> str:
        return run(self.lab.host, words, check=False).stdout


@pytest.fixture(scope="module")
def guest() -> Iterator[Limited]:
    services: list[Popen[bytes]] = []
    with guest_lab() as (made, service):
        services.append(service)
        labs.wait_ready(made, service)
        labs.netwright(made, "qos", "policy", "create", "gold")
        for way in ("egress", "ingress"):
            asked = ["bandwidth-limit", "--max-kbps", "8000", "--direction", way]
            labs.netwright(made, "qos", "rule", "create", "gold", *asked)
        labs.netwright(made, "qos", "rule", "create", "gold", "dscp-marking", "--dscp-mark", "46")
        shown = labs.netwright(made, "port", "set", "web", "--qos-policy", "gold", "-f", "json").stdout
        yield Limited(made, port_link_name(PortId(json.loads(shown)["id"])), services)
    for one in services:
        one.wait(30)


def test_inspect_shows_the_limits(guest: Limited) -> None:
    """Each way with what is planned and what is found, by commands that work; all is as planned."""
    assert guest.has("8Mbit"), guest.limits()
    done = inspect(guest.lab, "web", "--format", "json")
    limits = [hop for hop in json.loads(done.stdout)["hops"] if hop["part"] == "limits"]
    assert done.returncode == 0, done
    assert [hop["planned"] for hop in limits] == [
        "what the guest sends: at most 8000 kbit/s, marked DSCP 46",
        "what the guest gets: at most 8000 kbit/s",
    ]
    for hop in limits:
        assert hop["found"][0].startswith("found: 8000 kbit/s"), hop
        assert "8Mbit" in run(guest.lab.host, hop["command"].split(" ")).stdout


def test_what_strangers_take_away_comes_back(guest: Limited) -> None:
    """Queues, the link of one, the filter and the table are there again by themselves."""
    assert guest.has("8Mbit"), guest.limits()
    for deed in (
        f"tc qdisc del dev {guest.link} root",
        f"tc qdisc del dev {guest.link} clsact",
        f"ip link del {guest.shaper}",
        "nft delete table bridge netwright-qos",
    ):
        run(guest.lab.host, deed.split(" "))
        assert guest.has("8Mbit"), (deed, guest.limits())


def test_limits_outlive_the_agent_and_follow_the_policy(guest: Limited) -> None:
    """Killed, it leaves them in force; the next one takes them over, and a changed rule reaches the kernel."""
    assert guest.has("8Mbit")
    before = guest.limits()
    guest.services[-1].kill()
    guest.services[-1].wait(10)
    assert guest.limits() == before
    guest.services.append(labs.start_service(guest.lab))
    labs.wait_ready(guest.lab, guest.services[-1])
    rules = json.loads(labs.netwright(guest.lab, "qos", "rule", "list", "gold", "-f", "json").stdout)
    for rule in rules:
        if rule["type"] == "bandwidth_limit":
            labs.netwright(guest.lab, "qos", "rule", "set", "gold", rule["id"], "--max-kbps", "16000")
    assert guest.has("16Mbit"), guest.limits()
    labs.netwright(guest.lab, "port", "set", "web", "--qos-policy", "none")
    assert eventually(lambda: guest.limits() == []), guest.limits()
