"""What all lists share, for each row of api/nouns.py: fields, filters, sorting, pages."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlsplit

import pytest
from askers import Asker, trusting
from minimal_bodies import FEW, Site, body_of

from netwright.api.nouns import NOUNS
from netwright.model.resource import Resource, Verb

RESOURCES = [
    noun.resource
    for noun in NOUNS.values()
    if noun.resource.verbs.issuperset({Verb.CREATE, Verb.LIST}) and noun.resource.plural not in FEW
]
each = pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one.plural)
NAMED = [one for one in RESOURCES if "name" in one.by_name and one.by_name["name"].filters]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with trusting() as (_, client):
        yield Site(client, "blue")


def three(site: Site, resource: Resource) -> tuple[Asker, str]:
    """A list with at least three in it, and who sees them."""
    asker, collection = site.maker(resource), site.collection(resource)
    while len(asker.get(collection)[resource.plural]) < 3:
        asker.make(collection, resource.singular, body_of(resource, site))
    return asker, collection


@each
def test_only_the_fields_that_are_asked_for_are_shown(site: Site, resource: Resource) -> None:
    """`fields` chooses attributes, in lists and of one thing; what is no attribute is left out."""
    asker, collection = three(site, resource)
    listed = asker.get(f"{collection}?fields=id&fields=nonsense")[resource.plural]
    assert all(set(one) == {"id"} for one in listed)
    if Verb.SHOW in resource.verbs:
        path = f"{collection}/{listed[0]['id']}?fields=id"
        assert asker.get(path) == {resource.singular: {"id": listed[0]["id"]}}


@each
def test_a_list_is_sorted_as_asked(site: Site, resource: Resource) -> None:
    """`sort_key` and `sort_dir` order it, each the other's reverse; a key that is no attribute is 400."""
    asker, collection = three(site, resource)
    up = [one["id"] for one in asker.get(f"{collection}?sort_key=id&sort_dir=asc")[resource.plural]]
    down = [one["id"] for one in asker.get(f"{collection}?sort_key=id&sort_dir=desc")[resource.plural]]
    assert up == sorted(up)
    assert down == up[::-1]
    for wrong in ("sort_key=nonsense", "sort_key=id&sort_dir=sideways"):
        assert asker.send("GET", f"{collection}?{wrong}").status == 400


@each
def test_pages_show_all_once(site: Site, resource: Resource) -> None:
    """Following `next` from page to page shows each thing once, and `previous` leads back where one came from."""
    asker, collection = three(site, resource)
    everything = [one["id"] for one in asker.get(f"{collection}?sort_key=id")[resource.plural]]
    seen, path, pages = [], f"{collection}?limit=2&sort_key=id", 0
    while path and pages <= len(everything):
        body = asker.get(path)
        page = [one["id"] for one in body[resource.plural]]
        assert len(page) <= 2
        links = {link["rel"]: relative(link["href"]) for link in body.get(f"{resource.plural}_links", [])}
        assert "previous" in links
        if pages and page:
            back = [one["id"] for one in asker.get(links["previous"])[resource.plural]]
            assert back == seen[-2:]
        seen, path, pages = seen + page, links.get("next"), pages + 1
    assert seen == everything


def relative(href: str) -> str:
    parts = urlsplit(href)
    return f"{parts.path}?{parts.query}"


@each
@pytest.mark.parametrize("query", ["limit=-1", "limit=x", "marker=nonsense&limit=1"])
def test_a_page_that_makes_no_sense_is_refused(site: Site, resource: Resource, query: str) -> None:
    """A limit that is no number, and a marker that is not in the list, are 400."""
    asker, collection = three(site, resource)
    assert asker.send("GET", f"{collection}?{query}").status == 400


@pytest.mark.parametrize("resource", NAMED, ids=lambda one: one.plural)
def test_a_list_is_filtered_by_name(site: Site, resource: Resource) -> None:
    """A name shows what has it and nothing else; two names show what has either; an unknown one shows nothing."""
    asker, collection = site.maker(resource), site.collection(resource)
    names = [f"é & {resource.plural} {letter}" for letter in "abc"]
    made = [
        asker.make(collection, resource.singular, {**body_of(resource, site), "name": name})["id"]
        for name in names
    ]

    def found(*wanted: str) -> list[str]:
        query = "&".join(f"name={quote(name)}" for name in wanted)
        return [one["id"] for one in asker.get(f"{collection}?{query}")[resource.plural]]

    assert found(names[0]) == [made[0]]
    assert set(found(*names[:2])) == set(made[:2])
    assert found("nobody has this") == []


@each
def test_a_list_is_filtered_by_any_attribute(site: Site, resource: Resource) -> None:
    """By each plain value of a thing the list still shows the thing, and only what has the value."""
    asker, collection = three(site, resource)
    thing = asker.get(collection)[resource.plural][0]
    for name, value in thing.items():
        plain = isinstance(value, str | int) and value != ""
        if not plain or not resource.by_name[name].filters:
            continue
        listed = asker.get(f"{collection}?{name}={quote(str(value))}")[resource.plural]
        assert thing["id"] in {one["id"] for one in listed}, name
        assert all(one[name] == value for one in listed), name
