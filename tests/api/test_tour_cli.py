"""The `openstack` command makes, changes, shows, lists and deletes each resource: tests/tours/openstack.txt."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
from identity_fixtures import PASSWORD, Town, here  # noqa: F401  # a fixture

from netwright.api.extensions import NAMES
from netwright.api.nouns import NOUNS

OPENSTACK = shutil.which("openstack") or str(Path(sys.executable).parent / "openstack")
TOUR = Path(__file__).parents[1] / "tours" / "openstack.txt"
KNOWN = {*NOUNS, *NAMES, "extension"}
_LINE = re.compile(r"(?:(?P<label>\w+) = )?(?P<command>.*?)(?: => (?P<key>[^=]+)=(?P<value>.*))?")
_NAMED = re.compile(r"(?<!\{)\{(\w+)\.\w+\}")
_ANSWERED = re.compile(r"\b(create|show|list)\b|router (add|remove) route")


@dataclass(frozen=True)
class Step:
    label: str | None
    command: str
    key: str | None
    value: str | None

    @property
    def answers(self) -> bool:
        """Whether it prints what it made or found."""
        return _ANSWERED.search(self.command) is not None


def steps() -> Iterator[Step]:
    """The tour's, but for those of resources that are not there."""
    wanted = False
    for line in TOUR.read_text().splitlines():
        if line.startswith("["):
            wanted = KNOWN.issuperset(line.strip("[]").split())
        elif wanted and line and not line.startswith("#"):
            match = _LINE.fullmatch(line)
            assert match is not None, line
            yield Step(match["label"], match["command"], match["key"], match["value"])


def batches(tour: Iterator[Step]) -> Iterator[list[Step]]:
    """As few as there can be: one ends where the next command names what one of it made."""
    batch: list[Step] = []
    for step in tour:
        if {one.label for one in batch} & set(_NAMED.findall(step.command)):
            yield batch
            batch = []
        batch.append(step)
    yield batch


def run(commands: list[str], environment: Mapping[str, str]) -> list[object]:
    """What each that answers printed; one process for all."""
    done = subprocess.run(
        [OPENSTACK], input="\n".join([*commands, "quit"]) + "\n", capture_output=True, text=True, check=False,
        env={"PATH": os.environ["PATH"], **environment},
    )  # fmt: skip
    # Whatever was asked, it ends with 1: what fails says so.
    assert done.stderr == "", (commands, done.stderr, done.stdout[-2000:])
    text, found = done.stdout.replace("(openstack) ", "").strip(), []
    while text:
        assert text[0] in "{[", text[:2000]
        document, end = json.JSONDecoder().raw_decode(text)
        found.append(document)
        text = text[end:].strip()
    return found


def environment(town: Town, home: Path) -> dict[str, str]:
    assert town.server.address is not None
    user = town.user(town.project("tour"), "admin")
    host, port = town.server.address
    return {
        "HOME": str(home),
        "OS_AUTH_URL": f"http://{host}:{port}/v3",
        "OS_USERNAME": user["name"],
        "OS_PASSWORD": PASSWORD,
        "OS_PROJECT_NAME": "tour",
        "OS_USER_DOMAIN_NAME": "Default",
        "OS_PROJECT_DOMAIN_NAME": "Default",
        "OS_IDENTITY_API_VERSION": "3",
    }


class _Named(dict):
    def __getattr__(self, name: str) -> object:
        return self[name] if name in self else self[name.upper()]


@pytest.mark.timeout(300)
def test_the_openstack_command_tours_every_resource(here: Town, tmp_path: Path) -> None:  # noqa: F811
    """Each command of the tour is taken, and shows what was asked for."""
    us, made = environment(here, tmp_path), {}
    for batch in batches(steps()):
        commands = [step.command.format(**made) + (" -f json" if step.answers else "") for step in batch]
        answering = [step for step in batch if step.answers]
        answers = run(commands, us)
        assert len(answers) == len(answering), (commands, answers)
        for step, answer in zip(answering, answers, strict=True):
            if step.label:
                made[step.label] = _Named(answer)
            if step.key:
                assert str(answer[step.key]) == step.value, (step, answer)
