"""GitHub and GitLab are told what a session found: by the controller, at its end, and whatever becomes of the files."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.conftest import Outcome, Project

SCRIPT = """
    import os

    def load(): return {"n": 1}

    def train(n, random_seed):
        return {"x": os.getpid()}

    def bad(n, random_seed):
        return {"y": int(f"::error {random_seed}")}
"""
SEEDS = {"load": {"seed_parallelism": {"seeds": [1, 2]}}}


@pytest.fixture
def actions(project: Project, monkeypatch: pytest.MonkeyPatch) -> Project:
    """As GitHub Actions has it, below the folder of a repository."""
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(project.root.parent))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(project.root / "summary.md"))
    return project


def commands(outcome: Outcome) -> list[str]:
    return [line for line in outcome.text.splitlines() if line.startswith("::")]


def summary(project: Project) -> str:
    return (project.root / "summary.md").read_text(encoding="utf-8")


def test_each_thing_is_told_once_at_its_line(actions: Project) -> None:
    actions.write("load train\nload bad", SCRIPT, SEEDS)
    outcome = actions.run("-n2")  # by the controller alone
    assert outcome.ret == 1
    cause, failure = commands(outcome)
    folder = actions.root.name
    # Not diagnosed, so at the item: its place in the config.
    assert cause.startswith(f"::error file={folder}/configs/project_config.yaml,line=")
    assert "title=2 results are not reproducible%3A the cause was not looked for::" in cause
    at = actions.root / "models/model.py"
    line = 1 + at.read_text(encoding="utf-8").splitlines().index('    return {"y": int(f"::error {random_seed}")}')
    assert failure.startswith(f"::error file={folder}/models/model.py,line={line},title=2 processes failed; the first")
    assert summary(actions).count("## 2 of 2 results are not reproducible") == 1
    assert "### 2 processes failed; the first" in summary(actions)


def test_a_session_that_finds_nothing_wrong_has_a_summary_only(actions: Project) -> None:
    actions.write("load train", SCRIPT.replace("os.getpid()", "n"), SEEDS)
    (actions.root / "summary.md").write_text("of another\n", encoding="utf-8")
    outcome = actions.run("-n0", "--expops-replay=none")
    assert (outcome.ret, commands(outcome)) == (0, [])
    assert summary(actions).startswith("of another\n## 3 results, none of them run again")


@pytest.mark.parametrize(("option", "in_actions", "told"), [("off", "true", 0), ("auto", "1", 0), ("on", "", 1)])
def test_the_option_goes_before_the_environment(
    actions: Project, monkeypatch: pytest.MonkeyPatch, option: str, in_actions: str, told: int
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", in_actions)
    actions.write("load bad", SCRIPT, SEEDS)
    actions.pytester.makeini(f"[pytest]\nexpops_github = {option}\n")
    assert len(commands(actions.run("-n0", "--expops-replay=none"))) == told
    assert (actions.root / "summary.md").exists() == bool(told)


def test_without_a_summary_file_there_are_the_annotations(actions: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY")
    actions.write("load bad", SCRIPT, SEEDS)
    assert len(commands(actions.run("-n0", "--expops-replay=none"))) == 1


def test_collecting_tells_nothing(actions: Project) -> None:
    actions.write("load train", SCRIPT, SEEDS)
    assert commands(actions.run("-n0", "--collect-only", "--expops-gitlab=q.json")) == []
    assert not (actions.root / "summary.md").exists()
    assert not (actions.root / "q.json").exists()


def test_a_summary_that_cannot_be_written_is_said_and_changes_no_status(actions: Project) -> None:
    (actions.root / "summary.md").mkdir()
    actions.write("load train", SCRIPT.replace("os.getpid()", "n"), SEEDS)
    outcome = actions.run("-n0", "--expops-replay=none", "--expops-gitlab=q.json")
    assert outcome.ret == 0
    assert "expops: the summary for GitHub was not written: " in outcome.text
    assert "expops: report for GitLab: q.json" in outcome.text


def test_a_step_that_has_written_much_leaves_less_room(actions: Project) -> None:
    (actions.root / "summary.md").write_bytes(b"x" * (1024 * 1024 - 10))
    actions.write("load train", SCRIPT.replace("os.getpid()", "n"), SEEDS)
    assert "leaves no room for a summary" in actions.run("-n0", "--expops-replay=none").text
    assert (actions.root / "summary.md").stat().st_size == 1024 * 1024 - 10


CHECKS = """
    import os
    from pytest_expops import assert_reproducible

    def other(): return os.getpid()
    def test_other(): assert_reproducible(other, diagnose=False)
    def test_plain(): assert False
"""


def test_checks_without_a_config_are_told(actions: Project) -> None:
    actions.pytester.makepyfile(test_it=CHECKS)
    (line,) = commands(actions.pytest("-n0"))
    assert line.startswith(f"::error file={actions.root.name}/test_it.py,line=5,title=1 result is not reproducible")
    assert "1 of 1 results is not reproducible" in summary(actions)


def test_a_session_without_checks_is_silent_and_loads_nothing(actions: Project) -> None:
    actions.pytester.makepyfile(
        test_it="""
        import sys

        def test_it():
            heavy = {"numpy", "pandas", "yaml", "pytest_expops.plugin.reports._writer", "pytest_expops.execution"}
            assert heavy & set(sys.modules) == set()
        """
    )
    outcome = actions.pytest("-n0", subprocess=True)
    assert outcome.ret == 0
    assert commands(outcome) == []
    assert not (actions.root / "summary.md").exists()


def test_a_test_that_is_run_again_tells_nothing_itself(actions: Project) -> None:
    actions.write("load train", SCRIPT, SEEDS)
    actions.pytester.makeini(f"[pytest]\nexpops_config = {actions.config}\nexpops_replay = none\n")
    actions.pytester.makepyfile(test_it="import pytest\n@pytest.mark.reproducible\ndef test_it(): print('::error::x')")
    actions.pytest("-n0", "test_it.py")
    assert summary(actions).count("gave the same again.") == 1


def entries(project: Project, name: str = "out/q.json") -> Any:
    return json.loads((project.root / name).read_text(encoding="utf-8"))


def test_gitlab_has_an_entry_for_each_thing_under_a_name_that_stays(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CI_PROJECT_DIR", str(project.root))
    project.write("load bad", SCRIPT, SEEDS)
    assert project.run("-n0", "--expops-replay=none", "--expops-gitlab=out/q.json").ret == 1
    (first,) = entries(project)
    assert first["location"]["path"] == "models/model.py"
    project.script("# a line above\n" + (project.root / "models/model.py").read_text(encoding="utf-8"))
    project.run("-n0", "--expops-replay=none", "--expops-gitlab=out/q.json")
    (again,) = entries(project)
    assert again["fingerprint"] == first["fingerprint"]
    assert again["location"]["lines"]["begin"] == first["location"]["lines"]["begin"] + 1


def test_gitlab_reads_a_file_without_entries_too(project: Project) -> None:
    project.write("load train", SCRIPT, SEEDS)
    project.pytester.makeini("[pytest]\nexpops_gitlab = out/q.json\n")
    assert project.run("-n0", "--expops-replay=none").ret == 0
    assert entries(project) == []


def test_two_things_in_one_file_are_refused(project: Project) -> None:
    text = project.pytest("--expops-gitlab=r.json", "--expops-report=r.json").text
    assert "--expops-gitlab: 'r.json' is not another file than the one of --expops-report" in text
