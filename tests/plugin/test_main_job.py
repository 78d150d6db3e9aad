"""Every partition x seed is an item, is replayed, and the aggregation's outputs reach a test (S5, S6, S7)."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.conftest import FAN_CHECKS, FAN_NAMES, Project

TESTS = """
def test_aggregation(merge):
    assert merge["keys"] == {"data1": ["seed40", "seed41"], "data2": ["seed40", "seed41"]}
    assert merge["parts"]["data1"]["seed40"]["rows"] == [0, 1, 2]
    assert merge["parts"]["data2"]["seed41"]["rows"] == [3, 4]
    assert merge["parts"]["data2"]["seed41"]["seed"] == 41


def test_by_name(expops):
    assert expops["train_1_seed41"]["note"] == "whole"
    trained = expops.outputs("train")
    assert list(trained) == ["train_1_seed40", "train_1_seed41", "train_2_seed40", "train_2_seed41"]
    assert len({each["luck"] for each in trained.values()}) == 4


def test_metrics(expops):
    frame = expops.metrics("evaluate")
    assert list(frame.columns) == ["process", "partition", "seed", "metric", "step", "value"]
    rows = frame[frame.metric == "rows"]
    assert rows[["process", "partition", "seed", "step", "value"]].values.tolist() == [
        ["evaluate_1_seed40", 1, 40, 1, 3.0],
        ["evaluate_1_seed41", 1, 41, 1, 3.0],
        ["evaluate_2_seed40", 2, 40, 1, 2.0],
        ["evaluate_2_seed41", 2, 41, 1, 2.0],
    ]
    assert set(frame.metric) == {"rows", "score/mean"}
"""


def test_the_whole_fan_passes_and_reaches_tests(fan: Project, workers: Callable[[], list[str]]) -> None:
    fan.pytester.makepyfile(test_results=TESTS)
    outcome = fan.run(*workers())
    assert outcome.items == dict.fromkeys(
        [*FAN_NAMES, *FAN_CHECKS, "test_aggregation", "test_by_name", "test_metrics"], "passed"
    )
    assert outcome.ret == 0
    assert "replayed 8: 8 matched" in outcome.text
    assert "ran 13 of 13 processes" in outcome.text


def test_each_process_runs_once_over_all_workers(fan: Project, workers: Callable[[], list[str]]) -> None:
    """S6.2: counted by the lines that runs (not replays) append to a file."""
    path = fan.root / "models" / "model.py"
    log = fan.root / "ran.txt"
    body = path.read_text(encoding="utf-8").replace(
        "def load(data):\n",
        f"def load(data):\n    open({str(log)!r}, 'a').write('load\\n')\n",
    )
    body = body.replace(
        "def merge(data):\n",
        f"def merge(data):\n    open({str(log)!r}, 'a').write('merge\\n')\n",
    )
    path.write_text(body, encoding="utf-8")
    fan.pytester.makepyfile(test_results="def test_it(merge):\n    assert merge\n")
    assert fan.run(*workers()).ret == 0
    assert sorted(log.read_text(encoding="utf-8").split()) == ["load", "merge"]


@pytest.mark.slow
def test_the_same_results_on_any_number_of_workers(fan: Project) -> None:
    """S6.4, S4.3: nothing depends on the worker or the order."""
    fan.pytester.makepyfile(
        test_results="""
        def test_values(expops):
            values = [repr((each["weights"].tolist(), each["luck"])) for each in expops.outputs("train").values()]
            with open("values.txt", "a") as file:
                file.write(";".join(values) + "\\n")
        """
    )
    assert fan.run("-n0").ret == 0
    assert fan.run("-n2").ret == 0
    assert fan.run("-n2", "--dist", "loadfile").ret == 0
    lines = (fan.root / "values.txt").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 3
    assert len(set(lines)) == 1
    assert len(set(lines[0].split(";"))) == 4
