"""Whatever JSON comes, the server answers as it should: never with a 500."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator

import pytest
from askers import trusting
from minimal_bodies import Site, body_of

from netwright.api.nouns import NOUNS
from netwright.model.resource import Resource, Verb

RESOURCES = [noun.resource for noun in NOUNS.values()]
WRITTEN = [one for one in RESOURCES if one.verbs & {Verb.CREATE, Verb.UPDATE}]
each = pytest.mark.parametrize("resource", RESOURCES, ids=lambda one: one.plural)
TIMES = 60
PLAIN = (
    None, True, False, 0, 1, -1, 4, 6, 255, 4096, 65535, 1 << 31, 1 << 63, 1 << 64, -(1 << 63), 1.5, 1e308, "", " ", "a", "é", "\x00",
    "\ud800", "%", "'; --", "0", "-1", "10.0.0.0/24", "10.0.0.1", "::1", "fe80::1%eth0", "2001:db8::/64", "0.0.0.0/0", "::/0",
    "00000000-0000-0000-0000-000000000000", "fa:16:3e:00:00:01", "tcp", "egress", "IPv4", "x" * 300, "x" * 70_000,
)  # fmt: skip


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with trusting() as (_, client):
        yield Site(client, "blue")


def any_value(rng: random.Random, names: list[str], depth: int = 0) -> object:
    kind = rng.random()
    if depth > 3 or kind < 0.6:
        return rng.choice(PLAIN)
    if kind < 0.8:
        return [any_value(rng, names, depth + 1) for _ in range(rng.randrange(4))]
    return {rng.choice(names): any_value(rng, names, depth + 1) for _ in range(rng.randrange(4))}


def sent(value: object) -> bytes:
    """JSON, with lone surrogates as they are written."""
    return json.dumps(value).encode()


@pytest.mark.parametrize("resource", WRITTEN, ids=lambda one: one.plural)
def test_no_body_breaks_it(site: Site, resource: Resource) -> None:
    """Bodies with any values for its attributes, and any JSON at all, are made, refused or not found."""
    rng = random.Random(resource.plural)
    names = [*resource.by_name, resource.singular, "subnet_id", "ip_address", "start", "end", "é", "\x00", ""]
    writes = [
        (verb, method)
        for verb, method in ((Verb.CREATE, "POST"), (Verb.UPDATE, "PUT"))
        if verb in resource.verbs
    ]
    collection = site.collection(resource)
    good = body_of(resource, site) if Verb.CREATE in resource.verbs else {}
    made = None
    if good:
        made = site.admin.make(collection, resource.singular, good)["id"]
    for _ in range(TIMES):
        verb, method = rng.choice(writes)
        path = collection if verb is Verb.CREATE else f"{collection}/{made or 'x'}"
        body = body_of(resource, site) if verb is Verb.CREATE else {}
        for name in rng.sample(list(resource.by_name), k=min(rng.randrange(1, 4), len(resource.by_name))):
            body[name] = any_value(rng, names)
        whole = {resource.singular: body} if rng.random() < 0.9 else any_value(rng, names)
        answer = site.admin.send(method, path, sent(whole))
        assert answer.status < 500, (method, path, whole, answer)


@each
def test_no_query_breaks_it(site: Site, resource: Resource) -> None:
    """Filters, fields, sorting and pages with any text are answered, or refused."""
    rng = random.Random(resource.plural)
    collection = site.collection(resource)
    names = [
        *resource.by_name,
        "limit",
        "marker",
        "sort_key",
        "sort_dir",
        "fields",
        "page_reverse",
        "%00",
        "",
    ]
    texts = (
        "",
        "a",
        "-1",
        "1",
        "0",
        "%00",
        "%F0%9F%92%A9",
        "%FF",
        "true",
        "None",
        "9" * 30,
        "x" * 500,
        "id",
        "desc",
        "a=b",
        "[]",
    )
    for _ in range(TIMES):
        query = "&".join(f"{rng.choice(names)}={rng.choice(texts)}" for _ in range(rng.randrange(1, 4)))
        answer = site.admin.send("GET", f"{collection}?{query}")
        assert answer.status < 500, (collection, query, answer)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[" * 100_000, b'{"network":' * 5000, b"\xff\xfe", b"null", b"NaN", b'{"network": 1e999}', b'"' + b"x" * 900_000 + b'"'],
    ids=lambda body: repr(body[:12]),
)  # fmt: skip
def test_what_is_no_json_is_refused(site: Site, body: bytes) -> None:
    """Bytes that are not a JSON object, however deep or long, are 400."""
    assert site.admin.send("POST", "/v2.0/networks", body).status == 400
