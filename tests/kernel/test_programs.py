"""Programs run the POSIX way."""

from __future__ import annotations

import pytest

from netwright.kernel.programs import run_program
from netwright.model.errors import KernelRefusedError


def test_a_program_reads_and_prints() -> None:
    """It gets its words as they are, and the text; what it prints is given back."""
    assert run_program(["cat", "-"], "one\ntwo\n") == "one\ntwo\n"
    assert run_program(["printf", "%s|", "a b", "$c"]) == "a b|$c|"


@pytest.mark.parametrize(
    ("argv", "said"),
    [
        (["sh", "-c", "echo wrong >&2; exit 3"], "wrong"),
        (["sh", "-c", "echo printed; exit 3"], "printed"),
        (["sh", "-c", "exit 3"], "exit status 3"),
        (["there-is-no-such-program"], "No such file"),
    ],
)
def test_a_program_that_fails_says_why(argv: list[str], said: str) -> None:
    """Its complaint, or else what it printed, or else its status, is in the error; as is its absence."""
    with pytest.raises(KernelRefusedError, match=said):
        run_program(argv)
