"""Results for Allure, as allure-pytest writes them: identities, labels, what is failed, and no item that is none."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.conftest import Outcome, Project

pytest.importorskip("allure_pytest")

SCRIPT = """
    import os

    def load(): return {"rows": [1.0, 2.0, 3.0, 4.0]}
    def cut(rows): return {"rows": rows}
    def train(rows, random_seed): return {"pid": os.getpid(), "n": len(rows)}
    def fit(rows): raise ValueError("no fit")
"""
PROCESSES: dict[str, dict[str, Any]] = {
    "load": {"seed_parallelism": {"seeds": [7]}},
    "cut": {"data_parallelism": {"size": 2, "data_name": "rows"}},
}


def results(project: Project, *options: str) -> tuple[dict[str, dict[str, Any]], Outcome]:
    outcome = project.run("--alluredir=allure", *options, subprocess=True)
    found = [json.loads(path.read_text("utf-8")) for path in (project.root / "allure").glob("*-result.json")]
    named = {each["name"]: each for each in found}
    assert len(named) == len(found), "each item has one result"
    return named, outcome


def labels(result: dict[str, Any]) -> dict[str, str]:
    names = ("pipeline", "process", "partition", "seed")
    return {each["name"]: each["value"] for each in result["labels"] if each["name"] in names}


def test_items_of_a_pipeline_are_results_of_their_own(project: Project, workers: Callable[[], list[str]]) -> None:
    project.write("load cut\ncut train\nload fit", SCRIPT, PROCESSES)
    found, outcome = results(project, *workers())
    assert set(found) == set(outcome.items), "no item that only fills queues"
    assert len({each["historyId"] for each in found.values()}) == len(found)
    train = found["train_2_seed7[replay]"]
    config = "configs/project_config.yaml"
    assert labels(train) == {"pipeline": config, "process": "train", "partition": "2", "seed": "7"}
    assert labels(found["cut_seed7[split]"]) == {"pipeline": config, "process": "cut", "seed": "7"}
    assert [(each["name"], each["value"]) for each in train["parameters"]] == [("check", "'replay'")]
    assert "parameters" not in found["train_2_seed7"]


def test_a_verdict_is_failed_and_an_exception_is_broken(project: Project) -> None:
    project.write("load cut\ncut train\nload fit", SCRIPT, PROCESSES)
    found, _ = results(project, "-n0")
    assert found["train_1_seed7[replay]"]["status"] == "failed"
    assert found["fit_seed7"]["status"] == "broken"
    assert found["cut_seed7[replay]"]["status"] == "passed"
    assert "attachments" not in found["cut_seed7[replay]"]
    paths = {
        each["name"]: project.root / "allure" / each["source"] for each in found["train_1_seed7[replay]"]["attachments"]
    }
    assert set(paths) == {"train_1_seed7: explanation", "train_1_seed7: differences"}
    assert "to see just this again: " in paths["train_1_seed7: explanation"].read_text("utf-8")
    data = json.loads(paths["train_1_seed7: differences"].read_text("utf-8"))
    assert data["verdict"] == "differed"
    assert [each["path"] for each in data["differences"]] == ["outputs['pid']"]


def test_tests_and_their_replays_are_told_apart_and_checks_attach_what_differs(project: Project) -> None:
    project.pytester.makepyfile(
        test_it="import os, pytest\nfrom pytest_expops import assert_reproducible\n"
        "@pytest.mark.reproducible\n@pytest.mark.parametrize('x', [1, 2])\n"
        "def test_whole(x, record_result): record_result('pid', os.getpid())\n"
        "def test_check(): assert_reproducible(os.getpid)\n"
        "def test_plain(): assert 1 == 2\n"
    )
    outcome = project.pytest("-n0", "--alluredir=allure", subprocess=True)
    found = [json.loads(path.read_text("utf-8")) for path in (project.root / "allure").glob("*-result.json")]
    assert len({each["historyId"] for each in found}) == len(outcome.items) == 6
    attached = {each["name"]: len(each.get("attachments", ())) for each in found}
    assert attached == {
        "test_whole[1]": 0,
        "test_whole[1-replay]": 2,
        "test_whole[2]": 0,
        "test_whole[2-replay]": 2,
        "test_check": 2,
        "test_plain": 0,
    }
    assert {each["status"] for each in found if each["name"] in outcome.where("failed")} == {"failed"}


def test_nothing_for_allure_is_loaded_without_its_option(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it="import sys\ndef test_it():\n"
        "    assert not [name for name in sys.modules if name.endswith(('reports._allure', 'reports._pytest_html'))]\n"
    )
    pytester.runpytest_subprocess("-n0").assert_outcomes(passed=1)
    pytester.runpytest_subprocess("-n0", "--alluredir=here").assert_outcomes(failed=1)
