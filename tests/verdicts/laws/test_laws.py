"""Each law holds of what keeps it, and of what does not it shows the smallest case (S3, S4, S5)."""

from __future__ import annotations

import random
import re
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from pytest_expops.execution.results import Results
from pytest_expops.execution.session import PipelineSession
from pytest_expops.laws import (
    LawBroken,
    LawError,
    batch_consistent,
    order_invariant,
    partition_invariant,
    seed_invariant,
)
from pytest_expops.pipeline.config.loader import load_config
from pytest_expops.pipeline.expansion import expand
from pytest_expops.strategies import partition_sizes
from pytest_expops.values.showing import show
from pytest_expops.verdicts.laws._orders import KINDS, RowOrder
from pytest_expops.verdicts.laws._subjects import Rows, Window
from pytest_expops.verdicts.laws.laws import LAWS

EDGES = "load part\npart seeds\nseeds merge\nmerge judge\nside judge"
PROCESSES: dict[str, dict[str, Any]] = {
    "load": {"data_parallelism": {"size": 3, "data_name": "df"}},
    "seeds": {"seed_parallelism": [1, 2]},
    "merge": {"data_parallelism": {"aggregation": True}},
}
SCRIPT = """
import numpy as np
import pandas as pd


def load(data):
    return {"df": pd.DataFrame({"x": [float(number * 7 % 10) for number in range(30)], "k": list("abc") * 10})}


def part(data):
    df = data["load"]["df"]
    return {
        "mean": df["x"].mean(), "sum": df["x"].sum(), "rows": len(df), "first": df["k"].iloc[0],
        "centred": df["x"] - df["x"].mean(), "double": df["x"].to_numpy() * 2, "texts": [k + "!" for k in df["k"]],
        "before": df["x"].shift(1, fill_value=0.0),
    }


def seeds(data):
    return data["part"]


def merge(data):
    parts = list(data["seeds"].values())
    rows = sum(each["rows"] for each in parts)
    return {
        "mean_of_means": sum(each["mean"] for each in parts) / len(parts),
        "mean": sum(each["sum"] for each in parts) / rows,
        "rows": rows,
        "first": parts[0]["first"],
        "largest": max(each["rows"] for each in parts) / 0 if max(each["rows"] for each in parts) < 5 else 0,
        "luck": np.random.rand(),
    }


def judge(data, hyperparameters):
    return {"mean": data["merge"]["mean"], "sample": np.random.rand(), "seed": hyperparameters["random_seed"]}


def side(data):
    return {"numbers": np.arange(6.0), "text": "no rows"}
"""


