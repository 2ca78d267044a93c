"""The tags of any resource that has them, over HTTP."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from netwright.api.call import Call, Handler, json_response
from netwright.api.crud import asker
from netwright.control import tags as control
from netwright.control.nouns import Noun, View
from netwright.control.refusals import missing
from netwright.control.world import Work
from netwright.model.errors import NotFoundError


def routes(noun: Noun) -> Mapping[str, Mapping[str, Handler]]:
    """Path templates, and the handler of each method; none where the resource has no tags."""
    if not noun.resource.tags:
        return {}
    tags, path = _Tags(noun), noun.resource.collection + "/{id}/tags"
    many = {"GET": tags.every, "PUT": tags.replace, "POST": tags.add_several, "DELETE": tags.clear}
    one = {"GET": tags.has, "PUT": tags.add, "DELETE": tags.remove}
    # Those of /qos/policies are at /policies, too: the Networking API's reference names no prefix there.
    bare = path.replace(noun.resource.path, noun.resource.path.rpartition("/")[2])
    return {at: handlers for base in (path, bare) for at, handlers in ((base, many), (base + "/{tag}", one))}


class _Tags:
    def __init__(self, noun: Noun) -> None:
        self._noun = noun

    def every(self, call: Call) -> Response:
        return json_response({"tags": self._shown(call)["tags"]})

    def has(self, call: Call) -> Response:
        tags, tag = self._shown(call)["tags"], call.path["tag"]
        if not isinstance(tags, list) or tag not in tags:
            raise NotFoundError("Tag", tag)
        return Response(status_code=204)

    def replace(self, call: Call) -> Response:
        wanted = _wanted(call)

        def act(work: Work, thing: View) -> None:
            control.replace(work, self._noun, thing, wanted)

        call.requests.change(self._noun, asker(call), call.path["id"], act)
        return json_response({"tags": sorted(wanted)})

    def add_several(self, call: Call) -> Response:
        return json_response({"tags": self._add(call, _wanted(call))})

    def add(self, call: Call) -> Response:
        self._add(call, [call.path["tag"]])
        return Response(status_code=201)

    def remove(self, call: Call) -> Response:
        def act(work: Work, thing: View) -> None:
            control.remove(work, self._noun, thing, call.path["tag"])

        call.requests.change(self._noun, asker(call), call.path["id"], act)
        return Response(status_code=204)

    def clear(self, call: Call) -> Response:
        def act(work: Work, thing: View) -> None:
            control.replace(work, self._noun, thing, ())

        call.requests.change(self._noun, asker(call), call.path["id"], act)
        return Response(status_code=204)

    def _shown(self, call: Call) -> View:
        return call.requests.show(self._noun, asker(call), call.path["id"])

    def _add(self, call: Call, more: list[str]) -> list[str]:
        def act(work: Work, thing: View) -> list[str]:
            return control.add(work, self._noun, thing, more)

        return call.requests.change(self._noun, asker(call), call.path["id"], act)


def _wanted(call: Call) -> list[str]:
    body = call.json()
    if "tags" not in body:
        raise missing("tags")
    return control.read(body["tags"])
