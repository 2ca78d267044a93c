"""Doing all of a list, whatever becomes of one of it: what fails must not hold up what could be done."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from netwright.kernel.rtnetlink import refusals
from netwright.model.errors import KernelRefusedError

T = TypeVar("T")


def attempt_all(driver: str, things: Iterable[T], act: Callable[[T], None]) -> None:
    """Raises KernelRefusedError at the end, with what the first that failed said."""
    failed: list[str] = []
    for thing in things:
        try:
            with refusals(driver):
                act(thing)
        except KernelRefusedError as refused:
            failed.append(refused.said)
    if failed:
        more = f" (and {len(failed) - 1} more)" if len(failed) > 1 else ""
        raise KernelRefusedError(driver, failed[0] + more)
