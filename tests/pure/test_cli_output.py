"""What is printed, how it is escaped, and which exit code a script sees."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from netwright.cli.main import COMMANDS, main
from netwright.cli.output import plain_table
from netwright.cli.run import wants_json
from netwright.cli.text import cell, escaped, json_text, width
from netwright.testing.fake_api import FakeApi

if TYPE_CHECKING:
    from cli_fixtures import Cli  # pytest must import it first, to rewrite its assertions

pytest_plugins = ["cli_fixtures"]
HOSTILE = "a\x1b[2J\n\r\t\u202eb[red]x[/red]\x9b\x7f'\"`$(id)"
TEXT = st.text(st.characters(codec=None))
COMMAND = [sys.executable, "-m", "netwright"]
ENVIRONMENT = {**os.environ, "PYTHONPATH": "src"}


@given(TEXT)
def test_no_text_reaches_the_terminal_unescaped(text: str) -> None:
    """Whatever users wrote, tables hold only printable characters, and JSON gives back the same text."""
    assert escaped(text).isprintable()
    assert cell({text: [text]}).isprintable()
    assert json_text({"k": text}, indent=None).isprintable()
    assert json.loads(json_text([text])) == [text]


@given(st.lists(st.tuples(TEXT, TEXT), min_size=1))
def test_a_table_has_a_line_for_each_row(rows: list[tuple[str, str]]) -> None:
    """No text breaks out of its row, and the second column begins at one place."""
    shown = [[f"{cell(left)}|", f"|{cell(right)}"] for left, right in rows]
    lines = plain_table(shown).splitlines()
    assert len(lines) == len(rows)
    room = max(width(left) for left, _ in shown)
    starts = {width(line[: line.index("|  ") + 1] + " ") for line in lines if width(line) == room} or {0}
    assert len(starts) == 1


def test_hostile_names_are_shown_escaped_everywhere(cli: Cli) -> None:
    """A name full of control characters and markup is escaped in every format, and can still be used."""
    made = cli.ok("network", "create", HOSTILE)
    assert made["name"] == HOSTILE
    for words in (["network", "list"], ["network", "show", HOSTILE], ["network", "show", f"{HOSTILE}!"]):
        for form in ("table", "json", "yaml", "value"):
            ran = cli.run(*words, "-f", form)
            assert (ran.out + ran.err).replace("\n", "").isprintable()
    assert "[red]x[/red]" in cli.run("network", "list").out
    assert yaml.safe_load(cli.run("network", "list", "-f", "yaml").out) == cli.ok("network", "list")


def test_formats_give_the_objects_unchanged(cli: Cli, api: FakeApi) -> None:
    """JSON and YAML are the API's objects as they are, without the columns that tables add."""
    made = cli.ok("network", "create", "zürich", "--cidr", "10.20.0.0/24")["network"]
    _, answer = api.answer("GET", f"/v2.0/networks/{made['id']}", None)
    assert made == answer["network"]
    assert cli.ok("network", "list") == [made]
    assert yaml.safe_load(cli.run("network", "show", "zürich", "-f", "yaml").out) == made
    assert "zürich" in cli.run("network", "show", "zürich", "-f", "yaml").out


def test_columns_and_quiet(cli: Cli) -> None:
    """--column picks by heading or attribute, --quiet prints ids only, an unknown column is bad input."""
    one, two = (
        cli.ok("network", "create", name, "--cidr", f"10.{n}.0.0/24")["network"]
        for n, name in enumerate("ab")
    )
    assert cli.run("network", "list", "-q").out == f"{one['id']}\n{two['id']}\n"
    assert (
        cli.run("network", "list", "-c", "Name", "-c", "subnets", "-f", "value").out
        == "a 10.0.0.0/24\nb 10.1.0.0/24\n"
    )
    assert cli.ok("network", "list", "-c", "mtu", "-c", "name") == [{"mtu": 1500, "name": n} for n in "ab"]
    assert cli.run("network", "show", "a", "-c", "mtu", "-f", "value").out == "1500\n"
    assert cli.run("network", "create", "c", "--cidr", "10.9.0.0/24", "-q").out.count("\n") == 1
    assert cli.run("network", "list", "-c", "nothing").code == 2


def test_piped_tables_are_plain_and_whole(cli: Cli) -> None:
    """Without a terminal a list is aligned text, however long the names are."""
    made = cli.ok("network", "create", "x" * 250)
    head, row = cli.run("network", "list").out.splitlines()
    assert (made["id"] in row, "x" * 250 in row) == (True, True)
    assert re.match(r"ID +NAME +SUBNETS", head)
    assert row.index("x") == head.index("NAME")


