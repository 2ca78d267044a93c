"""Debian's own kernel and busybox as a guest that boots in seconds: a kernel image and an initramfs.

The initramfs is made here, in memory: busybox, the few modules that the kernel does not have built in,
and a script that gets an address by DHCP, asks the metadata service who it is, serves HTTP on port 80
and runs the commands that come in on its second serial port.
"""

from __future__ import annotations

import gzip
import hashlib
import lzma
import shutil
import struct
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from netwright.model.errors import NetwrightError

BOOT: Final = Path("/boot")
MODULES: Final = Path("/lib/modules")
_NEEDED: Final = ("virtio_pci", "virtio_net", "af_packet")
_XZ: Final = b"\xfd7zXZ\0"
_GZIP: Final = b"\x1f\x8b"

_INIT: Final = r"""#!/bin/busybox sh
/bin/busybox --install -s /bin; export PATH=/bin
mount -t proc proc /proc; mount -t sysfs sys /sys; mount -t devtmpfs dev /dev
exec </dev/console >/dev/console 2>&1
while read -r module; do insmod "$module"; done </modules
ip link set lo up; ip link set eth0 up
stty -F /dev/ttyS1 raw -echo
mkdir -p /www /etc /run; echo "not yet" >/www/index.html; httpd -p 80 -h /www
udhcpc -i eth0 -b -S -t 60 -T 1 -A 1 -s /dhcp -O staticroutes -O mtu -x hostname:guest >/dev/null 2>&1 &
exec /obey </dev/ttyS1 >/dev/ttyS1
"""
_OBEY: Final = r"""#!/bin/busybox sh
echo hello
while read -r number command; do
    sh -c "$command" >/run/out 2>&1 </dev/null
    echo "$number $? $(wc -c </run/out)"; cat /run/out
done
"""
_DHCP: Final = r"""#!/bin/busybox sh
[ "$1" = bound ] || [ "$1" = renew ] || exit 0
[ -z "$mtu" ] || ip link set "$interface" mtu "$mtu"
ip -4 address flush dev "$interface"; ip address add "$ip/${mask:-24}" dev "$interface"
if [ "$staticroutes" ]; then
    set -- $staticroutes
    while [ "$2" ]; do
        via="via $2"; [ "$2" != 0.0.0.0 ] || via=
        ip route replace "$1" $via dev "$interface"; shift 2
    done
else
    for one in $router; do ip route replace default via "$one" dev "$interface"; done
fi
{
    [ -z "$domain" ] || echo "search $domain"
    for one in $dns; do echo "nameserver $one"; done
} >/etc/resolv.conf
env >/run/lease
(
    until name=$(wget -qO- http://169.254.169.254/latest/meta-data/hostname); do sleep 1; done
    hostname "$name"; echo "This is $name at $ip." >/www/index.html
) 2>/dev/null &
"""


class GuestMissingError(NetwrightError):
    """Something that a guest is made of is not on this machine; the message says which package has it."""


def newest_kernel(boot: Path = BOOT, modules: Path = MODULES) -> str:
    """The newest release with an image and modules. Raises GuestMissingError."""
    found = [path.name.removeprefix("vmlinuz-") for path in boot.glob("vmlinuz-*")]
    usable = [release for release in found if (modules / release).is_dir()]
    if not usable:
        raise GuestMissingError(f"no kernel in {boot} with modules in {modules}: install linux-image-amd64")
    return max(usable, key=_version)


def kernel_image(release: str, cache: Path) -> Path:
    """The kernel as an ELF file in `cache`, or as it is installed where it cannot be taken out of that.

    QEMU starts an ELF kernel directly (PVH); a guest under emulation needs 3 s to unpack a bzImage.
    """
    packed = BOOT / f"vmlinuz-{release}"
    state = packed.stat()
    digest = hashlib.sha256(f"{release} {state.st_size} {state.st_mtime_ns}".encode()).hexdigest()[:16]
    image = cache / f"vmlinux-{digest}"
    if image.exists():
        return image
    elf = _elf_of(packed.read_bytes())
    if elf is None:
        return packed
    cache.mkdir(parents=True, exist_ok=True)
    fresh = image.with_suffix(".new")
    fresh.write_bytes(elf)
    fresh.replace(image)
    return image


