"""WireGuard's keys: 32 bytes of Curve25519 (RFC 7748) in base64."""

from __future__ import annotations

import binascii
from base64 import b64decode, b64encode
from typing import Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from netwright.control.refusals import invalid

_BYTES: Final = 32


def new_private_key() -> str:
    """A fresh one, its fixed bits set: the kernel sets them, and would give back another key than it got."""
    key = bytearray(X25519PrivateKey.generate().private_bytes_raw())
    key[0] &= 0xF8
    key[-1] = key[-1] & 0x7F | 0x40
    return b64encode(key).decode()


def public_key(private_key: str) -> str:
    """The one that belongs to a private key."""
    own = X25519PrivateKey.from_private_bytes(b64decode(private_key))
    return b64encode(own.public_key().public_bytes_raw()).decode()


def checked(text: str, field: str) -> str:
    """A key that a user gave. Raises InvalidError."""
    try:
        key = b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise invalid(field, "must be base64.") from error
    if len(key) != _BYTES or not any(key):
        raise invalid(field, "must be a key of WireGuard: 32 bytes in base64, as `wg pubkey` prints it.")
    return b64encode(key).decode()
