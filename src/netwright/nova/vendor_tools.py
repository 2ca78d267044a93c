"""Programs of switches that no distribution ships: run by their names, as nova ran them."""

from __future__ import annotations

from typing import Final

from netwright.kernel.tools import find_tool, run_tool
from netwright.model.errors import KernelRefusedError

_MAKERS: Final = {"ivs-ctl": "the Indigo Virtual Switch", "fp-vdev": "6WIND Virtual Accelerator"}


def run_vendor_tool(program: str, *argv: str) -> None:
    """As root, in the namespace of the calling thread; found on PATH.

    Raises KernelRefusedError with what it said, or that it is not there.
    """
    if find_tool(program) is None:
        said = f"{program} is not installed: it comes with {_MAKERS[program]}, and no distribution has it"
        raise KernelRefusedError(program, said)
    run_tool(program, list(argv))
