"""The items `NAME[LAW]` and `NAME[split]`: where they stand, when they fail, what they say (S3.3, S6.1, S6.3)."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from pytest_expops.execution.calls.partitioning import partition
from pytest_expops.pipeline.model import DataSplit
from pytest_expops.strategies import frames
from pytest_expops.verdicts.splitting import complaints
from tests.conftest import Project
from tests.hypothesis_profiles import examples

EDGES = "load part\npart merge\nmerge tail"
PROCESSES: dict[str, dict[str, Any]] = {
    "load": {"data_parallelism": {"size": 2, "data_name": "df"}},
    "part": {"seed_parallelism": [7]},
    "merge": {"data_parallelism": {"aggregation": True}},
}
SCRIPT = """
import random
import pandas as pd

def load(data): return {"df": pd.DataFrame({"x": [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]})}
def part(data):
    df = data["load"]["df"]
    return {"mean": df["x"].mean(), "sum": df["x"].sum(), "rows": len(df)}
def merge(data):
    parts = list(data["part"].values())
    rows = sum(each["rows"] for each in parts)
    return {"bad": sum(each["mean"] for each in parts) / len(parts), "good": sum(each["sum"] for each in parts) / rows}
def tail(data): return {"luck": random.random(), "good": data["merge"]["good"]}
"""
ORDER = ["load", "load[split]", "part_1", "part_2", "merge_seed7", "merge[partition_invariant]", "tail_seed7"]


def write(project: Project, properties: dict[str, Any], script: str = SCRIPT) -> None:
    project.write(EDGES, script, PROCESSES, reproducibility={"properties": properties})


def test_laws_are_items_that_pass_or_fail(project: Project) -> None:
    """S6.1: each right after its process, failing with the smallest counterexample and nothing of ours."""
    write(
        project,
        {
            "merge": {"partition_invariant": {"keys": "good", "examples": 8}},
            "tail": [{"partition_invariant": {"examples": 4}}, {"seed_invariant": {"examples": 3}}],
        },
    )
    outcome = project.run("--expops-replay=none")
    assert [*outcome.items] == [*ORDER, "tail[partition_invariant]", "tail[seed_invariant]"]
    assert outcome.where("failed") == {"tail[seed_invariant]"}
    message = outcome.message("tail[seed_invariant]")
    assert "seed_invariant: `tail` gives another result on the same inputs where the seed that `part` gives" in message
    assert "outputs['luck']" in message
    assert "Traceback" not in message
    assert outcome.properties("merge[partition_invariant]")["expops_examples"] == "8"


def test_a_mean_of_means_is_shown_with_its_rows(project: Project) -> None:
    write(project, {"merge": {"partition_invariant": {"keys": ["bad"]}}})
    outcome = project.run("--expops-replay=none")
    assert outcome.where("failed") == {"merge[partition_invariant]"}
    text = outcome.message("merge[partition_invariant]")
    lines = text[text.rindex("partition_invariant: `merge`") :].splitlines()
    assert re.fullmatch(
        r"3 rows of `df` of `load` \(0 to 2\), in (2 )?partitions of \[[12], [12]\] rows: not as in one partition",
        lines[2],
    )
    assert lines[3].startswith("  outputs['bad']: value differs; |delta| = ")
    assert lines[7:11] == ["         x", "    0  1.0", "    1  2.0", "    2  4.0"]
    assert "to see it again: expops.run(upto='merge', partitions={'load': " in text


def test_an_exception_is_shown_with_the_frames_of_the_user(project: Project) -> None:
    write(project, {"merge": "partition_invariant"}, SCRIPT.replace("/ rows}", "/ (rows if len(parts) < 3 else 0)}"))
    outcome = project.run("--expops-replay=none", "--deselect", "configs/project_config.yaml::merge_seed7")
    text = outcome.message("merge[partition_invariant]")
    if "ZeroDivisionError" in text:
        assert "in merge\n" in text
        assert "verdicts" not in text
    assert outcome.where("failed") == {"merge[partition_invariant]"}


def test_what_did_not_run_is_not_asked(project: Project) -> None:
    """S6.3: the check is skipped, naming the root."""
    write(project, {"merge": "seed_invariant"}, SCRIPT.replace("def part(data):", "def part(data):\n    1 / 0"))
    outcome = project.run("--expops-replay=none")
    assert outcome.where("failed") == {"part_1", "part_2"}
    assert outcome.where("skipped") == {"merge_seed7", "merge[seed_invariant]", "tail_seed7"}
    assert "`seed_invariant` was not checked: `part_1` failed (ZeroDivisionError: division by zero)" in outcome.message(
        "merge[seed_invariant]"
    )


def test_a_law_without_meaning_is_a_collection_error(project: Project) -> None:
    """S1.4: with its place in the config."""
    write(project, {"part": "partition_invariant", "merge": "batch_consistent"})
    outcome = project.run()
    assert outcome.ret == pytest.ExitCode.INTERRUPTED
    assert "of which split should `part` be independent? no split is merged above it" in outcome.text
    assert "`merge` does not stand in any partition, so it has no results by partition" in outcome.text
    assert "Traceback" not in outcome.text


def test_items_are_selected_as_any_test(project: Project) -> None:
    """S6.1, S6.2: by marker or by name; what they need is run."""
    write(project, {"merge": {"partition_invariant": {"keys": "good", "examples": 3}}})
    assert [*project.run("-m", "expops_property").items] == ["merge[partition_invariant]"]
    assert project.run("-m", "expops_split or expops_property").items == {
        "load[split]": "passed",
        "merge[partition_invariant]": "passed",
    }
    outcome = project.run("configs/project_config.yaml::merge[partition_invariant]")
    assert outcome.items == {"merge[partition_invariant]": "passed"}


def test_workers_find_the_same(project: Project) -> None:
    """S6.4: whichever worker asks the law, and whichever ran the processes."""
    write(project, {"merge": {"partition_invariant": {"examples": 5}}, "tail": {"seed_invariant": {"keys": "good"}}})
    alone, together = project.run("--expops-replay=none"), project.run("--expops-replay=none", "-n2")
    assert alone.where("failed") == {"merge[partition_invariant]"}
    assert together.items == alone.items
    assert together.message("merge[partition_invariant]") == alone.message("merge[partition_invariant]")


BAD_ROWS = """
class Rows(list):
    def __getitem__(self, where):
        found = list.__getitem__(self, where)
        return Rows(reversed(found)) if isinstance(where, slice) else found

