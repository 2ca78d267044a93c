"""Driver of the metadata service's listeners; a guest is known by the link and address that it asks from.

Ours: the sockets of this process. They go with the agent, and the next one opens them anew.
"""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import structlog

from netwright.agent.metadata_answers import Asked, answer
from netwright.agent.metadata_http import Request, Response, refusal
from netwright.agent.metadata_server import MetadataServer
from netwright.kernel import netns
from netwright.model.errors import KernelRefusedError
from netwright.model.host import Listener, ListenerKey
from netwright.model.ids import NetworkId
from netwright.model.intent import Address, GatewayPlace
from netwright.model.plan import PortItem

log = structlog.get_logger()

HOST_PORT: Final = 8775
"""Where the firewall redirects guests of a host network to."""
ROUTER_PORT: Final = 80
METADATA_V4: Final = "169.254.169.254"
METADATA_V6: Final = "fe80::a9fe:a9fe"
_IP_FREEBIND: Final = 15
_IPV6_FREEBIND: Final = 78
_BACKLOG: Final = 128
_SEED: Final = 512
_KEY: Final = 32

Lookup = Callable[[NetworkId, Address], PortItem | None]


@dataclass(frozen=True, slots=True)
class _Stamp:
    """What changes when a namespace or link of the same name is made anew."""

    namespace_inode: int
    link_index: int


@dataclass(frozen=True, slots=True)
class _Open:
    listener: Listener
    stamp: _Stamp
    sockets: tuple[socket.socket, ...]


class MetadataService:
    """`lookup` is called in the server's thread; `clock` gives seconds since the epoch."""

    def __init__(self, lookup: Lookup, clock: Callable[[], float] = time.time) -> None:
        self._lookup, self._clock = lookup, clock
        self._key = os.urandom(_KEY)
        self._open: dict[ListenerKey, _Open] = {}
        self._server = MetadataServer(self._answer)

    def observe(self, keys: Collection[ListenerKey] | None = None) -> Mapping[ListenerKey, Listener]:
        """Listeners on links that are still the ones that they were bound to."""
        wanted = self._open.keys() if keys is None else self._open.keys() & set(keys)
        return {key: self._open[key].listener for key in wanted if _stamp(key) == self._open[key].stamp}

    def put(self, items: Mapping[ListenerKey, Listener]) -> None:
        """One link's refusal does not keep the service from the others."""
        said = []
        for key, listener in items.items():
            if self.observe([key]).get(key) != listener:
                try:
                    self._listen(key, listener)
                except KernelRefusedError as error:
                    said.append(error.said)
        if said:
            raise KernelRefusedError("metadata", "; ".join(said))

    def remove(self, keys: Collection[ListenerKey]) -> None:
        for key in keys:
            if gone := self._open.pop(key, None):
                for sock in gone.sockets:
                    self._server.drop(sock)

    def close(self) -> None:
        """Ends every listener and conversation."""
        self.remove(list(self._open))
        self._server.close()

    def _listen(self, key: ListenerKey, listener: Listener) -> None:
        self.remove([key])
        self._open[key] = _opened(key, listener)
        for sock in self._open[key].sockets:
            self._server.listen(listener.network, sock)

    def _answer(self, network: NetworkId, source: Address, request: Request) -> Response:
        try:
            port = self._lookup(network, source)
            return answer(Asked(request, port, self._clock(), self._key, os.urandom(_SEED)))
        except Exception:
            # One guest's request must not end the thread that serves them all.
            log.exception("metadata_failed", network=network, source=str(source), path=request.path)
            return refusal(HTTPStatus.INTERNAL_SERVER_ERROR)


def _stamp(key: ListenerKey) -> _Stamp | None:
    try:
        with netns.inside(key.namespace):
            index = socket.if_nametoindex(key.link)
        return _Stamp(netns.path_of(key.namespace).stat().st_ino, index)
    except (OSError, KernelRefusedError):
        return None


def _opened(key: ListenerKey, listener: Listener) -> _Open:
    stamp = _stamp(key)
    if stamp is None:
        raise KernelRefusedError("metadata", f"{key.link} is not there")
    sockets: list[socket.socket] = []
    try:
        with netns.inside(key.namespace):
            for family, address in _addresses(listener, stamp.link_index):
                sockets.append(_listening(family, key.link))
                sockets[-1].bind(address)
                sockets[-1].listen(_BACKLOG)
    except OSError as error:
        for sock in sockets:
            sock.close()
        raise KernelRefusedError("metadata", f"{key.link}: {error}") from error
    return _Open(listener, stamp, tuple(sockets))


def _addresses(
    listener: Listener, index: int
) -> Iterator[tuple[socket.AddressFamily, tuple[str, int] | tuple[str, int, int, int]]]:
    """On a host network any of the bridge's addresses, for the redirect chooses; else the well-known ones."""
    if listener.place == GatewayPlace.HOST:
        yield socket.AF_INET, ("", HOST_PORT)
        yield socket.AF_INET6, ("::", HOST_PORT, 0, 0)
    else:
        yield socket.AF_INET, (METADATA_V4, ROUTER_PORT)
        yield socket.AF_INET6, (METADATA_V6, ROUTER_PORT, 0, index)


def _listening(family: socket.AddressFamily, link: str) -> socket.socket:
    """A socket that only packets from this link reach, and that its address need not be there for."""
    sock = socket.socket(family, socket.SOCK_STREAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, os.fsencode(link))
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            sock.setsockopt(socket.IPPROTO_IPV6, _IPV6_FREEBIND, 1)
        else:
            sock.setsockopt(socket.IPPROTO_IP, _IP_FREEBIND, 1)
    except OSError:
        sock.close()
        raise
    return sock
