"""What a JUnit report has of a replay, besides how it ended: its verdict, the cause, and the line."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tests.conftest import Project

SCRIPT = """
    import time

    def load(): return {"a": 1}
    def train(a): return {"t": time.time()}
    def fit(a): return {"b": 2}
"""
SEEDS = {"load": {"seed_parallelism": {"seeds": [7]}}}


def told(properties: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in properties.items() if name in _NAMES}


_NAMES = ("expops_verdict", "expops_cause", "expops_place")


def test_a_replay_has_its_verdict_and_one_that_differs_its_cause_and_line(
    project: Project, workers: Callable[[], list[str]]
) -> None:
    project.write("load train\nload fit", SCRIPT, SEEDS)
    outcome = project.run(*workers(), diagnose=True)
    assert told(outcome.properties("train_seed7[replay]")) == {
        "expops_verdict": "differed",
        "expops_cause": "the clock",
        "expops_place": "models/model.py:5",
    }
    assert told(outcome.properties("fit_seed7[replay]")) == {"expops_verdict": "matched"}
    assert told(outcome.properties("train_seed7")) == {}


def test_what_is_declared_has_no_cause_and_what_was_not_looked_for_is_said(project: Project) -> None:
    declared = {"nondeterministic": {"train": "it takes time"}}
    project.write("load train\nload fit", SCRIPT, SEEDS, reproducibility=declared)
    outcome = project.run("-n0")
    assert told(outcome.properties("train_seed7[replay]")) == {"expops_verdict": "differed as declared"}
    project.write("load train\nload fit", SCRIPT, SEEDS)
    outcome = project.run("-n0")
    assert told(outcome.properties("train_seed7[replay]"))["expops_cause"] == "the cause was not looked for"


def test_checks_in_tests_and_whole_tests_have_them_too(project: Project) -> None:
    project.pytester.makepyfile(
        test_it="import os, pytest, time\nfrom pytest_expops import assert_reproducible\n"
        "def same(): return 1\n"
        "def other(): return os.getpid()\n"
        "def test_same():\n    assert_reproducible(same)\n"
        "def test_seeds():\n    assert_reproducible(other, seeds=[1, 2])\n"
        "def test_none(): pass\n"
        "@pytest.mark.reproducible\n"
        "def test_whole(record_result): record_result('at', time.time())\n"
    )
    outcome = project.pytest("-n0", diagnose=True)
    assert outcome.where("failed") == {"test_seeds", "test_whole[replay]"}
    assert told(outcome.properties("test_same")) == {"expops_verdict": "matched"}
    seeds = told(outcome.properties("test_seeds"))
    assert seeds.pop("expops_cause") == "the names of host and user and the process id"
    assert seeds == {"expops_verdict": "differed", "expops_place": "test_it.py:4"}, "of all seeds once"
    assert told(outcome.properties("test_none")) == {}
    assert told(outcome.properties("test_whole[replay]")) == {
        "expops_verdict": "differed",
        "expops_cause": "the clock",
        "expops_place": "test_it.py:11",
    }
