"""Sizes, seeds and frames as they are drawn: all that the config takes, nothing else, small first (S3, S4)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd
import pytest
from hypothesis import Phase, find, given, settings
from hypothesis import strategies as st

from pytest_expops.execution.calls.partitioning import bounds
from pytest_expops.strategies import KINDS, frames, partition_sizes, seeds
from tests.hypothesis_profiles import examples


def smallest(strategy: st.SearchStrategy[Any], condition: Callable[[Any], bool]) -> Any:
    return find(strategy, condition, settings=settings(max_examples=2000, derandomize=True, database=None))


def counts(rows: int, size: int | list[int]) -> list[int]:
    return [stop - start for start, stop in bounds(rows, size)]


@settings(max_examples=examples(200))
@given(rows=st.integers(0, 40), most=st.integers(1, 9), least=st.integers(0, 5), data=st.data())
def test_sizes_are_such_as_the_config_takes(rows: int, most: int, least: int, data: st.DataObject) -> None:
    """S3.1, S3.3: either spelling sums to the rows, in at most so many partitions of at least so many rows."""
    if least > rows:
        with pytest.raises(ValueError, match=f"{rows} rows make no partition of at least {least}"):
            partition_sizes(rows, max_partitions=most, min_rows=least)
        return
    size = data.draw(partition_sizes(rows, max_partitions=most, min_rows=least))
    assert type(size) in (int, list)
    assert 1 <= len(counts(rows, size)) <= most
    assert min(counts(rows, size)) >= least or least == 0
    assert sum(counts(rows, size)) == rows


def test_sizes_shrink_to_few_partitions() -> None:
    assert smallest(partition_sizes(9), lambda size: True) == 1
    assert smallest(partition_sizes(9), lambda size: len(counts(9, size)) > 1) == 2
    assert smallest(partition_sizes(9), lambda size: isinstance(size, list)) == [9]
    assert smallest(partition_sizes(9), lambda size: isinstance(size, list) and len(size) > 1) == [0, 9]
    assert smallest(partition_sizes(9, allow_empty=False), lambda size: len(counts(9, size)) > 1 and size != 2) == 3
    assert smallest(partition_sizes(9), lambda size: 0 in counts(9, size)) == [0, 9]


@pytest.mark.parametrize(
    ("given_", "message"),
    [
        ({"rows": -1}, "rows=-1, max_partitions=6, min_rows=0; expected at least 0, 1 and 0"),
        ({"rows": 3, "max_partitions": 0}, "rows=3, max_partitions=0, min_rows=0; expected"),
        ({"rows": 3, "allow_empty": False, "min_rows": 0}, "min_rows=0 makes empty partitions"),
        ({"rows": 0, "allow_empty": False}, "0 rows make no partition of at least 1"),
    ],
)
def test_sizes_that_cannot_be_are_refused(given_: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        partition_sizes(**given_)


@given(drawn=seeds(), negative=seeds(min_value=-5, max_value=5, min_size=2, max_size=4))
def test_seeds_are_different_whole_numbers_in_range(drawn: list[int], negative: list[int]) -> None:
    """S4.1."""
    assert 1 <= len(drawn) == len(set(drawn)) <= 3
    assert all(type(seed) is int and 0 <= seed < 2**32 for seed in drawn)
    assert 2 <= len(negative) == len(set(negative)) <= 4
    assert all(-5 <= seed <= 5 for seed in negative)


def test_seeds_shrink_to_zero() -> None:
    assert smallest(seeds(), lambda drawn: True) == [0]


DTYPES = {
    "int": "int64",
    "float": "float64",
    "bool": "bool",
    "category": "category",
    "date": "datetime64[us]",
    "nullable": "Int64",
}


@settings(max_examples=examples(40))
@given(frame=frames(), one=frames({"x": "int", "y": st.floats(0, 1), "z": "category"}, min_rows=1, default_index=True))
def test_frames_have_the_columns_that_were_asked_for(frame: pd.DataFrame, one: pd.DataFrame) -> None:
    assert 0 <= len(frame) <= 8
    assert 1 <= len(frame.columns) <= 4
    for name, dtype in frame.dtypes.items():
        kind = str(name).rstrip("0123456789")
        assert kind == "text" or str(dtype) == DTYPES[kind]
    assert list(one.columns) == ["x", "y", "z"]
    assert 1 <= len(one) <= 8
    assert one["y"].between(0, 1).all()
    assert one.index.equals(pd.RangeIndex(len(one)))


MET: dict[str, tuple[list[str], Callable[[pd.DataFrame], bool]]] = {
    "no rows": (["int"], lambda frame: len(frame) == 0),
    "mixed dtypes": ([*KINDS], lambda frame: frame.dtypes.nunique() > 2),
    "missing numbers": (["float"], lambda frame: frame.isna().any(axis=None)),
    "missing texts": (["text"], lambda frame: frame.isna().any(axis=None)),
    "missing dates": (["date"], lambda frame: frame.isna().any(axis=None)),
    "missing whole numbers": (["nullable"], lambda frame: frame.isna().any(axis=None)),
    "a category that is never used": (["category"], lambda frame: "none" in frame.iloc[:, 0].cat.categories),
    "labels that repeat": (["int"], lambda frame: not frame.index.is_unique),
    "an index backwards": (["int"], lambda frame: len(frame) > 1 and frame.index.is_monotonic_decreasing),
    "an index of dates": (["int"], lambda frame: isinstance(frame.index, pd.DatetimeIndex)),
    "an index of text": (["int"], lambda frame: frame.index.name == "label"),
}


@pytest.mark.parametrize(("kinds", "met"), MET.values(), ids=MET.keys())
def test_frames_are_those_that_pipelines_meet(kinds: list[str], met: Callable[[pd.DataFrame], bool]) -> None:
    chosen = settings(max_examples=300, derandomize=True, database=None, phases=[Phase.generate])
    assert met(find(frames(kinds=kinds), met, settings=chosen))


def test_frames_shrink_to_few_rows_and_zeros() -> None:
    found = smallest(frames({"x": "int"}), lambda frame: len(frame) > 1)
    pd.testing.assert_frame_equal(found, pd.DataFrame({"x": [0, 0]}))


def test_kinds_that_are_not_known_are_refused() -> None:
    with pytest.raises(ValueError, match=rf"no such kind of column: \['flaot'\]; expected {', '.join(KINDS)}"):
        frames({"x": "flaot"})
    with pytest.raises(ValueError, match=r"no such kind of column: none"):
        frames(kinds=[])
    with pytest.raises(ValueError, match=r"min_rows=3, max_rows=2, max_columns=4; expected 0 <= min <= max, 1"):
        frames(min_rows=3, max_rows=2)
