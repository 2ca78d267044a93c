"""A command as it runs on this very machine, but under Debian's own kernel: in QEMU, without KVM.

The virtual machine sees the machine's whole file system, read-only, beneath a layer in memory that takes
what the command writes; it has no network but its loopback and the namespaces that the command makes.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from netwright.testing.guest_kernel import initramfs_of, kernel_image, newest_kernel
from netwright.testing.guest_line import Answer, GuestSilentError
from netwright.testing.guest_vm import KERNEL_CACHE, QUIET

_NEEDED: Final = ("virtio_pci", "9pnet_virtio", "9p", "overlay")
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

# The message size is what makes 9p bearable: every read is one round trip through QEMU.
_INIT: Final = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin; export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
while read -r module; do insmod "$module"; done </modules
mkdir -p /machine /layer /root
mount -t 9p -o ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose machine /machine
mount -t tmpfs layer /layer; mkdir /layer/upper /layer/work
mount -t overlay -o lowerdir=/machine,upperdir=/layer/upper,workdir=/layer/work machine /root
for one in dev proc sys; do mount --move "/$one" "/root/$one"; done
mount -t tmpfs run /root/run
mkdir -p /root/dev/pts /root/dev/shm
ln -s /proc/self/fd /root/dev/fd
mount -t devpts devpts /root/dev/pts; mount -t tmpfs shm /root/dev/shm
cp /job /root/run/job
exec switch_root /root /bin/sh /run/job
"""
_JOB: Final = """\
exec </dev/null >/dev/ttyS1 2>&1
stty -F /dev/ttyS1 raw -echo
ip link set lo up
/sbin/modprobe tun
cd {directory}
env -i {environment} {command}
echo "{mark} $?"
echo o >/proc/sysrq-trigger
sleep 60
"""


@dataclass(frozen=True, slots=True)
class Job:
    """What to run: `argv` in `directory`, with this environment and a plain PATH; for at most `seconds`.

    `devices`: QEMU's arguments for what the machine has besides.
    """

    argv: Sequence[str]
    directory: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    seconds: float = 600.0
    devices: Sequence[str] = ()


def run_in_vm(job: Job, scratch: Path) -> Answer:
    """Boots, runs the command, powers off; what it printed to both its outputs, and its exit code.

    `scratch` keeps the console and what the command printed. Raises GuestSilentError where the machine
    did not finish in time, GuestMissingError where something that it is made of is not installed.
    """
    release, mark = newest_kernel(), uuid.uuid4().hex
    initrd = scratch / "initramfs"
    initrd.write_bytes(initramfs_of(release, _NEEDED, {"init": _INIT, "job": _script(job, mark)}))
    argv = _qemu(kernel_image(release, KERNEL_CACHE), initrd, scratch)
    with (scratch / "qemu.log").open("wb") as log:
        try:
            subprocess.run(
                [*argv, *job.devices],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                timeout=job.seconds,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise _silent(f"not done in {job.seconds:.0f} s", scratch) from error
    return _answer(scratch, mark)


def _script(job: Job, mark: str) -> str:
    environment = {"PATH": _PATH, "HOME": "/root", "LANG": "C.UTF-8", **job.environment}
    return _JOB.format(
        directory=shlex.quote(str(job.directory)),
        environment=shlex.join(f"{name}={value}" for name, value in environment.items()),
        command=shlex.join(job.argv),
        mark=mark,
    )


def _qemu(image: Path, initrd: Path, scratch: Path) -> list[str]:
    share = "local,path=/,mount_tag=machine,security_model=none,readonly=on,multidevs=remap"
    return [
        *("qemu-system-x86_64", "-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max"),
        *("-m", "2G", "-smp", "2", "-nodefaults", "-no-user-config", "-no-reboot", "-display", "none"),
        *("-kernel", str(image), "-initrd", str(initrd), "-append", QUIET),
        *("-serial", f"file:{scratch / 'console'}", "-serial", f"file:{scratch / 'output'}"),
        *("-virtfs", share),
    ]


def _answer(scratch: Path, mark: str) -> Answer:
    output = scratch / "output"
    text = output.read_text(errors="replace") if output.exists() else ""
    ended = re.search(rf"{mark} (\d+)\n", text)
    if ended is None:
        raise _silent("ended before the command did", scratch)
    return Answer(int(ended[1]), text[: ended.start()])


def _silent(what: str, scratch: Path) -> GuestSilentError:
    files = (scratch / name for name in ("qemu.log", "console", "output"))
    lines = [line for one in files if one.exists() for line in one.read_text(errors="replace").splitlines()]
    return GuestSilentError("\n".join([f"virtual machine: {what}", *lines[-40:]]))