def load(data): return {"df": Rows([1, 2, 3, 4])}
def part(data): return {"rows": data["load"]["df"]}
def merge(data): return {"rows": [each["rows"] for each in data["part"].values()]}
def tail(data): return {}
"""


def test_a_type_whose_slices_are_not_its_rows_fails_its_split(project: Project) -> None:
    """S3.3: every item of the pipeline passes, though the order of rows is lost."""
    write(project, {}, BAD_ROWS)
    outcome = project.run("--expops-replay=none")
    assert outcome.where("failed") == {"load[split]"}
    assert "the partitions of `df` of `load` are not its rows:\n  partition 1: " in outcome.message("load[split]")
    assert "a slice of a Rows must hold just these rows, as they are" in outcome.message("load[split]")


def test_each_duplicate_of_a_splitter_has_its_check_and_is_skipped_with_it(project: Project) -> None:
    project.write(
        "start load\nload part",
        "def start(data): return {}\n"
        "def load(data, hyperparameters):\n"
        "    assert hyperparameters['random_seed'] == 1\n"
        "    return {'data': [1, 2, 3]}\n"
        "def part(data): return {}\n",
        {"start": {"seed_parallelism": [1, 2]}, "load": {"data_parallelism": {"size": [2, 1]}}},
    )
    outcome = project.run("-m", "expops_process or expops_split")
    assert outcome.where("failed") == {"load_seed2"}
    assert outcome.where("skipped") == {"load_seed2[split]", "part_1_seed2", "part_2_seed2"}
    assert outcome.items["load_seed1[split]"] == "passed"


FRAME = pd.DataFrame({"x": [1, 2, 3, 4], "y": ["a", None, "c", "d"]}, index=[3, 3, 1, 0])
WRONG: dict[str, tuple[Any, Any, list[Any], str]] = {
    "a row lost": (FRAME, 2, [FRAME[:2], FRAME[2:3]], "partition 2 has 1 rows, expected 2"),
    "a row twice": (FRAME, (2, 2), [FRAME[:2], FRAME[1:4]], "partition 2 has 3 rows, expected 2"),
    "other sizes": (FRAME, 3, [FRAME[:1], FRAME[1:3], FRAME[3:]], "partition 1 has 1 rows, expected 2"),
    "a partition missing": (FRAME, (4, 0), [FRAME], "there are 1 partitions, expected 2"),
    "another order": (FRAME, 2, [FRAME[2:], FRAME[:2]], "partition 1"),
    "another index": (FRAME, 2, [FRAME[:2], FRAME[2:].reset_index(drop=True)], "partition 2.index"),
    "another dtype": (FRAME, 2, [FRAME[:2], FRAME[2:].astype({"x": "float64"})], "partition 2['x'"),
    "another dtype of no rows": (FRAME, (4, 0), [FRAME, FRAME[4:].astype({"x": "float64"})], "partition 2['x'"),
    "another type": (FRAME, 2, [FRAME[:2], FRAME[2:].to_numpy()], "partition 2 is a ndarray, expected a DataFrame"),
    "a value": (np.arange(4.0), 2, [np.arange(2.0), np.array([2.0, -0.0])], "partition 2"),
    "an array's dtype": (np.arange(4), 2, [np.arange(2), np.arange(2, 4, dtype="int32")], "partition 2"),
    "a list": ([1, 2, 3], 2, [[1, 2], [2]], "partition 2[0]"),
    "a text in it": (("a", "b"), 2, [("a",), ("c",)], "partition 2[0]"),
}


@pytest.mark.parametrize(("value", "size", "parts", "told"), WRONG.values(), ids=WRONG.keys())
def test_partitions_that_are_not_the_rows_are_told(value: Any, size: Any, parts: list[Any], told: str) -> None:
    found = complaints(value, DataSplit(size), parts)
    assert found
    assert found[0].startswith(told)


@settings(max_examples=examples(30))
@given(frame=frames(max_rows=6))
@pytest.mark.filterwarnings("ignore::pytest_expops.EmptyPartitionWarning")
def test_partitions_as_they_are_made_are_the_rows(frame: pd.DataFrame) -> None:
    """S3.3, of whatever pipelines split."""
    values = [frame, frame.iloc[:, 0], frame.iloc[:, 0].to_numpy(), list(frame.index), tuple(frame.index)]
    for value in (*values, range(len(frame))):
        for size in (1, 3, (0, len(frame), 0)):
            split = DataSplit(size)
            assert complaints(value, split, partition(value, split, process="load")) == []
