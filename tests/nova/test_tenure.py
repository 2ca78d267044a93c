"""An agent and nova's firewall drivers on one host: the second is refused, and told the way out."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from nova.clouds import Cloud, cloud, instance, vif

from netwright.model.errors import ConflictError
from netwright.testing.namespaces import eventually

A, WHO = vif(1, "10.31.0.11"), instance(1)
CONFLICT = 4


@pytest.fixture
def host() -> Iterator[Cloud]:
    """Its drivers' directory is where an agent with the same run directory looks."""
    # A socket's path has at most 107 characters, and tests' directories are deep.
    with (
        TemporaryDirectory(prefix="nwt-") as directory,
        cloud(Path(directory, "run", "nova"), "nftables") as made,
    ):
        yield made


def command(host: Cloud) -> list[str]:
    """`netwright up` on that host."""
    run, top = host.directory.parent, host.directory.parent.parent
    places = ["--state-dir", str(top / "state"), "--run-dir", str(run), "--socket", str(top / "s")]
    return [sys.executable, "-m", "netwright", "up", *places, "--listen", "none"]


@contextmanager
def agent(host: Cloud) -> Iterator[None]:
    """One that has taken the host, for as long as the block lasts."""
    log = host.directory.parent.parent / "log"
    with log.open("ab") as file:
        process = subprocess.Popen(command(host), stdout=file, stderr=file)
        try:
            left = host.directory.parent / "firewall"
            assert eventually(left.is_file, seconds=30), log.read_text()
            yield
        finally:
            process.terminate()
            assert process.wait(20) == 0, log.read_text()


def test_drivers_leave_an_agents_host_alone(host: Cloud) -> None:
    """While the agent lives or is only away, drivers are refused and write nothing; once it is given up, they work."""
    with agent(host), pytest.raises(ConflictError, match="at work in this network namespace"):
        host.driver()
    before = host.ruleset()
    with pytest.raises(ConflictError, match="stop the agent for good and remove that file"):
        host.driver()
    assert host.ruleset() == before
    (host.directory.parent / "firewall").unlink()
    host.plug(A)
    driver = host.driver()
    driver.prepare_instance_filter(WHO, [A])
    assert driver.instance_filter_exists(WHO, [A])


def test_an_agent_leaves_the_drivers_host_alone(host: Cloud) -> None:
    """While an instance is filtered an agent is refused and sweeps nothing; after the last one it starts."""
    host.plug(A)
    with closing(host.driver()) as driver:
        driver.prepare_instance_filter(WHO, [A])
        before = host.ruleset()
        refused = subprocess.run(command(host), capture_output=True, text=True, check=False)
        assert refused.returncode == CONFLICT, refused.stderr
        assert f"{host.directory}), and an agent would sweep their rules: unfilter" in refused.stderr
        assert host.ruleset() == before
        driver.unfilter_instance(WHO, [A])
        with agent(host), pytest.raises(ConflictError):
            driver.prepare_instance_filter(WHO, [A])


def test_a_namespace_has_one_agent(host: Cloud) -> None:
    """A second one beside it, whatever its directories, is refused; the first goes on."""
    with agent(host), TemporaryDirectory(prefix="nwt-") as other:
        words = [word.replace(str(host.directory.parent.parent), other) for word in command(host)]
        second = subprocess.run(words, capture_output=True, text=True, check=False)
        assert second.returncode == CONFLICT, second.stderr
        assert "one of them at a time" in second.stderr
