"""docs/nova.md and the pages beside it: names that there are, by the arguments of old, and tests that there are."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from docs_tables import ROOT, Row, are_there, named_tests, rows

from netwright.nova import linux_net
from netwright.nova.floating_ips import LocalManager
from netwright.nova.l3 import L3Driver
from netwright.nova.manager import FlatManager, VlanManager

INDEX = ROOT / "docs" / "nova.md"
PAGES = [INDEX, *sorted((ROOT / "docs" / "nova").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_row_says_is_shown_by_a_test(page: Path) -> None:
    """Each row of each table names tests, and all of them are there."""
    for row in rows(page):
        if "test" in row.cells:
            named = list(named_tests(row.cells["test"]))
            assert named, row
            assert [one for one in named if not are_there(*one)] == [], row


@pytest.mark.parametrize(
    "page", [INDEX, INDEX.parent / "nova" / "remote-calls.md"], ids=lambda page: page.stem
)
def test_names_are_there_with_the_arguments_of_old(page: Path) -> None:
    """Each can be imported, and takes its arguments by place and by name, with the defaults that they had."""
    for row in rows(page):
        if "here" in row.cells:
            _check(row)


@pytest.mark.parametrize("owner", [linux_net, VlanManager, FlatManager, LocalManager, L3Driver], ids=str)
def test_what_can_be_called_is_in_a_table(owner: object) -> None:
    """No public name of linux_net, the managers or an L3 driver is missing from the tables."""
    told = {
        word
        for page in PAGES
        for row in rows(page)
        for cell in row.cells.values()
        for word in re.findall(r"\w+", cell)
    }
    assert set(_public(owner)) - told == set()


def _check(row: Row) -> None:
    place, _, arguments = row.cells["name"].strip("`").lstrip(".").partition("(")
    found, bound = _found(row.cells["here"].strip("`"))
    if not arguments:
        return
    old = list(_signature(f"def f({arguments}: ...").parameters.values())
    new = inspect.signature(found)
    me = () if bound else (None,)
    named = [one for one in old if one.kind is not one.VAR_KEYWORD]
    for some in (named, [one for one in named if one.default is one.empty]):
        new.bind(*me, **{one.name: one.name for one in some})
        if not any(one.kind is one.KEYWORD_ONLY for one in some):
            new.bind(*me, *some)
    for one in named:
        if one.default is not one.empty:
            assert new.parameters[one.name].default == one.default, f"{place}: {one.name}"


def _public(owner: object) -> Iterator[str]:
    if isinstance(owner, types.ModuleType):
        yield from owner.__all__
        return
    for name, value in inspect.getmembers(owner, inspect.isfunction):
        if not name.startswith("_") and value.__module__.startswith("netwright."):
            yield name


def _found(path: str) -> tuple[Callable[..., object], bool]:
    """What is at that place below netwright.nova, and whether it needs no object before its arguments."""
    module, _, names = path.partition(".")
    owner: object = importlib.import_module(f"netwright.nova.{module}")
    raw = owner
    for name in filter(None, names.split(".")):
        raw = inspect.getattr_static(owner, name)
        owner = getattr(owner, name)
    in_class = "." in names
    return owner, not in_class or isinstance(raw, staticmethod | classmethod)


def _signature(text: str) -> inspect.Signature:
    """Of `def f(…): ...`, whose defaults are literals."""
    (function,) = ast.parse(text).body
    assert isinstance(function, ast.FunctionDef)
    given = function.args
    kinds = inspect.Parameter
    late = len(given.args) - len(given.defaults)
    places = [
        kinds(
            one.arg,
            kinds.POSITIONAL_OR_KEYWORD,
            default=ast.literal_eval(given.defaults[at - late]) if at >= late else kinds.empty,
        )
        for at, one in enumerate(given.args)
    ]
    names = [
        kinds(one.arg, kinds.KEYWORD_ONLY, default=kinds.empty if value is None else ast.literal_eval(value))
        for one, value in zip(given.kwonlyargs, given.kw_defaults, strict=True)
    ]
    rest = [kinds(given.kwarg.arg, kinds.VAR_KEYWORD)] if given.kwarg else []
    return inspect.Signature([*places, *names, *rest])
