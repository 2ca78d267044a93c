"""ISC's DHCP client in a test namespace: it configures that link only, and what it heard is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netwright.model.ids import NamespaceName
from netwright.testing.namespaces import run

_CONFIG: Final = """
option classless-routes code 121 = array of unsigned integer 8;
option ms-classless-routes code 249 = array of unsigned integer 8;
also request classless-routes, ms-classless-routes;
also request tftp-server-name, bootfile-name, interface-mtu;
also request dhcp6.name-servers, dhcp6.domain-search;
"""
_SCRIPT: Final = """#!/bin/sh
# dhclient's hook: notes what it was told, and sets nothing but the address.
set > {heard}.new
case "$reason" in
BOUND|REBOOT|RENEW|REBIND)
    ip address replace "$new_ip_address/$new_subnet_mask" dev "$interface"
    mv {heard}.new {heard};;
BOUND6|REBIND6|RENEW6)
    [ -z "$new_ip6_address" ] || ip address replace "$new_ip6_address/128" dev "$interface"
    mv {heard}.new {heard};;
esac
exit 0
"""


@dataclass(frozen=True, slots=True)
class DhcpClient:
    """`directory` keeps its leases; two clients with one directory are the same client."""

    namespace: NamespaceName
    directory: Path
    link: str = "eth0"

    def ask(self, family: int = 4, *words: str, seconds: float = 8) -> Mapping[str, str]:
        """One exchange; the shell variables that dhclient sets, empty where no one answered in time."""
        heard = self.directory / f"heard{family}"
        heard.unlink(missing_ok=True)
        script = self.directory / f"script{family}"
        script.write_text(_SCRIPT.format(heard=heard))
        script.chmod(0o755)
        leases, pid = self.directory / f"leases{family}", self.directory / f"pid{family}"
        leases.touch()
        config = self.directory / "dhclient.conf"
        config.write_text(_CONFIG)
        argv = ["dhclient", f"-{family}", "-1", "-q", "-sf", str(script), "-lf", str(leases), "-pf", str(pid)]
        limited = ["timeout", "-s", "KILL", str(seconds), *argv, "-cf", str(config), *words, self.link]
        run(self.namespace, limited, check=False)
        self._stop(pid)
        return _variables(heard.read_text()) if heard.exists() else {}

    def forget(self) -> None:
        """The next exchange starts without a lease."""
        for path in self.directory.glob("leases*"):
            path.unlink()

    def _stop(self, pid: Path) -> None:
        if pid.exists() and (text := pid.read_text().strip()):
            run(self.namespace, ["kill", "-KILL", text], check=False)
            pid.unlink()


def _variables(text: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in text.splitlines())
    return {name: value.strip("'") for name, _, value in pairs}