def open_session(folder: Path, script: str = SCRIPT) -> Results:
    (folder / "model.py").write_text(textwrap.dedent(script), encoding="utf-8")
    bodies = [{"name": name, **PROCESSES.get(name, {})} for name in dict.fromkeys(EDGES.split())]
    pipeline = {"process_adjlist": EDGES + "\n", "processes": bodies}
    document = {"model": {"parameters": {"custom_script_path": "model.py", "pipeline": pipeline}}}
    (folder / "p.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    return Results([PipelineSession(expand(load_config(folder / "p.yaml")), folder / "session")])


@pytest.fixture(scope="module")
def expops(tmp_path_factory: pytest.TempPathFactory) -> Results:
    script = SCRIPT.replace('        "largest": max(each["rows"] for each in parts) / 0 if', '        "largest": 0 if')
    return open_session(tmp_path_factory.mktemp("laws"), script)


Ask = Callable[[Results], None]

KEPT: dict[str, Ask] = {
    "a mean by sums": lambda expops: partition_invariant(expops, "merge", keys=["mean", "rows"], examples=6),
    "a mean of means, of equal partitions": lambda expops: partition_invariant(
        expops, "merge", 3, keys="mean_of_means"
    ),
    "what comes after a merge": lambda expops: partition_invariant(expops, "judge", keys="mean", examples=4),
    "what does not look at other rows": lambda expops: batch_consistent(
        expops, "part", keys=["double", "texts"], examples=15
    ),
    "the same, asked two levels below": lambda expops: batch_consistent(expops, "seeds", keys="double", examples=5),
    "a sum in another order": lambda expops: order_invariant(expops, "part", keys=["mean", "sum", "rows"], examples=6),
    "a mean over partitions of other rows": lambda expops: order_invariant(expops, "merge", keys="mean", examples=6),
    "one that draws nothing": lambda expops: seed_invariant(expops, "seeds", examples=3),
    "one above all seeds": lambda expops: seed_invariant(expops, "part", examples=3),
    "one that hands on what others drew": lambda expops: seed_invariant(expops, "judge", keys="mean", examples=3),
}


@pytest.mark.parametrize("ask", KEPT.values(), ids=KEPT.keys())
def test_what_keeps_a_law_passes(expops: Results, ask: Ask) -> None:
    ask(expops)


BROKEN: dict[str, tuple[Ask, Any, str]] = {
    "a mean of means": (
        lambda expops: partition_invariant(expops, "merge", keys="mean_of_means"),
        2,
        "outputs['mean_of_means']",
    ),
    "a mean of means, of these sizes": (
        lambda expops: partition_invariant(expops, "merge", [1, 29], keys="mean_of_means"),
        [1, 29],
        "outputs['mean_of_means']",
    ),
    "standardised by the partition": (
        lambda expops: batch_consistent(expops, "part", keys="centred"),
        2,
        "['centred']",
    ),
    "the row before": (lambda expops: batch_consistent(expops, "part", keys="before"), 2, "['before']"),
    "the first row": (lambda expops: order_invariant(expops, "part", keys="first"), "exchange", "['first']"),
    "the first row of the first partition": (
        lambda expops: order_invariant(expops, "merge", keys="first"),
        "exchange",
        "['first']",
    ),
    "these rows the other way round": (
        lambda expops: order_invariant(expops, "merge", [*range(29, -1, -1)], keys="first"),
        [*range(29, -1, -1)],
        "['first']",
    ),
    "a draw": (lambda expops: seed_invariant(expops, "judge", keys="sample"), 0, "outputs['sample']"),
    "the seed itself": (lambda expops: seed_invariant(expops, "judge", 5, keys="seed"), 5, "outputs['seed']"),
    "a draw after a merge": (lambda expops: seed_invariant(expops, "merge", keys="luck"), 0, "outputs['luck']"),
}


@pytest.mark.parametrize(("ask", "case", "where"), BROKEN.values(), ids=BROKEN.keys())
def test_what_breaks_a_law_is_shown_by_the_smallest_case(expops: Results, ask: Ask, case: Any, where: str) -> None:
    with pytest.raises(LawBroken) as caught:
        ask(expops)
    found = caught.value.case
    assert (found.kind if hasattr(found, "kind") else found) == case
    assert {each.path.endswith(where) or where in each.path for each in caught.value.differences} == {True}
    assert isinstance(caught.value, AssertionError)
    assert caught.value.error is None


def test_the_message_shows_rows_and_sizes_and_how_to_see_it_again(expops: Results) -> None:
    with pytest.raises(LawBroken) as caught:
        partition_invariant(expops, "merge", keys="mean_of_means")
    lines = str(caught.value).splitlines()
    assert lines[:2] == ["partition_invariant: `merge` gives another result where `load` splits otherwise", ""]
    assert lines[2] == "3 rows of `df` of `load` (0 to 2), in 2 partitions of [2, 1] rows: not as in one partition"
    assert lines[3].startswith("  merge_seed1: outputs['mean_of_means']: value differs; |delta| = ")
    assert lines[4:6] == [
        "      in one partition: np.float64(3.6666666666666665)",
        "      in 2 partitions of [2, 1] rows: np.float64(3.75)",
    ]
    assert lines[10:14] == ["         x  k", "    0  0.0  a", "    1  7.0  b", "    2  4.0  c"]
    assert lines[15].startswith("with all rows, in ")
    assert lines[17] == (
        "to see it again: expops.run(upto='merge', partitions={'load': 2}, outputs="
        "{name: {**each, 'df': each['df'].iloc[0:3]} for name, each in expops.outputs('load').items()})"
    )


PASTED: dict[str, Ask] = {
    "rows of a frame in partitions": lambda expops: partition_invariant(expops, "merge", keys="mean_of_means"),
    "rows in another order": lambda expops: order_invariant(expops, "part", keys="first"),
    "rows in the order given": lambda expops: order_invariant(expops, "merge", [*range(29, -1, -1)], keys="first"),
    "another seed, with what is upstream": lambda expops: seed_invariant(expops, "judge", 5, keys="seed"),
}


@pytest.mark.parametrize("ask", PASTED.values(), ids=PASTED.keys())
def test_the_call_that_shows_it_again_can_be_pasted(expops: Results, ask: Ask) -> None:
    with pytest.raises(LawBroken) as caught:
        ask(expops)
    (call,) = re.findall("to see it again: (.*)", str(caught.value))
    pasted = eval(call, {"expops": expops, "numpy": np})
    first = caught.value.differences[0]
    key = first.path.split("outputs['")[1].split("'")[0]
    assert first.obtained in [show(outputs[key]) for outputs in pasted.outputs(caught.value.process).values()]


@pytest.mark.parametrize("kind", KINDS)
@given(rows=st.integers(2, 9), number=st.integers(0, 7))
def test_an_order_is_written_as_it_is(kind: str, rows: int, number: int) -> None:
    order = RowOrder(kind, min(number, rows - 2))
    assert [*eval(order.written(rows), {"numpy": np})] == order.positions(rows)


def test_rows_that_are_no_frame_are_written_so_that_they_can_be_pasted(expops: Results) -> None:
    for rows in ([3, 1, 2], (3, 1, 2), np.array([3, 1, 2])):
        given_ = expops.run(outputs={"side": {"numbers": rows}})
        subject = Rows(given_, "side", "numbers")
        pasted = eval(subject.written(Window(0, 2, 3), "[1, 0]"), {"expops": given_})
        assert type(pasted["side"]["numbers"]) is type(rows)
        assert [*pasted["side"]["numbers"]] == [1, 3]


def test_the_same_is_found_every_time(expops: Results) -> None:
    """Whatever the state of the generators."""
    messages = set()
    for _ in range(2):
        with pytest.raises(LawBroken) as caught:
            batch_consistent(expops, "part", keys="centred")
        messages.add(str(caught.value))
        random.random()
    assert len(messages) == 1


def test_a_law_is_part_of_a_test_of_hypothesis_with_the_case_that_it_draws(expops: Results) -> None:
    """So the test's own settings hold, and Hypothesis does the shrinking."""

    @settings(database=None, deadline=None, max_examples=6)
    @given(partition_sizes(30, allow_empty=False))
    def within(sizes: int | list[int]) -> None:
        partition_invariant(expops, "merge", sizes, keys=["mean", "rows"])
        partition_invariant(expops, "merge", sizes, keys="mean_of_means")

    with pytest.raises(LawBroken) as caught:
        within()
    assert sum([caught.value.case] if isinstance(caught.value.case, int) else caught.value.case) in (4, 30)


def test_an_exception_under_another_split_breaks_the_law(tmp_path: Path) -> None:
    """S6.3: the user's own exception is the cause, so that its traceback is shown."""
    expops = open_session(tmp_path)
    with pytest.raises(LawBroken) as caught:
        partition_invariant(expops, "merge", keys="rows", max_partitions=9)
    assert isinstance(caught.value.__cause__, ZeroDivisionError)
    assert "  it raises ZeroDivisionError: " in str(caught.value)
    # Fewer rows have it raise in one partition too, so that they show nothing.
    assert all(count < 5 for count in caught.value.case) if isinstance(caught.value.case, list) else True


def test_what_fails_as_configured_is_no_matter_of_laws(tmp_path: Path) -> None:
    expops = open_session(tmp_path, SCRIPT.replace("def merge(data):", "def merge(data):\n    raise OSError('disk')"))
    with pytest.raises(OSError, match="disk"):
        partition_invariant(expops, "merge")


def test_what_is_not_even_deterministic_breaks_a_law_too(tmp_path: Path) -> None:
    script = SCRIPT.replace('"rows": rows,', '"rows": np.random.default_rng().random(),')
    with pytest.raises(LawBroken, match=r"outputs\['rows'\]: value differs"):
        partition_invariant(open_session(tmp_path, script.replace("/ 0 if", "if")), "merge", keys="rows")


def test_the_search_ends_in_time(expops: Results) -> None:
    """The first case is tried in any case; what was found by then is told."""
    partition_invariant(expops, "merge", keys="mean", examples=10_000, seconds=0.2)
    with pytest.raises(LawBroken) as caught:
        seed_invariant(expops, "judge", keys="sample", examples=10_000, seconds=0.0)
    assert "(1 runs" not in str(caught.value)


REFUSED: dict[str, tuple[Ask, str]] = {
    "no merge": (
        lambda expops: partition_invariant(expops, "part"),
        "of which split should `part` be independent? no split is merged above it\n    check it on a process",
    ),
    "a split that is not merged": (
        lambda expops: partition_invariant(expops, "part", of="load"),
        "`part` cannot be independent of how `load` splits: each of its partitions has a result of its own there",
    ),
    "no split at all": (
        lambda expops: partition_invariant(expops, "merge", of="side"),
        "`merge` cannot be independent of how `side` splits: it is no data split above it\n    name `load` with `of`",
    ),
    "no partition": (
        lambda expops: batch_consistent(expops, "merge"),
        "`merge` does not stand in any partition, so it has no results by partition",
    ),
    "no such output": (
        lambda expops: partition_invariant(expops, "merge", keys=["maen"]),
        "`merge_seed1` returns no `maen`; it returns `mean_of_means`, `mean`, `rows`",
    ),
    "several upstream": (
        lambda expops: order_invariant(expops, "judge", of="side", key="text"),
        "`side` returns no rows under `text`; it returns `numbers`, `text`",
    ),
    "no order": (
        lambda expops: order_invariant(expops, "merge", [0, 0, 1]),
        "the order [0, 0, 1] does not hold each of the 30 positions once",
    ),
    "too few rows": (
        lambda expops: partition_invariant(expops, "merge", min_rows=20),
        "30 rows of `df` of `load` cannot be split into partitions of at least 20",
    ),
}


@pytest.mark.parametrize(("ask", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_laws_that_cannot_be_asked_say_why(expops: Results, ask: Ask, message: str) -> None:
    with pytest.raises(LawError) as caught:
        ask(expops)
    assert str(caught.value).startswith(message)


def test_rows_of_a_process_that_does_not_split_can_be_put_in_another_order(expops: Results) -> None:
    """The only output with rows is meant; `text` has none."""
    order_invariant(expops, "judge", of="side", keys="mean", examples=5)


def test_empty_partitions_are_tried_where_asked_for(expops: Results) -> None:
    """S3.3: the first row of an empty partition is not there."""
    with pytest.raises(LawBroken) as caught:
        partition_invariant(expops, "merge", keys="rows", min_rows=0)
    assert type(caught.value.error) is IndexError
    assert caught.value.case in (3, [0, 2], [2, 0])  # of two rows


@pytest.mark.parametrize("law", LAWS.values(), ids=LAWS.keys())
def test_every_law_tells_of_a_mistake_that_it_catches(law: Callable[..., None]) -> None:
    assert "mistake that it catches" in (law.__doc__ or "")
