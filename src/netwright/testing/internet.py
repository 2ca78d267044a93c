"""The lab's internet: HTTP on port 80 and UDP on port 7, which tell each caller whom they see.

Run as `python -m netwright.testing.internet` in the namespace that plays the internet.
"""

from __future__ import annotations

import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Final

HTTP_PORT: Final = 80
UDP_PORT: Final = 7


class _Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        """The caller's address as a line of text."""
        body = f"{plain(self.client_address[0])}\n".encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    address_family = socket.AF_INET6
    daemon_threads = True


def plain(address: str) -> str:
    """An IPv4 address as such, where a socket of both families shows it mapped."""
    return address.removeprefix("::ffff:")


def echo(line: socket.socket) -> None:
    """Answers each datagram with its sender's address and what it held, for ever."""
    while True:
        data, sender = line.recvfrom(1 << 16)
        line.sendto(f"{plain(sender[0])} ".encode() + data, sender)


def main() -> None:
    """Serves until it is killed."""
    line = socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)
    line.bind(("::", UDP_PORT))
    threading.Thread(target=echo, args=(line,), name="udp-echo", daemon=True).start()
    _Server(("::", HTTP_PORT), _Page).serve_forever()


if __name__ == "__main__":
    main()
