"""libnftables in this process: nft's own language without a fork, one transaction a call."""

from __future__ import annotations

import ctypes
import ctypes.util
from typing import Final

from netwright.model.errors import KernelRefusedError

_JSON: Final = 1 << 4
_TERSE: Final = 1 << 11
"""NFT_CTX_OUTPUT_… of nftables/libnftables.h."""
_NAMES: Final = ("libnftables.so.1", "libnftables.so")


class Nftables:
    """A context bound to the network namespace in which it was made; used by one thread at a time."""

    def __init__(self) -> None:
        self._library = _load()
        self._context = self._library.nft_ctx_new(0)
        if not self._context:
            raise KernelRefusedError("nftables", "nft_ctx_new failed")
        self._library.nft_ctx_buffer_output(self._context)
        self._library.nft_ctx_buffer_error(self._context)

    def write(self, script: str) -> None:
        """Runs the commands as one transaction: all of them or none. Raises KernelRefusedError."""
        self._run(script, 0)

    def read(self, command: str, *, elements: bool = True) -> str:
        """A list command's answer as libnftables-json(5). Raises KernelRefusedError."""
        return self._run(command, _JSON if elements else _JSON | _TERSE)

    def accepts(self, script: str) -> bool:
        """Whether the kernel would take the script; nothing is kept."""
        self._library.nft_ctx_set_dry_run(self._context, True)  # noqa: FBT003 - a C function's argument
        try:
            self._run(script, 0)
        except KernelRefusedError:
            return False
        finally:
            self._library.nft_ctx_set_dry_run(self._context, False)  # noqa: FBT003 - a C function's argument
        return True

    def close(self) -> None:
        """Frees the context and its socket."""
        if self._context:
            self._library.nft_ctx_free(self._context)
            self._context = None

    def _run(self, script: str, flags: int) -> str:
        library, context = self._library, self._context
        library.nft_ctx_output_set_flags(context, flags)
        failed = library.nft_run_cmd_from_buffer(context, script.encode())
        output: bytes = library.nft_ctx_get_output_buffer(context)
        error: bytes = library.nft_ctx_get_error_buffer(context)
        if failed:
            raise KernelRefusedError("nftables", _first_error(error.decode(errors="replace")))
        return output.decode()


def _first_error(text: str) -> str:
    """nft prints the offending line and a caret under it: both, on one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return " | ".join(lines[:2]) or "refused without a word"


def _load() -> ctypes.CDLL:
    for name in (*_NAMES, ctypes.util.find_library("nftables")):
        try:
            library = ctypes.CDLL(name, use_errno=True) if name else None
        except OSError:
            continue
        if library:
            return _typed(library)
    raise KernelRefusedError("nftables", "libnftables.so.1 is missing (Debian: apt-get install libnftables1)")


def _typed(library: ctypes.CDLL) -> ctypes.CDLL:
    context, text = ctypes.c_void_p, ctypes.c_char_p
    signatures = {
        "nft_ctx_new": (context, [ctypes.c_uint32]),
        "nft_ctx_free": (None, [context]),
        "nft_ctx_buffer_output": (ctypes.c_int, [context]),
        "nft_ctx_buffer_error": (ctypes.c_int, [context]),
        "nft_ctx_get_output_buffer": (text, [context]),
        "nft_ctx_get_error_buffer": (text, [context]),
        "nft_ctx_output_set_flags": (None, [context, ctypes.c_uint]),
        "nft_ctx_set_dry_run": (None, [context, ctypes.c_bool]),
        "nft_run_cmd_from_buffer": (ctypes.c_int, [context, text]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return library
