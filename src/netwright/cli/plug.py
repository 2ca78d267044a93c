"""`netwright port plug` and `unplug`: a port's link asked for, and waited for."""

from __future__ import annotations

import socket
import time
from typing import Final

from netwright.cli.client import Client
from netwright.cli.command import Call
from netwright.cli.errors import NotUpError
from netwright.cli.find import find
from netwright.cli.nouns import PORT, Item
from netwright.cli.output import print_item
from netwright.cli.status import Host, hosts_of
from netwright.cli.verbs import print_list
from netwright.model.errors import InvalidError

_FIRST_PAUSE: Final = 0.01
_LONGEST_PAUSE: Final = 0.25
"""Seconds between two looks at the port."""


def plug(call: Call, attachment: Item) -> None:
    """Asks for the link and waits for it. Raises NotUpError with what the host reported."""
    port = find(call.client, PORT, call.required("reference"))
    host = call.text("host") or host_for(call.client, port)
    asked = {**attachment, "binding:host_id": host}
    port = call.client.update(PORT, str(port["id"]), asked)
    if not call.flag("no_wait"):
        port = until_up(call.client, port, host, call.number("wait") or 0.0)
    _print(call, port)


def unplug(call: Call) -> None:
    port = find(call.client, PORT, call.required("reference"))
    port = call.client.update(PORT, str(port["id"]), {"netwright:attachment": {"kind": "none"}})
    _print(call, port)


def _print(call: Call, port: Item) -> None:
    """A row with the link's name for people, the object for programs."""
    if call.style.tabular:
        print_list(call, PORT, [port])
    else:
        print_item(port, PORT, call.style)


def host_for(client: Client, port: Item) -> str:
    """The host that the port is bound to, else this machine, else the only one. Raises InvalidError."""
    bound = port.get("binding:host_id")
    if isinstance(bound, str) and bound:
        return bound
    names = [host.name for host in hosts_of(client.status())]
    here = socket.gethostname()
    if here in names:
        return here
    if len(names) == 1:
        return names[0]
    known = f"it knows {', '.join(names)}" if names else "no agent has reported yet"
    raise InvalidError(f"which host? the server does not know {here!r}, {known}: give --host", "host")


def until_up(client: Client, port: Item, host: str, wait: float) -> Item:
    """The port once it is up, within so many seconds. Raises NotUpError with what the host reported."""
    deadline, pause = time.monotonic() + wait, _FIRST_PAUSE
    with client.progress.during(f"waiting for port {_called(port)} on {host}"):
        while port.get("status") != "ACTIVE":
            left = deadline - time.monotonic()
            if left <= 0:
                raise NotUpError(_why(client, port, host, wait))
            time.sleep(min(pause, left))
            pause = min(pause * 1.5, _LONGEST_PAUSE)
            port = client.show(PORT, str(port["id"]))
    return port


def _why(client: Client, port: Item, host: str, wait: float) -> str:
    begun = f"port {_called(port)} is not up on {host} after {wait:g} s"
    named = [one for one in hosts_of(client.status()) if one.name == host]
    reasons = [reason for one in named for reason in _reasons(one)] or _unseen(host, named)
    return f"{begun}: {'; '.join(reasons)}"


def _reasons(host: Host) -> list[str]:
    silent = [] if host.seen_within(time.time()) else [f"its agent was last seen {host.last_seen or 'never'}"]
    return [*silent, *(f"{one.stage}: {one.said} ({one.pending} pending)" for one in host.failures)]


def _unseen(host: str, named: list[Host]) -> list[str]:
    if named:
        return ["the host reports no failure: is the port's guest or namespace there?"]
    return [f"no agent of a host named {host!r} has reported: is `netwright agent` running there?"]


def _called(port: Item) -> str:
    name: object = port.get("name") or port.get("id")
    return str(name)
