"""A virtual machine run by libvirt's daemon, which makes its tap, under the port's name, on its bridge."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from netwright.kernel.nwfilter_libvirt import Connection
from netwright.model.ids import LinkName, Mac
from netwright.testing.guest_kernel import initramfs, kernel_image, newest_kernel
from netwright.testing.guest_line import GuestLine
from netwright.testing.guest_vm import KERNEL_CACHE, QUIET

_DOMAIN: Final = """
<domain type='qemu'>
  <name>{name}</name><uuid>{uuid}</uuid><memory unit='MiB'>128</memory><vcpu>1</vcpu>
  <os>
    <type arch='x86_64' machine='q35'>hvm</type>
    <kernel>{kernel}</kernel><initrd>{initrd}</initrd><cmdline>{cmdline}</cmdline>
  </os>
  <features><acpi/></features>
  <cpu mode='custom' match='exact' check='none'><model fallback='allow'>Nehalem</model></cpu>
  <on_poweroff>destroy</on_poweroff><on_reboot>destroy</on_reboot><on_crash>destroy</on_crash>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <controller type='usb' model='none'/><memballoon model='none'/>
    <serial type='file'><source path='{directory}/console'/><target port='0'/></serial>
    <serial type='unix'><source mode='bind' path='{directory}/obey.sock'/><target port='1'/></serial>
    {interface}
  </devices>
</domain>
"""


@dataclass(frozen=True, slots=True)
class Interface:
    """A domain's only interface: where its tap goes, and the filter that libvirt is to put on it."""

    bridge: LinkName
    link: LinkName
    mac: Mac
    filter: str

    @property
    def xml(self) -> str:
        """The domain's element."""
        return f"""<interface type='bridge'>
          <mac address='{self.mac}'/><source bridge='{self.bridge}'/><target dev='{self.link}'/>
          <model type='virtio'/><filterref filter='{self.filter}'/>
        </interface>"""


class LibvirtGuest:
    """Running once it is made. `directory` keeps its console and its initramfs; its path must be short.

    `interface` is the element of its only interface.
    """

    def __init__(self, connection: Connection, interface: str, directory: Path) -> None:
        release = newest_kernel()
        initrd = directory / "initramfs"
        initrd.write_bytes(initramfs(release))
        self._domain = connection.createXML(
            _DOMAIN.format(
                name=f"guest-{directory.name}",
                uuid=uuid.uuid4(),
                kernel=kernel_image(release, KERNEL_CACHE),
                initrd=initrd,
                cmdline=QUIET,
                directory=directory,
                interface=interface.replace("</interface>", "<rom enabled='no'/></interface>"),
            )
        )
        logs = (directory / "console",)
        self.line = GuestLine(directory / "obey.sock", logs, lambda: bool(self._domain.isActive()))

    def close(self) -> None:
        """Ends it at once, as a power cut would."""
        self.line.close()
        self._domain.destroy()
