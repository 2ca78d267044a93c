"""A virtual machine as a guest: QEMU without KVM, on the tap that bears its port's name."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netwright.kernel.netns import path_of
from netwright.model.errors import NetwrightError
from netwright.model.ids import LinkName, Mac, NamespaceName
from netwright.testing.guest_kernel import initramfs, kernel_image, newest_kernel

KERNEL_CACHE: Final = Path("/var/cache/netwright/guest")
BOOT_SECONDS: Final = 60.0
QUIET: Final = (
    "console=ttyS0 quiet loglevel=3 panic=-1 nokaslr mitigations=off no_timer_check tsc=reliable "
    "random.trust_cpu=on cryptomgr.notests i8042.noaux i8042.nokbd nomodeset audit=0 apparmor=0 "
    "net.ifnames=0 rcupdate.rcu_expedited=1"
)
"""What costs a guest under emulation seconds, switched off."""
_LONGEST_ANSWER: Final = 1 << 16


class GuestSilentError(NetwrightError):
    """The guest did not answer in time; the message ends with its console's last lines."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A command's exit code and everything that it printed."""

    code: int
    text: str


class GuestVm:
    """One running QEMU. `directory` keeps its console, its sockets and its initramfs; it must exist.

    QEMU opens the tap `link` in `namespace`, and makes it where it is not there.
    """

    def __init__(self, namespace: NamespaceName, link: LinkName, mac: Mac, directory: Path) -> None:
        self._console, self._socket = directory / "console", directory / "obey.sock"
        self._socket.unlink(missing_ok=True)
        release = newest_kernel()
        image = kernel_image(release, KERNEL_CACHE)
        initrd = directory / "initramfs"
        initrd.write_bytes(initramfs(release))
        network = f"tap,id=net,ifname={link},script=no,downscript=no,vhost=off"
        argv = [
            *("nsenter", f"--net={path_of(namespace)}", "qemu-system-x86_64"),
            *("-machine", "q35", "-accel", "tcg", "-cpu", "Nehalem", "-m", "128", "-smp", "1"),
            *("-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
            *("-kernel", str(image), "-initrd", str(initrd), "-append", QUIET),
            *("-chardev", f"file,id=console,path={self._console}", "-serial", "chardev:console"),
            *(
                "-chardev",
                f"socket,id=obey,path={self._socket},server=on,wait=off",
                "-serial",
                "chardev:obey",
            ),
            *("-netdev", network, "-device", f"virtio-net-pci,netdev=net,mac={mac},romfile="),
        ]
        self._said = directory / "qemu.log"
        with self._said.open("wb") as log:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
            )
        self._line: socket.socket | None = None
        self._received = b""
        self._count = 0

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_booted(self, seconds: float = BOOT_SECONDS) -> None:
        """Until the guest obeys. Raises GuestSilentError."""
        deadline = time.monotonic() + seconds
        while self._line is None:
            self._line = self._connect(deadline)
        while b"hello\n" not in self._received:
            self._receive(deadline)
        self._received = self._received.partition(b"hello\n")[2]

    def run(self, command: str, seconds: float = 30.0) -> Answer:
        """Has the guest's shell run one line. Raises GuestSilentError."""
        assert self._line is not None, "wait_booted() comes first"
        assert "\n" not in command
        deadline = time.monotonic() + seconds
        self._count += 1
        self._line.sendall(f"{self._count} {command}\n".encode())
        while b"\n" not in self._received:
            self._receive(deadline)
        head, _, rest = self._received.partition(b"\n")
        _, code, length = map(int, head.split())
        self._received = rest
        while len(self._received) < length:
            self._receive(deadline)
        text, self._received = self._received[:length], self._received[length:]
        return Answer(code, text.decode(errors="replace"))

    def wait_lease(self, seconds: float = BOOT_SECONDS) -> str:
        """The IPv4 address that the guest's DHCP client got. Raises GuestSilentError."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            answer = self.run(
                "sed -n 's/^ip=//p' /run/lease 2>/dev/null", max(deadline - time.monotonic(), 1)
            )
            if answer.text.strip():
                return answer.text.strip()
            time.sleep(0.1)
        raise self._silent("no DHCP lease")

    def close(self) -> None:
        """Ends QEMU at once, as a power cut would."""
        if self._line is not None:
            self._line.close()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.wait()

    def _connect(self, deadline: float) -> socket.socket | None:
        line = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            line.connect(str(self._socket))
        except OSError as error:
            line.close()
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise self._silent("QEMU did not start") from error
            time.sleep(0.02)
            return None
        return line

    def _receive(self, deadline: float) -> None:
        assert self._line is not None
        self._line.settimeout(max(deadline - time.monotonic(), 0.001))
        try:
            data = self._line.recv(_LONGEST_ANSWER)
        except TimeoutError as error:
            raise self._silent("no answer") from error
        if not data:
            raise self._silent("QEMU ended")
        self._received += data

    def _silent(self, what: str) -> GuestSilentError:
        console = self._console.read_text(errors="replace") if self._console.exists() else ""
        lines = [*self._said.read_text(errors="replace").splitlines(), *console.splitlines()]
        return GuestSilentError("\n".join([what, *lines[-20:]]))
