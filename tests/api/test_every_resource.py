"""What all resources share, for each row of api/nouns.py: a new row has these tests without a line of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from askers import Asker, trusting
from minimal_bodies import FEW, Site, body_of, change_of

from netwright.api.nouns import NOUNS
from netwright.model.caller import Role
from netwright.model.errors import InvalidError
from netwright.model.kinds import Kind
from netwright.model.resource import Resource, Verb

RESOURCES = [noun.resource for noun in NOUNS.values()]
ODD = ({"odd": {}}, [{"odd": []}], 2.5, "\x00", -(1 << 70), [[[]]], None)
"""Values of which each type of attribute refuses some."""
TOLD_ONCE = {"vpn_peers": {"private_key"}}
"""What only the answer to the POST has."""


def having(*verbs: Verb) -> list[Resource]:
    return [resource for resource in RESOURCES if resource.verbs.issuperset(verbs)]


def each(resources: list[Resource]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("resource", resources, ids=lambda one: one.plural)


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with trusting() as (_, client):
        yield Site(client, "blue")


def made(site: Site, resource: Resource) -> tuple[Asker, str, dict]:
    """Who made it, its path, and the thing."""
    asker, collection = site.maker(resource), site.collection(resource)
    thing = asker.make(collection, resource.singular, body_of(resource, site))
    return asker, f"{collection}/{thing['id']}", thing


def shown(asker: Asker, resource: Resource, path: str) -> dict:
    return asker.get(path)[resource.singular]


@each(having(Verb.CREATE, Verb.SHOW, Verb.LIST))
def test_what_is_made_is_shown_and_listed(site: Site, resource: Resource) -> None:
    """It has an id and all attributes that its maker sees, as its own page and the list tell them."""
    asker, path, thing = made(site, resource)
    collection = path.rpartition("/")[0]
    seen = {name for name, attribute in resource.by_name.items() if attribute.see <= asker.role}
    assert set(thing) == seen
    assert set(shown(asker, resource, path)) == seen - TOLD_ONCE.get(resource.plural, set())
    assert shown(asker, resource, path)["id"] == thing["id"]
    (listed,) = [one for one in asker.get(collection)[resource.plural] if one["id"] == thing["id"]]
    assert listed == shown(asker, resource, path)


@each(having(Verb.CREATE, Verb.SHOW, Verb.DELETE))
def test_what_is_deleted_is_gone(site: Site, resource: Resource) -> None:
    """It is not found any more, by the name that errors have for its kind, neither to be shown nor deleted."""
    asker, path, _ = made(site, resource)
    answer = asker.send("DELETE", path)
    assert (answer.status, answer.raw) == (204, b"")
    for method in ("GET", "DELETE"):
        answer = asker.send(method, path)
        assert (answer.status, answer.kind) == (404, f"{resource.error_noun}NotFound")


@each(having(Verb.SHOW))
@pytest.mark.parametrize("name", ["6f1c2b3a-0000-4000-8000-000000000000", "nonsense", "%00", "a" * 300])
def test_what_is_not_there_is_not_found(site: Site, resource: Resource, name: str) -> None:
    """An id that nothing has, and text that is no id, are 404 for every method."""
    path = f"{site.collection(resource)}/{name}"
    for verb, method in ((Verb.SHOW, "GET"), (Verb.DELETE, "DELETE")):
        if verb in resource.verbs:
            assert site.admin.send(method, path).status == 404


@each(having(Verb.CREATE, Verb.UPDATE, Verb.SHOW))
def test_a_change_is_kept(site: Site, resource: Resource) -> None:
    """What a PUT changes is in its answer and from then on; nothing else of the thing is different."""
    asker, path, _ = made(site, resource)
    before, change = shown(asker, resource, path), change_of(resource, site)
    answer = asker.send("PUT", path, {resource.singular: change})
    assert answer.status == 200, answer
    after = shown(asker, resource, path)
    assert answer.body[resource.singular] == after
    assert {name: after[name] for name in change} == change
    same = before.keys() - change.keys() - {"updated_at", "revision_number"}
    assert {name: after[name] for name in same} == {name: before[name] for name in same}


@each([one for one in having(Verb.CREATE, Verb.UPDATE) if "revision_number" in one.by_name])
def test_a_revision_counts_changes_and_may_be_asked_for(site: Site, resource: Resource) -> None:
    """Each PUT counts up; If-Match of another revision is 412 and changes nothing, of the right one is taken."""
    asker, path, thing = made(site, resource)
    first, change = thing["revision_number"], {resource.singular: change_of(resource, site)}
    assert asker.send("PUT", path, change).body[resource.singular]["revision_number"] > first
    for method, body in (("PUT", {resource.singular: change_of(resource, site)}), ("DELETE", None)):
        stale = asker.send(method, path, body, {"If-Match": f"revision_number={first}"})
        assert (stale.status, stale.kind) == (412, "RevisionNumberConstraintFailed")
    now = shown(asker, resource, path)
    assert {name: now[name] for name in change[resource.singular]} == change[resource.singular]
    right = {"If-Match": f"revision_number={now['revision_number']}"}
    assert asker.send("PUT", path, {resource.singular: change_of(resource, site)}, right).status == 200


@each([one for one in having(Verb.CREATE, Verb.SHOW, Verb.LIST) if one.tags])
def test_tags_are_put_on_it_and_find_it(site: Site, resource: Resource) -> None:
    """A PUT of tags replaces them all; the thing shows them, a list finds it by them, and one goes alone."""
    asker, path, thing = made(site, resource)
    collection, mine = path.rpartition("/")[0], f"a-{thing['id']}"
    assert thing["tags"] == []
    for wanted in (["first"], [mine, "red"]):
        answer = asker.send("PUT", f"{path}/tags", {"tags": wanted})
        assert (answer.status, answer.body) == (200, {"tags": wanted}), answer
    assert shown(asker, resource, path)["tags"] == [mine, "red"]
    for query, there in (
        (f"tags={mine},red", True),
        (f"tags={mine},first", False),
        (f"not-tags={mine}", False),
    ):
        found = {one["id"] for one in asker.get(f"{collection}?{query}")[resource.plural]}
        assert (thing["id"] in found) is there, query
    assert asker.send("DELETE", f"{path}/tags/red").status == 204
    assert [asker.send("GET", f"{path}/tags/{tag}").status for tag in (mine, "red")] == [204, 404]
    assert shown(asker, resource, path)["tags"] == [mine]


@each([one for one in having(Verb.CREATE, Verb.LIST) if one.plural not in FEW])
def test_several_are_made_at_once_or_none(site: Site, resource: Resource) -> None:
    """A list under the plural makes all of them; one that cannot be made leaves none."""
    asker, collection = site.maker(resource), site.collection(resource)
    answer = asker.send("POST", collection, {resource.plural: [body_of(resource, site) for _ in range(2)]})
    assert answer.status == 201, answer
    assert len({one["id"] for one in answer.body[resource.plural]}) == 2
    bad = {**body_of(resource, site), "no_such_attribute": 1}
    good = body_of(resource, site)
    before = {one["id"] for one in asker.get(collection)[resource.plural]}
    assert asker.send("POST", collection, {resource.plural: [good, bad]}).status == 400
    assert {one["id"] for one in asker.get(collection)[resource.plural]} == before


@each(having(Verb.CREATE))
def test_an_attribute_that_nobody_knows_is_refused(site: Site, resource: Resource) -> None:
    """A body with one is 400 and names it, in POST and in PUT."""
    asker, path, _ = made(site, resource)
    body = {**body_of(resource, site), "no_such_attribute": 1}
    answers = [asker.send("POST", path.rpartition("/")[0], {resource.singular: body})]
    if Verb.UPDATE in resource.verbs:
        answers.append(asker.send("PUT", path, {resource.singular: {"no_such_attribute": 1}}))
    for answer in answers:
        assert (answer.status, "no_such_attribute" in answer.message) == (400, True)


@each(having(Verb.CREATE))
def test_what_is_read_only_is_refused(site: Site, resource: Resource) -> None:
    """An attribute that nobody sets is 400 and named, in POST and in PUT, with whatever value."""
    asker, path, thing = made(site, resource)
    for name, attribute in resource.by_name.items():
        given = {name: thing.get(name)}
        if attribute.post is Role.NOBODY:
            body = {**body_of(resource, site), **given}
            answer = asker.send("POST", path.rpartition("/")[0], {resource.singular: body})
            assert (answer.status, name in answer.message) == (400, True), (name, answer)
        if attribute.put is Role.NOBODY and Verb.UPDATE in resource.verbs:
            answer = asker.send("PUT", path, {resource.singular: given})
            assert (answer.status, name in answer.message) == (400, True), (name, answer)


@each(having(Verb.CREATE))
def test_a_value_of_the_wrong_type_is_refused(site: Site, resource: Resource) -> None:
    """A value that an attribute's type does not take is 400 and names the attribute, in POST and in PUT."""
    asker, path, _ = made(site, resource)
    body = body_of(resource, site)
    for name, attribute in resource.by_name.items():
        for value in ODD:
            if not refuses(attribute.kind, value) or (value is None and attribute.nullable):
                continue
            if attribute.post <= asker.role:
                given = {resource.singular: {**body, name: value}}
                answer = asker.send("POST", path.rpartition("/")[0], given)
                assert (answer.status, name in answer.message) == (400, True), (name, value, answer)
            if attribute.put <= asker.role and Verb.UPDATE in resource.verbs:
                answer = asker.send("PUT", path, {resource.singular: {name: value}})
                assert (answer.status, name in answer.message) == (400, True), (name, value, answer)


def refuses(kind: Kind, value: object) -> bool:
    try:
        kind.read(value, "x")
    except InvalidError:
        return True
    return False


@each(having(Verb.CREATE))
def test_what_must_be_given_is_asked_for(site: Site, resource: Resource) -> None:
    """A body without a required attribute is 400 and names it; one under another name than its own is 400."""
    asker, collection = site.maker(resource), site.collection(resource)
    body = body_of(resource, site)
    for name, attribute in resource.by_name.items():
        if str(attribute.default) == "Default.REQUIRED":
            less = {key: value for key, value in body.items() if key != name}
            answer = asker.send("POST", collection, {resource.singular: less})
            assert (answer.status, name in answer.message) == (400, True), (name, answer)
    for wrong in ({}, {"thing": body}, {resource.singular: []}, {resource.plural: {}}, [], "x", None):
        assert asker.send("POST", collection, wrong).status == 400
