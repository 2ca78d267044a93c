"""Texts that only who bears the key can read: what is kept of a key finds the row and opens nothing."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NAME_BYTES: Final = 32
_KEY_BYTES: Final = 32
_NONCE_BYTES: Final = 12
_MADE_FOR: Final = b"netwright answers 1"


@dataclass(frozen=True, slots=True)
class Seal:
    """AES-256-GCM (NIST SP 800-38D) by a key that is never kept; `name` may be, and leads to no key."""

    name: str
    _key: bytes = field(repr=False)

    def close(self, text: bytes, about: bytes) -> bytes:
        """Opens again for the same `about` only, which is not in it."""
        nonce = os.urandom(_NONCE_BYTES)
        return nonce + AESGCM(self._key).encrypt(nonce, text, about)

    def open(self, closed: bytes, about: bytes) -> bytes | None:
        """None where it was closed for something else."""
        try:
            return AESGCM(self._key).decrypt(closed[:_NONCE_BYTES], closed[_NONCE_BYTES:], about)
        except InvalidTag:
            return None


def seal_of(secret: Sequence[str]) -> Seal:
    """The same for equal secrets, by HKDF-SHA256 (RFC 5869)."""
    parts = [part.encode() for part in secret]
    told = b"".join(len(part).to_bytes(4) + part for part in parts)
    made = HKDF(SHA256(), _NAME_BYTES + _KEY_BYTES, salt=None, info=_MADE_FOR).derive(told)
    return Seal(made[:_NAME_BYTES].hex(), made[_NAME_BYTES:])
