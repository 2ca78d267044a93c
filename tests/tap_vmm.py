"""What a Firecracker does to its tap, as a program: opens it by name and asks who has an address.

`tap_vmm.py TAP MAC ADDRESS WHO`: prints the MAC that WHO answers with. Source: Firecracker's Tap::open_named
(IFF_TAP, IFF_NO_PI, IFF_VNET_HDR), set_offload and set_vnet_hdr_size.
"""

from __future__ import annotations

import fcntl
import os
import select
import socket
import struct
import sys
import time

TUNSETIFF, TUNSETOFFLOAD, TUNSETVNETHDRSZ = 0x400454CA, 0x400454D0, 0x400454D8
FLAGS = 0x0002 | 0x1000 | 0x4000
CSUM_AND_TSO4 = 0x01 | 0x02
HEADER = 12
PATIENCE = 10.0


def main(tap: str, mac: str, address: str, who: str) -> int:
    device = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(device, TUNSETIFF, struct.pack("16sH22x", tap.encode(), FLAGS))
    fcntl.ioctl(device, TUNSETOFFLOAD, CSUM_AND_TSO4)
    fcntl.ioctl(device, TUNSETVNETHDRSZ, struct.pack("i", HEADER))
    own, wanted = bytes.fromhex(mac.replace(":", "")), socket.inet_aton(who)
    arp = struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + own + socket.inet_aton(address) + bytes(6) + wanted
    frame = bytes(HEADER) + b"\xff" * 6 + own + struct.pack(">H", 0x0806) + arp
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        os.write(device, frame.ljust(HEADER + 60, b"\0"))
        while select.select([device], [], [], 0.5)[0]:
            got = os.read(device, 65536)[HEADER:]
            if got[12:14] == b"\x08\x06" and got[20:22] == b"\0\2" and got[28:32] == wanted:
                sys.stdout.write(got[22:28].hex(":"))
                return 0
    return 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