def test_a_narrow_terminal_breaks_no_id(cli: Cli) -> None:
    """On a terminal of 60 columns ids and addresses still stand on one line, and markup stays text."""
    made = cli.ok(
        "network", "create", "[red]long name of a network[/red] " * 3, "--cidr", "fd00:1234:5678:9abc::/64"
    )
    shown = _on_terminal([*COMMAND, "--server", cli.server, "network", "list"], columns=60)
    assert made["network"]["id"] in shown
    assert "fd00:1234:5678:9abc::/64" in shown
    assert "[red]long" in shown
    assert made["subnets"][0]["id"] in _on_terminal(
        [*COMMAND, "--server", cli.server, "network", "show", made["network"]["id"]], columns=40
    )


def _on_terminal(argv: list[str], columns: int) -> str:
    """What a command prints with a terminal as its stdout."""
    ours, theirs = pty.openpty()
    environment = {**ENVIRONMENT, "COLUMNS": str(columns), "TERM": "xterm"}
    done = subprocess.run(argv, env=environment, stdout=theirs, stderr=subprocess.PIPE, check=False)
    os.close(theirs)
    text = b""
    try:
        while chunk := os.read(ours, 65536):
            text += chunk
    except OSError:
        pass
    os.close(ours)
    assert done.returncode == 0, done.stderr
    return text.decode()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("network list", 0),
        ("network show nope", 3),
        ("network show 00000000-0000-4000-8000-000000000000", 3),
        ("port create --network nope", 3),
        ("network create", 2),
        ("network create a --mtu many", 2),
        ("network create a --cidr 10.0.0.0", 2),
        ("network frobnicate", 2),
        ("nonsense", 2),
        ("network set a", 3),
        ("--help", 0),
        ("network", 2),
    ],
)
def test_exit_codes(cli: Cli, words: str, code: int) -> None:
    """Each way of failing has its own exit code, and says why in one line."""
    ran = cli.run(*words.split())
    assert ran.code == code
    if code and words != "network":
        assert re.fullmatch(r"netwright: .+\n", ran.err)
        assert ran.out == ""
        as_json = cli.run(*words.split(), "-f", "json")
        assert as_json.code == code
        assert json.loads(as_json.err)["error"].keys() == {"type", "message"}


def test_the_servers_words_reach_the_user(cli: Cli) -> None:
    """An error of the API comes with its own type and message; 400 is 2, 409 is 4."""
    ran = cli.run("network", "create", "x" * 256)
    assert ran.code == 2
    assert "Invalid input for name" in ran.err
    cli.ok("network", "create", "a", "--cidr", "10.0.0.0/24")
    ran = cli.run("network", "create", "b", "--cidr", "10.0.0.0/25", "--format=json")
    assert ran.code == 4
    assert json.loads(ran.err)["error"]["type"] == "OverlappingCidr"


@pytest.mark.parametrize("server", ["/nowhere/api.sock", "http://127.0.0.1:1", "unix:/" + "x" * 200])
def test_a_server_that_is_not_there(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a server the exit code is 5 and the message names the way out."""
    assert main(["--server", server, "network", "list"]) == 5
    err = capsys.readouterr().err
    assert "netwright up" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("server", ["ftp://x", "http://", "http://[::1", "relative.sock", "http://x:y"])
def test_a_server_that_cannot_be(server: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A place that is neither a path nor a URL is bad input."""
    assert main(["--server", server, "network", "list"]) == 2
    assert capsys.readouterr().err.startswith("netwright: ")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (b"", 5),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n<html", 1),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", 1),
        (b"HTTP/1.1 502 Bad\r\nContent-Length: 2\r\n\r\n{}", 1),
        (b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n{}", 3),
        (b"garbage\r\n\r\n", 5),
    ],
)
def test_a_server_that_talks_nonsense(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], said: bytes, code: int
) -> None:
    """Answers that are not the Networking API's end in one line and an exit code, never a traceback."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        child = os.fork()
        if child == 0:
            connection, _ = listener.accept()
            connection.recv(65536)
            connection.sendall(said)
            os._exit(0)
        assert main(["--server", str(path), "network", "list"]) == code
        os.waitpid(child, 0)
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_the_servers_place_comes_from_the_environment(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """NETWRIGHT_SERVER names the server where --server does not."""
    monkeypatch.setenv("NETWRIGHT_SERVER", cli.server)
    assert main(["network", "list", "-q"]) == 0


def test_status_tells_a_sick_host(cli: Cli, api: FakeApi) -> None:
    """`status` is 0 while every host converged lately, else 1 with what is pending."""
    assert cli.run("status").code == 0
    api.failures.append({"stage": "dnsmasq", "said": "port\n53 taken", "pending": 2})
    ran = cli.run("status")
    assert ran.code == 1
    assert r"  dnsmasq=port\n53 taken (2 pending)" in ran.out
    api.failures.clear()
    api.last_seen = "2020-01-01T00:00:00Z"
    assert cli.run("status").code == 1
    ran = cli.run("status", "-f", "json")
    assert (ran.code, ran.json["hosts"][0]["name"]) == (1, "h1")


def test_names_are_completed_from_the_server(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    """The shell is offered names and ids that it can take as they are, and no others."""
    blue = cli.ok("network", "create", "blue")["id"]
    evil = cli.ok("network", "create", "b$(reboot)")["id"]
    monkeypatch.setenv("NETWRIGHT_SERVER", cli.server)
    assert _completed(cli, monkeypatch, "netwright network show b") == {"blue"} | {
        one for one in (blue, evil) if one.startswith("b")
    }
    assert _completed(cli, monkeypatch, f"netwright network show {evil[:6]}") == {evil}
    assert _completed(cli, monkeypatch, "netwright network show ") == {"blue", evil}
    assert _completed(cli, monkeypatch, "netwright port create --network bl") == {"blue"}
    assert _completed(cli, monkeypatch, "netwright sec") == {"security-group"}
    monkeypatch.setenv("NETWRIGHT_SERVER", "/nowhere")
    assert _completed(cli, monkeypatch, "netwright network show b") == set()


def _completed(cli: Cli, monkeypatch: pytest.MonkeyPatch, line: str) -> set[str]:
    words = line.split(" ")
    with monkeypatch.context() as patch:
        patch.setenv("_NETWRIGHT_COMPLETE", "bash_complete")
        patch.setenv("COMP_WORDS", line)
        patch.setenv("COMP_CWORD", str(len(words) - 1))
        cli.capsys.readouterr()
        main([])
    return {offer.removeprefix("plain,") for offer in cli.capsys.readouterr().out.split()}


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts(cli: Cli, shell: str) -> None:
    """Each shell's script asks the command itself."""
    assert f"_NETWRIGHT_COMPLETE={shell}_complete" in cli.run("completion", shell).out


