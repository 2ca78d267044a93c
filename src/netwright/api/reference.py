"""The API's description as one HTML page, which needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from html import escape
from typing import Final

from starlette.responses import HTMLResponse, Response

from netwright import __version__
from netwright.api.call import Call
from netwright.api.nouns import NOUNS
from netwright.model.caller import Role
from netwright.model.kinds import Schema
from netwright.model.resource import REQUIRED, Attribute, Resource, Verb

_STYLE: Final = """
:root { color-scheme: light dark; --line: color-mix(in srgb, currentColor 20%, transparent); }
body { font: 15px/1.5 system-ui, sans-serif; margin: 0 auto; max-width: 72rem; padding: 1rem 1.5rem 4rem; }
h1 { font-size: 1.6rem; margin: .5rem 0; } h2 { font-size: 1.15rem; margin: 0; display: inline; }
code, td:first-child, th:first-child { font-family: ui-monospace, monospace; font-size: .9em; }
details { border-top: 1px solid var(--line); padding: .6rem 0; } summary { cursor: pointer; }
table { border-collapse: collapse; width: 100%; margin: .6rem 0; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem .25rem 0;
border-bottom: 1px solid var(--line); }
input { font: inherit; width: 100%; padding: .4rem .6rem; box-sizing: border-box; margin: .8rem 0; }
.faint { opacity: .7; } .method { display: inline-block; min-width: 4.2rem; font-weight: 600; }
"""
_SEARCH: Final = """
const box = document.querySelector('input');
box.addEventListener('input', () => {
  const wanted = box.value.toLowerCase();
  for (const one of document.querySelectorAll('details')) {
    one.hidden = wanted !== '' && !one.textContent.toLowerCase().includes(wanted);
    one.open = wanted !== '' && !one.hidden;
  }
});
"""
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'"
_METHODS: Final = {
    Verb.LIST: ("GET", ""),
    Verb.CREATE: ("POST", ""),
    Verb.SHOW: ("GET", "/{id}"),
    Verb.UPDATE: ("PUT", "/{id}"),
    Verb.DELETE: ("DELETE", "/{id}"),
}


def page(call: Call) -> Response:
    """The whole page."""
    del call
    return HTMLResponse(_page(), headers={"Content-Security-Policy": _POLICY})


@lru_cache(maxsize=1)
def _page() -> str:
    resources = sorted((noun.resource for noun in NOUNS.values()), key=lambda one: one.collection)
    parts = "".join(_resource(one) for one in resources)
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>netwright API</title><style>{_STYLE}</style></head><body>"
        f'<h1>netwright {escape(__version__)}</h1><p class="faint">The OpenStack Networking API v2.0 and what'
        ' netwright adds to it. For programs: <a href="/openapi.json">/openapi.json</a>.</p>'
        '<input type="search" placeholder="Find a resource or an attribute" aria-label="Find">'
        f"{parts}<script>{_SEARCH}</script></body></html>"
    )


def _resource(resource: Resource) -> str:
    operations = "".join(
        f'<div><span class="method">{method}</span><code>{escape(resource.collection + suffix)}</code>'
        f' <span class="faint">{resource.roles[verb].name.lower()}</span></div>'
        for verb, (method, suffix) in _METHODS.items()
        if verb in resource.verbs
    )
    operations += "".join(
        f'<div><span class="method">PUT</span><code>{escape(resource.collection)}/{{id}}/'
        f'{escape(one.path)}</code> <span class="faint">{escape(one.doc)}</span></div>'
        for one in resource.actions
    )
    rows = "".join(_row(one) for one in resource.attributes)
    return (
        f'<details id="{escape(resource.plural)}"><summary><h2>{escape(resource.plural)}</h2>'
        f' <span class="faint">{escape(resource.doc)}</span></summary>{operations}'
        "<table><tr><th>attribute</th><th>type</th><th>in</th><th></th></tr>"
        f"{rows}</table></details>"
    )


def _row(attribute: Attribute) -> str:
    cells = (attribute.name, _type(attribute.kind.schema()), ", ".join(_where(attribute)), attribute.doc)
    return "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in cells) + "</tr>"


def _where(attribute: Attribute) -> Iterator[str]:
    """The requests that it may be in, and who may set it there."""
    for method, role in (("POST", attribute.post), ("PUT", attribute.put)):
        if role is not Role.NOBODY:
            who = " (admin)" if role is Role.ADMIN else ""
            needed = " required" if method == "POST" and attribute.default is REQUIRED else ""
            yield f"{method}{needed}{who}"
    if attribute.see is Role.ADMIN:
        yield "shown to admins"


def _type(schema: Schema) -> str:
    if "enum" in schema:
        words = schema["enum"]
        return " | ".join(map(str, words)) if isinstance(words, list) else "text"
    if "anyOf" in schema:
        ways = schema["anyOf"]
        return " or ".join(map(_type, ways)) if isinstance(ways, list) else "any"
    kind, items = schema.get("type", "any"), schema.get("items")
    if isinstance(items, dict):
        return f"list of {_type(items)}"
    return str(schema.get("format", kind))
