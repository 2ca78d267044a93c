"""Passwords, tokens' lives, guesses, and what requests show."""

from __future__ import annotations

import base64
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netwright.api.identify import NamePassword, Secret, proof_of
from netwright.cli.credentials import headers_of
from netwright.control import passwords
from netwright.control.attempts import FREE, LONGEST_S, Attempts, place_of
from netwright.control.known import Identities, Known
from netwright.model.caller import Role
from netwright.model.errors import InvalidError, UnauthorizedError
from netwright.model.identity import TOKEN_LIFE, role_name, roles_within, token_end

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "password", ["short", "x" * 2000, "ann-ann-ann", "a\nlong password", "a\0long password"]
)
def test_passwords_that_are_no_good_are_refused(password: str) -> None:
    """Too short, too long, not to be typed, or the user's own name: none of them is taken."""
    with pytest.raises(InvalidError):
        passwords.checked(password, "Ann-ann-ann")


def test_a_password_is_any_text_that_can_be_typed() -> None:
    """Letters of any script and spaces are as good as others."""
    assert passwords.checked("пароль и ещё", "ann") == "пароль и ещё"


def test_only_the_password_matches_its_hash() -> None:
    """The hash says argon2id, holds for its password only, and nobody's holds for none."""
    hasher = passwords.Passwords()
    made = hasher.hash("correct horse")
    assert made.startswith("$argon2id$")
    assert hasher.match("correct horse", made)
    assert not hasher.match("correct horse ", made)
    assert not hasher.match("correct horse", None)
    assert not hasher.match("correct horse", "$argon2id$nonsense")


def test_a_token_never_outlives_what_it_was_given_for() -> None:
    """It ends with its own life, or with the token or credential before it if that is sooner."""
    assert token_end(NOW, None) == NOW + TOKEN_LIFE
    assert token_end(NOW, NOW + timedelta(days=1)) == NOW + TOKEN_LIFE
    assert token_end(NOW, NOW + timedelta(minutes=1)) == NOW + timedelta(minutes=1)


def test_each_role_has_those_below_it() -> None:
    """An admin is a member too, and a member a reader."""
    assert roles_within(Role.ADMIN) == ("admin", "member", "reader")
    assert roles_within(Role.READER) == ("reader",)
    assert [role_name(role) for role in (Role.ADMIN, Role.MEMBER, Role.READER)] == [
        "admin",
        "member",
        "reader",
    ]


def test_guessing_gets_slower_for_who_guesses_and_for_nobody_else() -> None:
    """After some wrong passwords in a row each costs more waiting, up to a bound; others wait for nothing."""
    attempts = Attempts()
    for number in range(FREE):
        assert attempts.wait_s("mallory", "ann", number) == 0
        attempts.failed("mallory", "ann", number)
    assert attempts.wait_s("mallory", "ann", FREE - 1) > 0
    assert attempts.wait_s("ann", "ann", FREE) == 0
    assert attempts.wait_s("mallory", "bob", FREE) == 0
    for _ in range(40):
        attempts.failed("mallory", "ann", 100)
    assert attempts.wait_s("mallory", "ann", 100) == LONGEST_S
    attempts.succeeded("mallory", "ann")
    assert attempts.wait_s("mallory", "ann", 100) == 0


def test_guesses_are_forgotten_in_time() -> None:
    """What was wrong long ago costs nothing now."""
    attempts = Attempts()
    for _ in range(FREE + 1):
        attempts.failed("ann", "ann", 0)
    assert attempts.wait_s("ann", "ann", 1e6) == 0
    attempts.failed("ann", "ann", 1e6)
    assert attempts.wait_s("ann", "ann", 1e6) == 0


def test_nothing_remembered_outlives_a_change() -> None:
    """A change here, or one that another process made, makes everything known of before unknown."""
    identities, known = Identities(), Known[str]()
    revision = 7
    known.put("digest", number := identities.look(lambda: revision), "ann")
    assert known.get("digest", identities.look(lambda: revision)) == "ann"
    identities.changed()
    assert known.get("digest", identities.look(lambda: revision)) is None
    assert identities.look(lambda: revision) != number


@given(st.text(max_size=40), st.text(max_size=40))
def test_what_is_shown_is_read_or_refused(scheme: str, given_text: str) -> None:
    """Whatever stands in Authorization is a proof, none, or refused: never anything else."""
    with suppress(UnauthorizedError):
        assert isinstance(proof_of({"authorization": f"{scheme} {given_text}"}), Secret | NamePassword | None)


@given(st.text(st.characters(exclude_characters=":", codec="utf-8"), min_size=1, max_size=20), st.text(
    st.characters(codec="utf-8"), max_size=20))  # fmt: skip
def test_names_and_passwords_arrive_as_they_were_sent(name: str, password: str) -> None:
    """HTTP basic carries any name without a colon, and any password."""
    pair = base64.b64encode(f"{name}:{password}".encode()).decode()
    assert proof_of({"authorization": f"Basic {pair}"}) == NamePassword(name, password)


def test_the_command_shows_what_it_was_given() -> None:
    """A token first, else a secret of the environment, else name and password with the project; else nothing."""
    known = {"OS_USERNAME": "ann", "OS_PASSWORD": "secret", "OS_PROJECT_NAME": "blue"}
    assert headers_of("t", None, known) == {"X-Auth-Token": "t"}
    shown = headers_of(None, None, known)
    assert shown["X-Project-Name"] == "blue"
    assert proof_of({name.lower(): value for name, value in shown.items()}) == NamePassword("ann", "secret")
    secret = {**known, "OS_APPLICATION_CREDENTIAL_SECRET": "s"}
    assert headers_of(None, None, secret) == {"X-Auth-Token": "s"}
    assert headers_of(None, None, {"OS_USERNAME": "ann"}) == {}


def test_clouds_yaml_says_who_asks(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entry's auth is shown; an entry that is not there is an error that names it."""
    (tmp_path / "clouds.yaml").write_text(
        "clouds: {here: {auth: {username: ann, password: secret, project_id: p1}}}"
    )
    monkeypatch.chdir(tmp_path)
    assert headers_of(None, "here", {})["X-Project-Id"] == "p1"
    with pytest.raises(InvalidError, match="nowhere"):
        headers_of(None, "nowhere", {})


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("127.0.0.1", "127.9.8.7", True),
        ("127.0.0.1", "::1", True),
        ("127.0.0.1", "::ffff:127.0.0.2", True),
        ("2001:db8::1", "2001:db8::ffff:1", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("fe80::1%eth0", "fe80::2%eth0", True),
        ("", "127.0.0.1", False),
        ("no address", "no address", True),
    ],
)
def test_addresses_that_one_client_takes_at_will_are_one(one: str, other: str, same: bool) -> None:
    """This host's own, in either version and form, and those of one IPv6 link; others are told apart."""
    assert (place_of(one) == place_of(other)) is same
