"""A port and its guest's request -> the metadata service's response, session tokens included. Pure."""

from __future__ import annotations

import hmac
import re
import struct
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from netwright.agent.metadata_documents import document
from netwright.agent.metadata_http import Request, Response, refusal
from netwright.model.ids import PortId
from netwright.model.plan import PortItem

TOKEN_PATH: Final = "/latest/api/token"  # noqa: S105  # a path
_TOKEN: Final = "x-aws-ec2-metadata-token"  # noqa: S105  # a header
_SECONDS: Final = "x-aws-ec2-metadata-token-ttl-seconds"
_LONGEST: Final = 21600
_DIGITS: Final = re.compile("[0-9]{1,5}")
_READS: Final = frozenset({"GET", "HEAD"})


@dataclass(frozen=True, slots=True)
class Asked:
    """One request and the world it came into; `now` is in seconds, `key` signs tokens."""

    request: Request
    port: PortItem | None
    now: float
    key: bytes
    seed: bytes


def answer(asked: Asked) -> Response:
    """Who asks is known from where the packet came; no header says otherwise, so none is read for it."""
    request, port = asked.request, asked.port
    if port is None:
        return refusal(HTTPStatus.NOT_FOUND)
    if request.method == "PUT" and request.path.rstrip("/") == TOKEN_PATH:
        return _token(asked, port.id)
    if request.method not in _READS:
        return refusal(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"})
    sent = request.headers.get(_TOKEN)
    if sent is not None and not _is_valid(asked, port.id, sent):
        return refusal(HTTPStatus.UNAUTHORIZED)
    found = document(port, request.path, asked.seed)
    if found is None:
        return refusal(HTTPStatus.NOT_FOUND)
    return Response(HTTPStatus.OK, found.body, found.content_type)


def _token(asked: Asked, port: PortId) -> Response:
    """IMDSv2: a token for later requests, good for this port and as long as it was asked for."""
    seconds = asked.request.headers.get(_SECONDS, "")
    if not _DIGITS.fullmatch(seconds) or not 1 <= int(seconds) <= _LONGEST:
        return refusal(HTTPStatus.BAD_REQUEST)
    expiry = struct.pack("!Q", int(asked.now) + int(seconds))
    token = urlsafe_b64encode(expiry + _signature(asked.key, port, expiry))
    return Response(HTTPStatus.OK, token, headers={_SECONDS: seconds})


def _is_valid(asked: Asked, port: PortId, token: str) -> bool:
    try:
        raw = urlsafe_b64decode(token.encode("latin-1"))
    except (Base64Error, ValueError):
        return False
    expiry, signature = raw[:8], raw[8:]
    genuine = hmac.compare_digest(signature, _signature(asked.key, port, expiry))
    return genuine and asked.now < struct.unpack("!Q", expiry)[0]


def _signature(key: bytes, port: PortId, expiry: bytes) -> bytes:
    return hmac.digest(key, expiry + port.encode(), "sha256")
