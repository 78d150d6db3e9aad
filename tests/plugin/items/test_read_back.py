"""A replay that is served by what its first run left on disk passes, and says so (S7.1)."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

import pytest

from tests.conftest import Project

SEEDS = {"start": {"seed_parallelism": {"seeds": [7]}}}
ONLY_READ = "which its first run wrote: only the reading was checked"

SCRIPT = """
    import json
    import os
    import pickle
    import random
    from pathlib import Path

    from pytest_expops.core import get_current_context, process

    def start(data):
        Path("table.json").write_text("[1, 2]")
        return {}

    def cached(data):
        path = Path("kept/cache.json")
        if not path.exists():
            path.parent.mkdir(exist_ok=True)
            path.write_text(json.dumps(random.SystemRandom().random()))
        return {"x": json.loads(path.read_text())}

    def model(data):
        # Read where nobody sees it, as a library in C++ does.
        if os.path.exists("model.bin"):
            return {"x": int(os.popen("cat model.bin").read())}
        os.system("echo 7 > model.bin")
        return {"x": 7}

    def table(data):
        return {"x": json.loads(Path("table.json").read_text())}

    def report(data):
        Path("report.txt").write_text("done")
        return {"x": Path("report.txt").read_text()}

    def old(data):
        return {"x": Path("old.txt").read_text()}

    def checkpoint(data):
        path = Path(get_current_context().checkpoint_dir) / "x"
        path.write_text("1")
        return {"x": path.read_text()}
"""


def write(project: Project, *names: str) -> None:
    project.write("\n".join(f"start {name}" for name in names), SCRIPT, SEEDS)
    (project.root / "old.txt").write_text("old", encoding="utf-8")


def test_a_cache_that_the_first_run_wrote_is_named(project: Project, workers: Callable[[], list[str]]) -> None:
    write(project, "cached")
    outcome = project.run(*workers(), "-rP")
    assert outcome.where("failed") == set()
    line = f"cached_seed7 reads `kept/cache.json`, {ONLY_READ}"
    assert f"ReadBackWarning: {line}" in outcome.text
    assert re.search(f"Captured expops call -+\n{re.escape(line)}\n", outcome.text)
    assert "replayed 1: 1 matched; 1 of them on files that were written in this session" in outcome.text
    assert outcome.properties("cached_seed7[replay]")["expops_read_back"] == line


def test_a_file_that_another_process_wrote_is_named_with_it(project: Project) -> None:
    write(project, "table")
    expected = "table_seed7 reads `table.json`, which `start` wrote in this session: only the reading was checked"
    assert expected in project.run().text


def test_a_file_that_is_read_where_nobody_sees_it_is_named_where_the_project_looks_for_it(project: Project) -> None:
    write(project, "model")
    expected = (
        "model_seed7 finds `model.bin`, which was written in this session, and does not change it: "
        "what it does without was not checked"
    )
    # What was written just before the replay could be its own, so there is something else to do before.
    project.write(
        "start model\nstart wait",
        SCRIPT + "\n    def wait(data):\n        __import__('time').sleep(0.1)\n        return {}\n",
        SEEDS,
    )
    assert expected in project.run().text


@pytest.mark.parametrize("name", ["report", "old", "checkpoint"])
def test_a_replay_that_finds_nothing_of_its_first_run_says_nothing(project: Project, name: str) -> None:
    write(project, name)
    outcome = project.run("-rP")
    assert outcome.where("failed") == set()
    assert "ReadBackWarning" not in outcome.text
    assert "written in this session" not in outcome.text


def test_it_is_in_the_verdict_that_is_kept(project: Project) -> None:
    write(project, "cached")
    project.run("--expops-artifacts=out")
    (path,) = project.root.glob("out/session-1/*/verdicts/cached_seed7.json")
    (found,) = json.loads(path.read_text(encoding="utf-8"))["found"]
    assert (found["path"], found["writer"], found["site"]["code"]) == (
        str(project.root / "kept" / "cache.json"),
        "first run",
        'return {"x": json.loads(path.read_text())}',
    )


def test_who_wants_it_to_fail_says_so(project: Project) -> None:
    write(project, "cached", "report")
    outcome = project.run("-W", "error::pytest_expops.ReadBackWarning")
    assert outcome.where("failed") == {"cached_seed7[replay]"}
