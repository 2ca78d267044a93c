"""A virtual machine as a guest: QEMU without KVM, on the tap that bears its port's name."""

from __future__ import annotations

import os
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Final

from netwright.kernel.netns import path_of
from netwright.model.ids import LinkName, Mac, NamespaceName
from netwright.testing.guest_kernel import initramfs, kernel_image, newest_kernel
from netwright.testing.guest_line import BOOT_SECONDS, Answer, GuestLine

KERNEL_CACHE: Final = Path("/var/cache/netwright/guest")
QUIET: Final = (
    "console=ttyS0 quiet loglevel=3 panic=-1 nokaslr mitigations=off no_timer_check tsc=reliable "
    "random.trust_cpu=on cryptomgr.notests i8042.noaux i8042.nokbd nomodeset audit=0 apparmor=0 "
    "net.ifnames=0 rcupdate.rcu_expedited=1"
)
"""What costs a guest under emulation seconds, switched off."""


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
        logs = (self._said, self._console)
        self._line = GuestLine(self._socket, logs, lambda: self._process.poll() is None)

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_booted(self, seconds: float = BOOT_SECONDS) -> None:
        """Until the guest obeys. Raises GuestSilentError."""
        self._line.wait_booted(seconds)

    def run(self, command: str, seconds: float = 30.0) -> Answer:
        """Has the guest's shell run one line. Raises GuestSilentError."""
        return self._line.run(command, seconds)

    def wait_lease(self, seconds: float = BOOT_SECONDS) -> str:
        """The IPv4 address that the guest's DHCP client got. Raises GuestSilentError."""
        return self._line.wait_lease(seconds)

    def close(self) -> None:
        """Ends QEMU at once, as a power cut would."""
        self._line.close()
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self._process.wait()
