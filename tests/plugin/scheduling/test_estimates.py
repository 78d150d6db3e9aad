"""What is known of durations before anything has run, and what is learned of the parts of the data (S3.1, S5.1)."""

from __future__ import annotations

from typing import Any

import pytest

from pytest_expops import ExpandedPipeline, expand, load_config
from pytest_expops.plugin.scheduling.estimates import UNMEASURED, Estimates
from pytest_expops.plugin.scheduling.parts import LEAST_SHARE, Part, PartitionShares
from tests.conftest import Project

SCRIPT = "def never(data): ..."


def expanded(project: Project, edges: str, sizes: dict[str, object], merged: str = "") -> ExpandedPipeline:
    """A pipeline; `sizes` are those of the processes that split, and `merged` is the one that aggregates."""
    processes: dict[str, dict[str, Any]] = {name: {"data_parallelism": {"size": size}} for name, size in sizes.items()}
    if merged:
        processes[merged] = {"data_parallelism": {"aggregation": True}}
    return expand(load_config(project.write(edges, SCRIPT, processes)))


def shares(pipeline: ExpandedPipeline) -> dict[str, float]:
    parts = PartitionShares("c.yaml", pipeline)
    found = {name: parts.of(each) for name, each in pipeline.processes.items()}
    return {name: part.share for name, part in found.items() if part is not None}


def test_the_rows_that_the_config_lists_say_how_much_work_a_part_is(project: Project) -> None:
    pipeline = expanded(project, "a b\nb c\nc d", {"a": [10, 30, 20]}, merged="d")
    assert shares(pipeline) == {"b_1": 0.5, "b_2": 1.5, "b_3": 1.0, "c_1": 0.5, "c_2": 1.5, "c_3": 1.0}


def test_a_number_of_partitions_says_nothing(project: Project) -> None:
    assert shares(expanded(project, "a b", {"a": 3})) == {"b_1": 1.0, "b_2": 1.0, "b_3": 1.0}


def test_parts_of_parts_have_the_rows_of_both(project: Project) -> None:
    pipeline = expanded(project, "a b\nb c", {"a": [10, 30], "b": 2})
    assert shares(pipeline) == {"b_1": 0.5, "b_2": 1.5, "c_1_1": 0.5, "c_1_2": 0.5, "c_2_1": 1.5, "c_2_2": 1.5}


def test_a_part_without_rows_takes_time_too(project: Project) -> None:
    assert shares(expanded(project, "a b", {"a": [0, 40]})) == {"b_1": LEAST_SHARE, "b_2": 2.0}
    assert shares(expanded(project, "a b", {"a": [0, 0]})) == {"b_1": 1.0, "b_2": 1.0}


def test_parts_of_two_splits_are_not_taken_for_each_other(project: Project) -> None:
    pipeline = expanded(project, "start a\nstart b\na c\nb d", {"a": [10, 30], "b": [30, 10]})
    parts = PartitionShares("c.yaml", pipeline)
    assert parts.of(pipeline["c_1"]) != parts.of(pipeline["d_1"])
    assert parts.of(pipeline["start"]) is None


def test_before_anything_has_run_more_rows_take_longer() -> None:
    small, large = Part("small", 0.5), Part("large", 2.0)
    estimates = Estimates()
    assert estimates.of_kind("train", small) == 0.5 * UNMEASURED
    estimates.learn("train", small, 3.0)
    assert estimates.of_kind("train", large) == pytest.approx(12.0)
    assert estimates.of_kind("evaluate", large) == pytest.approx(12.0), "an unknown kind is like those that are known"


def test_what_is_measured_corrects_what_the_rows_say() -> None:
    """All take one second, whatever their rows."""
    parts = [Part(number, share) for number, share in enumerate((0.25, 0.75, 1.25, 1.75))]
    estimates = Estimates()
    for kind in range(12):
        for part in parts:
            estimates.learn(f"kind{kind}", part, 1.0)
    found = [estimates.of_kind("kind0", part) for part in parts]
    assert max(found) / min(found) < 1.75 / 0.25 / 2, "which would leave it at 7"


def test_what_was_remembered_counts_more_than_rows() -> None:
    estimates = Estimates({"c.yaml::b_1": 5.0})
    assert estimates.seconds("c.yaml::b_1", "c.yaml::b", Part("b", 0.5)) == 5.0
    assert estimates.seconds("c.yaml::b_2", "c.yaml::b", Part("b", 0.5)) == 0.5
