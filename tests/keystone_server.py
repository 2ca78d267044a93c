"""A real Keystone: SQLite, Fernet tokens, served by the standard library from a process of its own."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ADMIN_PASSWORD = "keystone's admin"
_CONFIG = """[database]
connection = sqlite:///{directory}/keystone.db
[fernet_tokens]
key_repository = {directory}/fernet/
[credential]
key_repository = {directory}/credential/
[cache]
enabled = false
"""
_SERVE = """
import sys
from socketserver import ThreadingMixIn
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from keystone.server.wsgi import initialize_public_application
class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True
class Quiet(WSGIRequestHandler):
    def log_message(self, *_): pass
server = Server(("127.0.0.1", int(sys.argv.pop())), Quiet)
server.set_app(initialize_public_application())
server.serve_forever()
"""


@dataclass(frozen=True)
class Keystone:
    url: str

    def ask(self, method: str, path: str, body: object = None, token: str = "") -> tuple[dict, str]:
        """The answer's JSON, and its token."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "X-Auth-Token": token}
        request = urllib.request.Request(f"{self.url}{path}", data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            raw = answer.read()
            return json.loads(raw) if raw else {}, answer.headers.get("X-Subject-Token", "")

    def token(self, name: str, password: str, project: str | None) -> str:
        domain = {"domain": {"id": "default"}}
        user = {"name": name, "password": password, **domain}
        identity = {"methods": ["password"], "password": {"user": user}}
        scope = {} if project is None else {"scope": {"project": {"name": project, **domain}}}
        return self.ask("POST", "/auth/tokens", {"auth": {"identity": identity, **scope}})[1]

    def revoke(self, token: str, admin: str) -> None:
        headers = {"X-Auth-Token": admin, "X-Subject-Token": token}
        request = urllib.request.Request(f"{self.url}/auth/tokens", None, headers, method="DELETE")
        urllib.request.urlopen(request, timeout=60).close()

    def admin(self) -> str:
        return self.token("admin", ADMIN_PASSWORD, "admin")


@contextmanager
def keystone(directory: Path) -> Iterator[Keystone]:
    config = directory / "keystone.conf"
    config.write_text(_CONFIG.format(directory=directory))
    for keys in ("fernet", "credential"):
        (directory / keys).mkdir(mode=0o700)
    port = _free_port()
    url = f"http://127.0.0.1:{port}/v3"
    log = (directory / "log").open("w")
    _manage(config, "db_sync")
    _manage(config, "fernet_setup", "--keystone-user", "root", "--keystone-group", "root")
    urls = [word for kind in ("public", "internal", "admin") for word in (f"--bootstrap-{kind}-url", url)]
    region = ("--bootstrap-region-id", "RegionOne")
    _manage(config, "bootstrap", "--bootstrap-password", ADMIN_PASSWORD, *region, *urls)
    environment = {**os.environ, "OS_KEYSTONE_CONFIG_FILES": str(config)}
    serving = subprocess.Popen(
        [sys.executable, "-c", _SERVE, str(port)], env=environment, stdout=log, stderr=log
    )
    try:
        _wait(url, serving)
        yield Keystone(url)
    finally:
        serving.send_signal(signal.SIGKILL)
        serving.wait()
        log.close()


def _manage(config: Path, *words: str) -> None:
    program = str(Path(sys.executable).parent / "keystone-manage")
    command = [program, "--config-file", str(config), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, (words, done.stdout, done.stderr)


def _wait(url: str, serving: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert serving.poll() is None, "keystone ended"
        try:
            urllib.request.urlopen(url, timeout=10).close()
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
        else:
            return
    raise AssertionError("keystone does not answer")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
