"""`--expops-vary=files`: a replay in a copy of the project without what runs of this session wrote."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from pytest_expops.replay import project_copy
from tests.conftest import Outcome, Project

SEEDS = {"start": {"seed_parallelism": {"seeds": [7]}}}

SCRIPT = """
    import json
    import os
    import random
    from pathlib import Path

    import helper

    def start(data):
        Path("table.json").write_text("[1, 2]")
        return {}

    def cached(data):
        return {"x": helper.kept(Path("kept.json"), lambda: random.SystemRandom().random())}

    def beside(data):
        return {"x": helper.kept(Path(__file__).with_name("kept.json"), lambda: os.urandom(4).hex())}

    def seeded(data):
        return {"x": helper.kept(Path("seeded.json"), lambda: random.random())}

    def shared(data, hyperparameters):
        return {"x": helper.kept(Path("shared.json"), lambda: hyperparameters["random_seed"])}

    def table(data):
        return {"x": json.loads(Path("table.json").read_text())}

    def rewritten(data):
        path = Path("state.json")
        state = json.loads(path.read_text())
        path.write_text(json.dumps(state, indent=2))
        return state

    def place(data):
        return {"x": str(Path(__file__)), "y": 1}

    def outside(data):
        path = Path(os.environ["MLOPS_WORKSPACE_DIR"], Path.cwd().name, "log.txt")
        path.write_text("done")
        return {"x": 1}

    def logged(data):
        for path in (Path("log.txt"), Path(__file__).with_name("log.txt")):
            with path.open("a") as file:
                file.write("run\\n")
        return {"x": 1}

    def checkpoint(data):
        path = Path(helper.context().checkpoint_dir) / "x.json"
        return {"x": helper.kept(path, lambda: 1), "y": helper.kept(Path("y.json"), lambda: 2)}

    def clocked(data):
        return {"x": os.getpid()}
"""
HELPER = """
    import json

    from pytest_expops.core import get_current_context as context

    def kept(path, compute):
        if not path.exists():
            path.write_text(json.dumps(compute()))
        return json.loads(path.read_text())
"""


def run(project: Project, name: str, *arguments: str, seeds: dict[str, Any] = SEEDS, diagnose: bool = False) -> Outcome:
    project.write(f"start {name}", SCRIPT, seeds)
    project.script(HELPER, path="models/helper.py")
    (project.root / "state.json").write_text('{"x": 3}', encoding="utf-8")
    return project.run("--expops-vary=files", *arguments, diagnose=diagnose)


@pytest.mark.parametrize("name", ["seeded", "table", "rewritten"])
def test_what_can_be_made_again_matches(project: Project, name: str, workers: Callable[[], list[str]]) -> None:
    """Files that a process upstream wrote are there, and one that the first run has changed is as it was."""
    outcome = run(project, name, *workers())
    assert outcome.where("failed") == set()
    assert "NotVaried" not in outcome.text
    assert "expops: replays vary hashseed, files" in outcome.text


@pytest.mark.parametrize(("name", "path"), [("cached", "kept.json"), ("beside", "models/kept.json")])
def test_what_a_cache_hides_is_found_with_its_cause(project: Project, name: str, path: str) -> None:
    outcome = run(project, name, diagnose=True)
    message = outcome.message(f"{name}_seed7[replay]")
    assert f"  not in the copy: what was written to {path} since the session began\n" in message
    assert message.startswith("OS randomness at ")
    assert "; only without `kept.json`; not deterministic\n" in message
    line = 2 + next(n for n, each in enumerate(SCRIPT.split("\n")) if f"def {name}" in each)
    assert f"\n            models/model.py:{line} " in message
    assert "pytest-expops-" not in message
    assert (project.root / path).exists()


def test_without_it_the_cache_serves_the_replay(project: Project) -> None:
    outcome = run(project, "cached", "--expops-vary=clock")
    assert outcome.where("failed") == set()
    assert "only the reading was checked" in outcome.text
    assert "(see the warnings, and --expops-vary=files)" in outcome.text


def test_a_value_of_another_process_is_told_by_the_files(project: Project) -> None:
    """The second seed is given what the first has left; without, its replays agree with each other alone."""
    outcome = run(project, "shared", seeds={"start": {"seed_parallelism": {"seeds": [7, 8]}}}, diagnose=True)
    assert outcome.where("failed") == {"shared_seed8[replay]"}
    message = outcome.message("shared_seed8[replay]")
    assert (
        "why:    files that an earlier run has written\n            models/helper.py:9 open('shared.json')" in message
    )
    assert "with the files as they are, 4 of 4 replays agree with the first run; without, 0 of 5" in message
    assert "likely:" not in message


def test_the_place_of_the_project_is_not_taken_for_its_files(project: Project) -> None:
    outcome = run(project, "place")
    assert outcome.where("failed") == set()
    assert "NotVariedWarning: place_seed7 was replayed with its files as they are: in a copy" in outcome.text


def test_a_process_that_writes_to_the_project_from_the_copy_is_replayed_in_place(project: Project) -> None:
    outcome = run(project, "outside")
    assert outcome.where("failed") == set()
    assert f"it writes to {project.root}/log.txt, which is not in the copy" in outcome.text


def test_what_differs_in_place_too_is_not_laid_to_the_files(project: Project) -> None:
    message = run(project, "clocked").message("clocked_seed7[replay]")
    assert "copy" not in message
    assert "--expops-vary" not in message


def test_a_replay_changes_no_file_of_the_project(project: Project) -> None:
    outcome = run(project, "logged", "--expops-replays=2")
    assert outcome.where("failed") == set()
    for path in ("log.txt", "models/log.txt"):
        assert (project.root / path).read_text(encoding="utf-8") == "run\n"


def test_a_project_that_cannot_be_copied_is_named_and_replayed_in_place(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(project_copy, "MOST_FILES", 2)
    outcome = run(project, "seeded")
    assert outcome.where("failed") == set()
    assert f"expops: replays cannot vary files here: {project.root} has more than 2 files" in outcome.text
    assert "only the reading was checked" in outcome.text


@pytest.mark.parametrize("session", [1, 2])
def test_artifacts_in_the_project_are_not_part_of_it(project: Project, session: int) -> None:
    for _ in range(session):
        outcome = run(project, "checkpoint", "--expops-artifacts=out")
    assert outcome.where("failed") == set()
    assert "NotVaried" not in outcome.text
    assert {path.name for path in (project.root / "out").iterdir()} == {f"session-{n + 1}" for n in range(session)}
