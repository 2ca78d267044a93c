"""Links that are ours by their alias: a stranger's of the same kind and name is neither seen nor removed."""

from __future__ import annotations

from contextlib import closing

from netwright.kernel import netns
from netwright.kernel.marked_links import MarkedLinks
from netwright.model.host import LinkKey
from netwright.model.ids import HOST_NAMESPACE, LinkName
from netwright.testing.namespaces import ip, namespace

OURS, THEIRS, OTHER = (LinkKey(HOST_NAMESPACE, LinkName(name)) for name in ("ours", "theirs", "other"))


def test_only_what_bears_the_mark_is_seen_and_removed() -> None:
    """Not a link of the kind with another alias, though it is named; not one with the mark of another kind."""
    with namespace("host") as host:
        for key, kind, alias in (
            (OURS, "bridge", "netwright:some:1"),
            (THEIRS, "bridge", "somebody's"),
            (OTHER, "veth", "netwright:some:2"),
        ):
            ip(host, "link", "add", key.name, "type", kind)
            ip(host, "link", "set", key.name, "alias", alias)
        every = (OURS, THEIRS, OTHER)
        with netns.inside(host), closing(MarkedLinks("some", "bridge", "netwright:some:")) as links:
            assert [state.name for state in links.look()] == ["ours"]
            assert [state.name for state in links.look(every)] == ["ours"]
            links.remove(every)
            assert not links.look()
        assert {"theirs", "other"} <= set(ip(host, "-br", "link").replace("@", " ").split())
        assert "ours" not in ip(host, "-br", "link")
