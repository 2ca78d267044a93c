"""MiniDNS's file: nova's format, whole at every moment."""

from __future__ import annotations

import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.nova.minidns import MiniDNS
from netwright.nova.options import NetworkOptions
from netwright.testing.namespaces import eventually


def test_the_file_is_novas(tmp_path: Path) -> None:
    """It has the header, a line for each domain and entry with three blanks between words, names in lower case."""
    driver = MiniDNS(NetworkOptions(state_path=tmp_path))
    assert driver.filename == tmp_path / "dnstest.txt"
    assert driver.filename.read_text() == "#  minidns\n\n\n"
    driver.create_domain("Example.org")
    driver.create_entry("WWW", "192.0.2.7", "a", "example.org")
    assert driver.filename.read_text() == (
        "#  minidns\n\n\ndomain   example.org   domain\n192.0.2.7   www.example.org   A\n"
    )


def test_a_file_of_novas_is_gone_on_with(tmp_path: Path) -> None:
    """Entries that nova wrote are known; comments and lines that mean nothing stay where they were."""
    file = tmp_path / "names"
    written = (
        b"#  minidns\n# by hand \xff\ndomain   example.org   domain\n\n192.0.2.7   www.example.org   a\nnonsense\n"
        b"192.0.2.9   mail.example.org   mx\n192.0.2.8   Ftp.example.org   A"
    )
    file.write_bytes(written)
    driver = MiniDNS(NetworkOptions(minidns_file=file))
    assert driver.get_domains() == ["example.org"]
    assert driver.get_entries_by_address("192.0.2.7", "example.org") == ["www"]
    assert driver.get_entries_by_name("ftp", "example.org") == ["192.0.2.8"]
    driver.delete_entry("www", "example.org")
    kept = [line for line in written.lower().split(b"\n") if b"www" not in line]
    assert file.read_bytes().lower().split(b"\n") == [*kept, b""]


def test_only_addresses_of_ipv4(tmp_path: Path) -> None:
    """Records of other types are refused by the name that nova gave the reason."""
    driver = MiniDNS(NetworkOptions(state_path=tmp_path))
    with pytest.raises(InvalidError, match="only supports type 'a'"):
        driver.create_entry("www", "2001:db8::7", "AAAA", "example.org")


def test_a_deleted_file_begins_anew(tmp_path: Path) -> None:
    """After delete_dns_file nothing is known, and names can be added again."""
    driver = MiniDNS(NetworkOptions(state_path=tmp_path))
    driver.create_entry("www", "192.0.2.7", "A", "example.org")
    driver.delete_dns_file()
    driver.delete_dns_file()
    assert driver.get_entries_by_name("www", "example.org") == []
    driver.create_entry("www", "192.0.2.8", "A", "example.org")
    assert driver.filename.read_text() == "#  minidns\n\n\n192.0.2.8   www.example.org   A\n"


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    """A directory that cannot be made is a refusal with its name, and no traceback of the system's."""
    (tmp_path / "file").touch()
    with pytest.raises(KernelRefusedError, match="file"):
        MiniDNS(NetworkOptions(state_path=tmp_path / "file"))


def test_a_reader_has_the_whole_of_one_moment(tmp_path: Path) -> None:
    """Who opened the file before a change reads it to its end as it was: it is replaced, never written over."""
    driver = MiniDNS(NetworkOptions(state_path=tmp_path))
    driver.create_entry("www", "192.0.2.7", "A", "example.org")
    before = driver.filename.read_text()
    with driver.filename.open() as opened:
        driver.delete_entry("www", "example.org")
        assert opened.read() == before


def test_killed_writers_leave_a_whole_file(tmp_path: Path) -> None:
    """Processes that write at once lose nothing; one killed at any moment leaves all lines whole, and no lock."""
    options = NetworkOptions(state_path=tmp_path)
    driver = MiniDNS(options)
    spawn = multiprocessing.get_context("fork")
    victims = [spawn.Process(target=_write, args=(options, name, 10**6)) for name in ("v", "w")]
    steady = [spawn.Process(target=_write, args=(options, name, 25)) for name in ("a", "b")]
    for process in [*victims, *steady]:
        process.start()
    assert eventually(lambda: all(driver.get_entries_by_name(f"{one}9", "x.org") for one in "vwab"), 60)
    for victim in victims:
        assert victim.pid
        os.kill(victim.pid, signal.SIGKILL)
    for process in [*victims, *steady]:
        process.join()
    for name in ("a", "b"):
        assert len(driver.get_entries_by_address(f"192.0.2.{ord(name)}", "x.org")) == 25
    lines = driver.filename.read_text().split("\n")
    assert lines[:3] == ["#  minidns", "", ""]
    assert lines.pop() == ""
    assert all(len(line.split()) == 3 and line.endswith("   A") for line in lines[3:])


def _write(options: NetworkOptions, name: str, count: int) -> None:
    driver = MiniDNS(options)
    for number in range(count):
        driver.create_entry(f"{name}{number}", f"192.0.2.{ord(name)}", "A", "x.org")
