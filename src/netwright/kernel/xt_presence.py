"""Which chains of iptables, ip6tables and ebtables there are, asked of the kernel itself, in one go.

A restore that names a chain that is not there does nothing at all; this tells which to name.
"""

from __future__ import annotations

import ctypes
import re
import socket
import struct
from collections.abc import Collection, Mapping
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Final

from netwright.kernel.netlink import NETFILTER, Message, Netlink, Request, text_attribute
from netwright.kernel.nft_messages import CHAIN_NAME, GET_CHAIN, TABLE_NAME
from netwright.model.xtables import BRIDGE

Named = tuple[str, str]
"""A table and a chain."""

_FAMILIES: Final = {"ip": 2, "ip6": 10, "bridge": 7}
_EBTABLES: Final = ("broute", "filter", "nat")
_TABLE_LENGTH: Final = 32
_INFO: Final = 84
"""struct ipt_getinfo and ip6t_getinfo: name, valid hooks, five entries, five underflows, number, size."""
_SIZE: Final = 80
_ENTRIES: Final = 40
"""Where struct ipt_get_entries' rules begin, aligned to eight bytes."""
_GET_INFO, _GET_ENTRIES = 64, 65
_BEGIN: Final = re.compile(re.escape(struct.pack("=H29sB", 64, b"ERROR", 0)) + rb"([^\0]+)\0")
"""struct xt_error_target, which every chain but the built-in ones begins with, and the chain's name in it."""
_TRIES: Final = 5


def present_chains(family: str, chains: Mapping[str, Collection[str]]) -> set[Named]:
    """Of the nft back end's. `chains`: names by table. Raises OSError."""
    asked = [(table, name) for table, names in chains.items() for name in names]
    if not asked:
        return set()
    header = struct.pack(">BBH", _FAMILIES[family], 0, 0)
    requests = [
        Request(GET_CHAIN, 0, header + text_attribute(TABLE_NAME, table) + text_attribute(CHAIN_NAME, name))
        for table, name in asked
    ]
    with closing(Netlink(NETFILTER)) as netlink:
        answers = netlink.exchange(requests)
    return {one for one, answer in zip(asked, answers, strict=True) if isinstance(answer, Message)}


def present_legacy_chains(family: str, chains: Mapping[str, Collection[str]]) -> set[Named] | None:
    """Of the legacy back end's; None where a table changes all the time. Asking makes no table."""
    there = set(legacy_tables(family))
    found: set[Named] = set()
    for table in there & chains.keys():
        rules = _rules(family, table)
        if rules is None:
            return None
        begun = {name.decode(errors="replace") for name in _BEGIN.findall(rules)}
        # Built-in chains have upper-case names, no beginning, and are in every table that there is.
        found |= {(table, name) for name in chains[table] if name in begun or name.isupper()}
    return found


def legacy_tables(family: str) -> list[str]:
    """Of this thread's namespace; none where the kernel has no legacy tables.

    ebtables' are those whose modules are there: no namespace lists them.
    """
    if family == BRIDGE:
        return [name for name in _EBTABLES if Path(f"/sys/module/ebtable_{name}").exists()]
    try:
        return Path(f"/proc/thread-self/net/{family}_tables_names").read_text().split()
    except OSError:
        return []


def _rules(family: str, table: str) -> bytes | None:
    """All of a table; empty where it has gone."""
    with _raw(family) as opened:
        for _ in range(_TRIES):
            info = _option(opened, _GET_INFO, ctypes.create_string_buffer(table.encode(), _INFO))
            if info is None:
                return b""
            (size,) = struct.unpack_from("=I", info, _SIZE)
            asked = struct.pack(f"={_TABLE_LENGTH}sI", table.encode(), size)
            room = ctypes.create_string_buffer(asked, _ENTRIES + size)
            if rules := _option(opened, _GET_ENTRIES, room):
                return rules
    return None


def _raw(family: str) -> socket.socket:
    """As iptables opens it."""
    kind = socket.AF_INET if family == "ip" else socket.AF_INET6
    return socket.socket(kind, socket.SOCK_RAW | socket.SOCK_CLOEXEC, socket.IPPROTO_RAW)


def _option(opened: socket.socket, option: int, room: ctypes.Array[ctypes.c_char]) -> bytes | None:
    """What the kernel fills in; None where it does not."""
    level = socket.SOL_IP if opened.family == socket.AF_INET else socket.IPPROTO_IPV6
    size = ctypes.c_uint32(len(room))
    failed = _library().getsockopt(opened.fileno(), level, option, room, ctypes.byref(size))
    return None if failed else room.raw


@cache
def _library() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
