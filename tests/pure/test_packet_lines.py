"""Lines of the packet log, whatever the packet; and the file that they are in."""

from __future__ import annotations

import json
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.agent.log_file import LogFile
from netwright.agent.packet_lines import Around, line_of
from netwright.kernel.nflog import LoggedPacket
from netwright.model.ids import HostName, LinkName, Mac
from netwright.testing import frames
from netwright.testing.frames import End

PREFIX = "00000001-1091-4000-8000-000000000042 DROP ingress"
NOWHERE = Around(HostName("h"), lambda _: None, lambda _: None, lambda *_: False)
ONE, TWO = (End(Mac(f"02:00:00:00:00:0{n}"), ip_address(f"fd00::{n}")) for n in (1, 2))


def packet(frame: bytes, prefix: str = PREFIX) -> LoggedPacket:
    kind = int.from_bytes(frame[12:14], "big")
    return LoggedPacket(prefix, kind, LinkName(""), LinkName("tap0"), frame[:14], frame[14:142])


@given(
    header=st.binary(max_size=40),
    body=st.binary(max_size=128),
    kind=st.sampled_from([0x0800, 0x86DD, 0x0806, 0, 0xFFFF]),
)
def test_any_packet_is_one_line(header: bytes, body: bytes, kind: int) -> None:
    """Whatever a guest sends, cut anywhere, is one line of ASCII that reads back as JSON."""
    logged = LoggedPacket(PREFIX, kind, LinkName(""), LinkName("x"), header, body)
    line = line_of(logged, NOWHERE, 1.0)
    assert line is not None
    assert line.isascii()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert json.loads(line)["time"] == "1970-01-01T00:00:01.000+00:00"


@given(prefix=st.text(max_size=60))
def test_packets_that_others_log_are_not_ours(prefix: str) -> None:
    """A prefix that our rules do not write makes no line."""
    assert line_of(packet(frames.udp(ONE, TWO, (1, 2)), prefix), NOWHERE, 1.0) is None


def test_headers_behind_extensions_are_found() -> None:
    """Ports behind IPv6 options are told; those of a later fragment, which are not there, are not."""
    whole = frames.udp(ONE, TWO, (1, 2))
    inner = whole[54:]
    options = frames.ip(ONE, TWO, 60, bytes([17, 0, 1, 4, 0, 0, 0, 0]) + inner)
    later = frames.ip(ONE, TWO, 44, bytes([17, 0, 0, 8, 0, 0, 0, 1]) + inner)
    read = [json.loads(line_of(packet(frame), NOWHERE, 1.0) or b"") for frame in (whole, options, later)]
    assert [line["protocol"] for line in read] == [17, 17, 17]
    assert [line.get("destination_port") for line in read] == [2, 2, None]


def test_a_full_file_is_put_aside(tmp_path: Path) -> None:
    """No file grows beyond its size, the newest lines are there, and the oldest files go."""
    log = LogFile(tmp_path, size=100, kept=2)
    for number in range(40):
        log.write(f"{number:09}\n".encode())
    log.close()
    log = LogFile(tmp_path, size=100, kept=2)
    log.write(b"next\n")
    log.close()
    files = {path.name: path.read_bytes().splitlines() for path in tmp_path.iterdir()}
    assert sorted(files) == ["packets.log", "packets.log.1", "packets.log.2"]
    assert files["packets.log"] == [b"next"]
    numbers = [int(line) for name in ("packets.log.2", "packets.log.1") for line in files[name]]
    assert numbers == list(range(20, 40))


def test_a_full_disk_leaves_no_half_line(tmp_path: Path) -> None:
    """What cannot be written whole is refused."""
    (tmp_path / "packets.log").symlink_to("/dev/full")
    log = LogFile(tmp_path, size=100, kept=2)
    with pytest.raises(OSError, match="No space left"):
        log.write(b"line\n")
    log.close()
