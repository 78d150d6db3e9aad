"""What is imported ahead of the first replay is what that replay would have imported itself (S7.1)."""

from __future__ import annotations

import os
import signal
import sys
import time
import warnings
from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_expops.execution.records import Outcome
from pytest_expops.execution.session import PipelineSession
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.replay.nondeterminism.base import Conditions
from pytest_expops.replay.pool import ReplicaPool
from pytest_expops.replay.request import Replay, Request
from pytest_expops.verdicts.replay import replay_conditions
from tests.conftest import Project

SCRIPT = """
    import os, sys, warnings

    print("imported in", os.path.basename(os.getcwd()), os.environ["MLOPS_PROJECT_ID"] != "")
    with open("imports.txt", "a") as file:
        print(os.getpid(), file=file)
    if os.path.exists("leaves"):
        sys.exit("not today")
    os.environ["SET_ON_IMPORT"] = "yes"
    warnings.filterwarnings("error", "told")
    runs = []

    def train(data):
        print("run in", os.getpid())
        runs.append(1)
        try:
            warnings.warn("told")
            told = False
        except UserWarning:
            told = True
        return {"set": os.environ.get("SET_ON_IMPORT"), "told": told, "runs": len(runs)}
"""
FOUND = {"set": "yes", "told": True, "runs": 1}
PLAIN = replay_conditions(1, ())


class Setup:
    """A session, and the pool that is asked to prepare for it."""

    def __init__(self, root: Path) -> None:
        folder = root / "session" / "1-project_config"
        folder.mkdir(parents=True)
        self.root = root
        self.session = PipelineSession(expand(load_config(root / Project.config)), folder)
        self.pool = ReplicaPool(os.environ, 2)

    def importers(self) -> list[int]:
        """The processes that have imported the script, but for this one."""
        path = self.root / "imports.txt"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return [int(line) for line in lines if line and int(line) != os.getpid()]

    def prepare(self, conditions: Conditions = PLAIN, *, until: int = 1) -> None:
        """Prepare, and wait until the script has been imported."""
        self.pool.prepare(self.session, "train", conditions)
        deadline = time.monotonic() + 60
        while len(self.importers()) < until and time.monotonic() < deadline:
            time.sleep(0.02)

    def replay(self, conditions: Conditions = PLAIN) -> Replay:
        return self.pool.replay(self.session, "train", Request(1, conditions))

    def outputs(self, replay: Replay) -> dict[str, object]:
        assert replay.record.outcome is Outcome.PASSED, replay.record.failure
        return self.session.load(replay.record)


@pytest.fixture
def prepared(project: Project) -> Iterator[Setup]:
    project.write("train\n", SCRIPT)
    found = Setup(project.root)
    yield found
    found.pool.close()


def test_the_first_replay_finds_what_was_imported_ahead(prepared: Setup) -> None:
    """Variables, filters and module state are as if it had imported the script itself; so are its words."""
    prepared.prepare()
    first = prepared.replay()
    assert prepared.outputs(first) == FOUND
    assert len(prepared.importers()) == 1
    child = prepared.importers()[0]
    folder = prepared.root.name
    assert first.printed.splitlines() == [f"imported in {folder} True", f"run in {child}"]
    second = prepared.replay()
    assert prepared.outputs(second) == FOUND
    other = prepared.importers()[1]
    assert other != child, "each replay has a process of its own"
    assert second.printed == first.printed.replace(str(child), str(other))


def test_unprepared_replays_give_the_same(prepared: Setup) -> None:
    first, second = prepared.replay(), prepared.replay()
    assert prepared.outputs(first) == prepared.outputs(second) == FOUND
    assert len(prepared.importers()) == 2


def test_under_conditions_that_concern_the_import_nothing_is_imported_ahead(prepared: Setup) -> None:
    conditions = replay_conditions(1, ("clock",))
    prepared.pool.prepare(prepared.session, "train", conditions)
    assert len(prepared.pool._replicas) == 1
    assert prepared.outputs(prepared.replay(conditions)) == FOUND
    assert len(prepared.importers()) == 1
    assert len(prepared.pool._replicas) == 1, "it was the interpreter that was started ahead"


@pytest.mark.parametrize("what", ["path", "filters", "conditions"])
def test_what_was_imported_in_other_surroundings_is_imported_anew(
    prepared: Setup, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prepared.prepare()
    conditions = PLAIN
    if what == "path":
        monkeypatch.setattr(sys, "path", [*sys.path, "/nowhere"])
    with warnings.catch_warnings():
        if what == "filters":
            warnings.filterwarnings("ignore", "something else")
        if what == "conditions":
            conditions = replay_conditions(1, ("clock",))
        assert prepared.outputs(prepared.replay(conditions)) == FOUND
    assert len(prepared.importers()) == 2


def test_an_import_that_fails_ahead_is_left_to_the_replay(prepared: Setup) -> None:
    (prepared.root / "leaves").touch()
    prepared.prepare()
    time.sleep(0.2)
    (prepared.root / "leaves").unlink()
    assert prepared.outputs(prepared.replay()) == FOUND
    assert len(prepared.importers()) == 2


def test_a_prepared_interpreter_that_has_died_is_replaced(prepared: Setup) -> None:
    prepared.prepare()
    os.kill(prepared.importers()[0], signal.SIGKILL)
    time.sleep(0.2)
    assert prepared.outputs(prepared.replay()) == FOUND
    assert len(set(prepared.importers())) == 2


def test_preparing_twice_is_preparing_once(prepared: Setup) -> None:
    prepared.prepare()
    prepared.prepare()
    assert prepared.outputs(prepared.replay()) == FOUND
    prepared.prepare()
    assert prepared.outputs(prepared.replay()) == FOUND
    assert len(prepared.importers()) == 2
