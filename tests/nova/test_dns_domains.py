"""DNS domains in the store, and the names that may be one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import world

from netwright.control import dns_domains
from netwright.model.dns_domains import PrivateDomain, PublicDomain
from netwright.model.dns_names import LONGEST, domain_name, qualified, relative_name
from netwright.model.errors import InvalidError, NotFoundError
from netwright.model.ids import ProjectId

TEXT = st.one_of(st.text(max_size=8), st.from_regex(r"[a-zA-Z0-9.\-]{1,80}", fullmatch=True))


def test_a_domain_is_of_a_zone_or_of_a_project() -> None:
    """What was declared is listed by name, in lower case, with its zone or its project."""
    with world() as here:
        assert dns_domains.create_public(here, "Floating.example.org.", "p1")
        assert dns_domains.create_public(here, "all.example.org")
        assert dns_domains.create_private(here, "guests.example.org", "north")
        assert dns_domains.create_private(here, "any.example.org", "")
        assert [record.value for record in dns_domains.find(here, {})] == [
            PublicDomain("all.example.org"),
            PrivateDomain("any.example.org"),
            PublicDomain("floating.example.org", ProjectId("p1")),
            PrivateDomain("guests.example.org", "north"),
        ]
        assert dns_domains.get(here, "GUESTS.example.org").value == PrivateDomain(
            "guests.example.org", "north"
        )


def test_a_domain_that_is_there_changes_hands() -> None:
    """Declared again it belongs to the new owner alone, and nothing of its old scope is left."""
    with world() as here:
        dns_domains.create_private(here, "example.org", "north")
        assert not dns_domains.create_public(here, "example.org", "p1")
        assert dns_domains.get(here, "example.org").value == PublicDomain("example.org", ProjectId("p1"))
        assert not dns_domains.create_private(here, "example.org", "south")
        (record,) = dns_domains.find(here, {})
        assert record.value == PrivateDomain("example.org", "south")
        assert record.stamps.revision == 2
        assert dns_domains.find(here, {"project_id": ("p1",)}) == []


def test_a_deleted_domain_is_gone() -> None:
    """Deleting one leaves the others, and it cannot be deleted or found again."""
    with world() as here:
        dns_domains.create_public(here, "example.org")
        dns_domains.create_public(here, "example.net")
        dns_domains.delete(here, "Example.org.")
        for call in (dns_domains.delete, dns_domains.get):
            with pytest.raises(NotFoundError):
                call(here, "example.org")
        assert [record.value.name for record in dns_domains.find(here, {})] == ["example.net"]


def test_a_domain_is_made_of_labels() -> None:
    """Other text, numbers that would make an address of a name, and owners with line breaks are refused."""
    with world() as here:
        for text in ("", ".", "a b", "10.0.0.1", "example.7", "a\n", "a/b", "-a.org", "x" * 64):
            for create in (dns_domains.create_private, dns_domains.create_public):
                with pytest.raises(InvalidError):
                    create(here, text)
        for create in (dns_domains.create_private, dns_domains.create_public):
            with pytest.raises(InvalidError):
                create(here, "example.org", "a\nb")
        assert dns_domains.find(here, {}) == []


def test_a_whole_name_is_as_long_as_dns_allows() -> None:
    """A name and a domain that are each short enough are refused where both together are not."""
    domain = ".".join(["x" * 60] * 3)
    fits = f"{'a' * 9}.{'b' * 60}"
    assert len(qualified(fits, domain)) == LONGEST
    with pytest.raises(InvalidError, match="longer than 253"):
        qualified(f"{fits}k", domain)


@given(TEXT, TEXT)
def test_a_name_is_refused_or_safe(name: str, domain: str) -> None:
    """What passes is lower-case letters, digits, hyphens and dots, within DNS's lengths, and passes again."""
    try:
        whole = qualified(name, domain)
    except InvalidError:
        return
    assert set(whole) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.")
    assert len(whole) <= LONGEST
    for one in whole.split("."):
        assert 1 <= len(one) <= 63
        assert one.strip("-") == one
    assert relative_name(whole) == whole
    if domain:
        assert whole == f"{relative_name(name)}.{domain_name(domain)}"