def test_a_closed_pipe_and_an_interrupt_are_quiet(cli: Cli, tmp_path: Path) -> None:
    """Neither `| head` nor Ctrl-C leaves a word on stderr."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [*COMMAND, "--help"], env=ENVIRONMENT, stdout=writer, stderr=subprocess.PIPE, check=False
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")
    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(tmp_path / "s"))
        silent.listen()
        # Who runs the tests in the background has shells that leave SIGINT ignored to all that they start.
        heeding = ["env", "--default-signal=INT"]
        argv = [*heeding, *COMMAND, "--server", str(tmp_path / "s"), "network", "list"]
        waiting = subprocess.Popen(argv, env=ENVIRONMENT, stderr=subprocess.PIPE)
        connection, _ = silent.accept()
        time.sleep(0.05)
        waiting.send_signal(signal.SIGINT)
        assert (waiting.wait(10), waiting.communicate()[1]) == (130, b"")
        connection.close()


def test_a_spinner_shows_only_where_a_person_waits(tmp_path: Path) -> None:
    """A request of over a second is explained on a terminal's stderr; stdout and pipes stay clean."""
    path = tmp_path / "s"
    ours, theirs = pty.openpty()
    with socket.socket(socket.AF_UNIX) as slow:
        slow.bind(str(path))
        slow.listen()
        argv = [*COMMAND, "--server", str(path), "network", "list", "-q"]
        shown, silent = (
            subprocess.Popen(
                argv, env={**ENVIRONMENT, "TERM": "xterm"}, stdout=subprocess.PIPE, stderr=stderr
            )
            for stderr in (theirs, subprocess.PIPE)
        )
        waiting = [slow.accept()[0] for _ in range(2)]
        time.sleep(1.3)
        for connection in waiting:
            connection.recv(65536)
            connection.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 15\r\n\r\n{"networks":[]}')
        assert shown.communicate(timeout=10)[0] == b""
        assert silent.communicate(timeout=10) == (b"", b"")
        for connection in waiting:
            connection.close()
    assert b"waiting for" in os.read(ours, 65536)
    os.close(ours)
    os.close(theirs)


def test_arguments_that_are_not_text(cli: Cli) -> None:
    """Bytes that are not UTF-8 are bad input, not a traceback."""
    assert cli.run("network", "create", os.fsdecode(b"\xff\xfe")).code == 2


@pytest.mark.parametrize(
    ("arguments", "asked"),
    [
        (["-f", "json"], True),
        (["--format=json"], True),
        (["-f", "yaml"], False),
        (["--", "-f", "json"], False),
        ([], False),
    ],
)
def test_wants_json(arguments: list[str], asked: bool) -> None:
    """Errors know the format that was asked for, even when the command line cannot be read."""
    assert wants_json(arguments) is asked


def test_help_imports_no_command() -> None:
    """`--help` stays fast: it loads neither a noun nor rich nor an HTTP client's weight of them."""
    code = (
        "import sys; from netwright.cli.main import main; main(['--help']); "
        "print([m for m in sys.modules if m.startswith('rich') or m in "
        f"{[row.module for row in COMMANDS.values() if not row.module.endswith('completion')]!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=ENVIRONMENT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"
