"""Agents whose hosts have nothing to say are heard all the same."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from served import client_of, serving

from netwright.agent.reporter import Reporter
from netwright.agent.server import Server as ServerOfAgent
from netwright.api.server import Server
from netwright.model.ids import HostName, PortId
from netwright.model.report import PortStatus, Report
from netwright.testing.namespaces import eventually

REPORT = Report(
    HostName("h1"), generation=1, converged=True, complete=True, ports=(PortStatus(PortId("p"), up=True),)
)


def taken(server: Server) -> float:
    labels = {"route": "/v1/report", "method": "POST", "status": "204"}
    return server.registry.get_sample_value("netwright_api_requests_total", labels) or 0


def test_a_silent_host_says_now_and_then_that_it_lives() -> None:
    """The last report goes out again without its news, writes nothing, and is not missed while the server is away."""
    complete: list[None] = []
    with tempfile.TemporaryDirectory(prefix="netwright-test-") as name:
        with serving(Path(name), tcp=False) as server:
            reporter = Reporter(
                ServerOfAgent(f"unix:{server.socket_path}"), lambda: complete.append(None), every=0.1
            )
            reporter.start()
            time.sleep(0.3)
            assert taken(server) == 0
            reporter.send(REPORT)
            assert eventually(lambda: taken(server) > 1)
            client = client_of(server)
            before = client.get("/v1/status")
            said = taken(server)
            assert eventually(lambda: taken(server) > said + 3)
            assert client.get("/v1/status") == before
            client.connection.close()
        time.sleep(0.3)
        assert complete == []
        with serving(Path(name), tcp=False) as server:
            assert eventually(lambda: taken(server) > 1)
        reporter.stop()
