"""`netwright up` restarted with another firewall, while guests talk."""

from __future__ import annotations

import json
import signal
import uuid
from contextlib import ExitStack

import pytest

from netwright.testing import lab as labs
from netwright.testing.lab import Lab
from netwright.testing.namespaces import add_addresses, eventually, ip, run
from netwright.testing.traffic import Flow

NEAR, FAR = "10.20.0.11", "10.20.0.12"
FIREWALLS = (("iptables", "nft"), ("nftables", "auto"), ("iptables", "legacy"), ("nftables", "auto"))


def guest(lab: Lab, name: str, address: str) -> None:
    asked = ["--network", "blue", "--fixed-ip", f"ip-address={address}", "--security-group", "web"]
    labs.netwright(lab, "port", "create", name, *asked)
    labs.add_guest(lab.guest(name))
    labs.netwright(lab, "port", "plug", name, "--netns", lab.guest(name))
    add_addresses(lab.guest(name), "eth0", f"{address}/24")
    ip(lab.guest(name), "route", "add", "default", "via", "10.20.0.1")


def test_a_service_that_restarts_with_another_firewall_changes_the_host(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """From nftables to iptables and back, in each back end: what is allowed is not lost, what is not never passes."""
    lab = Lab(f"t{uuid.uuid4().hex[:8]}")
    with labs.running(lab) as first, ExitStack() as stack:
        labs.netwright(lab, "network", "create", "blue", "--cidr", "10.20.0.0/24")
        labs.netwright(lab, "security-group", "create", "web")
        for protocol in ("udp", "tcp"):
            rule = ["--protocol", protocol, "--dst-port", "7000:7999"]
            labs.netwright(lab, "security-group", "rule", "create", "web", *rule)
        guest(lab, "near", NEAR)
        guest(lab, "far", FAR)
        made = labs.netwright(lab, "floating-ip", "create", "public", "--port", "near", "--format", "json")
        floating = json.loads(made.stdout)["floating_ip_address"]
        labs.wait_ready(lab, first)
        ends = ((lab.guest("far"), NEAR), (lab.internet, f"{floating}>{NEAR}"))
        begun = [
            (port == 7000, Flow(kind, source, lab.guest("near"), address, port + at))
            for at, (source, address) in enumerate(ends)
            for port, kind in ((7000, "udp"), (7000, "tcp"), (9000, "udp"))
        ]
        for _, flow in begun:
            stack.callback(flow.kill)
        service = first
        for firewall, backend in FIREWALLS:
            service.send_signal(signal.SIGTERM)
            service.wait(timeout=30)
            monkeypatch.setenv("NETWRIGHT_FIREWALL", firewall)
            monkeypatch.setenv("NETWRIGHT_IPTABLES_BACKEND", backend)
            service = labs.start_service(lab)
            stack.callback(service.wait)
            stack.callback(service.terminate)
            labs.wait_ready(lab, service)
            wanted = [firewall if firewall == "nftables" else f"{firewall}/{backend}"]
            assert eventually(lambda wanted=wanted: _held(lab) == wanted, seconds=20), (_held(lab), wanted)
        losses = [(allowed, flow.stop()) for allowed, flow in begun]
    assert all(loss.whole for allowed, loss in losses if allowed), losses
    assert not any(loss.received.count for allowed, loss in losses if not allowed), losses
    assert all(loss.sent.count for _, loss in losses)


def _held(lab: Lab) -> list[str]:
    """The engines whose rules are on the host."""
    tables = run(lab.host, ["nft", "list", "tables"]).stdout
    saves = {name: f"iptables-{name}-save" for name in ("nft", "legacy")}
    held = [f"iptables/{name}" for name, save in saves.items() if "netwright" in run(lab.host, [save]).stdout]
    return [*(["nftables"] if "table bridge netwright" in tables else []), *held]
