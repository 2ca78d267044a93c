"""A real slapd and a real dnsmasq, each in a namespace, with all that is theirs in a directory of the test's."""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import ldap

from netwright.kernel import netns
from netwright.kernel.tools import find_tool
from netwright.model.ids import NamespaceName
from netwright.nova.options import NetworkOptions
from netwright.testing.dns_client import lookup
from netwright.testing.namespaces import eventually, namespace, start

URL = "ldap://127.0.0.1:389"
ROOT, SECRET = "cn=root,dc=example,dc=org", "s3cret"
USER, PASSWORD = "uid=dns,dc=example,dc=org", "p4ssword"
SIZE_LIMIT = 50
CONFIG = """
include /etc/ldap/schema/core.schema
include /etc/ldap/schema/cosine.schema
pidfile {directory}/pid
argsfile {directory}/args
modulepath /usr/lib/ldap
moduleload back_mdb
sizelimit {limit}
database mdb
suffix "dc=example,dc=org"
rootdn "{root}"
rootpw {secret}
directory {directory}/db
maxsize 67108864
access to attrs=userPassword by anonymous auth by * none
access to * by dn.exact="{user}" write by * none
"""
POWERDNS = """
launch=ldap
ldap-host=ldap://127.0.0.1:389
ldap-basedn={base}
ldap-method=strict
ldap-binddn={user}
ldap-secret={password}
local-address=127.0.0.1
socket-dir={directory}
guardian=no
daemon=no
cache-ttl=0
query-cache-ttl=0
negquery-cache-ttl=0
zone-cache-refresh-interval=0
"""


@dataclass
class Slapd:
    """Its user may write everywhere, and is given no more than SIZE_LIMIT entries at once."""

    host: NamespaceName
    directory: Path
    numbers: Iterator[int] = field(default_factory=itertools.count)
    process: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        argv = ["-f", str(self.directory / "slapd.conf"), "-h", URL, "-d", "0"]
        self.process = start(self.host, [need("slapd"), *argv])
        assert eventually(self.answers)

    def end(self) -> None:
        assert self.process
        self.process.terminate()
        self.process.wait()

    def answers(self) -> bool:
        try:
            with self.as_root():
                return True
        except ldap.SERVER_DOWN:
            return False

    @contextmanager
    def as_root(self) -> Iterator[ldap.ldapobject.LDAPObject]:
        with netns.inside(self.host):
            connection = ldap.initialize(URL)
            try:
                connection.simple_bind_s(ROOT, SECRET)
                yield connection
            finally:
                connection.unbind_s()

    def add(self, dn: str, **attributes: Sequence[str]) -> None:
        values = [(name, [one.encode() for one in many]) for name, many in attributes.items()]
        with self.as_root() as connection:
            connection.add_s(dn, values)

    def entries(self, base: str) -> dict[str, dict[str, set[str]]]:
        with self.as_root() as connection:
            found = connection.search_s(base, ldap.SCOPE_SUBTREE)
        return {
            dn: {name: {one.decode() for one in many} for name, many in values.items()}
            for dn, values in found
        }

    def options(self) -> NetworkOptions:
        """With a base of their own."""
        base = f"ou=hosts{next(self.numbers)},dc=example,dc=org"
        self.add(base, objectClass=["organizationalUnit"], ou=[base[3 : base.index(",")]])
        return NetworkOptions(
            ldap_dns_url=URL,
            ldap_dns_user=USER,
            ldap_dns_password=PASSWORD,
            ldap_dns_base_dn=base,
            ldap_dns_servers=("ns1.example.org", "ns2.example.org"),
        )


@contextmanager
def slapd() -> Iterator[Slapd]:
    with namespace("ldap") as host, directory() as path:
        (path / "db").mkdir()
        words = {"directory": path, "root": ROOT, "secret": SECRET, "user": USER, "limit": SIZE_LIMIT}
        (path / "slapd.conf").write_text(CONFIG.format(**words))
        server = Slapd(host, path)
        server.begin()
        server.add(
            "dc=example,dc=org", objectClass=["dcObject", "organization"], dc=["example"], o=["Example"]
        )
        person = {"objectClass": ["account", "simpleSecurityObject"], "uid": ["dns"]}
        server.add(USER, **person, userPassword=[PASSWORD])
        try:
            yield server
        finally:
            server.end()


@contextmanager
def powerdns(server: Slapd, options: NetworkOptions) -> Iterator[Callable[..., tuple[str, ...]]]:
    """Beside a slapd; what is yielded asks it for a name, and for a type of record."""
    with directory() as path:
        (path / "pdns.conf").write_text(
            POWERDNS.format(directory=path, base=options.ldap_dns_base_dn, user=USER, password=PASSWORD)
        )
        process = start(server.host, [need("pdns_server"), f"--config-dir={path}"])
        try:
            yield partial(lookup, server.host, "127.0.0.1")
        finally:
            process.terminate()
            process.wait()


@dataclass(frozen=True)
class Dnsmasq:
    """Answers on 127.0.0.1."""

    host: NamespaceName
    process: subprocess.Popen[bytes]

    def asked(self, name: str, kind: str = "A") -> tuple[str, ...]:
        return lookup(self.host, "127.0.0.1", name, kind)

    def comes_to(self, answers: Mapping[tuple[str, str], set[str]]) -> bool:
        """Whether each name of a kind has just these answers, a moment after what was written."""
        return eventually(
            lambda: all(set(self.asked(name, kind)) == want for (name, kind), want in answers.items())
        )

    def same(self) -> bool:
        """Whether it is still the process that was started."""
        return self.process.poll() is None


@contextmanager
def dnsmasq(*hosts: str) -> Iterator[Dnsmasq]:
    """`hosts` say where its names are: --hostsdir=…"""
    with namespace("dns") as host:
        own = ["--keep-in-foreground", "--conf-file=/dev/null", "--pid-file=", "--no-resolv", "--no-hosts"]
        there = ["--listen-address=127.0.0.1", "--bind-interfaces", "--local=//"]
        process = start(host, [need("dnsmasq"), *own, *there, *hosts])
        server = Dnsmasq(host, process)
        try:
            yield server
        finally:
            os.kill(process.pid, signal.SIGTERM)
            process.wait()


@contextmanager
def directory() -> Iterator[Path]:
    """That daemons which gave up root can read."""
    made = Path(tempfile.mkdtemp(prefix="nwt-"))
    made.chmod(0o755)
    try:
        yield made
    finally:
        shutil.rmtree(made)


def need(program: str) -> str:
    found = find_tool(program)
    assert found, f"{program} is not installed: scripts/setup-host tests"
    return found
