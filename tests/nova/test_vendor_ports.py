"""ivs-ctl and fp-vdev, which no distribution ships: stand-in programs on PATH write down how they were called, and make the link."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from nova.net_hosts import NetHost

from netwright.model.errors import InvalidError, KernelRefusedError
from netwright.nova.linux_net import (
    create_fp_dev,
    create_ivs_vif_port,
    create_tap_dev,
    delete_fp_dev,
    delete_ivs_vif_port,
)
from netwright.testing.namespaces import ip

IDS = ("5d6e4f70-8192-a3b4-c5d6-e7f80fa1c3b2", "fa:16:3e:00:00:02", "0fa1c3b2-5d6e-4f70-8192-a3b4c5d6e7f8")
PROGRAM = """#!/bin/sh
echo "$(basename "$0") $*" >>'{record}'
[ ! -e '{record}.refuse' ] || {{ echo "no such bridge" >&2; exit 1; }}
case "$(basename "$0") $1" in
    "fp-vdev add") exec ip tuntap add "$2" mode tap ;;
    "fp-vdev del") exec ip link del "$2" ;;
esac
"""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Both programs, first on PATH; one line a call."""
    record = tmp_path / "calls"
    record.touch()
    for name in ("ivs-ctl", "fp-vdev"):
        assert shutil.which(name) is None, "the tests would change the machine's own switch"
        program = tmp_path / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(PROGRAM.format(record=record))
        program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"), prepend=":")
    return record


def test_an_ivs_port_is_added_and_deleted_by_ivs_ctl(place: NetHost, calls: Path) -> None:
    """`ivs-ctl add-port DEV`, then `ivs-ctl del-port DEV`, after which the link is gone."""
    create_tap_dev("tap1", on=place.on)
    create_ivs_vif_port("tap1", *IDS, on=place.on)
    assert calls.read_text() == "ivs-ctl add-port tap1\n"
    assert place.link("tap1")
    delete_ivs_vif_port("tap1", on=place.on)
    assert calls.read_text() == "ivs-ctl add-port tap1\nivs-ctl del-port tap1\n"
    assert not place.link("tap1")


def test_a_fast_path_device_is_made_and_deleted_by_fp_vdev(place: NetHost, calls: Path) -> None:
    """`fp-vdev add DEV --sockpath PATH --sockmode MODE`, once; the device has network_device_mtu and is up, also where an earlier call came no further than making it; `fp-vdev del DEV`, once."""
    host = place.with_options(network_device_mtu=1400)
    create_fp_dev("fp1", "/var/run/vhost/fp1.sock", "client", on=place.on)
    ip(place.name, "link", "set", "fp1", "down")
    create_fp_dev("fp1", "/var/run/vhost/fp1.sock", "client", on=host)
    said = "fp-vdev add fp1 --sockpath /var/run/vhost/fp1.sock --sockmode client\n"
    assert calls.read_text() == said
    assert "mtu 1400" in place.link("fp1")
    assert ",UP" in place.link("fp1")
    for _ in range(2):
        delete_fp_dev("fp1", on=host)
    assert calls.read_text() == f"{said}fp-vdev del fp1\n"
    assert not place.link("fp1")


def test_what_the_programs_say_is_told(place: NetHost, calls: Path) -> None:
    """A program that fails is a KernelRefusedError with its words; the link of an IVS port stays then."""
    calls.with_name("calls.refuse").touch()
    create_tap_dev("tap1", on=place.on)
    for call in (
        lambda: create_ivs_vif_port("tap1", *IDS, on=place.on),
        lambda: delete_ivs_vif_port("tap1", on=place.on),
        lambda: create_fp_dev("fp1", "/run/fp1.sock", "server", on=place.on),
        lambda: delete_fp_dev("tap1", on=place.on),
    ):
        with pytest.raises(KernelRefusedError, match="no such bridge"):
            call()
    assert place.link("tap1")


def test_that_nobody_ships_the_programs_is_said(place: NetHost) -> None:
    """Where they are not installed, which is almost everywhere, the error says so and whose they are."""
    with pytest.raises(KernelRefusedError, match=r"ivs-ctl is not installed.*Indigo"):
        create_ivs_vif_port("tap1", *IDS, on=place.on)
    with pytest.raises(KernelRefusedError, match=r"fp-vdev is not installed.*6WIND"):
        create_fp_dev("fp1", "/run/fp1.sock", "server", on=place.on)


def test_what_the_programs_would_misread_is_refused(place: NetHost, calls: Path) -> None:
    """Names that begin with a dash, sockets that are no path, modes that are none: InvalidError, and nothing runs."""
    for call in (
        lambda: create_ivs_vif_port("-x", *IDS, on=place.on),
        lambda: delete_ivs_vif_port("tap 1", on=place.on),
        lambda: create_fp_dev("--help", "/run/fp1.sock", "server", on=place.on),
        lambda: create_fp_dev("fp1", "run/fp1.sock", "server", on=place.on),
        lambda: create_fp_dev("fp1", "/run/" + "x" * 110, "server", on=place.on),
        lambda: create_fp_dev("fp1", "/run/fp1.sock", "both", on=place.on),
        lambda: delete_fp_dev("", on=place.on),
    ):
        with pytest.raises(InvalidError):
            call()
    assert calls.read_text() == ""


def test_a_fake_network_runs_no_program(place: NetHost, calls: Path) -> None:
    """With fake_network nothing is run."""
    host = place.with_options(fake_network=True)
    create_tap_dev("tap1", on=place.on)
    create_ivs_vif_port("tap1", *IDS, on=host)
    delete_ivs_vif_port("tap1", on=host)
    create_fp_dev("fp1", "/run/fp1.sock", "server", on=host)
    delete_fp_dev("tap1", on=host)
    assert calls.read_text() == ""
    assert place.link("tap1")
