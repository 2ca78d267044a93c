"""What a kubelet asks a container runtime for: pods, by Kubernetes' Container Runtime Interface (runtime.v1), which is gRPC."""

from __future__ import annotations

import struct
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Kubelet:
    """`socket`: the runtime's. Messages are what they are on the wire: strings, and messages, by the numbers of their fields."""

    socket: Path

    def run_pod(self, name: str, uid: str, namespace: str) -> str:
        """Its sandbox's id."""
        metadata = _fields({1: name, 2: uid, 3: namespace})
        return _read(self._ask("RunPodSandbox", _fields({1: _fields({1: metadata, 2: name})})))[1].decode()

    def address(self, sandbox: str) -> str:
        """The first, as the runtime shows it."""
        shown = self._ask("PodSandboxStatus", _fields({1: sandbox}))
        return _read(_read(_read(shown)[1])[5])[1].decode()

    def stop_pod(self, sandbox: str) -> None:
        for name in ("StopPodSandbox", "RemovePodSandbox"):
            self._ask(name, _fields({1: sandbox}))

    def _ask(self, name: str, message: bytes) -> bytes:
        headers = ("-H", "content-type: application/grpc", "-H", "te: trailers")
        done = subprocess.run(
            [
                *(
                    "curl",
                    "--silent",
                    "--show-error",
                    "--http2-prior-knowledge",
                    "--unix-socket",
                    str(self.socket),
                ),
                *(*headers, "--data-binary", "@-", "--dump-header", "/dev/stderr"),
                f"http://localhost/runtime.v1.RuntimeService/{name}",
            ],
            input=struct.pack(">xI", len(message)) + message,
            capture_output=True,
            check=False,
            timeout=60,
        )
        assert b"grpc-status: 0" in done.stderr, (name, done.stderr.decode())
        return done.stdout[5:]


def _fields(values: dict[int, str | bytes]) -> bytes:
    """Protocol Buffers' encoding of fields that are strings or messages, of at most 127 bytes."""
    encoded = b""
    for number, value in values.items():
        data = value.encode() if isinstance(value, str) else value
        assert len(data) < 128
        encoded += bytes((number << 3 | 2, len(data))) + data
    return encoded


def _read(message: bytes) -> dict[int, bytes]:
    """The fields that are strings or messages, by number; of several of one number, the last."""
    found: dict[int, bytes] = {}
    rest = message
    while rest:
        tag, rest = _number(rest)
        value, rest = _number(rest)
        if tag & 7:
            found[tag >> 3], rest = rest[:value], rest[value:]
    return found


def _number(data: bytes) -> tuple[int, bytes]:
    """What it begins with, seven bits a byte, the last ones first; and what follows."""
    value = length = 0
    while True:
        value |= (data[length] & 127) << 7 * length
        length += 1
        if data[length - 1] < 128:
            return value, data[length:]
