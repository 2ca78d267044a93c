"""Who may do what, as a table: each verb on each row of api/nouns.py, asked by each role, as the descriptors say."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest
from askers import Asker, trusting
from minimal_bodies import Site, body_of, change_of
from served import Client

from netwright.api.nouns import NOUNS
from netwright.api.server import Server
from netwright.control.references import _named
from netwright.model.caller import Role
from netwright.model.resource import NONE_GIVEN, Reach, Resource, Verb
from netwright.store import rbac

RESOURCES = [noun.resource for noun in NOUNS.values()]
MADE_BY_MEMBERS = [
    one for one in RESOURCES if Verb.CREATE in one.verbs and one.roles[Verb.CREATE] <= Role.MEMBER
]


@dataclass(frozen=True)
class Who:
    """Somebody, as seen from a thing of project blue."""

    label: str
    role: Role
    project: str
    shared: bool = False
    """Whether the thing is shared with that project by an RBAC policy."""

    def asks(self, client: Client) -> Asker:
        return Asker(client, self.role, self.project)


UNTOLD = {"rbac_policies": 400}
"""Where it is told, as in the Networking API, what one may not do, whether the thing is there or not."""
PEOPLE = (
    Who("an admin of another project", Role.ADMIN, "red"),
    Who("a member", Role.MEMBER, "blue"),
    Who("a reader", Role.READER, "blue"),
    Who("a member of another project", Role.MEMBER, "red"),
    Who("a reader of another project", Role.READER, "red"),
    Who("a member whom it is shared with", Role.MEMBER, "green", shared=True),
    Who("a reader whom it is shared with", Role.READER, "green", shared=True),
)


def asked(*verbs: Verb) -> pytest.MarkDecorator:
    """Each resource that can be made and has these verbs, by each who could meet one."""
    pairs = [
        pytest.param(resource, who, id=f"{resource.plural} by {who.label}")
        for resource in RESOURCES
        for who in PEOPLE
        if resource.verbs.issuperset({Verb.CREATE, *verbs}) and (resource.rbac or not who.shared)
    ]
    return pytest.mark.parametrize(("resource", "who"), pairs)


@pytest.fixture(scope="module")
def place() -> Iterator[tuple[Server, Client]]:
    with trusting() as made:
        yield made


@pytest.fixture(scope="module")
def site(place: tuple[Server, Client]) -> Site:
    return Site(place[1], "blue")


@pytest.fixture
def thing(place: tuple[Server, Client], site: Site, resource: Resource, who: Who) -> str:
    """The path of one of project blue's."""
    asker, collection = site.maker(resource), site.collection(resource)
    made = asker.make(collection, resource.singular, body_of(resource, site))
    if who.shared:
        share(place[0], resource, made["id"], who.project)
    return f"{collection}/{made['id']}"


def share(server: Server, resource: Resource, thing: str, project: str) -> None:
    values = {
        "id": str(uuid.uuid4()),
        "project_id": "blue",
        "object_type": resource.rbac,
        "object_id": thing,
        "action": rbac.SHARED,
        "target_project": project,
    }
    with server.database.write() as connection:
        rbac.insert(connection, values, datetime.now(UTC))


def sees(resource: Resource, who: Who) -> bool:
    if who.role is Role.ADMIN or who.project == "blue" or who.shared:
        return True
    if resource.reach is Reach.PARENT and resource.parent is not None:
        return sees(NOUNS[resource.parent.plural].resource, who)
    return resource.reach is Reach.EVERYBODY


def owns(resource: Resource, who: Who) -> bool:
    return who.role is Role.ADMIN or who.project == "blue" or resource.reach is Reach.EVERYBODY


def expected(resource: Resource, who: Who, verb: Verb, done: int) -> int:
    """What is not seen is not there, whatever one's role; what is seen may still be forbidden."""
    if who.role < resource.roles[Verb.SHOW] or not sees(resource, who):
        return 404
    if not owns(resource, who):
        return 404 if verb in resource.untold else 403
    return done if who.role >= resource.roles[verb] else 403