def initramfs(release: str) -> bytes:
    """A guest's whole file system for that kernel, as a cpio archive. Raises GuestMissingError."""
    return initramfs_of(release, _NEEDED, {"init": _INIT, "obey": _OBEY, "dhcp": _DHCP})


def initramfs_of(release: str, modules: Sequence[str], programs: Mapping[str, str]) -> bytes:
    """busybox, those modules and those that they need, and programs at the root, as a cpio archive.

    Raises GuestMissingError.
    """
    archive = Cpio()
    for directory in ("bin", "dev", "proc", "sys", "modules.d"):
        archive.add(directory, mode=0o040755)
    archive.add("dev/console", mode=0o020600, device=(5, 1))
    archive.add("bin/busybox", busybox().read_bytes())
    _add_modules(archive, release, modules)
    for name, text in programs.items():
        archive.add(name, text.encode())
    return archive.finish()


def _add_modules(archive: Cpio, release: str, names: Sequence[str]) -> None:
    """Also their paths in loading order, as `modules`. Those that are built in are left out."""
    paths = []
    for number, path in enumerate(_modules(release, names)):
        paths.append(f"/modules.d/{number:02}.ko")
        archive.add(paths[-1].lstrip("/"), _module(path))
    archive.add("modules", "".join(f"{path}\n" for path in paths).encode(), mode=0o100644)


def _version(release: str) -> tuple[int, ...]:
    numbers = "".join(char if char.isdigit() else " " for char in release)
    return tuple(map(int, numbers.split()))


def _elf_of(image: bytes) -> bytes | None:
    """The payload of a bzImage (Linux x86 boot protocol 2.08: payload_offset, payload_length)."""
    setup = ((image[0x1F1] or 4) + 1) * 512
    offset, length = struct.unpack_from("<II", image, 0x248)
    payload = image[setup + offset : setup + offset + length]
    if payload.startswith(_XZ):
        return lzma.LZMADecompressor().decompress(payload)
    if payload.startswith(_GZIP):
        return gzip.decompress(payload[:-4])  # the last four bytes are its length
    return None


def busybox() -> Path:
    """A static one: there is no C library in the guest."""
    found = shutil.which("busybox", path="/bin:/usr/bin")
    if found is None:
        raise GuestMissingError("no busybox: install busybox-static")
    return Path(found)


def _modules(release: str, names: Sequence[str]) -> Sequence[Path]:
    """The modules that are not built in, each after those that it needs."""
    argv = ["modprobe", "--set-version", release, "--show-depends", "--all", *names]
    listed = subprocess.run(
        argv, capture_output=True, text=True, check=False, env={"PATH": "/usr/sbin:/sbin"}
    )
    if listed.returncode != 0:
        raise GuestMissingError(f"modprobe --show-depends: {listed.stderr.strip()}")
    lines = (line.split() for line in listed.stdout.splitlines())
    return list(dict.fromkeys(Path(words[1]) for words in lines if words[0] == "insmod"))


def _module(path: Path) -> bytes:
    return lzma.decompress(path.read_bytes()) if path.suffix == ".xz" else path.read_bytes()


class Cpio:
    """An archive in the "newc" format (Linux: Documentation/driver-api/early-userspace/buffer-format)."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._count = 0

    def add(
        self, name: str, data: bytes = b"", *, mode: int = 0o100755, device: tuple[int, int] = (0, 0)
    ) -> None:
        self._count += 1
        path = name.encode() + b"\0"
        numbers = (self._count, mode, 0, 0, 1, 0, len(data), 0, 0, *device, len(path), 0)
        head = b"070701" + b"".join(b"%08x" % number for number in numbers)
        self._parts += [_padded(head + path), _padded(data)]

    def finish(self) -> bytes:
        self.add("TRAILER!!!", mode=0)
        return b"".join(self._parts)


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (-len(data) % 4)
