"""Reads what others have in this namespace's packet filters, through their own tools; writes nothing.

Each tool runs apart, so that whatever it meets there cannot take us with it.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netwright.kernel.xt_presence import legacy_tables
from netwright.model.xtables import BRIDGE

_PATIENCE: Final = 60.0
"""Seconds for a listing: a hundred thousand rules take several."""
_LEGACY: Final = (("ip", "iptables-legacy-save"), ("ip6", "ip6tables-legacy-save"))
_NFT: Final = (("ip", "iptables-nft-save"), ("ip6", "ip6tables-nft-save"))
_SBIN: Final = "/usr/local/sbin:/usr/sbin:/sbin:/usr/bin:/bin"


@dataclass(frozen=True, slots=True)
class Printed:
    """What a tool printed; `missing` says in words what could not be read."""

    text: str = ""
    missing: str = ""


def nft_json() -> Printed:
    """The whole ruleset as libnftables-json(5)."""
    return _printed("nft", "-j", "list", "ruleset")


def nft_text() -> Printed:
    """The whole ruleset with handles."""
    return _printed("nft", "-a", "list", "ruleset")


def iptables_nft(families: Iterable[str]) -> Iterator[tuple[str, Printed]]:
    """iptables' tables of its nft back end, by family."""
    wanted = set(families)
    for family, program in _NFT:
        if family in wanted:
            yield family, _printed(program)


def iptables_legacy() -> Iterator[tuple[str, Printed]]:
    """By family, only where tables exist: asking for one that does not would make it."""
    for family, program in _LEGACY:
        if legacy_tables(family):
            yield family, _printed(program)


def ebtables_legacy() -> Printed:
    """Of those tables whose module is there."""
    found = [_printed("ebtables-legacy", "-t", table, "-L") for table in legacy_tables(BRIDGE)]
    return Printed(
        "\n".join(one.text for one in found), next((one.missing for one in found if one.missing), "")
    )


def sysctls(paths: Sequence[str]) -> Mapping[str, str]:
    """Those that this namespace has."""
    return {path: value for path in paths if (value := _read(Path("/proc/sys") / path)) is not None}


def learnt_routes() -> frozenset[str]:
    """Links whose IPv6 default route has an end, as those have that were advertised (RTF_ADDRCONF)."""
    lines = (_read(Path("/proc/thread-self/net/ipv6_route")) or "").splitlines()
    rows = [line.split() for line in lines]
    return frozenset(
        row[9] for row in rows if len(row) == 10 and int(row[1], 16) == 0 and int(row[8], 16) & _ADDRCONF
    )


_ADDRCONF: Final = 0x00040000


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _printed(program: str, *words: str) -> Printed:
    found = shutil.which(program) or shutil.which(program, path=_SBIN)
    if found is None:
        return Printed(missing=f"{program} is not installed: what it would list was not looked at")
    try:
        done = subprocess.run([found, *words], capture_output=True, timeout=_PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return Printed(missing=f"{program}: {error}")
    if done.returncode != 0:
        said = done.stderr.decode(errors="replace").strip().splitlines()
        return Printed(missing=f"{program}: {said[0] if said else f'exit code {done.returncode}'}")
    return Printed(done.stdout.decode(errors="replace"))