@asked(Verb.LIST)
def test_who_sees_it(place: tuple[Server, Client], resource: Resource, who: Who, thing: str) -> None:
    """Shown and listed to those who see it, without the attributes that their role does not see; else 404."""
    asker, (collection, _, identity) = who.asks(place[1]), thing.rpartition("/")
    if Verb.SHOW in resource.verbs:
        answer = asker.send("GET", thing)
        assert answer.status == (
            200 if sees(resource, who) and who.role >= resource.roles[Verb.SHOW] else 404
        )
        if answer.status == 200:
            visible = {name for name, one in resource.by_name.items() if one.see <= who.role}
            assert set(answer.body[resource.singular]) <= visible
    answer = asker.send("GET", collection)
    if resource.parent is not None and not sees(NOUNS[resource.parent.plural].resource, who):
        assert answer.status == 404
    else:
        assert answer.status == 200
        listed = sees(resource, who) and who.role >= resource.roles[Verb.LIST]
        assert (identity in {one["id"] for one in answer.body[resource.plural]}) is listed


@asked(Verb.UPDATE, Verb.SHOW)
def test_who_changes_it(
    place: tuple[Server, Client], site: Site, resource: Resource, who: Who, thing: str
) -> None:
    """Only who owns it and has the role; to who does not see it, it is not there; what is refused changes nothing."""
    change = change_of(resource, site)
    status = expected(resource, who, Verb.UPDATE, 200)
    if status == 200 and any(who.role < resource.by_name[name].put for name in change):
        status = 403
    before = site.admin.get(thing)
    answer = who.asks(place[1]).send("PUT", thing, {resource.singular: change})
    assert answer.status == status, answer
    assert (site.admin.get(thing) != before) is (status == 200)


@asked(Verb.DELETE, Verb.SHOW)
def test_who_deletes_it(
    place: tuple[Server, Client], site: Site, resource: Resource, who: Who, thing: str
) -> None:
    """Only who owns it and has the role; to who does not see it, it is not there; what is refused stays."""
    status = expected(resource, who, Verb.DELETE, 204)
    assert who.asks(place[1]).send("DELETE", thing).status == status
    assert site.admin.send("GET", thing).status == (404 if status == 204 else 200)


@asked()
def test_who_makes_one(place: tuple[Server, Client], resource: Resource, who: Who) -> None:
    """Of the own project whoever has the role; for another project only an admin; others are refused."""
    own = Site(place[1], who.project)
    collection, body = own.collection(resource), body_of(resource, own)
    may = who.role >= resource.roles[Verb.CREATE] and all(
        who.role >= resource.by_name[name].post for name in body
    )
    answer = who.asks(place[1]).send("POST", collection, {resource.singular: body})
    assert answer.status == (201 if may else 403), answer
    if may and "project_id" in answer.body[resource.singular]:
        assert answer.body[resource.singular]["project_id"] == who.project
        given = {**body_of(resource, own), "project_id": "yellow"}
        answer = who.asks(place[1]).send("POST", collection, {resource.singular: given})
        assert answer.status == (201 if who.role is Role.ADMIN else 400), answer


@pytest.mark.parametrize("resource", MADE_BY_MEMBERS, ids=lambda one: one.plural)
def test_what_would_be_so_anyway_may_be_said(place: tuple[Server, Client], resource: Resource) -> None:
    """A member's body may hold the default of what only admins set: clients send the whole of what they know."""
    own = Site(place[1], "blue")
    admins = {one.name: one.default for one in resource.attributes if one.post is Role.ADMIN}
    said = {name: value for name, value in admins.items() if value is not NONE_GIVEN}
    answer = Asker(place[1], Role.MEMBER, "blue").send(
        "POST", own.collection(resource), {resource.singular: {**said, **body_of(resource, own)}}
    )
    assert answer.status == 201, (said, answer)


@pytest.mark.parametrize("resource", MADE_BY_MEMBERS, ids=lambda one: one.plural)
def test_what_is_anothers_is_not_built_upon(
    place: tuple[Server, Client], site: Site, resource: Resource
) -> None:
    """A body that names a thing that its author does not see is told that there is none."""
    body = body_of(resource, site)
    stranger = Asker(place[1], Role.MEMBER, "red")
    named = [pair for name, value in body.items() for pair in _named(resource.by_name[name].kind, value)]
    hidden = [
        plural
        for plural, one in named
        if stranger.send("GET", f"{NOUNS[plural].resource.collection}/{one}").status == 404
    ]
    answer = stranger.send("POST", site.collection(resource), {resource.singular: body})
    assert answer.status == UNTOLD.get(resource.plural, 404 if hidden or resource.parent else 201), answer
