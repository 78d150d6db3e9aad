"""Whatever is edited in whatever project: a session that reuses gives what one gives that runs all (issue 22)."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
from collections.abc import Callable
from unittest import mock

import pytest

from tests.conftest import Project

VARIABLE = "EXPOPS_TEST_FACTOR"


class RandomProject:
    """A chain of processes that use helpers, packages, constants, files and variables; each can be edited."""

    def __init__(self, project: Project, draw: random.Random) -> None:
        self.project = project
        self.draw = draw
        self.numbers = {name: draw.randint(1, 99) for name in (*SOURCES, "parameter", "script")}
        self.uses = [draw.sample(list(USES), draw.randint(1, 3)) for _ in range(draw.randint(2, 4))]
        self.version = "1.0"
        self.write()

    def write(self) -> None:
        names = [f"p{number}" for number in range(len(self.uses))]
        functions = []
        for number, (name, uses) in enumerate(zip(names, self.uses, strict=True)):
            before = f"data['p{number - 1}']['x']" if number else "0"
            terms = " + ".join(
                [before, str(self.numbers["script"]) if number == 1 else "1", *(USES[use] for use in uses)]
            )
            functions.append(f"def {name}(data, parameter=1):\n    return {{'x': {terms}}}\n")
        edges = "\n".join(f"{one} {two}" for one, two in itertools.pairwise(names))
        self.project.write(edges, HEAD + "\n".join(functions), parameters={"parameter": self.numbers["parameter"]})
        for name, text in SOURCES.items():
            path = self.project.root / text[0]
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text[1].format(self.numbers[name]))
        (self.project.root / "models/package/__init__.py").touch()
        library = self.project.root / "libraries"
        shutil.rmtree(library, ignore_errors=True)
        info = library / f"fakelib-{self.version}.dist-info"
        info.mkdir(parents=True)
        (library / "fakelib.py").write_text(f"def value(): return {len(self.version)} + {self.version[0]}\n")
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: fakelib\nVersion: {self.version}\n")
        (info / "RECORD").write_text("fakelib.py,,\n")

    def edit(self) -> str:
        what = self.draw.choice([*self.numbers, "version", "variable", "nothing"])
        if what in self.numbers:
            self.numbers[what] += self.draw.choice([0, 1, 10])
        elif what == "version":
            self.version = self.draw.choice(["1.0", "2.0", "2.1"])
        elif what == "variable":
            os.environ[VARIABLE] = str(self.draw.randint(1, 9))
        self.write()
        return what


HEAD = """
import os
from pathlib import Path

import fakelib
import helper
from package import inner
"""
SOURCES: dict[str, tuple[str, str]] = {
    "helper": ("models/helper.py", "CONSTANT = 3\n\ndef value():\n    return {} * CONSTANT\n"),
    "inner": ("models/package/inner.py", "TABLE = {{'a': {}}}\n\ndef value():\n    return TABLE['a']\n"),
    "literal": ("data/literal.txt", "{}"),
    "composed": ("data/composed.txt", "{}"),
}
USES = {
    "helper": "helper.value()",
    "inner": "inner.value()",
    "literal": "int(open('data/literal.txt').read())",
    "composed": "int(Path('data', 'comp' + 'osed.txt').read_text())",
    "listing": "len(os.listdir('data'))",
    "variable": f"int(os.environ.get('{VARIABLE}', 1))",
    "parameter": "parameter",
    "library": "fakelib.value()",
}


def _results(project: Project, *args: str) -> dict[str, dict[str, str]]:
    """The digests of all outputs of a session."""
    kept = project.root.parent / f"{project.root.name}-artifacts"
    shutil.rmtree(kept, ignore_errors=True)
    outcome = project.run(f"--expops-artifacts={kept}", "--expops-replay=all", "--expops-diagnose=off", *args)
    assert outcome.ret == 0, outcome.text
    found = {}
    for path in kept.glob("session-1/1-*/records/*.jsonl"):
        for line in path.read_text().splitlines():
            record = json.loads(line)
            found[record["process"]] = {key: each["digest"] for key, each in record["outputs"].items()}
    return found


def _hold(project: Project, seed: int, edits: int) -> None:
    draw = random.Random(seed)
    changed = RandomProject(project, draw)
    reusing = ("--expops-cache=kept", "--expops-cache-audit=none")
    _results(project, *reusing)
    done = []
    for _ in range(edits):
        done.append(changed.edit())
        assert _results(project, *reusing) == _results(project, "--expops-cache=off"), (seed, done)


@pytest.fixture
def hold(project: Project, monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    monkeypatch.syspath_prepend(str(project.root / "libraries"))

    def run(seed: int, edits: int) -> None:
        with mock.patch.dict(os.environ, {VARIABLE: "1"}):
            _hold(project, seed, edits)

    return run


def test_random_edits_of_a_random_project_are_never_missed(hold: Callable[[int, int], None]) -> None:
    hold(22, 4)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_many_random_edits_of_many_random_projects_are_never_missed(
    hold: Callable[[int, int], None], seed: int
) -> None:
    hold(seed, 6)
