"""The thread that writes logged packets down: away from the reconcile thread, and never more than fits."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path
from typing import Final

import structlog

from netwright.agent.log_file import LogFile
from netwright.agent.packet_lines import Around, line_of
from netwright.kernel.nflog import Lost, NflogReader
from netwright.model.errors import KernelRefusedError
from netwright.render.firewall_logs import LOG_GROUP, SNAPLEN

_SIZE: Final = 16 << 20
_KEPT: Final = 4
_AGAIN: Final = 5.0
_COMPLAIN: Final = 60.0
"""Seconds between two complaints of the same kind."""


class PacketLog:
    """Made and started in a thread whose namespace is the host's. Idle, it costs and writes nothing."""

    def __init__(
        self, directory: Path, around: Around, *, possible: bool = True, to_stdout: bool = False
    ) -> None:
        """`possible`: whether the kernel hands over packets at all."""
        self._file = LogFile(directory, _SIZE, _KEPT)
        self._around, self._to_stdout = around, to_stdout
        self._log = structlog.get_logger("netwright.agent")
        self._complained: dict[str, float] = {}
        self._possible = possible
        self._stopping = threading.Event()
        self._reader = self._open() if possible else None
        self._thread = threading.Thread(target=self._run, name="packet-log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if reader := self._reader:
            reader.stop()
        self._thread.join(timeout=2)
        self._file.close()

    def _open(self) -> NflogReader | None:
        try:
            return NflogReader(LOG_GROUP, SNAPLEN)
        except KernelRefusedError as refused:
            self._complain("packets_not_logged", refused.said)
            return None

    def _run(self) -> None:
        """Where another program has the packets, it may end: an agent that this one follows, for one."""
        while self._possible and self._reader is None and not self._stopping.wait(_AGAIN):
            self._reader = self._open()
        if self._reader:
            self._follow(self._reader)
            self._reader.close()

    def _follow(self, reader: NflogReader) -> None:
        for packet in reader.packets():
            if isinstance(packet, Lost):
                self._complain("packets_to_log_lost", "the kernel's buffer was full")
            elif line := line_of(packet, self._around, time.time()):
                self._write(line)

    def _write(self, line: bytes) -> None:
        try:
            self._file.write(line)
            if self._to_stdout:
                sys.stdout.buffer.write(line)
                sys.stdout.buffer.flush()
        except OSError as error:
            self._complain("packet_log_not_written", str(error))

    def _complain(self, event: str, said: str) -> None:
        now = time.monotonic()
        if now - self._complained.get(event, -_COMPLAIN) >= _COMPLAIN:
            self._complained[event] = now
            self._log.warning(event, said=said)
