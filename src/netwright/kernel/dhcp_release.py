"""Ends a lease of a running dnsmasq as its client would: by a release message on the daemon's own link."""

from __future__ import annotations

import os
import socket
import struct
from ipaddress import IPv4Address, IPv6Address
from typing import Final

_RELEASE4: Final = 7
_COOKIE: Final = bytes([99, 130, 83, 99])
_MESSAGE_TYPE, _SERVER_IDENTIFIER, _END = 53, 54, 255
_SERVER_PORT4: Final = 67
_RELEASE6: Final = 8
_RELAY_FORWARD6: Final = 12
_RELAYED6: Final = 9
_CLIENT_ID6, _SERVER_ID6, _IA_NA, _IA_ADDRESS, _ELAPSED = 1, 2, 3, 5, 8
_SERVER_PORT6: Final = 547


def release4(link: str, address: IPv4Address, mac: str) -> None:
    """RFC 2131 4.4.6. The calling thread is in the daemon's namespace; a MAC without a lease is no error."""
    with _bound(socket.AF_INET, link) as sock:
        server = _own_address(sock, address)
        message = _message4(address, bytes.fromhex(mac.replace(":", "")), IPv4Address(server))
        sock.sendto(message, (server, _SERVER_PORT4))


def release6(link: str, address: IPv6Address, client: str, server: str, iaid: int) -> None:
    """RFC 8415 18.2.7. `client` and `server` are DUIDs, hexadecimal with colons, as in the lease file.

    It goes in a relay's envelope (19.1.1), with the leased address for the link's: of a message that comes
    bare dnsmasq looks for the sender's MAC, and stands still for half a second where there is none.
    """
    with _bound(socket.AF_INET6, link) as sock:
        release = _message6(address, _duid(client), _duid(server), iaid)
        envelope = bytes([_RELAY_FORWARD6, 0]) + address.packed + address.packed
        message = envelope + _option6(_RELAYED6, release)
        sock.sendto(message, (_own_address(sock, address), _SERVER_PORT6))


def _bound(family: socket.AddressFamily, link: str) -> socket.socket:
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, os.fsencode(link))
    except OSError:
        sock.close()
        raise
    return sock


def _own_address(sock: socket.socket, leased: IPv4Address | IPv6Address) -> str:
    """The link's own address on the leased one's subnet, which the daemon knows itself by.

    A socket bound to the link gives packets to a local address that link as their input device, carrier
    or none, so the daemon takes them for a client's or a relay's.
    """
    sock.connect((str(leased), _SERVER_PORT4))
    own: str = sock.getsockname()[0]
    return own


def _message4(address: IPv4Address, mac: bytes, server: IPv4Address) -> bytes:
    fixed = struct.pack("!4B4s2H4s12x16s192x", 1, 1, 6, 0, os.urandom(4), 0, 0, address.packed, mac)
    options = bytes([_MESSAGE_TYPE, 1, _RELEASE4, _SERVER_IDENTIFIER, 4, *server.packed, _END])
    return fixed + _COOKIE + options


def _message6(address: IPv6Address, client: bytes, server: bytes, iaid: int) -> bytes:
    leased = _option6(_IA_ADDRESS, struct.pack("!16s2I", address.packed, 0, 0))
    return b"".join(
        [
            bytes([_RELEASE6]),
            os.urandom(3),
            _option6(_CLIENT_ID6, client),
            _option6(_SERVER_ID6, server),
            _option6(_ELAPSED, bytes(2)),
            _option6(_IA_NA, struct.pack("!3I", iaid, 0, 0) + leased),
        ]
    )


def _option6(code: int, data: bytes) -> bytes:
    return struct.pack("!2H", code, len(data)) + data


def _duid(text: str) -> bytes:
    return bytes.fromhex(text.replace(":", ""))
